"""Who answers for which college's tickets."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.actors import Role
from app.corrections.assigning import DUTY_KEEPERS
from app.errors import DomainError, Invalid
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.queue import PATH
from staff_console.queue_bulk import read_uuid
from staff_console.render import go, page

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.ADMINISTRATOR)


def _show(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    return page(
        "queue_teams.html",
        status,
        lines=parts().assigning.duties(actor),
        members=parts().assigning.colleagues(actor),
        may_set=actor.has_role(*DUTY_KEEPERS),
        problem=problem_of(error) if error is not None else None,
    )


def add_teams(console: Blueprint) -> None:
    @console.get("/tickets/teams")
    @desk(*READERS)
    def teams() -> Response:
        return _show()

    @console.post("/tickets/teams")
    @desk(*DUTY_KEEPERS)
    def set_team() -> Response:
        chosen = [i for i in map(read_uuid, request.form.getlist("staff")) if i is not None]
        try:
            parts().assigning.set_team(current_actor(), forms.text("college"), chosen)
        except Invalid as error:
            return _show(422, error)
        return go(f"{PATH}/teams", "team_set")
