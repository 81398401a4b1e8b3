"""Taking back: the last safe act, by who did it, for ten seconds, as a move of its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.actors import Actor, ActorKind, Role
from app.corrections.rules import State
from app.db import new_id
from app.errors import Conflict, Forbidden, NotFound, VersionMismatch
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor
from tests.conftest import Person
from tests.fakes import FakeClock

People = Callable[..., Person]


def test_taking_up_is_taken_back_as_a_move_in_the_log(
    lantai: Lantai, clerk: Clerk, open_for: OpenFor, graduate_factory: People
) -> None:
    one, line = clerk(), open_for(graduate_factory()).line
    taken = lantai.desk.take(one, line.id, line.version)
    offer = lantai.undoing.offer(one, lantai.desk.ticket(one, line.id))
    assert offer is not None
    assert (offer.label, offer.version, offer.seconds_left) == ("受理", taken.line.version, 10)
    lantai.undoing.undo(one, line.id, taken.line.version)
    now = lantai.desk.ticket(one, line.id)
    assert (now.line.state, now.line.assigned_to) == (State.SUBMITTED, None)
    assert now.line.version > taken.line.version
    assert [s.type for s in now.timeline] == ["ticket.opened", "ticket.taken", "ticket.undone"]
    assert (
        lantai.undoing.offer(one, lantai.desk.ticket(one, line.id)) is None
    )  # the way back is no act to be taken back
    assert lantai.desk.take(one, line.id, now.line.version).line.state is State.IN_REVIEW


def test_an_assignment_goes_back_to_whom_it_was_with(
    lantai: Lantai, clerk: Clerk, open_for: OpenFor, graduate_factory: People
) -> None:
    one, two, line = clerk(), clerk(), open_for(graduate_factory()).line
    lantai.assigning.assign(one, line.id, line.version, two.id)
    given = lantai.desk.ticket(one, line.id).line
    lantai.assigning.assign(one, line.id, given.version, one.id)
    again = lantai.desk.ticket(one, line.id).line
    lantai.undoing.undo(one, line.id, again.version)
    back = lantai.desk.ticket(one, line.id).line
    assert back.assigned_to == two.id
    # and taking up what was given to somebody else goes back to them
    taken = lantai.desk.take(one, line.id, back.version).line
    lantai.undoing.undo(one, line.id, taken.version)
    assert lantai.desk.ticket(one, line.id).line.assigned_to == two.id


def test_giving_back_is_taken_back(lantai: Lantai, clerk: Clerk, open_for: OpenFor, graduate_factory: People) -> None:
    one, line = clerk(), open_for(graduate_factory()).line
    taken = lantai.desk.take(one, line.id, line.version).line
    free = lantai.casework.release(one, line.id, taken.version).line
    lantai.undoing.undo(one, line.id, free.version)
    now = lantai.desk.ticket(one, line.id).line
    assert (now.state, now.assigned_to) == (State.IN_REVIEW, one.id)


def test_only_by_who_did_it_only_at_once_and_only_what_is_safe(
    lantai: Lantai, clerk: Clerk, open_for: OpenFor, graduate_factory: People, clock: FakeClock
) -> None:
    one, other, line = clerk(), clerk(), open_for(graduate_factory()).line
    with pytest.raises(Conflict) as fresh:
        lantai.undoing.undo(one, line.id, line.version)
    assert fresh.value.code == "nothing_to_undo"
    taken = lantai.desk.take(one, line.id, line.version).line
    assert lantai.undoing.offer(other, lantai.desk.ticket(one, line.id)) is None
    with pytest.raises(Conflict):
        lantai.undoing.undo(other, line.id, taken.version)
    with pytest.raises(VersionMismatch):
        lantai.undoing.undo(one, line.id, line.version)
    clock.advance(seconds=11)
    assert lantai.undoing.offer(one, lantai.desk.ticket(one, line.id)) is None
    clock.advance(seconds=5)
    with pytest.raises(Conflict) as late:
        lantai.undoing.undo(one, line.id, taken.version)
    assert late.value.code == "undo_too_late"
    asked = lantai.desk.ask(one, line.id, taken.version, "请补充").line
    assert lantai.undoing.offer(one, lantai.desk.ticket(one, line.id)) is None  # the graduate has been told
    with pytest.raises(Conflict):
        lantai.undoing.undo(one, line.id, asked.version)
    assert lantai.desk.ticket(one, line.id).line.state is State.NEEDS_INFO


def test_nobody_else_and_nothing_absent(
    lantai: Lantai, clerk: Clerk, open_for: OpenFor, graduate_factory: People
) -> None:
    one, line = clerk(), open_for(graduate_factory()).line
    auditor = Actor(ActorKind.STAFF, one.id, roles=frozenset({Role.AUDITOR}))
    shown = lantai.desk.ticket(one, line.id)
    with pytest.raises(Forbidden):
        lantai.undoing.offer(auditor, shown)
    with pytest.raises(Forbidden):
        lantai.undoing.undo(auditor, line.id, 1)
    with pytest.raises(NotFound):
        lantai.undoing.undo(one, new_id(), 1)
