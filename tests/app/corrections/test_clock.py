"""The clock as a pure fold: the columns, the events and a day-by-day count agree over random histories."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from app.corrections import clock
from app.corrections.clock import ClockStep, TicketClock, recompute, rule_of
from app.corrections.clocks import TicketClocks, steps_of, stored
from app.corrections.models import Ticket
from app.corrections.rules import CLOSED, EDGES, Kind, Move, State
from app.office_time import OFFICE_TIME, office_date
from app.working_days import notices
from app.working_days.calendar import WorkingDays

CALENDAR = WorkingDays(notices.load())
HISTORIES = 2500
STEP_OF: dict[Move, str] = {
    Move.TAKE: "ticket.taken",
    Move.RELEASE: "ticket.released",
    Move.ASK: "ticket.asked",
    Move.ANSWER: "ticket.answered",
    Move.EDIT: "ticket.edited",
    Move.COLLECT: "ticket.collected",
    Move.SEND_OUT: "ticket.sent_out",
    Move.UNIT_ANSWERED: "ticket.unit_answered",
    Move.ACCEPT: "ticket.decided",
    Move.REJECT: "ticket.decided",
    Move.MERGE: "ticket.merged",
    Move.WITHDRAW: "ticket.withdrawn",
    Move.REOPEN: "ticket.reopened",
    Move.APPEAL: "ticket.appealed",
}
# what else stands among a ticket's events and moves no state
BESIDE = ("ticket.noted", clock.REMINDED, clock.ESCALATED, clock.REALIGNED, "ticket.supplement_opened")
History = list[ClockStep]


def at(text: str) -> datetime:
    """A moment at the school."""
    return datetime.fromisoformat(text).replace(tzinfo=OFFICE_TIME).astimezone(UTC)


def some_moment(rng: random.Random, after: datetime) -> datetime:
    """Soon or much later, at any hour; now and then the same instant, midnight's edge, or a clock set back."""
    chance = rng.random()
    if chance < 0.1:
        return after
    if chance < 0.2:
        return after - timedelta(minutes=rng.randint(1, 4000))
    if chance < 0.4:
        day = office_date(after) + timedelta(days=rng.randint(0, 12))
        edge = rng.choice(["00:00:00", "00:00:00.000001", "23:59:00", "23:59:59.999999"])
        return max(after, at(f"{day}T{edge}"))
    return after + timedelta(seconds=rng.randint(0, 12 * 86400))


def history(seed: int) -> tuple[Kind, History]:
    """Moves the table of states allows, from the opening on, with other events between."""
    rng = random.Random(seed)
    kind = rng.choice(list(Kind))
    # across 国庆 and 春节 with their make-up days, and into a year whose arrangement is not known
    first = date(2025, 9, 20) + timedelta(days=rng.randint(0, 480))
    now = at(f"{first}T{rng.randint(0, 23):02d}:{rng.randint(0, 59):02d}:{rng.randint(0, 59):02d}")
    steps, state = [ClockStep(clock.OPENED, State.SUBMITTED, now)], State.SUBMITTED
    for _ in range(rng.randint(0, 14)):
        now = some_moment(rng, now)
        edges = [e for e in EDGES if e.source is state]
        if rng.random() < 0.2 or not edges:
            steps.append(ClockStep(rng.choice(BESIDE), state, now))
            continue
        edge = rng.choice(edges)
        state = edge.target
        steps.append(ClockStep(STEP_OF[edge.move], state, now))
    return kind, steps


def through_the_columns(kind: Kind, steps: History) -> Ticket:
    """What record_step's hook leaves in the columns, step by step."""
    keeper = TicketClocks(CALENDAR)
    ticket = Ticket(kind=kind, state=State.SUBMITTED, opened_at=steps[0].at, used_days=0)
    for step in steps:
        ticket.state = step.state
        keeper.on_step(cast(Session, None), ticket, step.type, step.at)  # no session: it may not need one
    return ticket


def used_by_days(kind: Kind, steps: History, today: date) -> int:
    """Day by day, from the definition alone: the round's working days up to today that the clock ran into and out of.

    Knows nothing of the fold: it asks for each day in which state it began and ended.
    """
    stops = rule_of(kind).stops
    # times as they were meant to be: never before the step in front
    moments: list[tuple[date, ClockStep]] = []
    for step in steps:
        day = office_date(step.at)
        moments.append((max(day, moments[-1][0]) if moments else day, step))
    begin = max(n for n, (_, s) in enumerate(moments) if s.type in clock.STARTS)
    round_ = moments[begin:]
    count, day = 0, round_[0][0] + timedelta(days=1)
    while day <= today:
        began = [s.state for d, s in round_ if d < day][-1]
        ended = [s.state for d, s in round_ if d <= day][-1]
        # on the day of a decision the work was done, and on a day still going nothing has stopped yet
        runs = began not in stops and began not in CLOSED and ended not in stops
        count += runs and CALENDAR.is_working(day)
        day += timedelta(days=1)
    return count


def late_by_days(kind: Kind, steps: History, ended_on: date) -> bool:
    """More days than there are; or, when none was left, an end on a later day off that the clock ran into."""
    rule, used = rule_of(kind), used_by_days(kind, steps, ended_on)
    if used != rule.decide_days or CALENDAR.is_working(ended_on):
        return used > rule.decide_days
    return [s.state for s in steps if office_date(s.at) < ended_on][-1] not in rule.stops


@settings(max_examples=HISTORIES, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**40))
def test_the_stored_clock_is_the_recomputed_one_and_the_one_counted_by_days(seed: int) -> None:
    kind, steps = history(seed)
    ticket = through_the_columns(kind, steps)
    again = recompute(steps, CALENDAR, kind)
    assert again is not None
    assert clock.differing(stored(ticket), again) == []
    assert ticket.clock_calendar == CALENDAR.version
    forward = all(office_date(b.at) >= office_date(a.at) for a, b in pairwise(steps))
    if not forward:
        return  # a clock set back: the two above must agree, the calendar says nothing more
    rule, last = rule_of(kind), office_date(steps[-1].at)
    assert again.answer_by == CALENDAR.add(office_date(again.started_at), rule.answer_days)
    if again.ended_at is not None:
        ended_on = office_date(again.ended_at)
        assert again.used_days == used_by_days(kind, steps, ended_on)
        assert (ended_on > again.decide_by) == late_by_days(kind, steps, ended_on)
        return
    if again.stopped_at is not None:
        for later in range(0, 30, 7):
            assert again.used_days == used_by_days(kind, steps, last + timedelta(days=later))
        return
    for later in range(0, 40, 3):  # what is used and what is left make the limit, on every day to come
        today = last + timedelta(days=later)
        assert used_by_days(kind, steps, today) + CALENDAR.between(today, again.decide_by) == rule.decide_days


def test_the_histories_are_worth_the_name() -> None:
    """Nights, holidays, make-up days, equal times, clocks set back, every state, new rounds and late ones occur."""
    states: set[State] = set()
    rounds = stopped = back = equal = off = makeup = late = silent = 0
    for seed in range(600):
        kind, steps = history(seed)
        states |= {s.state for s in steps}
        rounds += any(s.type in (clock.REOPENED, clock.APPEALED) for s in steps)
        pairs = list(pairwise(steps))
        back += any(b.at < a.at for a, b in pairs)
        equal += any(b.at == a.at for a, b in pairs)
        days = [office_date(s.at) for s in steps]
        off += any(not CALENDAR.is_working(d) and d.weekday() < 5 for d in days)
        makeup += any(CALENDAR.is_working(d) and d.weekday() > 4 for d in days)
        found = cast(TicketClock, recompute(steps, CALENDAR, kind))
        stopped += found.stopped_at is not None
        silent += any(a.state in rule_of(kind).stops and b.state in CLOSED for a, b in pairs)
        late += found.used_days > rule_of(kind).decide_days
    assert states == set(State) - {State.AWAITING_SECOND, State.RESOLVED}  # the services' own targets of ACCEPT
    seen = (rounds, stopped, back, equal, off, makeup, late, silent)
    assert min(seen) >= 10, seen


def test_a_fold_that_forgets_the_waiting_would_be_found() -> None:
    """The count by days is no copy of the fold: it disagrees with a clock that never stops."""
    steps = [
        ClockStep(clock.OPENED, State.SUBMITTED, at("2026-06-01T09:00")),
        ClockStep("ticket.asked", State.NEEDS_INFO, at("2026-06-02T09:00")),
        ClockStep("ticket.answered", State.IN_REVIEW, at("2026-06-10T09:00")),
    ]
    right = cast(TicketClock, recompute(steps, CALENDAR, Kind.OTHER))
    never = [ClockStep(s.type, State.IN_REVIEW, s.at) for s in steps]
    wrong = cast(TicketClock, recompute(never, CALENDAR, Kind.OTHER))
    assert used_by_days(Kind.OTHER, steps, date(2026, 6, 10)) == 0
    assert CALENDAR.between(date(2026, 6, 10), right.decide_by) == 15
    assert CALENDAR.between(date(2026, 6, 10), wrong.decide_by) == 8
    assert list(clock.differing(right, wrong)) == ["decide_by", "counted_through"]


@pytest.mark.parametrize(
    ("opened", "answer_by", "decide_by"),
    [
        ("2026-06-01T09:00", date(2026, 6, 4), date(2026, 6, 23)),
        ("2026-06-01T00:00", date(2026, 6, 4), date(2026, 6, 23)),
        ("2026-05-31T23:59:59", date(2026, 6, 3), date(2026, 6, 22)),  # a Sunday's last second
        ("2026-10-01T23:59", date(2026, 10, 10), date(2026, 10, 27)),  # a holiday at 23:59; the 10th is worked
        ("2026-10-08T00:00", date(2026, 10, 12), date(2026, 10, 28)),
        ("2026-02-13T23:59", date(2026, 2, 25), date(2026, 3, 12)),  # the 14th is worked, then 春节
        ("2026-12-25T10:00", date(2026, 12, 30), date(2027, 1, 18)),  # into a year without its arrangement
        ("2031-09-29T10:00", date(2031, 10, 2), date(2031, 10, 20)),  # a year nobody knows: Monday to Friday
    ],
)
def test_where_a_clock_ends(opened: str, answer_by: date, decide_by: date) -> None:
    fresh = recompute([ClockStep(clock.OPENED, State.SUBMITTED, at(opened))], CALENDAR, Kind.OTHER)
    assert fresh is not None
    assert (fresh.answer_by, fresh.decide_by) == (answer_by, decide_by)


def run(kind: Kind, *moves: tuple[str, State, str]) -> TicketClock:
    return cast(TicketClock, recompute([ClockStep(t, s, at(when)) for t, s, when in moves], CALENDAR, kind))


OPEN = (clock.OPENED, State.SUBMITTED, "2026-06-01T09:00")


@pytest.mark.parametrize(
    ("asked", "answered", "decide_by"),
    [
        ("2026-06-03T09:00", "2026-06-03T17:00", date(2026, 6, 23)),  # within a day: nothing is given back
        ("2026-06-03T09:00", "2026-06-04T09:00", date(2026, 6, 25)),  # the day of the ask and that of the answer
        ("2026-06-03T23:59:59", "2026-06-04T00:00", date(2026, 6, 25)),
        ("2026-06-05T18:00", "2026-06-08T09:00", date(2026, 6, 25)),
        ("2026-06-06T10:00", "2026-06-07T10:00", date(2026, 6, 23)),  # a weekend
        ("2026-06-23T16:00", "2026-07-23T09:00", date(2026, 7, 24)),  # on the last day: that day is left
        ("2026-06-25T16:00", "2026-07-23T09:00", date(2026, 7, 22)),  # a day late: a day late it stays
    ],
)
def test_waiting_for_the_graduate(asked: str, answered: str, decide_by: date) -> None:
    waiting = run(Kind.OTHER, OPEN, ("ticket.asked", State.NEEDS_INFO, asked))
    assert waiting.stopped_at == at(asked)
    assert waiting.decide_by == date(2026, 6, 23)  # stands where it stood
    assert waiting.answered_at == at(asked)
    after = run(
        Kind.OTHER, OPEN, ("ticket.asked", State.NEEDS_INFO, asked), ("ticket.answered", State.IN_REVIEW, answered)
    )
    assert (after.stopped_at, after.decide_by) == (None, decide_by)


def test_waiting_for_a_forming_unit_counts_unless_the_kind_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    out = ("ticket.sent_out", State.WITH_UNIT, "2026-06-02T09:00")
    back = ("ticket.unit_answered", State.IN_REVIEW, "2026-06-09T09:00")
    assert run(Kind.FORMING_UNIT, OPEN, out).stopped_at is None
    plain = run(Kind.FORMING_UNIT, OPEN, out, back)
    assert plain.decide_by == CALENDAR.add(date(2026, 6, 1), rule_of(Kind.FORMING_UNIT).decide_days)
    days = rule_of(Kind.FORMING_UNIT)
    stopping = clock.ClockRule(days.answer_days, days.decide_days, days.stops | {State.WITH_UNIT})
    monkeypatch.setattr(clock, "rule_of", lambda _: stopping)
    assert run(Kind.FORMING_UNIT, OPEN, out).stopped_at == at("2026-06-02T09:00")
    assert run(Kind.FORMING_UNIT, OPEN, out, back).decide_by == CALENDAR.add(date(2026, 6, 9), days.decide_days)


@pytest.mark.parametrize(
    ("step", "state", "answered"),
    [(clock.REOPENED, State.IN_REVIEW, "2026-06-20T10:00"), (clock.APPEALED, State.SUBMITTED, None)],
)
def test_a_new_round_is_a_new_clock(step: str, state: State, answered: str | None) -> None:
    decided = ("ticket.decided", State.REJECTED, "2026-06-10T10:00")
    late = (clock.ESCALATED, State.SUBMITTED, "2026-06-06T00:10")
    before = run(Kind.OTHER, OPEN, late, decided)
    assert (before.used_days, before.ended_at, before.escalated_at) == (7, at(decided[2]), at(late[2]))
    again = run(Kind.OTHER, OPEN, late, decided, (step, state, "2026-06-20T10:00"))
    assert again.started_at == at("2026-06-20T10:00")  # a Saturday in 端午
    assert (again.answer_by, again.decide_by) == (date(2026, 6, 24), date(2026, 7, 10))
    assert again.answered_at == (at(answered) if answered else None)
    assert (again.used_days, again.ended_at, again.escalated_at) == (0, None, None)


def test_after_the_end_nothing_moves_and_withdrawing_while_it_waits_counts_nothing() -> None:
    ended = run(Kind.OTHER, OPEN, ("ticket.decided", State.APPLIED, "2026-06-03T10:00"))
    later = run(
        Kind.OTHER,
        OPEN,
        ("ticket.decided", State.APPLIED, "2026-06-03T10:00"),
        ("ticket.noted", State.APPLIED, "2026-06-09T10:00"),
    )
    assert ended == later
    asked = ("ticket.asked", State.NEEDS_INFO, "2026-06-03T10:00")
    gone = run(Kind.OTHER, OPEN, asked, ("ticket.withdrawn", State.WITHDRAWN, "2026-06-30T10:00"))
    assert (gone.used_days, gone.stopped_at, gone.ended_at) == (1, None, at("2026-06-30T10:00"))


@pytest.mark.parametrize(
    ("asked", "rejected", "decide_by"),
    [
        ("2026-06-03T10:00", "2026-08-03T10:00", date(2026, 8, 21)),  # two months of silence are nobody's delay
        ("2026-06-03T10:00", "2026-06-03T12:00", date(2026, 6, 23)),
        ("2026-06-25T16:00", "2026-08-03T10:00", date(2026, 7, 31)),  # asked a day late: a day late it stays
    ],
)
def test_deciding_while_it_waits_counts_as_if_it_had_gone_on_that_day(
    asked: str, rejected: str, decide_by: date
) -> None:
    ended = run(
        Kind.OTHER,
        OPEN,
        ("ticket.asked", State.NEEDS_INFO, asked),
        ("ticket.decided", State.REJECTED, rejected),
    )
    assert (ended.decide_by, ended.stopped_at, ended.ended_at) == (decide_by, None, at(rejected))


def test_events_at_one_instant_count_in_their_order() -> None:
    when = "2026-06-03T10:00"
    asked, answered = ("ticket.asked", State.NEEDS_INFO, when), ("ticket.answered", State.IN_REVIEW, when)
    assert run(Kind.OTHER, OPEN, asked, answered).stopped_at is None
    assert run(Kind.OTHER, OPEN, asked, answered, asked).stopped_at == at(when)


def test_a_clock_set_back_takes_no_day_twice_and_gives_none_away() -> None:
    asked = ("ticket.asked", State.NEEDS_INFO, "2026-06-03T10:00")
    back = run(Kind.OTHER, OPEN, asked, ("ticket.answered", State.IN_REVIEW, "2026-05-20T10:00"))
    assert (back.stopped_at, back.decide_by, back.used_days) == (None, date(2026, 6, 23), 1)
    early = run(Kind.OTHER, OPEN, ("ticket.asked", State.NEEDS_INFO, "2026-05-20T10:00"))
    assert (early.used_days, early.decide_by) == (0, date(2026, 6, 23))
    ended = run(Kind.OTHER, OPEN, ("ticket.decided", State.APPLIED, "2026-05-20T10:00"))
    assert ended.used_days == 0


def test_taking_a_ticket_and_putting_it_back_at_once_is_no_answer() -> None:
    taken = (clock.TAKEN, State.IN_REVIEW, "2026-06-02T10:00:00")
    undone = (clock.UNDONE, State.SUBMITTED, "2026-06-02T10:00:08")
    assert run(Kind.OTHER, OPEN, taken).answered_at == at("2026-06-02T10:00:00")
    assert run(Kind.OTHER, OPEN, taken, undone).answered_at is None
    later = ("ticket.replied", State.SUBMITTED, "2026-06-03T10:00:00")
    assert run(Kind.OTHER, OPEN, taken, undone, later).answered_at == at("2026-06-03T10:00:00")
    assert run(Kind.OTHER, OPEN, later, taken, undone).answered_at == at("2026-06-03T10:00:00")


def test_events_without_a_state_or_an_opening() -> None:
    opened = at("2026-06-01T09:00")
    ticket = Ticket(kind=Kind.OTHER, state=State.IN_REVIEW, opened_at=opened)
    moved: list[Any] = [("ticket.asked", "needs_info", at("2026-06-02T09:00")), ("ticket.noted", None, opened)]
    assert [s.state for s in steps_of(ticket, moved)] == [State.SUBMITTED, State.NEEDS_INFO, State.NEEDS_INFO]
    assert steps_of(ticket, []) == [ClockStep(clock.OPENED, State.SUBMITTED, opened)]
