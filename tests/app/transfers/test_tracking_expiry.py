"""A trace is captured before its carrier forgets it, or somebody hears that it was not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.carrier_ports import CarrierCode as C
from app.transfers.states import State
from app.transfers.tracking_expiry import ALARM
from app.transfers.tracking_rules import Finding
from parts import Lantai
from tests.app.transfers.carried import ALL_THE_WAY, NUMBER, Carried, Hand, count_of, reasons
from tests.conftest import World


@pytest.fixture
def waiting(carried: Hand, lantai: Lantai) -> Carried:
    """Delivered, and the receipt has never come."""
    each = carried()
    each.world.clock.advance(days=2)
    each.tell(*ALL_THE_WAY)
    assert each.poll() is State.DELIVERED_UNCONFIRMED
    return each


def test_the_last_capture_is_ordered_in_the_eleventh_month_once(waiting: Carried, lantai: Lantai) -> None:
    waiting.world.clock.advance(days=331)
    assert lantai.trace_expiry.force() == 0
    waiting.world.clock.advance(days=1)
    assert (lantai.trace_expiry.force(), lantai.trace_expiry.force()) == (1, 0)
    watch = waiting.watch()
    assert watch.next_poll_at == watch.forced_at == waiting.world.clock.now()
    waiting.poll()
    watch = waiting.watch()
    assert watch.captured_at == watch.forced_at
    assert lantai.trace_expiry.tick() == 0
    assert count_of(lantai, ALARM) == 0


def test_a_missed_last_capture_is_said_once_and_until_there_is_one(
    waiting: Carried, lantai: Lantai, world: World, run_jobs: Callable[[], None]
) -> None:
    world.carrier.away = True
    world.clock.advance(days=332)
    assert lantai.trace_expiry.tick() == 0  # ordered, not tried yet
    waiting.poll()
    assert (lantai.trace_expiry.tick(), lantai.trace_expiry.tick()) == (1, 0)
    assert (waiting.watch().needs_look, reasons(waiting)) == (True, [Finding.TRACE_EXPIRING])
    run_jobs()
    assert [line for line in world.alerts.lines if "物流轨迹：1 件" in line]
    waiting.later(days=1)
    assert reasons(waiting) == [Finding.TRACE_EXPIRING]
    world.carrier.away = False
    waiting.later(days=1)
    assert (waiting.watch().needs_look, reasons(waiting)) == (False, [])
    assert lantai.trace_expiry.tick() == 0


def test_workers_that_never_asked_are_noticed_too(waiting: Carried, lantai: Lantai) -> None:
    waiting.world.clock.advance(days=332)
    lantai.trace_expiry.tick()
    waiting.world.clock.advance(days=1, seconds=1)
    assert lantai.trace_expiry.tick() == 1


def test_what_is_finished_and_captured_is_left_alone(waiting: Carried, lantai: Lantai) -> None:
    waiting.lead(State.RECEIVED)
    waiting.later(days=2)
    asked = len(waiting.world.carrier.asked)
    waiting.world.clock.advance(days=332)
    lantai.trace_expiry.tick()
    waiting.poll()
    assert len(waiting.world.carrier.asked) == asked
    assert waiting.watch().forced_at is None


def test_after_a_year_nobody_asks_and_what_was_never_captured_is_said(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.poll()  # the carrier does not know the number
    each.world.clock.advance(days=366)
    lantai.trace_expiry.tick()
    assert each.watch().next_poll_at is None
    assert Finding.TRACE_EXPIRED in reasons(each)
    asked = len(each.world.carrier.asked)
    each.later(days=10)
    assert len(each.world.carrier.asked) == asked


def test_what_the_carrier_forgets_stays_known_here(waiting: Carried, lantai: Lantai) -> None:
    del waiting.world.carrier.traces[NUMBER]
    assert waiting.later(days=10) is State.DELIVERED_UNCONFIRMED
    [trace] = lantai.tracking_desk.of_graduate(waiting.pair.first, waiting.graduate_id)[waiting.id]
    assert len(trace.lines) == 4
    assert reasons(waiting) == []


def test_a_contradiction_and_a_missed_capture_are_both_said(carried: Hand, lantai: Lantai) -> None:
    each = carried()
    each.world.clock.advance(days=3)
    each.tell(*ALL_THE_WAY, C.RETURNED)
    each.poll()
    each.world.carrier.away = True
    each.world.clock.advance(days=331)
    lantai.trace_expiry.tick()
    each.poll()
    lantai.trace_expiry.tick()
    assert reasons(each) == sorted([Finding.AFTER_DELIVERY, Finding.TRACE_EXPIRING])
