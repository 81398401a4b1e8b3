"""Loans that are due: who borrowed and who gave out are told, and the staff's group hears how many there are.

In office hours alone: nobody takes a dossier back at night. What is overdue is pressed for again every five working
days; the number is this school's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from app.actors import SYSTEM
from app.custody.models import Loan
from app.custody.rules import LoanState
from app.db import Database
from app.errors import Conflict
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.office_time import OFFICE_TIME, office_date
from app.people.staff_notices import StaffNotices
from app.ports import Clock
from app.working_days.calendar import WorkingDays

SOON_DAYS, AGAIN_DAYS = 2, 5
"""Working days before the day it is due, and between two times of pressing."""
OFFICE_HOURS = range(8, 18)
DIGEST = "custody.loans_digest"
BATCH = 200


class LoanWatch:
    def __init__(
        self, db: Database, notices: StaffNotices, log: EventLog, queue: JobQueue, clock: Clock, calendar: WorkingDays
    ) -> None:
        self._db, self._notices, self._log, self._queue = db, notices, log, queue
        self._clock, self._calendar = clock, calendar

    def tick(self) -> int:
        """One round; how many loans were told of. Again at once, or out of office hours: none.

        The group hears with the first of a round, in one transaction: a round that breaks off has told it. One locked
        too long is left to the next round.
        """
        local = self._clock.now().astimezone(OFFICE_TIME)
        if local.hour not in OFFICE_HOURS or not self._calendar.is_working(local.date()):
            return 0
        told = 0
        while True:
            waiting, before = self._waiting(), told
            for loan_id in waiting:
                try:
                    told += self._tell(loan_id, first=not told)
                except Conflict:
                    continue
            if len(waiting) < BATCH or told == before:
                return told

    # --- inside -------------------------------------------------------------------------------------------------------

    def _presses(self, today: date) -> ColumnElement[bool]:
        """Due soon and not told so of this day, or overdue and not pressed for lately."""
        soon = and_(
            Loan.due_on.between(today, self._calendar.add(today, SOON_DAYS)),
            Loan.reminded_for.is_distinct_from(Loan.due_on),
        )
        late = and_(Loan.due_on < today, or_(Loan.pressed_on.is_(None), Loan.pressed_on < self._again_before(today)))
        return and_(Loan.state == LoanState.OUT, or_(soon, late))

    def _again_before(self, today: date) -> date:
        """What was pressed for before this day is pressed for again."""
        day = today
        while self._calendar.add(day, AGAIN_DAYS) > today:
            day = date.fromordinal(day.toordinal() - 1)
        return date.fromordinal(day.toordinal() + 1)

    def _waiting(self) -> Sequence[UUID]:
        query = select(Loan.id).where(self._presses(office_date(self._clock.now()))).order_by(Loan.due_on, Loan.serial)
        with self._db.transaction() as session:
            return session.scalars(query.limit(BATCH)).all()

    def _tell(self, loan_id: UUID, *, first: bool) -> int:
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            query = select(Loan).where(Loan.id == loan_id, self._presses(today)).with_for_update()
            row = session.scalar(query)
            if row is None or row.due_on is None:  # back, or extended, meanwhile
                return 0
            overdue = row.due_on < today
            if overdue:
                row.pressed_on = today
            else:
                row.reminded_for = row.due_on
            self._tell_staff(session, row, overdue=overdue)
            self._log.record(
                session,
                SYSTEM,
                "loan.pressed" if overdue else "loan.reminded",
                graduate_id=row.graduate_id,
                object_kind="loan",
                object_id=row.id,
                data={"state": row.state.value, "due_on": row.due_on.isoformat()},
            )
            if first:
                self._digest(session)
        return 1

    def _tell_staff(self, session: Session, row: Loan, *, overdue: bool) -> None:
        for staff_id in sorted({s for s in (row.staff_id, row.first_staff) if s is not None}):
            if overdue:
                self._notices.tell(session, staff_id, "loan_overdue", row.id)
            else:
                self._notices.tell(session, staff_id, "loan_due_soon", row.id)

    def _digest(self, session: Session) -> None:
        today = office_date(self._clock.now())
        late = Loan.due_on < today
        soon = Loan.due_on.between(today, self._calendar.add(today, SOON_DAYS))
        query = select(func.count().filter(soon), func.count().filter(late)).where(Loan.state == LoanState.OUT)
        near, overdue = session.execute(query).one()
        event = self._log.record(session, SYSTEM, DIGEST, data={"soon": near, "overdue": overdue})
        self._queue.enqueue(session, Announce(event))
