"""Staff accounts, for administrators. Credentials are shown once, on the response that made them."""

from __future__ import annotations

import io
from uuid import UUID

import segno
from flask import Blueprint, Response, request
from markupsafe import Markup

from app.actors import Role
from app.errors import Conflict, FieldFault, Invalid
from app.problems import Problem, problem_of
from auth.guards import current_actor
from auth.staff import Credentials
from staff_console import forms
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import page
from staff_console.words import ROLE_DUTIES, ROLE_LABELS


def qr_svg(text: str) -> Markup:
    """A square of dark paths without any style, script or reference, safe to stand in the page."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=4, dark="#000", light="#fff", svgclass="qr"
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - segno's own drawing, no text of ours in it


def _list(status: int = 200, problem: Problem | None = None) -> Response:
    return page(
        "staff.html",
        status,
        members=parts().staff.list_all(current_actor()),
        role_labels=ROLE_LABELS,
        role_duties=ROLE_DUTIES,
        problem=problem,
        typed=request.form,
    )


def _credentials(made: Credentials, *, new: bool) -> Response:
    return page("credentials.html", made=made, qr=qr_svg(made.totp_uri), new=new)


def _add() -> Credentials:
    wanted = request.form.getlist("roles")
    if not set(wanted) <= set(Role):
        raise Invalid("invalid_input", faults=[FieldFault("/roles", "required")])
    return parts().staff.add(
        current_actor(), forms.text("username"), forms.text("display_name"), [Role(r) for r in wanted]
    )


def add_people(console: Blueprint) -> None:
    @console.get("/staff")
    @desk(Role.ADMINISTRATOR)
    def staff_members() -> Response:
        return _list()

    @console.post("/staff")
    @desk(Role.ADMINISTRATOR)
    def add_member() -> Response:
        try:
            return _credentials(_add(), new=True)
        except (Invalid, Conflict) as error:
            return _list(problem_of(error).status, problem_of(error))

    @console.get("/staff/<uuid:staff_id>/reset")
    @desk(Role.ADMINISTRATOR)
    def reset(staff_id: UUID) -> Response:
        return page("staff_reset.html", member=parts().staff.view(staff_id), problem=None)

    @console.post("/staff/<uuid:staff_id>/reset")
    @desk(Role.ADMINISTRATOR)
    def reset_done(staff_id: UUID) -> Response:
        member = parts().staff.view(staff_id)
        if not forms.ticked("identity_checked"):
            error = Invalid(
                "invalid_input", faults=[FieldFault("/identity_checked", "must_be_confirmed", "须当面确认本人")]
            )
            return page("staff_reset.html", 422, member=member, problem=problem_of(error))
        return _credentials(parts().staff.reset_authenticator(current_actor(), member.username), new=False)
