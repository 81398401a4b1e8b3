"""Who is away and who stands in: everybody sees it, each records their own, administrators anybody's."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Role
from app.errors import Conflict, DomainError, FieldFault, Invalid
from app.governance.texts import day
from app.people.absences import NewAbsence
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/absences"


def _page(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    colleagues = parts().staff.colleagues(actor)
    return page(
        "absences.html",
        status,
        absences=parts().absences.coming(actor),
        colleagues=colleagues,
        others=[c for c in colleagues if c.id != actor.id] if not actor.has_role(Role.ADMINISTRATOR) else colleagues,
        for_others=actor.has_role(Role.ADMINISTRATOR),
        own_id=actor.id,
        today_iso=parts().absences.today.isoformat(),
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _id(name: str, default: UUID | None) -> UUID | None:
    value = request.form.get(name, "")
    if not value:
        return default
    try:
        return UUID(value)
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "unknown_colleague")]) from None


def _wanted() -> NewAbsence:
    return NewAbsence(
        _id("staff", current_actor().id) or current_actor().id,
        _id("stand_in", None),
        day(forms.text("starts_on"), "/starts_on"),
        day(forms.text("ends_on"), "/ends_on"),
        forms.text("reason"),
    )


def add_absences(console: Blueprint) -> None:
    @console.get("/absences")
    @desk()
    def absences() -> Response:
        return _page()

    @console.post("/absences")
    @desk()
    def record_absence() -> Response:
        try:
            parts().absences.record(current_actor(), _wanted())
        except (Invalid, Conflict) as error:
            return _page(problem_of(error).status, error)
        return go(PATH, "absence_recorded")

    @console.post("/absences/<uuid:absence_id>/cancel")
    @desk()
    def cancel_absence(absence_id: UUID) -> Response:
        parts().absences.cancel(current_actor(), absence_id)
        return go(PATH, "absence_cancelled")
