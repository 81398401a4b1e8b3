"""A colleague who leaves or is away: open tickets go back to the team, and assignment skips the absent."""

from __future__ import annotations

from collections.abc import Callable

from app.actors import Role
from app.corrections.assigning import How
from app.corrections.views import TicketView
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]


def test_open_tickets_go_back_to_the_team(
    desk: Desks,
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    open_ticket: Callable[..., TicketView],
) -> None:
    administrator, clerk, other = desk(Role.ADMINISTRATOR), desk(), desk()
    tickets = [open_ticket(graduate_factory()).line for _ in range(2)]
    for line, owner in zip(tickets, (clerk, other), strict=True):
        lantai.desk.take(owner.login.actor, line.id, line.version)
    done = administrator.post(f"/staff/{clerk.login.id}/deactivate", {"understood": "yes"})
    assert done.status_code == 303
    held = [lantai.desk.ticket(other.login.actor, line.id).line.assigned_to for line in tickets]
    assert held == [None, other.login.id]


def test_turns_skip_the_absent(
    desk: Desks,
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    open_ticket: Callable[..., TicketView],
) -> None:
    away, here = desk(), desk()
    form = {"starts_on": "2026-06-01", "ends_on": "2026-06-03", "reason": "出差"}
    assert away.post("/absences", form).status_code == 303
    given = set()
    for _ in range(3):
        line = open_ticket(graduate_factory()).line
        given.add(lantai.assigning.assign(here.login.actor, line.id, line.version, How.TURN))
    assert given == {here.login.id}
