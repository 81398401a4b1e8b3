"""Loans that are due are told of: before, when they are late, and again; in office hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text

from app.actors import Actor, Role
from app.custody.loan_watch import AGAIN_DAYS, DIGEST, SOON_DAYS, LoanWatch
from app.custody.reading import Shown
from app.custody.rules import Condition
from app.events import Event
from app.office_time import OFFICE_TIME, office_date
from notifications.catalogue.staff_lines import staff_line_for
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.custody.lending import OUTSIDE, People, inside
from tests.fakes import FakeClock, dies_at_the_second


def told(lantai: Lantai, actor: Actor) -> list[tuple[str, UUID | None]]:
    return [(n.code, n.object_id) for n in lantai.staff_notices.unread(actor)][::-1]


def digests(lantai: Lantai) -> list[dict[str, object]]:
    with lantai.db.transaction() as session:
        return [dict(e.data) for e in session.scalars(select(Event).where(Event.type == DIGEST).order_by(Event.id))]


def morning(lantai: Lantai, clock: FakeClock, working_days: int) -> None:
    """Ten o'clock of a later working day."""
    day = lantai.calendar.add(office_date(clock.now()), working_days)
    at = datetime(day.year, day.month, day.day, 10, tzinfo=OFFICE_TIME)
    clock.advance(seconds=(at.astimezone(UTC) - clock.now()).total_seconds())


@pytest.fixture
def borrower(clerk: Clerk) -> Actor:
    return clerk(Role.AUDITOR)


def test_who_borrowed_and_who_gave_out_are_told_before_and_after(
    lantai: Lantai, archivist: Actor, borrower: Actor, graduate_factory: People, clock: FakeClock
) -> None:
    loan = lantai.loans.ask(archivist, graduate_factory().id, inside(archivist, staff_id=borrower.id))
    morning(lantai, clock, 15 - SOON_DAYS - 1)
    assert lantai.loan_watch.tick() == 0
    morning(lantai, clock, 1)
    assert (lantai.loan_watch.tick(), lantai.loan_watch.tick()) == (1, 0)
    morning(lantai, clock, SOON_DAYS)  # the day it is due
    assert lantai.loan_watch.tick() == 0
    morning(lantai, clock, 1)
    assert (lantai.loan_watch.tick(), lantai.loan_watch.tick()) == (1, 0)
    for actor in (archivist, borrower):
        assert told(lantai, actor) == [("loan_due_soon", loan), ("loan_overdue", loan)]
    assert digests(lantai) == [{"soon": 1, "overdue": 0}, {"soon": 0, "overdue": 1}]
    assert "1 份逾期未还" in str(staff_line_for(DIGEST, digests(lantai)[-1]))
    (line,), _ = lantai.custody.loans(archivist, Shown.OVERDUE)
    assert (line.id, line.pressed_on) == (loan, office_date(clock.now()))


def test_a_loan_somebody_is_at_holds_up_no_other_and_the_group_hears(
    lantai: Lantai, archivist: Actor, graduate_factory: People, clock: FakeClock
) -> None:
    loans = [lantai.loans.ask(archivist, graduate_factory().id, inside(archivist)) for _ in range(2)]
    morning(lantai, clock, 16)
    with lantai.db.engine.begin() as another:
        another.execute(text("select id from loan where id = :id for update"), {"id": loans[0]})
        assert lantai.loan_watch.tick() == 1
    assert told(lantai, archivist) == [("loan_overdue", loans[1])]
    assert digests(lantai) == [{"soon": 0, "overdue": 2}]
    assert (lantai.loan_watch.tick(), lantai.loan_watch.tick()) == (1, 0)


def test_a_round_that_is_killed_has_told_the_group(
    lantai: Lantai, archivist: Actor, graduate_factory: People, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        lantai.loans.ask(archivist, graduate_factory().id, inside(archivist))
    morning(lantai, clock, 16)
    dies_at_the_second(LoanWatch, "_tell", monkeypatch)
    with pytest.raises(SystemExit):
        lantai.loan_watch.tick()
    assert (len(told(lantai, archivist)), digests(lantai)) == (1, [{"soon": 0, "overdue": 2}])


def test_late_ones_are_pressed_for_again_after_five_working_days(
    lantai: Lantai, archivist: Actor, graduate_factory: People, clock: FakeClock
) -> None:
    lantai.loans.ask(archivist, graduate_factory().id, inside(archivist))
    morning(lantai, clock, 16)
    assert lantai.loan_watch.tick() == 1
    for days, found in ((AGAIN_DAYS - 1, 0), (1, 1), (AGAIN_DAYS - 1, 0), (1, 1)):
        morning(lantai, clock, days)
        assert lantai.loan_watch.tick() == found


def test_an_extended_loan_is_told_of_by_its_new_day_and_one_that_is_back_no_more(
    lantai: Lantai, archivist: Actor, graduate_factory: People, clock: FakeClock
) -> None:
    extended, back = (lantai.loans.ask(archivist, graduate_factory().id, inside(archivist)) for _ in range(2))
    morning(lantai, clock, 14)
    assert lantai.loan_watch.tick() == 2
    lantai.loans.extend(archivist, extended, "仍需核对")
    lantai.loans.give_back(archivist, back, Condition.INTACT)
    morning(lantai, clock, 2)
    assert lantai.loan_watch.tick() == 0
    morning(lantai, clock, 13)
    assert lantai.loan_watch.tick() == 1
    assert lantai.custody.loan(archivist, extended).line.due_on == office_date(clock.now() + timedelta(days=1))


def test_for_an_outside_borrower_the_desk_alone_is_told(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People, clock: FakeClock
) -> None:
    second = clerk(Role.REVIEWER)
    loan = lantai.loans.ask(archivist, graduate_factory().id, OUTSIDE)
    morning(lantai, clock, 16)
    assert lantai.loan_watch.tick() == 0  # not out yet
    lantai.loans.approve(second, loan)
    morning(lantai, clock, 16)
    assert lantai.loan_watch.tick() == 1
    assert (told(lantai, archivist), told(lantai, second)) == ([("loan_overdue", loan)], [])


def test_nobody_is_told_at_night_or_on_a_day_off(
    lantai: Lantai, archivist: Actor, graduate_factory: People, clock: FakeClock
) -> None:
    lantai.loans.ask(archivist, graduate_factory().id, inside(archivist))
    morning(lantai, clock, 16)
    clock.advance(hours=10)
    assert lantai.loan_watch.tick() == 0
    while lantai.calendar.is_working(office_date(clock.now())):
        clock.advance(days=1)
    clock.advance(hours=-10)
    assert lantai.loan_watch.tick() == 0
    morning(lantai, clock, 1)
    assert lantai.loan_watch.tick() == 1
