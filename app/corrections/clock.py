"""The clock of a ticket: a fold over its events. Pure: steps, a calendar and the kind's rule in, dates out.

What counts. A working day counts when the clock runs as the day begins and as it ends, at the school. So the day of
the opening does not count (民法典 art. 201), the day of an ask and the day of its answer do not count, a day that saw
both does, and on the last day there is time until midnight. Waiting for the graduate stops the clock; waiting for a
forming unit only where the kind says so. A new round (reopened, appealed) starts a new clock.

Events are taken in their order in the log. A time before the clock's last change, from a machine whose own clock was
set back, counts as the time of that change.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from app.corrections.rules import CLOSED, KINDS, Kind, State
from app.office_time import office_date
from app.working_days.calendar import ONE_DAY, WorkingDays

OPENED, REOPENED, APPEALED = "ticket.opened", "ticket.reopened", "ticket.appealed"
ESCALATED, REMINDED, REALIGNED = "ticket.escalated", "ticket.reminded", "ticket.clock_realigned"
TAKEN, UNDONE = "ticket.taken", "ticket.undone"
STARTS = frozenset({OPENED, REOPENED, APPEALED})
ANSWERS = frozenset(
    {
        TAKEN,
        "ticket.asked",
        "ticket.replied",
        "ticket.sent_out",
        "ticket.unit_answered",
        "ticket.collected",
        "ticket.approved_once",
        "ticket.decided",
        REOPENED,  # staff have spoken by it
    }
)
"""What the graduate sees of the desk's work: the first of them is the first answer."""


@dataclass(frozen=True, slots=True)
class ClockRule:
    """Working days, and the states in which the decision's clock stands still."""

    answer_days: int
    decide_days: int
    stops: frozenset[State]


def rule_of(kind: Kind) -> ClockRule:
    clocks = KINDS[kind].clocks
    stops = {State.NEEDS_INFO, *([State.WITH_UNIT] if clocks.unit_stops else [])}
    return ClockRule(clocks.first_answer, clocks.decision, frozenset(stops))


@dataclass(frozen=True, slots=True)
class ClockStep:
    """One event of a ticket: its type, the state the ticket had after it, and when."""

    type: str
    state: State
    at: datetime


@dataclass(frozen=True, slots=True)
class TicketClock:
    """The clock of the present round.

    ``used_days``: working days counted up to and including ``counted_through``. ``decide_by`` of a stopped clock is
    where it stood when it stopped. ``ended_at``: the round was decided, withdrawn or merged.
    """

    started_at: datetime
    answer_by: date
    decide_by: date
    counted_through: date
    used_days: int = 0
    answered_at: datetime | None = None
    stopped_at: datetime | None = None
    ended_at: datetime | None = None
    escalated_at: datetime | None = None


def start(at: datetime, calendar: WorkingDays, rule: ClockRule) -> TicketClock:
    day = office_date(at)
    return TicketClock(at, calendar.add(day, rule.answer_days), calendar.add(day, rule.decide_days), day)


def advance(clock: TicketClock | None, step: ClockStep, calendar: WorkingDays, rule: ClockRule) -> TicketClock:
    """The clock after one more step."""
    # whatever opens a closed ticket starts a new clock
    if clock is None or step.type in STARTS or (clock.ended_at is not None and step.state not in CLOSED):
        clock = start(step.at, calendar, rule)
    if step.type in ANSWERS and clock.answered_at is None:
        clock = replace(clock, answered_at=step.at)
    if step.type == ESCALATED and clock.escalated_at is None:
        clock = replace(clock, escalated_at=step.at)
    if clock.ended_at is not None:
        return clock
    if step.state in CLOSED:
        return _end(clock, step.at, calendar, rule)
    if step.state in rule.stops:
        return clock if clock.stopped_at is not None else _stop(clock, step.at, calendar)
    return clock if clock.stopped_at is None else _resume(clock, step.at, calendar, rule)


def _end(clock: TicketClock, at: datetime, calendar: WorkingDays, rule: ClockRule) -> TicketClock:
    """The day of the end counts, if the clock ran into it: the work was done on it. A clock that stood still goes on
    first, so that the days of waiting make nobody late.
    """
    if clock.stopped_at is not None:
        clock = _resume(clock, at, calendar, rule)
    day = max(office_date(at), clock.counted_through)
    used = clock.used_days + calendar.between(clock.counted_through, day)
    return replace(clock, ended_at=at, used_days=used, counted_through=day)


def _stop(clock: TicketClock, at: datetime, calendar: WorkingDays) -> TicketClock:
    """The day of the stop is left open: it counts after all if the clock goes on before its midnight."""
    before = max(office_date(at) - ONE_DAY, clock.counted_through)
    used = clock.used_days + calendar.between(clock.counted_through, before)
    return replace(clock, stopped_at=at, used_days=used, counted_through=before)


def _resume(clock: TicketClock, at: datetime, calendar: WorkingDays, rule: ClockRule) -> TicketClock:
    assert clock.stopped_at is not None
    if office_date(at) <= office_date(clock.stopped_at):
        return replace(clock, stopped_at=None)
    day = max(office_date(at), clock.counted_through)
    decide_by = calendar.add(day, rule.decide_days - clock.used_days)
    return replace(clock, stopped_at=None, counted_through=day, decide_by=decide_by)


def without_undone(steps: Iterable[ClockStep]) -> list[ClockStep]:
    """What was taken back at once was no answer: such a step moves the state there and back and says nothing."""
    kept: list[ClockStep] = []
    for step in steps:
        if step.type == UNDONE and kept:
            kept[-1] = replace(kept[-1], type=UNDONE)
        kept.append(step)
    return kept


def recompute(steps: Iterable[ClockStep], calendar: WorkingDays, kind: Kind) -> TicketClock | None:
    """The clock by all steps from the first; None without any."""
    rule, clock = rule_of(kind), None
    for step in without_undone(steps):
        clock = advance(clock, step, calendar, rule)
    return clock


def differing(one: TicketClock | None, other: TicketClock | None) -> Sequence[str]:
    """Names of what two clocks do not agree on."""
    names = TicketClock.__slots__
    return [n for n in names if getattr(one, n, None) != getattr(other, n, None)]
