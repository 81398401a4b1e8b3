"""The watch over the clocks: reminds the handler, escalates what is overdue, and keeps columns and events agreeing.

Every finding is an event of its ticket and a row of ``ticket_reminder``, once per ticket, threshold and due day. The
office hears of them in a digest, on working mornings and days only; a mark does not wait for the morning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, literal_column, or_, select, true, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.actors import SYSTEM
from app.corrections import clock as rules
from app.corrections.book import ticket_number
from app.corrections.clock_words import ANSWER_SOON_DAYS, SOON_DAYS
from app.corrections.clocks import TicketClocks, columns, stored
from app.corrections.models import OPEN, Ticket, TicketReminder
from app.db import Database, new_id
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.office_time import OFFICE_TIME, office_date
from app.ports import Clock
from app.working_days.calendar import WorkingDays

BATCH = 200
OFFICE_HOURS = range(8, 18)
DIGEST = "ticket.clock_digest"
IS_OPEN: ColumnElement[bool] = literal_column(OPEN)
"""The same words as the partial indexes'."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """``ahead``: working days before the due day; None once it has passed. Passed is escalated."""

    code: str
    due: InstrumentedAttribute[date]
    ahead: int | None
    answer: bool = False

    def due_of(self, ticket: Ticket) -> date:
        return ticket.answer_by if self.answer else ticket.decide_by

    def reached(self, today: date, calendar: WorkingDays) -> ColumnElement[bool]:
        # nothing is asked of the desk while the clock stands still, and the first answer is given once
        waits = and_(IS_OPEN, Ticket.stopped_at.is_(None), Ticket.counted_through.is_not(None))
        unanswered = Ticket.answered_at.is_(None) if self.answer else true()
        days = self.due < today if self.ahead is None else self.due.between(today, calendar.add(today, self.ahead))
        told = exists().where(
            TicketReminder.ticket_id == Ticket.id,
            TicketReminder.threshold == self.code,
            TicketReminder.due_on == self.due,
        )
        return and_(waits, unanswered, days, ~told)


THRESHOLDS = (
    Threshold("answer_soon", Ticket.answer_by, ANSWER_SOON_DAYS, answer=True),
    Threshold("answer_overdue", Ticket.answer_by, None, answer=True),
    Threshold("decide_soon", Ticket.decide_by, SOON_DAYS),
    Threshold("decide_overdue", Ticket.decide_by, None),
)
OVERDUE = frozenset(t.code for t in THRESHOLDS if t.ahead is None)


@dataclass(frozen=True, slots=True)
class Difference:
    """A ticket whose stored clock is not the one its events give; ``names`` are the columns."""

    number: str
    names: Sequence[str]


class ClockWatch:
    def __init__(self, db: Database, clocks: TicketClocks, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._db, self._clocks, self._log, self._queue, self._clock = db, clocks, log, queue, clock

    def by(self, clock: Clock) -> ClockWatch:
        """The same watch by another clock: rehearsals look ahead without waiting for weeks."""
        return ClockWatch(self._db, self._clocks, self._log, self._queue, clock)

    def tick(self) -> int:
        """One round; how many reminders and escalations it made. Running it again at once makes none."""
        self.realign()
        made = self.remind()
        self.digest()
        return made

    # --- reminders ----------------------------------------------------------------------------------------------------

    def remind(self) -> int:
        return sum(self._all(partial(self._mark, threshold)) for threshold in THRESHOLDS)

    def _mark(self, threshold: Threshold, session: Session) -> int:
        now = self._clock.now()
        locked = session.scalars(
            select(Ticket)
            .where(threshold.reached(office_date(now), self._clocks.calendar))
            .order_by(Ticket.serial)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        ).all()
        # asked again under the lock: another watch may have marked them since this statement's snapshot
        told = session.execute(
            select(TicketReminder.ticket_id, TicketReminder.due_on).where(
                TicketReminder.threshold == threshold.code, TicketReminder.ticket_id.in_([t.id for t in locked])
            )
        )
        before = {(ticket_id, due_on) for ticket_id, due_on in told}
        tickets = [(t, d) for t in locked if (t.id, d := threshold.due_of(t)) not in before]
        overdue = threshold.ahead is None
        for ticket, due in tickets:
            kind = rules.ESCALATED if overdue else rules.REMINDED
            event = self._record(session, ticket, kind, now, threshold=threshold.code, due=due.isoformat())
            session.add(
                TicketReminder(
                    id=new_id(),
                    ticket_id=ticket.id,
                    threshold=threshold.code,
                    due_on=due,
                    staff_id=ticket.assigned_to,
                    event_id=event,
                    at=now,
                )
            )
            if overdue and ticket.escalated_at is None:
                self._set(session, ticket, {"escalated_at": now})
        return len(tickets)

    def digest(self, *, at_any_hour: bool = False) -> int:
        """One line for the staff's group about what was found since the last; gives 1 if there was anything to say."""
        now = self._clock.now()
        local = now.astimezone(OFFICE_TIME)
        office = local.hour in OFFICE_HOURS and self._clocks.calendar.is_working(local.date())
        if not (office or at_any_hour):
            return 0
        with self._db.transaction() as session:
            rows = session.scalars(
                select(TicketReminder).where(TicketReminder.told_at.is_(None)).with_for_update(skip_locked=True)
            ).all()
            for row in rows:
                row.told_at = now
            counts = self._counts(session, office_date(now))
            if not rows or not any(counts.values()):
                return 0
            event = self._log.record(session, SYSTEM, DIGEST, data=counts)
            self._queue.enqueue(session, Announce(event))
        return 1

    def _counts(self, session: Session, today: date) -> dict[str, int]:
        """What stands open as the digest goes out: a ticket decided in the night is not told of."""
        late = or_(Ticket.decide_by < today, and_(Ticket.answered_at.is_(None), Ticket.answer_by < today))
        near = or_(
            Ticket.decide_by <= self._clocks.calendar.add(today, SOON_DAYS),
            and_(Ticket.answered_at.is_(None), Ticket.answer_by <= self._clocks.calendar.add(today, ANSWER_SOON_DAYS)),
        )
        overdue, soon, unassigned = session.execute(
            select(
                func.count().filter(late),
                func.count().filter(and_(near, ~late)),
                func.count().filter(and_(or_(near, late), Ticket.assigned_to.is_(None))),
            ).where(IS_OPEN, Ticket.stopped_at.is_(None))
        ).one()
        return {"soon": soon, "overdue": overdue, "unassigned": unassigned}

    # --- columns and events -------------------------------------------------------------------------------------------

    def realign(self) -> int:
        """Work out the clocks that stand by another calendar or by none yet; how many. A moved date is an event."""
        version = self._clocks.calendar.version
        never = self._all(lambda session: self._recompute(session, Ticket.clock_calendar.is_(None)))
        return never + self._all(
            lambda session: self._recompute(session, and_(IS_OPEN, Ticket.clock_calendar != version))
        )

    def check(self, *, repair: bool = False) -> list[Difference]:
        """Every open ticket's stored clock against its events. ``repair`` sets the columns by the events."""
        found: list[Difference] = []
        after = 0
        while True:
            with self._db.transaction() as session:
                # locked, so that no step falls between reading the columns and reading the events
                tickets = session.scalars(
                    select(Ticket)
                    .where(IS_OPEN, Ticket.serial > after)
                    .order_by(Ticket.serial)
                    .limit(BATCH)
                    .with_for_update()
                ).all()
                if not tickets:
                    return found
                after = tickets[-1].serial
                found += self._compare(session, tickets, repair)

    def _compare(self, session: Session, tickets: Sequence[Ticket], repair: bool) -> list[Difference]:
        found = []
        for ticket_id, clock in self._clocks.recomputed(session, tickets).items():
            ticket = session.get_one(Ticket, ticket_id)
            names = rules.differing(stored(ticket), clock)
            if names:
                found.append(Difference(ticket_number(ticket), names))
            if names and repair:
                self._realigned(session, ticket, clock)
        return found

    def _recompute(self, session: Session, which: ColumnElement[bool]) -> int:
        tickets = session.scalars(
            select(Ticket).where(which).order_by(Ticket.serial).limit(BATCH).with_for_update(skip_locked=True)
        ).all()
        for ticket_id, clock in self._clocks.recomputed(session, tickets).items():
            self._realigned(session, session.get_one(Ticket, ticket_id), clock)
        return len(tickets)

    def _realigned(self, session: Session, ticket: Ticket, clock: rules.TicketClock) -> None:
        was = stored(ticket)
        if was is not None and (was.answer_by, was.decide_by) != (clock.answer_by, clock.decide_by):
            self._record(
                session,
                ticket,
                rules.REALIGNED,
                self._clock.now(),
                answer_by=clock.answer_by.isoformat(),
                decide_by=clock.decide_by.isoformat(),
                was_answer_by=was.answer_by.isoformat(),
                was_decide_by=was.decide_by.isoformat(),
                calendar=self._clocks.calendar.version,
            )
        self._set(session, ticket, columns(clock, self._clocks.calendar))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _all(self, part: Callable[[Session], int]) -> int:
        """Slices of their own transactions until one is empty."""
        done = 0
        while True:
            with self._db.transaction() as session:
                count = part(session)
            done += count
            if count < BATCH:
                return done

    def _record(self, session: Session, ticket: Ticket, kind: str, at: datetime, **data: Any) -> Any:
        return self._log.record(
            session,
            SYSTEM,
            kind,
            graduate_id=ticket.graduate_id,
            object_kind="ticket",
            object_id=ticket.id,
            data={"state": ticket.state.value, **data},
            at=at,
        )

    @staticmethod
    def _set(session: Session, ticket: Ticket, values: dict[str, Any]) -> None:
        """Past the version column: whoever has the ticket open loses nothing by a mark of the clock."""
        session.execute(update(Ticket).where(Ticket.id == ticket.id).values(**values))
