"""Every move from every state by both sides, against the table of edges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from app.actors import Actor
from app.corrections import rules
from app.corrections.rules import EDGES, Kind, Move, Side, State
from app.corrections.views import TicketLine, TicketView
from app.errors import Conflict, Invalid
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.conftest import Person
from tests.fakes import FakeClock

BY_SIDE = {
    Side.STAFF: (Move.TAKE, Move.ASK, Move.ACCEPT, Move.REJECT),
    Side.GRADUATE: (Move.ANSWER, Move.WITHDRAW),
}


def act(lantai: Lantai, move: Move, staff: Actor, own: Actor, ticket: TicketLine) -> TicketView:
    at = (ticket.id, ticket.version)
    calls: dict[Move, Callable[[], TicketView]] = {
        Move.TAKE: lambda: lantai.desk.take(staff, *at),
        Move.ASK: lambda: lantai.desk.ask(staff, *at, "请补充"),
        Move.ACCEPT: lambda: lantai.desk.accept(staff, *at, "已核"),
        Move.REJECT: lambda: lantai.desk.reject(staff, *at, "duplicate", "重复"),
        Move.ANSWER: lambda: lantai.corrections.add_information(own, *at, "补充"),
        Move.WITHDRAW: lambda: lantai.corrections.withdraw(own, *at),
    }
    return calls[move]()


def test_the_table_is_complete_and_closed_states_lead_nowhere() -> None:
    for state in State:
        for side in Side:
            moves = rules.moves(state, side)
            assert set(moves) <= set(BY_SIDE[side])
            assert all(rules.target(m, state, side) is not None for m in moves)
            assert not (state in rules.CLOSED and moves)
    reached = {e.target for e in EDGES} | {State.SUBMITTED, State.AWAITING_SECOND, State.RESOLVED}
    assert reached == set(State)
    assert len({(e.move, e.source, e.by) for e in EDGES}) == len(EDGES)
    assert set(rules.STATE_LABELS) == set(State)


@pytest.mark.parametrize("state", list(State))
def test_every_move_does_what_the_table_says(
    state: State,
    graduate_factory: Callable[..., Person],
    brought_to: Callable[[Person, State], TicketView],
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    for side, moves in BY_SIDE.items():
        for move in moves:
            person = graduate_factory()
            ticket = brought_to(person, state).line
            assert ticket.state is state
            staff, own = clerk(), reader(person, clock)
            wanted = rules.target(move, state, side)
            if wanted is None:
                with pytest.raises(Conflict) as caught:
                    act(lantai, move, staff, own, ticket)
                assert caught.value.code == "move_not_allowed", (state, move)
                assert lantai.desk.ticket(staff, ticket.id).line.version == ticket.version
                continue
            clock.advance(seconds=1)
            moved = act(lantai, move, staff, own, ticket)
            assert moved.line.state is wanted, (state, move)
            assert moved.line.version > ticket.version, (state, move)
            assert moved.timeline[-1].state == wanted.value


def test_an_accepted_ticket_without_a_change_is_resolved_and_touches_no_record(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    ticket = open_for(graduate_factory(), Kind.MISSING_MATERIAL).line
    done = lantai.desk.accept(clerk(), ticket.id, ticket.version)
    assert (done.line.state, done.applied_version) == (State.RESOLVED, None)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 6, 1), 3, date(2026, 6, 4)),
        (date(2026, 6, 5), 1, date(2026, 6, 8)),
        (date(2026, 6, 6), 1, date(2026, 6, 8)),
        (date(2026, 6, 1), 15, date(2026, 6, 22)),
    ],
)
def test_working_days(start: date, days: int, end: date) -> None:
    assert rules.add_working_days(start, days) == end
    assert rules.working_days_between(start, end) == days
    assert rules.working_days_between(end, start) == -days


def test_deadlines_and_being_overdue(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    ticket = open_for(graduate_factory()).line
    assert (ticket.answer_by, ticket.decide_by) == (date(2026, 6, 4), date(2026, 6, 22))
    staff = clerk()
    clock.advance(days=21)
    assert not lantai.desk.ticket(staff, ticket.id).line.overdue
    clock.advance(days=1)
    assert lantai.desk.ticket(staff, ticket.id).line.overdue
    assert lantai.desk.counts(staff)["overdue"] == 1
    lantai.desk.reject(staff, ticket.id, ticket.version, "other", "已说明")
    assert not lantai.desk.ticket(staff, ticket.id).line.overdue


def test_a_refusal_gives_a_known_reason_words_and_the_way_to_appeal(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person = graduate_factory()
    ticket, staff = open_for(person).line, clerk()
    for reason, note, pointer in (
        ("because", "x", "/reason"),
        ("other", "  ", "/note"),
        ("other", "a\u202eb", "/note"),
    ):
        with pytest.raises(Invalid) as caught:
            lantai.desk.reject(staff, ticket.id, ticket.version, reason, note)
        assert [f.pointer for f in caught.value.faults] == [pointer]
    lantai.desk.reject(staff, ticket.id, ticket.version, "record_is_right", "原件为 80 分")
    seen = lantai.corrections.ticket(reader(person, clock), ticket.id)
    assert seen.reason == rules.REJECTION_REASONS["record_is_right"]
    assert "复核" in (seen.appeal or "")
    assert (seen.messages[-1].author, seen.messages[-1].text) == ("档案管理部门", "原件为 80 分")
