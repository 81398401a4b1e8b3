"""Every move from every state by both sides, against the table of edges."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from app.actors import Actor
from app.corrections import rules
from app.corrections.casework import SentFile
from app.corrections.rules import EDGES, KINDS, Guard, Kind, Move, Side, Standing, State
from app.corrections.views import MissingMaterial, TicketLine, TicketView
from app.corrections.words import STEP_LABELS
from app.dossiers.rules import Section
from app.errors import Conflict, Invalid
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, reader
from tests.app.corrections.handbook import kind_lines, machine_lines, undo_lines
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg

ROOT = Path(__file__).resolve().parents[3]
BY_SIDE = {
    Side.GRADUATE: (Move.ANSWER, Move.WITHDRAW, Move.APPEAL),
    Side.STAFF: tuple(m for m in Move if m not in (Move.ANSWER, Move.WITHDRAW, Move.APPEAL)),
}
# a state that only a kind without a record change reaches, and moves that only one kind takes
KIND_FOR = {
    Move.COLLECT: Kind.MISSING_MATERIAL,
    Move.SEND_OUT: Kind.FORMING_UNIT,
    Move.UNIT_ANSWERED: Kind.FORMING_UNIT,
}
EARLY = (State.SUBMITTED, State.IN_REVIEW, State.NEEDS_INFO)
DECIDED = (State.APPLIED, State.RESOLVED, State.REJECTED)


def act(lantai: Lantai, move: Move, staff: Actor, own: Actor, ticket: TicketLine, survivor: UUID) -> TicketView:
    at = (ticket.id, ticket.version)
    scan = SentFile(jpeg(7), "image/jpeg")
    values = {"ethnicity": "回族"} if ticket.section is Section.IDENTITY else {"grade": "88"}
    calls: dict[Move, Callable[[], TicketView]] = {
        Move.TAKE: lambda: lantai.desk.take(staff, *at),
        Move.RELEASE: lambda: lantai.casework.release(staff, *at),
        Move.ASK: lambda: lantai.desk.ask(staff, *at, "请补充"),
        Move.EDIT: lambda: lantai.casework.edit(staff, *at, values),
        Move.COLLECT: lambda: lantai.casework.collect(staff, *at, MissingMaterial("7", "三好学生登记表"), scan),
        Move.SEND_OUT: lambda: lantai.casework.send_out(staff, *at, "已函请教务处核实"),
        Move.UNIT_ANSWERED: lambda: lantai.casework.unit_answered(staff, *at, scan),
        Move.ACCEPT: lambda: lantai.desk.accept(staff, *at, "已核"),
        Move.REJECT: lambda: lantai.desk.reject(staff, *at, "duplicate", "重复"),
        Move.MERGE: lambda: lantai.casework.merge(staff, *at, survivor),
        Move.REOPEN: lambda: lantai.casework.reopen(staff, *at, "核对时看错了行"),
        Move.ANSWER: lambda: lantai.corrections.add_information(own, *at, "补充"),
        Move.WITHDRAW: lambda: lantai.corrections.withdraw(own, *at),
        Move.APPEAL: lambda: lantai.corrections.appeal(own, *at, "请重新核对"),
    }
    return calls[move]()


def test_the_table_is_complete_and_closed_states_open_by_two_moves_alone() -> None:
    for state in State:
        for side in Side:
            moves = rules.moves(state, side)
            assert set(moves) <= set(BY_SIDE[side])
            assert all(rules.target(m, state, side) is not None for m in moves)
            if state in rules.CLOSED:
                assert set(moves) <= {Move.REOPEN, Move.APPEAL}
                assert bool(moves) == (state in DECIDED)
    reached = {e.target for e in EDGES} | {State.SUBMITTED, State.AWAITING_SECOND, State.RESOLVED}
    assert reached == set(State)
    assert {e.move for e in EDGES} == set(Move)
    assert len({(e.move, e.source, e.by) for e in EDGES}) == len(EDGES)
    assert set(rules.STATE_LABELS) == set(State)
    assert set(rules.GUARD_WORDS) == set(Guard)
    assert {f"ticket.{m.step}" for m in Move} <= set(STEP_LABELS)


@pytest.mark.parametrize("state", list(State))
def test_every_move_does_what_the_table_says(
    state: State,
    graduate_factory: Callable[..., Person],
    brought_to: BroughtTo,
    open_for: OpenFor,
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    for side, moves in BY_SIDE.items():
        for move in moves:
            person, first = graduate_factory(), clerk()
            survivor = open_for(person, Kind.OTHER).line.id
            ticket = brought_to(person, state, first, KIND_FOR.get(move) if state in EARLY else None).line
            assert ticket.state is state
            staff, own = (first if move is Move.RELEASE else clerk()), reader(person, clock)
            before = lantai.desk.ticket(staff, ticket.id)
            standing = Standing(KINDS[ticket.kind], clock.now(), handled_by_reader=staff is first)
            wanted, refused = rules.target(move, state, side), rules.refusal(move, state, side, standing, clock.now())
            if wanted is None or refused is not None:
                with pytest.raises(Conflict) as caught:
                    act(lantai, move, staff, own, ticket, survivor)
                assert caught.value.code == refused, (state, move)
                assert lantai.desk.ticket(staff, ticket.id).line.version == ticket.version
                continue
            clock.advance(seconds=1)
            act(lantai, move, staff, own, ticket, survivor)
            moved = lantai.desk.ticket(staff, ticket.id)
            assert moved.line.state is wanted, (state, move)
            assert moved.line.version > ticket.version, (state, move)
            step = moved.timeline[-1]
            assert (step.type, step.state) == (f"ticket.{move.step}", wanted.value), (state, move)
            assert moved.approvals == before.approvals or not moved.approvals or move is Move.ACCEPT


def test_the_handbook_shows_the_table_as_it_is() -> None:
    text = (ROOT / "docs" / "corrections.md").read_text(encoding="utf-8")
    for line in (*machine_lines(), *undo_lines(), *kind_lines()):
        assert line in text, line


def test_an_accepted_ticket_without_a_change_is_resolved_and_touches_no_record(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    ticket = open_for(graduate_factory(), Kind.OTHER).line
    done = lantai.desk.accept(clerk(), ticket.id, ticket.version)
    assert (done.line.state, done.applied_version) == (State.RESOLVED, None)


def test_deadlines_and_being_overdue(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    ticket = open_for(graduate_factory()).line
    assert (ticket.answer_by, ticket.decide_by) == (date(2026, 6, 4), date(2026, 6, 23))
    staff = clerk()
    clock.advance(days=22)
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
