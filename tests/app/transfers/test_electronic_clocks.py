"""The clocks of the electronic leg: days, words, whom to call, the watch, and what is told once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from app.actors import SYSTEM, Role
from app.errors import Conflict
from app.events import Event
from app.package_ports import HandedPackage, HandOver
from app.transfers import electronic_clocks as clocks
from app.transfers.electronic import LegView
from app.transfers.electronic_clocks import LegDue, LegFacts, LegTimer
from app.transfers.electronic_ports import ElectronicReceiver
from app.transfers.electronic_rules import ENDED, IN_THE_MAKING, PACKABLE, Leg, Reason
from app.transfers.service import UnderWay
from app.transfers.states import State
from app.working_days import notices
from app.working_days.calendar import WorkingDays
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.electronic import CODE, Registry, leg_of, sealed_transfer
from tests.fakes import FakeClock

CALENDAR = WorkingDays(notices.load())
# the Wednesday before the Dragon Boat festival: Friday the 19th is free
WEDNESDAY = date(2026, 6, 17)


# --- the days ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "timer", "on"),
    [
        (Leg.PREPARING, LegTimer.PACK, date(2026, 6, 18)),
        (Leg.ENCRYPTED, LegTimer.PACK, date(2026, 6, 18)),
        (Leg.SUBMITTED, LegTimer.FETCH, date(2026, 6, 25)),
        (Leg.TRANSPORT_ACK, LegTimer.DECIDE, date(2026, 6, 25)),
        (Leg.CHECKED, LegTimer.DECIDE, date(2026, 6, 25)),
        (Leg.ACCEPTED, LegTimer.RECEIPT, date(2026, 7, 17)),
        (Leg.REJECTED, LegTimer.REPACK, date(2026, 7, 9)),
    ],
)
def test_days_are_working_days_and_the_receipts_month_is_the_papers(state: Leg, timer: LegTimer, on: date) -> None:
    assert clocks.due(LegFacts(state, State.IN_TRANSIT, WEDNESDAY), CALENDAR) == LegDue(timer, on)


def test_checking_does_not_begin_the_days_to_decide_anew() -> None:
    facts = LegFacts(Leg.CHECKED, State.SEALED, date(2026, 6, 24), acked_on=WEDNESDAY)
    assert clocks.due(facts, CALENDAR) == LegDue(LegTimer.DECIDE, date(2026, 6, 25))


def test_what_was_rejected_waits_only_while_it_can_be_packed_again() -> None:
    for paper in State:
        found = clocks.due(LegFacts(Leg.REJECTED, paper, WEDNESDAY), CALENDAR)
        assert (found is not None) == (paper in PACKABLE), paper
    assert clocks.due(LegFacts(Leg.REJECTED, State.SEALED, WEDNESDAY, latest=False), CALENDAR) is None


def test_trouble_has_days_of_its_own_and_never_puts_off_those_of_the_receiver() -> None:
    stuck = LegFacts(Leg.SUBMITTED, State.SEALED, WEDNESDAY, stuck_on=WEDNESDAY)
    assert clocks.due(stuck, CALENDAR) == LegDue(LegTimer.MEND, date(2026, 6, 23))
    late = LegFacts(Leg.SUBMITTED, State.SEALED, WEDNESDAY, stuck_on=date(2026, 6, 25))
    assert clocks.due(late, CALENDAR) == LegDue(LegTimer.FETCH, date(2026, 6, 25))
    # nothing is waited for of a receiver that may not have it
    assert clocks.due(replace(late, barred=True), CALENDAR) == LegDue(LegTimer.MEND, date(2026, 6, 30))
    making = LegFacts(Leg.PREPARING, State.SEALED, WEDNESDAY, stuck_on=date(2026, 6, 18))
    assert clocks.due(making, CALENDAR) == LegDue(LegTimer.MEND, date(2026, 6, 24))


@given(
    st.sampled_from(Leg),
    st.sampled_from(State),
    st.dates(date(2025, 1, 1), date(2026, 11, 1)),
    st.one_of(st.none(), st.integers(0, 60)),
)
def test_every_waiting_state_has_a_clock_and_no_ended_one(
    state: Leg, paper: State, entered: date, after: int | None
) -> None:
    stuck = None if after is None else entered + timedelta(days=after)
    found = clocks.due(LegFacts(state, paper, entered, stuck_on=stuck), CALENDAR)
    if state in ENDED - {Leg.REJECTED}:
        assert found is None
    elif state is not Leg.REJECTED:
        assert found is not None
        assert found.on > (stuck if stuck is not None and state in IN_THE_MAKING else entered)
        assert (found.timer is LegTimer.MEND) <= (stuck is not None)


# --- stored, shown and told -------------------------------------------------------------------------------------------


@pytest.fixture
def held(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory(materials=MATERIALS)


@pytest.fixture
def order(
    lantai: Lantai, clerk: Clerk, held: Person, registry: Registry, run_jobs: Callable[[], None]
) -> Callable[[], LegView]:
    registry.receiver = ElectronicReceiver(CODE, "某市人才服务中心", registry.keys.recipient, phone="020-81234567")
    actor, transfer_id = clerk(Role.DISPATCHER), sealed_transfer(lantai, held)

    def make() -> LegView:
        view = lantai.electronic.order(actor, held.id, transfer_id)
        run_jobs()
        return view

    return make


def seen(lantai: Lantai, clerk: Clerk, held: Person) -> LegView:
    (legs,) = lantai.electronic.of_graduate(clerk(Role.REVIEWER), held.id).values()
    assert legs.latest is not None
    return legs.latest


def overdue_events(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count()).where(Event.type == "electronic.overdue")) or 0


def test_a_package_that_nobody_fetches_is_late_told_once_and_listed(
    lantai: Lantai, order: Callable[[], LegView], held: Person, clerk: Clerk, clock: FakeClock
) -> None:
    leg = order()
    row = leg_of(lantai, leg.id)
    assert (row.state, row.timer, row.due_on) == (Leg.SUBMITTED, LegTimer.FETCH, date(2026, 6, 8))
    late = UnderWay(electronic_late=True)
    mover = clerk(Role.DISPATCHER)
    assert lantai.transfers.under_way(mover, late) == ([], 0)
    assert lantai.electronic_watch.tick() == 0
    clock.advance(days=9)  # the Wednesday after
    view = seen(lantai, clerk, held)
    assert view.due is not None
    assert (view.due.overdue, view.due.on) == (True, row.due_on)
    for words in (
        "取件期限为 2026年6月8日，已超过 2 个工作日",
        "学校将联系接收单位取件",
        "某市人才服务中心 020-81234567",
    ):
        assert words in view.due.words, view.due.words
    lines, total = lantai.transfers.under_way(mover, late)
    assert ([line.id for line in lines], total) == ([leg.transfer_id], 1)
    assert lantai.electronic.dues(mover, [leg.transfer_id])[leg.transfer_id].on == row.due_on
    assert (lantai.electronic_watch.tick(), lantai.electronic_watch.tick(), overdue_events(lantai)) == (1, 0, 1)


def test_the_receivers_answer_and_receipt_have_their_own_clocks_and_an_end(
    lantai: Lantai, order: Callable[[], LegView], registry: Registry, clock: FakeClock
) -> None:
    leg, office, door = order(), registry.office, lantai.receiver_door
    row = leg_of(lantai, leg.id)
    clock.advance(days=14)
    assert lantai.electronic_watch.tick() == 1
    door.acknowledge(SYSTEM, office, row.id, row.digest or b"", row.size or 0)
    row = leg_of(lantai, leg.id)
    assert (row.timer, row.due_on) == (LegTimer.DECIDE, date(2026, 6, 23))
    door.checked(SYSTEM, office, row.id, passed=True, bag=row.bag_digest)
    clock.advance(days=14)
    assert (lantai.electronic_watch.tick(), overdue_events(lantai)) == (1, 2)
    door.accept(SYSTEM, office, row.id, row.manifest_digest or b"")
    row = leg_of(lantai, leg.id)
    assert (row.timer, row.due_on) == (LegTimer.RECEIPT, date(2026, 7, 29))


def test_a_rejection_is_the_schools_to_mend_and_a_new_attempt_ends_its_clock(
    lantai: Lantai, order: Callable[[], LegView], registry: Registry, held: Person, clerk: Clerk, clock: FakeClock
) -> None:
    first = order()
    lantai.receiver_door.reject(SYSTEM, registry.office, first.id, [Reason.MATERIAL_MISSING], "")
    row = leg_of(lantai, first.id)
    assert (row.timer, row.due_on) == (LegTimer.REPACK, date(2026, 6, 23))
    clock.advance(days=30)
    due = seen(lantai, clerk, held).due
    assert due is not None
    assert "学校须尽快按退回原因处理" in due.words
    assert "人才服务中心" not in due.words  # nothing is waited for of the receiver
    assert (lantai.electronic_watch.tell(), overdue_events(lantai)) == (0, 0)
    order()
    assert leg_of(lantai, first.id).due_on is None
    assert lantai.electronic_watch.check() == []


def test_the_watch_sets_wrong_days_right(lantai: Lantai, order: Callable[[], LegView], registry: Registry) -> None:
    leg = order()
    lantai.receiver_door.reject(SYSTEM, registry.office, leg.id, [Reason.MATERIAL_MISSING], "")
    with lantai.db.transaction() as session:
        session.execute(text("update electronic_leg set due_on = '2026-01-01', timer = 'pack'"))
    (difference,) = lantai.electronic_watch.check()
    assert (difference.stored, difference.right) == (date(2026, 1, 1), date(2026, 6, 23))
    assert (lantai.electronic_watch.tick(), lantai.electronic_watch.tick()) == (1, 0)
    row = leg_of(lantai, leg.id)
    assert (row.due_on, row.timer) == (date(2026, 6, 23), LegTimer.REPACK)
    # the paper has ended: nobody will pack it again
    with lantai.db.transaction() as session:
        session.execute(text("update transfer set state = 'withdrawn'"))
    assert lantai.electronic_watch.tick() == 1
    assert leg_of(lantai, leg.id).due_on is None


def test_the_watch_waits_for_nobody_while_the_day_is_right(lantai: Lantai, order: Callable[[], LegView]) -> None:
    leg = order()
    with lantai.db.engine.begin() as another:
        another.execute(text("select id from electronic_leg for update"))
        assert lantai.electronic_watch.tick() == 0
    with lantai.db.transaction() as session:
        session.execute(text("update electronic_leg set due_on = null, timer = null"))
    assert lantai.electronic_watch.tick() == 1
    assert leg_of(lantai, leg.id).timer is LegTimer.FETCH


def test_what_keeps_a_package_back_runs_a_clock_and_says_what_happens_next(
    lantai: Lantai, order: Callable[[], LegView], held: Person, clerk: Clerk, clock: FakeClock
) -> None:
    lantai.packer._maker = Refusing()
    leg = order()
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.timer, row.due_on) == ("hand_over_check_failed", LegTimer.MEND, date(2026, 6, 4))
    view = seen(lantai, clerk, held)
    assert view.next_words == clocks.STUCK_NEXT[True]
    clock.advance(days=8)
    view = seen(lantai, clerk, held)
    assert view.due is not None
    assert "电子档案包受阻后尚未处理" in view.due.words
    assert lantai.electronic_watch.tell() == 0


def test_ordering_it_again_puts_off_nothing_until_it_helps(
    lantai: Lantai,
    order: Callable[[], LegView],
    held: Person,
    clerk: Clerk,
    clock: FakeClock,
) -> None:
    real, lantai.packer._maker = lantai.packer._maker, Refusing()
    leg, day = order(), date(2026, 6, 4)
    for _ in range(2):
        clock.advance(days=8)
        due = seen(lantai, clerk, held).due
        assert due is not None
        assert (due.on, due.overdue) == (day, True)
        assert order().id == leg.id  # and fails again
        row = leg_of(lantai, leg.id)
        assert (row.trouble, row.timer, row.due_on) == ("hand_over_check_failed", LegTimer.MEND, day)
    lantai.packer._maker = real
    order()
    row = leg_of(lantai, leg.id)
    assert (row.state, row.trouble_at, row.timer) == (Leg.SUBMITTED, None, LegTimer.FETCH)
    assert lantai.electronic_watch.check() == []


class Refusing:
    """app.package_ports.PackageMaker that finds a fault."""

    def hand_over(self, graduate_id: UUID, to: HandOver) -> HandedPackage:
        raise Conflict("hand_over_check_failed")
