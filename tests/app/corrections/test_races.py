"""Two at once on one ticket, on PostgreSQL: one wins, the other is told why not, and nothing is half-done."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select

from app.corrections.models import Ticket, TicketDecision, TicketMessage
from app.corrections.rules import Kind, State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import BroughtTo, OpenFor, reader
from tests.app.corrections.racing import raced, steps
from tests.conftest import Person
from tests.fakes import FakeClock

People = Callable[..., Person]


def said(lantai: Lantai, ticket: Ticket) -> int:
    with lantai.db.transaction() as session:
        return len(session.scalars(select(TicketMessage.id).where(TicketMessage.ticket_id == ticket.id)).all())


def row(lantai: Lantai, ticket_id: object) -> Ticket:
    with lantai.db.transaction() as session:
        return session.get_one(Ticket, ticket_id)


def test_one_ticket_merged_into_two_at_once_goes_into_one(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person, one, two = graduate_factory(), clerk(), clerk()
    left, right, twin = (open_for(person, Kind.OTHER).line for _ in range(3))
    found = raced(
        lantai,
        twin.id,
        lambda: lantai.casework.merge(one, twin.id, twin.version, left.id).line.id,
        lambda: lantai.casework.merge(two, twin.id, twin.version, right.id).line.id,
    )
    won, lost = (left, right) if found[0] == left.id else (right, left)
    assert found == ([left.id, "ticket_changed"] if won is left else ["ticket_changed", right.id])
    merged = row(lantai, twin.id)
    assert (merged.state, merged.merged_into, merged.version) == (State.MERGED, won.id, twin.version + 1)
    assert steps(lantai, twin.id, "ticket.merged") == 1
    assert [steps(lantai, t.id, "ticket.absorbed") for t in (won, lost)] == [1, 0]
    untouched = row(lantai, lost.id)
    assert (untouched.state, untouched.version) == (State.SUBMITTED, lost.version)
    assert [m.number for m in lantai.desk.ticket(one, won.id).merged] == [twin.number]
    assert lantai.desk.ticket(one, lost.id).merged == ()


def test_of_two_tickets_merged_into_each_other_at_once_the_older_stays_open(
    graduate_factory: People, open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    person, one, two = graduate_factory(), clerk(), clerk()
    left, right = (open_for(person, Kind.OTHER).line for _ in range(2))
    found = raced(
        lantai,
        min(left.id, right.id),
        lambda: lantai.casework.merge(one, left.id, left.version, right.id).line.id,
        lambda: lantai.casework.merge(two, right.id, right.version, left.id).line.id,
    )
    # which way round they come: the newer goes into the older, or has gone already
    assert found[0] in ("merge_into_newer", "ticket_changed")
    assert found[1] == left.id
    assert [row(lantai, t.id).state for t in (left, right)] == [State.SUBMITTED, State.MERGED]
    assert [steps(lantai, t.id, "ticket.merged") for t in (left, right)] == [0, 1]


def test_a_graduate_appealing_twice_at_once_appeals_once(
    graduate_factory: People, brought_to: BroughtTo, lantai: Lantai, clock: FakeClock
) -> None:
    person = graduate_factory()
    line, own = brought_to(person, State.REJECTED).line, reader(person, clock)
    before = said(lantai, row(lantai, line.id))
    found = raced(
        lantai,
        line.id,
        lambda: lantai.corrections.appeal(own, line.id, line.version, "请再核对第一行").line.state,
        lambda: lantai.corrections.appeal(own, line.id, line.version, "请再核对第二行").line.state,
    )
    assert sorted(map(str, found)) == ["submitted", "ticket_changed"]
    appealed = row(lantai, line.id)
    assert (appealed.state, appealed.round) == (State.SUBMITTED, 2)
    assert (steps(lantai, line.id, "ticket.appealed"), said(lantai, appealed) - before) == (1, 1)
    with lantai.db.transaction() as session:
        decisions = session.scalars(select(TicketDecision.round).where(TicketDecision.ticket_id == line.id)).all()
    assert decisions == [1]


def test_of_reopening_and_an_appeal_at_once_one_begins_the_new_round(
    graduate_factory: People, brought_to: BroughtTo, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    line, own = brought_to(person, State.REJECTED).line, reader(person, clock)
    before = said(lantai, row(lantai, line.id))
    found = raced(
        lantai,
        line.id,
        lambda: lantai.casework.reopen(staff, line.id, line.version, "看错了行").line.state,
        lambda: lantai.corrections.appeal(own, line.id, line.version, "请再核对").line.state,
    )
    reopened = found[0] == State.IN_REVIEW
    assert found == ([State.IN_REVIEW, "ticket_changed"] if reopened else ["ticket_changed", State.SUBMITTED])
    now = row(lantai, line.id)
    assert (now.state, now.round) == (found[0 if reopened else 1], 2)
    assert (now.reopened_at is None, now.appealed_at is None) == (not reopened, reopened)
    assert now.assigned_to == (staff.id if reopened else None)
    assert [steps(lantai, line.id, f"ticket.{s}") for s in ("reopened", "appealed")] == [reopened, not reopened]
    assert said(lantai, now) - before == 1
