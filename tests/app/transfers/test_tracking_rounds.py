"""Which hand-overs are asked after, when, and what happens when nobody answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from app.carrier_ports import CarrierCode as C
from app.carrier_ports import CarrierEvent
from app.errors import Conflict
from app.transfers import proving
from app.transfers.states import Channel, State
from app.transfers.tracking import GIVE_UP_AFTER, LEASE
from app.transfers.tracking_rules import LONGEST_WAIT, Finding, Standing
from parts import Lantai
from tests.app.transfers.carried import NUMBER, Hand, number_of, reasons
from tests.conftest import World

# --- who is asked, when -----------------------------------------------------------------------------------------------


def test_channels_without_queries_are_not_watched(carried: Hand, lantai: Lantai) -> None:
    each = carried("JY-2026-7", Channel.CONFIDENTIAL_POST)
    assert lantai.tracking.tick() == 0
    assert each.world.carrier.asked == []
    with pytest.raises(Conflict) as caught:
        lantai.tracking_desk.ask(each.pair.first, each.graduate_id, each.id)
    assert caught.value.code == "not_tracked"


def test_a_number_that_is_none_asks_nobody_but_a_person(carried: Hand, monkeypatch: pytest.MonkeyPatch) -> None:
    # hand-overs from before numbers had to have their channel's form
    monkeypatch.setattr(proving, "tracking_number", lambda text, channel: text)
    each = carried("EMS-12")
    assert each.poll() is State.HANDED_TO_CARRIER
    assert each.world.carrier.asked == []
    watch = each.watch()
    assert (watch.next_poll_at, watch.needs_look, reasons(each)) == (None, True, [Finding.UNUSABLE_NUMBER])


def test_a_number_the_carrier_does_not_know_is_a_persons_business_after_two_working_days(carried: Hand) -> None:
    each = carried()
    assert each.later(days=2) is State.HANDED_TO_CARRIER
    assert reasons(each) == []
    each.later(days=1)
    assert reasons(each) == [Finding.UNKNOWN_NUMBER]
    assert each.watch().captured_at is None


def test_questions_wait_longer_after_every_failure(carried: Hand) -> None:
    each = carried()
    each.world.carrier.away = True
    waits = []
    each.poll()
    for _ in range(12):
        watch = each.watch()
        assert watch.next_poll_at is not None
        waits.append(watch.next_poll_at - each.world.clock.now())
        asked = len(each.world.carrier.asked)
        each.later(seconds=(waits[-1] - timedelta(seconds=1)).total_seconds())
        assert len(each.world.carrier.asked) == asked
        each.later(seconds=1)
        assert len(each.world.carrier.asked) == asked + 1
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT
    each.world.carrier.away = False
    each.tell(C.ACCEPTED)
    each.later(days=1)
    assert each.watch().failures == 0


def test_a_carrier_that_is_away_is_not_asked_for_everybody(carried: Hand, world: World, lantai: Lantai) -> None:
    for n in range(GIVE_UP_AFTER + 2):
        carried(number_of(n))
    lantai.tracking.tick()
    world.carrier.away = True
    lantai.tracking.poll()
    assert len(world.carrier.asked) == GIVE_UP_AFTER


def test_one_that_cannot_be_asked_after_holds_up_no_other(carried: Hand, world: World, lantai: Lantai) -> None:
    five = [carried(number_of(n)) for n in range(5)]
    lantai.tracking.tick()
    calls = iter(range(len(five)))

    def wrong_once() -> None:
        if next(calls) == 1:
            raise ValueError

    world.carrier.meanwhile = wrong_once
    assert lantai.tracking.poll() == len(five)
    watches = [each.watch() for each in five]
    assert sorted(watch.failures for watch in watches) == [0, 0, 0, 0, 1]
    (failed,) = [watch for watch in watches if watch.failures]
    assert failed.next_poll_at is not None
    assert failed.next_poll_at > world.clock.now()


def test_those_claimed_when_the_carrier_goes_away_are_due_at_once(carried: Hand, world: World, lantai: Lantai) -> None:
    every = [carried(number_of(n)) for n in range(GIVE_UP_AFTER + 2)]
    lantai.tracking.tick()
    world.carrier.away = True
    lantai.tracking.poll()
    assert [each.watch().next_poll_at for each in every].count(world.clock.now()) == 2


def test_a_killed_workers_watch_is_due_again_after_its_lease(carried: Hand, world: World, lantai: Lantai) -> None:
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)
    lantai.tracking.tick()

    def killed() -> None:
        raise KeyboardInterrupt

    world.carrier.meanwhile = killed
    with pytest.raises(KeyboardInterrupt):
        lantai.tracking.poll()
    world.carrier.meanwhile = None
    assert each.poll() is State.HANDED_TO_CARRIER
    assert each.later(seconds=LEASE.total_seconds()) is State.IN_TRANSIT


def test_a_clock_set_back_stops_nothing(carried: Hand, world: World) -> None:
    each = carried()
    each.tell(C.ACCEPTED)
    world.clock.advance(days=2)
    each.poll()
    world.clock.advance(days=-2)
    each.tell(C.IN_TRANSIT)
    assert each.later(hours=0.1) is State.IN_TRANSIT
    watch = each.watch()
    assert watch.next_poll_at is not None
    assert watch.next_poll_at <= world.clock.now() + LONGEST_WAIT


def test_evidence_from_the_future_waits_until_it_has_happened(carried: Hand, world: World) -> None:
    each = carried()
    each.tell(C.ACCEPTED)
    each.tell(C.DELIVERED, at=world.clock.now() + timedelta(days=2))
    assert each.poll() is State.HANDED_TO_CARRIER
    assert reasons(each) == [Finding.IN_THE_FUTURE]
    assert each.later(days=2) is State.DELIVERED_UNCONFIRMED
    assert not each.watch().needs_look


def test_only_the_latest_hand_over_moves_the_transfer(carried: Hand, world: World) -> None:
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)
    each.poll()
    each.lead(State.RETURNED)  # by the desk: the carrier has not said so yet
    each.lead(State.SEALED)
    world.clock.advance(hours=5)
    each.hand_over(number_of(2))
    each.tell(C.ACCEPTED)
    world.carrier.traces[NUMBER].append(CarrierEvent(world.clock.now(), C.RETURNED, "late", "滨海", "补登"))
    assert each.poll() is State.HANDED_TO_CARRIER
    assert [each.watch(n).standing for n in (1, 2)] == [Standing.RETURNED, Standing.ACCEPTED]
    assert each.watch(1).next_poll_at is None
    each.tell(C.IN_TRANSIT)
    assert each.later(hours=5) is State.IN_TRANSIT


def test_who_was_erased_is_asked_after_no_more(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    lantai.tracking.tick()
    with lantai.db.transaction() as session:
        session.execute(text("delete from data_key where owner_id = :o"), {"o": each.graduate_id})
    lantai.keys._cache.clear()
    lantai.tracking.poll()
    assert each.world.carrier.asked == []
    assert each.watch().next_poll_at is None
