"""Keeping the clock in the ticket's columns: moved with every step, comparable with the events at any time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.corrections import clock as clocks
from app.corrections.clock import ClockStep, TicketClock
from app.corrections.clock_words import ClockView, Standing
from app.corrections.models import Ticket
from app.corrections.rules import CLOSED, State
from app.events import Event
from app.office_time import office_date
from app.working_days.calendar import WorkingDays

READ = "ticket.read"
Row = tuple[str, Any, datetime]
"""Type, state and time of an event."""


def stored(ticket: Ticket) -> TicketClock | None:
    """The clock in the columns; None where it was never worked out (tickets older than the columns)."""
    if ticket.clock_started_at is None or ticket.counted_through is None:
        return None
    return TicketClock(
        started_at=ticket.clock_started_at,
        answer_by=ticket.answer_by,
        decide_by=ticket.decide_by,
        counted_through=ticket.counted_through,
        used_days=ticket.used_days,
        answered_at=ticket.answered_at,
        stopped_at=ticket.stopped_at,
        ended_at=ticket.clock_ended_at,
        escalated_at=ticket.escalated_at,
    )


def columns(clock: TicketClock, calendar: WorkingDays) -> dict[str, Any]:
    return {
        "clock_started_at": clock.started_at,
        "answer_by": clock.answer_by,
        "decide_by": clock.decide_by,
        "counted_through": clock.counted_through,
        "used_days": clock.used_days,
        "answered_at": clock.answered_at,
        "stopped_at": clock.stopped_at,
        "clock_ended_at": clock.ended_at,
        "escalated_at": clock.escalated_at,
        "clock_calendar": calendar.version,
    }


def steps_of(ticket: Ticket, rows: Iterable[Row]) -> list[ClockStep]:
    """Events as steps of the clock. One that names no state leaves the state as it was; a ticket whose opening was
    never logged opens when its row says.
    """
    steps: list[ClockStep] = []
    for kind, value, at in rows:
        if not steps and kind != clocks.OPENED:
            steps.append(ClockStep(clocks.OPENED, State.SUBMITTED, ticket.opened_at))
        state = State(value) if value in set(State) else steps[-1].state if steps else State.SUBMITTED
        steps.append(ClockStep(kind, state, at))
    return steps or [ClockStep(clocks.OPENED, State.SUBMITTED, ticket.opened_at)]


class TicketClocks:
    def __init__(self, calendar: WorkingDays) -> None:
        self.calendar = calendar

    def due_from(self, ticket: Ticket, now: datetime) -> tuple[date, date]:
        """(first answer by, decision by) of a clock that starts now."""
        fresh = clocks.start(now, self.calendar, clocks.rule_of(ticket.kind))
        return fresh.answer_by, fresh.decide_by

    def begin(self, ticket: Ticket, now: datetime) -> None:
        """The columns of a ticket that is opened now, so that its first row already holds them."""
        self._set(ticket, clocks.start(now, self.calendar, clocks.rule_of(ticket.kind)))

    def on_step(self, session: Session, ticket: Ticket, step: str, at: datetime) -> None:
        """Move the ticket's clock by a step that was just recorded, in its transaction and at its time."""
        before = stored(ticket)
        known = before is not None and ticket.clock_calendar == self.calendar.version
        # what is taken back changes what an earlier step was
        if step == clocks.OPENED or (known and step != clocks.UNDONE):
            rule = clocks.rule_of(ticket.kind)
            # the opening starts from nothing, whatever its row was given before
            after: TicketClock | None = clocks.advance(
                None if step == clocks.OPENED else before, ClockStep(step, ticket.state, at), self.calendar, rule
            )
        else:
            after = self.recomputed(session, [ticket])[ticket.id]
        assert after is not None
        self._set(ticket, after)

    def _set(self, ticket: Ticket, clock: TicketClock) -> None:
        for name, value in columns(clock, self.calendar).items():
            setattr(ticket, name, value)

    def recomputed(self, session: Session, tickets: Sequence[Ticket]) -> Mapping[UUID, TicketClock]:
        """The clocks by the events alone."""
        rows: dict[UUID, list[Row]] = defaultdict(list)
        found = session.execute(
            select(Event.object_id, Event.type, Event.data["state"].as_string(), Event.at)
            .where(
                Event.object_kind == "ticket",
                Event.object_id.in_([t.id for t in tickets]),
                Event.type.startswith("ticket.", autoescape=True),
                Event.type != READ,
            )
            .order_by(Event.id)
        )
        for object_id, kind, state, at in found:
            if object_id is not None:
                rows[object_id].append((kind, state, at))
        clocks_by_id: dict[UUID, TicketClock] = {}
        for ticket in tickets:
            clock = clocks.recompute(steps_of(ticket, rows[ticket.id]), self.calendar, ticket.kind)
            assert clock is not None  # there is always the opening
            clocks_by_id[ticket.id] = clock
        return clocks_by_id

    def view(self, ticket: Ticket, now: datetime) -> ClockView:
        today = office_date(now)
        standing = Standing.RUNNING
        if ticket.state in CLOSED:
            standing = Standing.ENDED
        elif ticket.stopped_at is not None or (ticket.counted_through is None and ticket.state is State.NEEDS_INFO):
            standing = Standing.WITH_UNIT if ticket.state is State.WITH_UNIT else Standing.WITH_GRADUATE
        return ClockView(
            standing=standing,
            state=ticket.state,
            today=today,
            answer_by=ticket.answer_by,
            answer_left=self.calendar.between(today, ticket.answer_by),
            answered_on=office_date(ticket.answered_at) if ticket.answered_at is not None else None,
            decide_by=ticket.decide_by,
            decide_left=self.calendar.between(self._counting_day(ticket, today), ticket.decide_by),
            used_days=ticket.used_days,
            escalated=ticket.escalated_at is not None,
        )

    @staticmethod
    def _counting_day(ticket: Ticket, today: date) -> date:
        """Today, or the day at which a clock that does not run has stood still."""
        if ticket.stopped_at is None or ticket.counted_through is None:
            return today
        return ticket.counted_through
