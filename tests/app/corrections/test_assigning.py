"""Who works a ticket: by hand, by turn, by the college's team; and the history of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence

import pytest
from sqlalchemy.orm import Session

from app.actors import Actor, Role
from app.corrections.assigning import AssignmentService, How
from app.corrections.book import TicketBook
from app.corrections.clocks import TicketClocks
from app.corrections.queue_rules import Wanted
from app.corrections.rules import Kind, State
from app.errors import Conflict, Forbidden, Invalid, NotFound, VersionMismatch
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.app.corrections.test_approvals import at_once
from tests.conftest import Person
from tests.fakes import FakeClock

People = Callable[..., Person]


def test_by_hand_to_oneself_and_back(graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai) -> None:
    one, two, ticket = clerk(), clerk(Role.REVIEWER), open_for(graduate_factory()).line
    assert lantai.assigning.assign(one, ticket.id, ticket.version, two.id) == two.id
    given = lantai.desk.ticket(two, ticket.id)
    assert (given.line.assigned_to, given.line.state) == (two.id, State.SUBMITTED)
    with pytest.raises(VersionMismatch):
        lantai.assigning.assign(one, ticket.id, ticket.version, How.ME)
    with pytest.raises(Conflict, match="assigned_already"):
        lantai.assigning.assign(one, ticket.id, given.line.version, two.id)
    assert lantai.assigning.assign(one, ticket.id, given.line.version, How.ME) == one.id
    mine = lantai.desk.ticket(one, ticket.id).line
    assert lantai.assigning.assign(two, ticket.id, mine.version, How.NOBODY) is None
    free = lantai.desk.ticket(one, ticket.id)
    assert free.line.assigned_to is None
    steps = [s.type for s in free.timeline]
    assert steps == ["ticket.opened", "ticket.assigned", "ticket.assigned", "ticket.unassigned"]
    with lantai.db.transaction() as session:
        told = [e.data for e in lantai.log.of_object(session, "ticket", ticket.id) if e.type == "ticket.assigned"]
    assert [(d["to"], d["how"]) for d in told] == [(str(two.id), "hand"), (str(one.id), "me")]


def test_who_cannot_be_given_a_ticket(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    one, ticket = clerk(), open_for(graduate_factory()).line
    for stranger in (clerk(Role.ADMINISTRATOR).id, clerk(Role.DISPATCHER).id, uuid.uuid4()):
        with pytest.raises(Invalid):
            lantai.assigning.assign(one, ticket.id, ticket.version, stranger)
    for nobody in (clerk(Role.ADMINISTRATOR), clerk(Role.AUDITOR), clerk(Role.DISPATCHER)):
        with pytest.raises(Forbidden):
            lantai.assigning.assign(nobody, ticket.id, ticket.version, How.ME)
    with pytest.raises(NotFound):
        lantai.assigning.assign(one, uuid.uuid4(), 1, How.ME)
    with pytest.raises(Conflict, match="assigned_to_nobody"):
        lantai.assigning.assign(one, ticket.id, ticket.version, How.NOBODY)
    closed = lantai.desk.reject(one, ticket.id, ticket.version, "record_is_right", "无误").line
    with pytest.raises(Conflict, match="ticket_closed"):
        lantai.assigning.assign(one, ticket.id, closed.version, clerk().id)


def test_turns_go_round_and_pass_over_the_absent(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    """Whoever waits longest is next; somebody who comes back is not given all at once what they missed."""
    desk = [clerk() for _ in range(3)]
    clerk(Role.ADMINISTRATOR)
    away: set[uuid.UUID] = set()

    class Board:
        def present_members(self, session: Session) -> Sequence[uuid.UUID]:
            return [a.id for a in desk if a.id not in away]

    book = TicketBook(lantai.people, lantai.log, lantai.queue, lantai.clock, TicketClocks(lantai.calendar))
    assigning, person = AssignmentService(lantai.db, book, Board()), graduate_factory()

    def turn() -> int:
        ticket = open_for(person, Kind.OTHER).line
        clock.advance(minutes=1)
        given = assigning.assign(desk[0], ticket.id, ticket.version, How.TURN)
        return [a.id for a in desk].index(given)  # type: ignore[arg-type]

    assert sorted(turn() for _ in range(3)) == [0, 1, 2]
    round_two = [turn() for _ in range(3)]
    assert sorted(round_two) == [0, 1, 2]
    away.add(desk[round_two[0]].id)
    assert [turn() for _ in range(3)] == [round_two[1], round_two[2], round_two[1]]
    away.clear()
    assert [turn() for _ in range(3)] == [round_two[0], round_two[2], round_two[1]]
    away.update(a.id for a in desk)
    ticket = open_for(person, Kind.OTHER).line
    with pytest.raises(Conflict, match="nobody_present"):
        assigning.assign(desk[0], ticket.id, ticket.version, How.TURN)


def test_turns_at_once_name_different_persons(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    desk, person = [clerk() for _ in range(4)], graduate_factory()
    tickets = [open_for(person, Kind.OTHER).line for _ in range(4)]
    found = at_once(*[lambda t=t: lantai.assigning.assign(desk[0], t.id, t.version, How.TURN) for t in tickets])
    assert sorted(map(str, found)) == sorted(str(a.id) for a in desk)


def test_by_college(graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai) -> None:
    one, two, other, keeper = clerk(), clerk(), clerk(), clerk(Role.REVIEWER)
    person = graduate_factory(college="数学学院")

    def give() -> uuid.UUID | None:
        ticket = open_for(person, Kind.OTHER).line
        return lantai.assigning.assign(other, ticket.id, ticket.version, How.COLLEGE)

    with pytest.raises(Conflict, match="nobody_responsible"):
        give()
    lantai.assigning.set_team(keeper, "数学学院", [one.id, two.id])
    assert {give(), give()} == {one.id, two.id}
    lantai.assigning.set_team(keeper, "数学学院", [two.id])
    assert [give(), give()] == [two.id, two.id]
    (line,) = [d for d in lantai.assigning.duties(other) if d.college == "数学学院"]
    assert [member for member, _ in line.members] == [two.id]
    with pytest.raises(Forbidden):
        lantai.assigning.set_team(one, "数学学院", [one.id])
    with pytest.raises(Invalid):
        lantai.assigning.set_team(keeper, "数学学院", [clerk(Role.AUDITOR).id])


def test_an_assignment_leaves_an_agreement_standing_and_the_graduates_page_without_names(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, one, two = graduate_factory(), clerk(), clerk()
    ticket = open_for(person, Kind.STATUTORY_IDENTITY).line
    once = lantai.desk.accept(one, ticket.id, ticket.version).line
    lantai.assigning.assign(one, ticket.id, once.version, two.id)
    assert len(lantai.desk.ticket(two, ticket.id).approvals) == 1
    shown = lantai.corrections.ticket(reader(person, clock), ticket.id)
    assert str(two.id) not in repr(shown.timeline)


def test_what_somebody_leaves_behind_goes_back_to_the_queue(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    leaver, admin, person = clerk(), clerk(Role.ADMINISTRATOR), graduate_factory()
    tickets = [open_for(person, Kind.OTHER).line for _ in range(3)]
    for t in tickets:
        lantai.assigning.assign(leaver, t.id, t.version, How.ME)
    done = lantai.desk.ticket(leaver, tickets[0].id).line
    lantai.desk.accept(leaver, done.id, done.version)
    with lantai.db.transaction() as session:
        assert lantai.assigning.hand_over(session, admin, leaver.id) == 2
    left = [lantai.desk.ticket(leaver, t.id).line.assigned_to for t in tickets]
    assert left == [leaver.id, None, None]


def test_nobody_outside_the_desk_gets_a_list(clerk: Clerk, lantai: Lantai) -> None:
    outsider: Actor = clerk(Role.ADMINISTRATOR)
    for call in (
        lambda: lantai.ticket_queues.page(outsider, Wanted()),
        lambda: lantai.ticket_queues.counts(outsider),
        lambda: lantai.ticket_queues.export(outsider, Wanted()),
        lambda: lantai.saved_views.views(outsider),
        lambda: lantai.macros.macros(outsider),
    ):
        with pytest.raises(Forbidden):
            call()
