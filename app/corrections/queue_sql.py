"""What a wanted list means to the database: conditions, order and place. Every usual list is served by one index."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Date,
    Interval,
    Select,
    bindparam,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
    text,
    true,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.corrections.clock_words import ANSWER_SOON_DAYS, SOON_DAYS
from app.corrections.models import OPEN, Ticket, TicketDecision
from app.corrections.queue_rules import (
    COUNT_MOST,
    DESCENDING,
    NOBODY,
    Cursor,
    Fact,
    Order,
    Queue,
    Wanted,
    instant,
    moment,
)
from app.corrections.rules import State
from app.office_time import OFFICE_TIME
from app.working_days.calendar import WorkingDays

Condition = ColumnElement[bool]
IS_OPEN: Condition = text(OPEN)  # type: ignore[assignment]  # literal, so that the partial indexes are known to fit
IS_CLOSED: Condition = text(f"not ({OPEN})")  # type: ignore[assignment]
# waiting for the graduate stops the clock: nobody at the desk is late with it
RUNNING: Condition = Ticket.stopped_at.is_(None)


def office_day(column: InstrumentedAttribute[Any]) -> ColumnElement[date]:
    """The school's calendar day of a stored time."""
    return cast(func.timezone(cast(literal("8 hours"), Interval), column), Date)


def day_begins(on: date) -> datetime:
    return datetime.combine(on, time(), OFFICE_TIME)


def _queues(
    mine: Condition, team: Condition, today: Any, soon: Any, next_day: Any
) -> Mapping[Queue, Sequence[Condition]]:
    """Of values, or of parameters of a statement that is built once."""
    return {
        Queue.MINE: (IS_OPEN, mine),
        Queue.TEAM: (IS_OPEN, team),
        Queue.UNASSIGNED: (IS_OPEN, Ticket.assigned_to.is_(None)),
        # a first answer has three days in all: it is near a day later than a decision is
        Queue.SOON: (
            IS_OPEN,
            RUNNING,
            Ticket.presses_on >= today,
            Ticket.presses_on <= soon,
            or_(Ticket.decide_by <= soon, Ticket.presses_on <= next_day),
        ),
        Queue.OVERDUE: (IS_OPEN, RUNNING, Ticket.presses_on < today),
        Queue.OPEN: (IS_OPEN,),
        Queue.CLOSED: (IS_CLOSED, Ticket.decided_at.is_not(None)),
        Queue.ALL: (),
    }


def at_decision(kept: InstrumentedAttribute[Any], now: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """As the decision keeps it; as its ticket says where it did not and no later round has begun."""
    return func.coalesce(kept, case((Ticket.round == TicketDecision.round, now)))


_DECIDE_BY = at_decision(TicketDecision.decide_by, Ticket.decide_by)
# of one decision: the ticket's own columns are those of its present round
DECISIONS: Mapping[Fact, Callable[[], Condition]] = {
    Fact.DECIDED: true,
    Fact.DECIDED_IN_TIME: lambda: office_day(TicketDecision.decided_at) <= _DECIDE_BY,
    Fact.DECIDED_LATE: lambda: office_day(TicketDecision.decided_at) > _DECIDE_BY,
}
FACTS: Mapping[Fact, Callable[[], Condition]] = {
    Fact.DROPPED: lambda: Ticket.state.in_((State.WITHDRAWN, State.MERGED)),
    Fact.ANSWERED: lambda: Ticket.answered_at.is_not(None),
    Fact.ANSWERED_IN_TIME: lambda: office_day(Ticket.answered_at) <= Ticket.answer_by,
    Fact.ANSWERED_LATE: lambda: office_day(Ticket.answered_at) > Ticket.answer_by,
    Fact.REOPENED: lambda: Ticket.reopened_at.is_not(None),
    Fact.APPEALED: lambda: Ticket.appealed_at.is_not(None),
}


def queue_conditions(
    queue: Queue, workers: Sequence[UUID], colleges: Sequence[str], today: date, calendar: WorkingDays
) -> Sequence[Condition]:
    team = Ticket.college == colleges[0] if len(colleges) == 1 else Ticket.college.in_(colleges)
    return _queues(worked_by(workers), team, today, *_soon(today, calendar))[queue]


def worked_by(workers: Sequence[UUID]) -> Condition:
    """One person's alone comes in the index's order; a stand-in's are few enough to sort."""
    return Ticket.assigned_to == workers[0] if len(workers) == 1 else Ticket.assigned_to.in_(workers)


def _soon(today: date, calendar: WorkingDays) -> tuple[date, date]:
    return calendar.add(today, SOON_DAYS), calendar.add(today, ANSWER_SOON_DAYS)


def _counting() -> Select[Any]:
    team = Ticket.college.in_(bindparam("colleges", expanding=True))
    mine = Ticket.assigned_to.in_(bindparam("workers", expanding=True))
    queues = _queues(mine, team, *map(bindparam, ("today", "soon", "next_day")))
    return select(
        *(
            select(func.count())
            .select_from(select(Ticket.serial).where(*met).limit(COUNT_MOST).subquery())
            .scalar_subquery()
            .label(queue.value)
            for queue, met in queues.items()
            if queue is not Queue.ALL
        )
    )


# built once: the counts stand beside every list
_COUNTING = _counting()


def counts(
    session: Session, workers: Sequence[UUID], colleges: Sequence[str], today: date, calendar: WorkingDays
) -> dict[Queue, int]:
    """How many tickets each queue but ``all`` holds, counted up to COUNT_MOST."""
    soon, next_day = _soon(today, calendar)
    given = {"workers": workers, "colleges": colleges, "today": today, "soon": soon, "next_day": next_day}
    return {Queue(name): n for name, n in session.execute(_COUNTING, given).one()._mapping.items()}


def conditions(
    wanted: Wanted, workers: Sequence[UUID], colleges: Sequence[str], today: date, calendar: WorkingDays
) -> list[Condition]:
    """Everything the list must meet but its place. ``workers``: the reader and whom they stand in for today."""
    found = list(queue_conditions(wanted.queue, workers, colleges, today, calendar))
    for column, value in (
        (Ticket.state, wanted.state),
        (Ticket.kind, wanted.kind),
        (Ticket.section, wanted.section),
        (Ticket.serial, wanted.serial),
        (Ticket.college, wanted.college or None),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.handler is not None:
        found.append(Ticket.assigned_to.is_(None) if wanted.handler == NOBODY else Ticket.assigned_to == wanted.handler)
    found += between(Ticket.opened_at, wanted.opened_from, wanted.opened_to)
    found += _closed(wanted)
    if wanted.escalated:
        found.append(Ticket.escalated_at.is_not(None))
    if wanted.fact is not None and wanted.fact in FACTS:
        found.append(FACTS[wanted.fact]())
    if wanted.sorted_by is Order.DECIDED:
        found.append(Ticket.decided_at.is_not(None))
    return found


def _closed(wanted: Wanted) -> list[Condition]:
    if wanted.decided_by is None and wanted.fact not in DECISIONS:
        return between(Ticket.decided_at, wanted.closed_from, wanted.closed_to)
    met = [TicketDecision.ticket_id == Ticket.id]
    met += between(TicketDecision.decided_at, wanted.closed_from, wanted.closed_to)
    if wanted.decided_by is not None:
        met.append(TicketDecision.decided_by == wanted.decided_by)
    if wanted.fact is not None and wanted.fact in DECISIONS:
        met.append(DECISIONS[wanted.fact]())
    return [exists().where(*met)]


def between(column: InstrumentedAttribute[Any], first: date | None, last: date | None) -> list[Condition]:
    """Inside these days of the office, both included."""
    found: list[Condition] = []
    if first is not None:
        found.append(column >= day_begins(first))
    if last is not None and last < date.max:
        found.append(column < day_begins(last + timedelta(days=1)))
    return found


_KEYS: Mapping[Order, InstrumentedAttribute[Any]] = {
    Order.DUE: Ticket.presses_on,
    Order.NEWEST: Ticket.serial,
    Order.OLDEST: Ticket.serial,
    Order.TOUCHED: Ticket.touched_at,
    Order.DECIDED: Ticket.decided_at,
}


def placed(query: Select[Any], wanted: Wanted) -> Select[Any]:
    """Ordered, and continued from the cursor; a backward page comes in reverse."""
    key, cursor = _KEYS[wanted.sorted_by], wanted.cursor
    forward = cursor is None or cursor.forward
    falling = (wanted.sorted_by in DESCENDING) is forward
    if cursor is not None:
        value = _value(wanted.sorted_by, cursor.value)
        place, stand = tuple_(key, Ticket.serial), tuple_(literal(value, key.type), literal(cursor.serial))
        query = query.where(place < stand if falling else place > stand)
    columns = (key,) if key is Ticket.serial else (key, Ticket.serial)
    return query.order_by(*(c.desc() if falling else c.asc() for c in columns))


def _value(order: Order, value: int) -> Any:
    """An absurd value from an address is the nearest sensible one: the list ends there."""
    if order is Order.DUE:
        return date.fromordinal(min(max(value, 1), date.max.toordinal()))
    if order in (Order.NEWEST, Order.OLDEST):
        return value
    return moment(min(max(value, 0), 2**52))


def cursor_at(order: Order, ticket: Ticket, *, forward: bool) -> Cursor:
    """The place of this line."""
    if order is Order.DUE:
        value = ticket.presses_on.toordinal()
    elif order in (Order.NEWEST, Order.OLDEST):
        value = ticket.serial
    else:
        at = ticket.touched_at if order is Order.TOUCHED else ticket.decided_at
        assert at is not None  # the order leaves undecided ones out
        value = instant(at)
    return Cursor(forward, value, ticket.serial)
