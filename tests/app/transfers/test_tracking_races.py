"""Two workers on PostgreSQL at once: one effect, and nobody waits for a row that another has claimed."""

from __future__ import annotations

import threading
from collections.abc import Callable

from sqlalchemy import select

from app.carrier_ports import CarrierCode as C
from app.transfers.models import Transfer
from app.transfers.states import State
from app.transfers.tracking_models import TrackingEvent, TrackingWatch
from parts import Lantai
from tests.app.corrections.racing import waiting_for_a_lock
from tests.app.transfers.carried import ALL_THE_WAY, Carried, Hand, number_of
from tests.conftest import World

PATIENCE_S = 10.0


def at_once(*calls: Callable[[], object]) -> list[object]:
    found: list[object] = [None] * len(calls)

    def run(place: int) -> None:
        found[place] = calls[place]()

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    return found


def stored(lantai: Lantai, each: Carried) -> int:
    with lantai.db.transaction() as session:
        return len(session.scalars(select(TrackingEvent.id).where(TrackingEvent.transfer_id == each.id)).all())


def test_the_same_answer_in_two_workers_takes_effect_once(carried: Hand, lantai: Lantai) -> None:
    """As after a lease that ran out: both hold the answer when the row is let go."""
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    lantai.tracking.adopt()
    claim = lantai.tracking.claim_of(each.id)
    assert claim is not None
    answered: list[bool] = []
    threads = [threading.Thread(target=lambda: answered.append(lantai.tracking.ask(claim))) for _ in range(2)]
    with lantai.db.transaction() as session:
        session.execute(select(Transfer.id).where(Transfer.id == each.id).with_for_update())
        for thread in threads:
            thread.start()
        waiting_for_a_lock(lantai, 2)
    for thread in threads:
        thread.join(PATIENCE_S)
    assert answered == [True, True]
    assert len(each.world.carrier.asked) == 2
    assert each.refresh().state is State.DELIVERED_UNCONFIRMED
    assert each.moves()[-3:] == ["handed_to_carrier", "in_transit", "delivered_unconfirmed"]
    assert stored(lantai, each) == 4


def test_two_workers_share_the_work_without_waiting(carried: Hand, world: World, lantai: Lantai) -> None:
    """The barrier opens only when both are at the carrier's at the same time."""
    both = [carried(number_of(n)) for n in range(2)]
    for each in both:
        each.tell(C.ACCEPTED, C.IN_TRANSIT)
    lantai.tracking.tick()
    meeting = threading.Barrier(2, timeout=PATIENCE_S)

    def both_are_there() -> None:
        meeting.wait()

    world.carrier.meanwhile = both_are_there
    assert at_once(lambda: lantai.tracking.poll(1), lambda: lantai.tracking.poll(1)) == [1, 1]
    assert sorted(world.carrier.asked) == sorted(each.number for each in both)
    assert [each.refresh().state for each in both] == [State.IN_TRANSIT] * 2


def test_what_another_worker_is_claiming_is_passed_over_without_waiting(
    carried: Hand, world: World, lantai: Lantai
) -> None:
    both = [carried(number_of(n)) for n in range(2)]
    lantai.tracking.tick()
    first = min(both, key=lambda each: each.id)  # claimed in this order when due at the same time
    with lantai.db.transaction() as session:
        query = select(TrackingWatch.number).where(TrackingWatch.transfer_id == first.id)
        session.execute(query.with_for_update())
        assert at_once(lambda: lantai.tracking.poll(1)) == [1]
    assert world.carrier.asked == [each.number for each in both if each is not first]


def test_two_ticks_at_once_begin_one_watch_each(carried: Hand, lantai: Lantai) -> None:
    both = [carried(number_of(n)) for n in range(2)]
    at_once(lantai.tracking.tick, lantai.tracking.tick)
    assert [each.watch().failures for each in both] == [0, 0]


def test_the_desk_and_the_carrier_at_once_make_one_step(carried: Hand, lantai: Lantai) -> None:
    """Whichever comes second finds the transfer moved: the desk is told so, the carrier's word adds nothing."""
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)
    lantai.tracking.adopt()
    claim = lantai.tracking.claim_of(each.id)
    assert claim is not None
    view, pair = each.view, each.pair

    def by_hand() -> str:
        try:
            lantai.transfers.move(pair.first, view.id, view.version, State.IN_TRANSIT)
        except Exception as error:
            return str(error)
        return "moved"

    found = at_once(by_hand, lambda: lantai.tracking.ask(claim))
    assert found in (["moved", True], ["transfer_changed", True])
    assert each.moves().count("in_transit") == 1
