"""Traces move transfers forwards, once, and never by evidence that contradicts itself."""

from __future__ import annotations

import random
from datetime import timedelta

from sqlalchemy import select

from app.carrier_ports import CarrierCode as C
from app.carrier_ports import CarrierEvent
from app.transfers.states import State
from app.transfers.tracking_models import TrackingEvent
from app.transfers.tracking_rules import Finding, Standing
from parts import Lantai
from tests.app.transfers.carried import ALL_THE_WAY, NUMBER, Hand, count_of, reasons

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
