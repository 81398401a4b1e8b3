"""Traces move transfers forwards, once, and never by evidence that contradicts itself."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy
from sqlalchemy import select, text

from app.carrier_ports import CarrierCode as C
from app.carrier_ports import CarrierEvent
from app.errors import Conflict, Forbidden, NotFound
from app.transfers.states import Channel, State
from app.transfers.tracking import GIVE_UP_AFTER, LEASE
from app.transfers.tracking_desk import Asked
from app.transfers.tracking_models import TrackingEvent
from app.transfers.tracking_rules import LONGEST_WAIT, Finding, Standing
from parts import Lantai
from tests.app.transfers.carried import NUMBER, Carried, count_of, number_of
from tests.conftest import Person, World

ALL_THE_WAY = (C.ACCEPTED, C.IN_TRANSIT, C.OUT_FOR_DELIVERY, C.DELIVERED)
Hand = Callable[..., Carried]


@pytest.fixture
def carried(lantai: Lantai, world: World, graduate_factory: Callable[..., Person]) -> Hand:
    def make(number: str = NUMBER, channel: Channel = Channel.EMS) -> Carried:
        return Carried(lantai, world, graduate_factory(), number, channel)

    return make


def reasons(each: Carried) -> list[str]:
    return [code for code in each.watch().reasons.split(",") if code]


# --- on the way -------------------------------------------------------------------------------------------------------


def test_a_dossier_is_followed_from_hand_over_to_the_door_and_no_further(carried: Hand) -> None:
    each = carried()
    each.tell(C.ACCEPTED)
    assert each.poll() is State.HANDED_TO_CARRIER
    each.world.clock.advance(hours=5)
    each.tell(C.IN_TRANSIT)
    assert each.poll() is State.IN_TRANSIT
    each.world.clock.advance(hours=40)
    each.tell(C.OUT_FOR_DELIVERY, C.DELIVERED)
    assert each.poll() is State.DELIVERED_UNCONFIRMED
    assert each.later(days=3) is State.DELIVERED_UNCONFIRMED
    assert each.moves()[-3:] == ["handed_to_carrier", "in_transit", "delivered_unconfirmed"]
    assert not each.watch().needs_look


def test_a_trace_learnt_at_once_is_told_step_by_step(carried: Hand) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    assert each.poll() is State.DELIVERED_UNCONFIRMED
    assert each.moves()[-2:] == ["in_transit", "delivered_unconfirmed"]


def test_duplicates_disorder_and_repetition_make_one_effect(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    trace = each.world.carrier.traces[NUMBER]
    draw = random.Random(7)
    for _ in range(4):
        told = trace * 3
        draw.shuffle(told)
        each.world.carrier.traces[NUMBER] = told
        assert each.later(days=1) is State.DELIVERED_UNCONFIRMED
    with lantai.db.transaction() as session:
        assert len(session.scalars(select(TrackingEvent)).all()) == 4
    assert each.moves().count("delivered_unconfirmed") == 1


def test_refused_and_back(carried: Hand) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(C.ACCEPTED, C.IN_TRANSIT, C.REFUSED)
    assert each.poll() is State.REFUSED
    each.world.clock.advance(days=2)
    each.tell(C.RETURNING, C.RETURNED)
    assert each.poll() is State.RETURNED
    step = each.view.steps[-1]
    assert "承运方物流记录" in step.proofs[0].text
    assert each.watch().next_poll_at is None


def test_what_the_carrier_holds_for_lost_is_suspected_and_may_be_found(carried: Hand) -> None:
    each = carried()
    each.world.clock.advance(days=3)
    each.tell(C.ACCEPTED, C.IN_TRANSIT, C.LOST)
    assert each.poll() is State.LOST_SUSPECTED
    each.world.clock.advance(days=3)
    each.tell(C.IN_TRANSIT)
    # alive after loss contradicts: a person decides
    assert each.poll() is State.LOST_SUSPECTED
    assert reasons(each) == [Finding.ALIVE_AFTER_LOSS]


def test_after_receipt_and_a_captured_trace_nobody_asks_any_more(carried: Hand) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    each.poll()
    each.lead(State.RECEIVED)
    each.later(days=2)
    assert each.watch().next_poll_at is None
    asked = len(each.world.carrier.asked)
    each.later(days=30)
    assert len(each.world.carrier.asked) == asked


def test_a_receipt_before_the_trace_waits_for_the_trace(carried: Hand) -> None:
    each = carried()
    each.tell(C.ACCEPTED)
    each.poll()
    each.lead(State.RECEIVED)
    assert each.later(days=1) is State.RECEIVED
    assert each.watch().next_poll_at is not None
    each.tell(C.IN_TRANSIT, C.DELIVERED)
    assert each.later(days=1) is State.RECEIVED
    watch = each.watch()
    assert (watch.next_poll_at, watch.standing, watch.needs_look) == (None, Standing.DELIVERED, False)


# --- contradictions ---------------------------------------------------------------------------------------------------


def test_delivered_then_returned_in_one_answer_moves_nothing(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=3)
    each.tell(*ALL_THE_WAY, C.RETURNED)
    assert each.poll() is State.HANDED_TO_CARRIER
    assert reasons(each) == [Finding.AFTER_DELIVERY]
    [line], total = lantai.tracking_desk.looks(each.pair.first)
    assert (line.transfer_id, total) == (each.id, 1)


def test_a_return_after_a_recorded_delivery_takes_nothing_back(carried: Hand) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    each.poll()
    each.world.clock.advance(days=2)
    each.tell(C.RETURNED)
    assert each.poll() is State.DELIVERED_UNCONFIRMED
    assert each.watch().needs_look


def test_what_was_looked_at_is_not_asked_again_until_there_is_something_new(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=3)
    each.tell(*ALL_THE_WAY, C.RETURNED)
    each.poll()
    lantai.tracking_desk.seen(each.pair.first, each.graduate_id, each.id, 1)
    lantai.tracking_desk.seen(each.pair.first, each.graduate_id, each.id, 1)
    assert count_of(lantai, "transfer.tracking_seen") == 1
    each.later(days=1)
    assert (each.watch().needs_look, reasons(each)) == (False, [Finding.AFTER_DELIVERY])
    each.tell(C.RETURNED)
    each.later(days=1)
    assert each.watch().needs_look


def test_a_line_that_the_carrier_alters_moves_nothing_but_mended_words_do_not_matter(carried: Hand) -> None:
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)
    each.poll()
    trace = each.world.carrier.traces[NUMBER]
    trace[1] = CarrierEvent(trace[1].at, trace[1].code, trace[1].event_id, "别处", "改过的说明")
    each.later(days=1)
    assert not each.watch().needs_look
    trace[1] = CarrierEvent(trace[1].at, C.DELIVERED, trace[1].event_id)
    assert each.later(days=1) is State.IN_TRANSIT
    assert reasons(each) == [Finding.ALTERED]


def test_somebody_elses_old_parcel_under_this_number_moves_nothing(carried: Hand) -> None:
    each = carried()
    each.tell(*ALL_THE_WAY, at=each.world.clock.now() - timedelta(days=400))
    assert each.poll() is State.HANDED_TO_CARRIER
    assert reasons(each) == [Finding.BEFORE_HAND_OVER]


# --- silence ----------------------------------------------------------------------------------------------------------


def test_silence_after_hand_over_is_suspicion_after_seven_working_days(carried: Hand) -> None:
    each = carried()  # handed over on Monday, 1 June
    each.world.carrier.traces[NUMBER] = []
    assert each.later(days=9) is State.HANDED_TO_CARRIER
    assert each.later(days=1) is State.LOST_SUSPECTED
    assert reasons(each) == [Finding.SILENT]
    assert each.later(days=1) is State.LOST_SUSPECTED
    assert each.watch().needs_look
    each.tell(C.IN_TRANSIT)
    assert each.later(days=1) is State.IN_TRANSIT
    assert not each.watch().needs_look


def test_a_carrier_that_does_not_answer_is_not_silence(carried: Hand) -> None:
    each = carried()
    each.tell(C.ACCEPTED)
    each.poll()
    each.world.carrier.away = True
    for _ in range(30):
        assert each.later(days=1) is State.HANDED_TO_CARRIER
    assert each.watch().failures == 30


def test_the_desks_word_that_it_is_lost_is_not_undone_by_old_evidence(carried: Hand) -> None:
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)
    each.poll()
    each.world.clock.advance(hours=1)
    each.lead(State.LOST_SUSPECTED)
    assert each.later(days=1) is State.LOST_SUSPECTED
    each.tell(C.IN_TRANSIT)
    assert each.later(days=1) is State.IN_TRANSIT


def test_the_desks_word_that_it_was_found_is_not_undone_by_the_same_silence(carried: Hand) -> None:
    each = carried()
    each.world.carrier.traces[NUMBER] = []
    assert each.later(days=12) is State.LOST_SUSPECTED
    each.lead(State.IN_TRANSIT)
    assert each.later(days=1) is State.IN_TRANSIT
    assert each.later(days=20) is State.LOST_SUSPECTED


# --- who is asked, when -----------------------------------------------------------------------------------------------


def test_channels_without_queries_are_not_watched(carried: Hand, lantai: Lantai) -> None:
    each = carried("JY-2026-7", Channel.CONFIDENTIAL_POST)
    assert lantai.tracking.tick() == 0
    assert each.world.carrier.asked == []
    with pytest.raises(Conflict) as caught:
        lantai.tracking_desk.ask(each.pair.first, each.graduate_id, each.id)
    assert caught.value.code == "not_tracked"


def test_a_number_that_is_none_asks_nobody_but_a_person(carried: Hand) -> None:
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
    world.clock.advance(days=2)
    each.tell(C.ACCEPTED, C.IN_TRANSIT, C.RETURNED)
    assert each.poll() is State.RETURNED
    each.lead(State.SEALED)
    second = number_of(2)
    each.hand_over(second)
    world.carrier.traces[NUMBER] = [
        *world.carrier.traces[NUMBER],
        CarrierEvent(world.clock.now(), C.RETURNED, "late", "滨海", "补登"),
    ]
    each.tell(C.ACCEPTED)
    assert each.later(hours=5) is State.HANDED_TO_CARRIER
    assert each.watch(2).standing is Standing.ACCEPTED
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


# --- what is kept and shown -------------------------------------------------------------------------------------------


def test_what_is_stored_is_sealed_and_may_not_be_changed(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    each.poll()
    with lantai.db.transaction() as session:
        rows = session.execute(text("select to_jsonb(t)::text from tracking_event t")).scalars().all()
        watches = session.execute(text("select to_jsonb(t)::text from tracking_watch t")).scalars().all()
    assert len(rows) == 4
    for word in (NUMBER, "滨海", "李收发", "说明"):
        assert not any(word in row for row in (*rows, *watches))
    for deed in ("update tracking_event set code = 'lost'", "delete from tracking_event"):
        with pytest.raises(sqlalchemy.exc.DBAPIError), lantai.db.transaction() as session:
            session.execute(text(deed))


def test_graduates_read_where_and_when_and_nobodys_name(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(C.ACCEPTED, C.OUT_FOR_DELIVERY)
    trace = each.world.carrier.traces[NUMBER]
    trace[1] = CarrierEvent(trace[1].at, trace[1].code, trace[1].event_id, "滨海", "派送中，电话 138 0013-8000")
    each.tell(C.DELIVERED)
    each.poll()
    [staff] = lantai.tracking_desk.of_graduate(each.pair.first, each.graduate_id)[each.id]
    assert [line.signer for line in staff.lines] == ["", "", "李收发"]
    assert staff.lines[2].words == "说明2"
    person = Person(each.graduate_id, None, None)  # type: ignore[arg-type]
    [own] = lantai.tracking_desk.of_graduate(person.actor(), each.graduate_id)[each.id]
    assert [line.label for line in own.lines] == ["已收寄", "派送中", "已投递"]
    assert {line.place for line in own.lines} == {"滨海"}
    assert [line.words for line in own.lines] == ["说明0", "派送中，电话 …", "已投递"]
    assert [line.signer for line in own.lines] == ["", "", ""]
    assert (own.needs_look, own.reasons) == (False, ())


def test_others_see_nothing_and_do_nothing(
    carried: Hand, lantai: Lantai, graduate_factory: Callable[..., Person]
) -> None:
    each, stranger = carried(), graduate_factory()
    each.tell(C.ACCEPTED)
    each.poll()
    desk, mover = lantai.tracking_desk, each.pair.first
    with pytest.raises(NotFound):
        desk.of_graduate(stranger.actor(), each.graduate_id)
    for call in (
        lambda: desk.looks(stranger.actor()),
        lambda: desk.ask(stranger.actor(), each.graduate_id, each.id),
        lambda: desk.seen(stranger.actor(), each.graduate_id, each.id, 1),
    ):
        with pytest.raises(Forbidden):
            call()
    with pytest.raises(NotFound):
        desk.ask(mover, stranger.id, each.id)
    with pytest.raises(NotFound):
        desk.seen(mover, stranger.id, each.id, 1)
    with pytest.raises(NotFound):
        desk.seen(mover, each.graduate_id, each.id, 2)


def test_a_question_out_of_turn(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.tell(C.ACCEPTED, C.IN_TRANSIT)

    def ask() -> Asked:
        return lantai.tracking_desk.ask(each.pair.first, each.graduate_id, each.id)

    assert ask() is Asked.ANSWERED
    assert each.refresh().state is State.IN_TRANSIT
    assert ask() is Asked.JUST_ASKED
    each.world.clock.advance(minutes=2)
    each.world.carrier.away = True
    assert ask() is Asked.AWAY
    assert count_of(lantai, "transfer.tracking_asked") == 2
