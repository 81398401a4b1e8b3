"""Staff accounts, for administrators: invitations, one colleague, closing, replacing a lost authenticator."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, request

from app.actors import Role
from app.errors import Conflict, DomainError, FieldFault, Invalid, RateLimited
from app.problems import problem_of
from auth.guards import current_actor, require_fresh_factor
from auth.links import IssuedLink
from staff_console import forms
from staff_console.fresh import ensure_fresh
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page
from staff_console.words import LINK_STATES, ROLE_DUTIES, ROLE_LABELS

STAFF = "/console/staff"
_EXPECTED = (Invalid, Conflict, RateLimited)


def _list(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    return page(
        "staff.html",
        status,
        members=parts().staff.list_all(actor),
        invitations=parts().links.invitations(actor),
        replacements=parts().replacements.waiting(actor),
        link_states=LINK_STATES,
        role_labels=ROLE_LABELS,
        role_duties=ROLE_DUTIES,
        own_id=actor.id,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _member(staff_id: UUID, status: int = 200, error: DomainError | None = None) -> Response:
    actor, member = current_actor(), parts().staff.view(staff_id)
    return page(
        "staff_member.html",
        status,
        member=member,
        sessions=parts().staff_sessions.of(actor, staff_id),
        waiting=[r for r in parts().replacements.waiting(actor) if r.staff_id == staff_id],
        own_id=actor.id,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _issued(link: IssuedLink) -> Response:
    """The address with its code, on this response and never again."""
    response = page("link.html", link=link, address=f"{parts().settings.public_url.rstrip('/')}/console/welcome")
    response.headers["Cache-Control"] = "no-store"
    return response


def _invite() -> IssuedLink:
    ensure_fresh()
    wanted = request.form.getlist("roles")
    if not set(wanted) <= set(Role):
        raise Invalid("invalid_input", faults=[FieldFault("/roles", "required")])
    return parts().links.invite(
        current_actor(),
        forms.text("label"),
        [Role(r) for r in wanted],
        same_person_as=forms.text("same_person_as"),
    )


def _deactivate(staff_id: UUID) -> None:
    ensure_fresh()
    if not forms.ticked("understood"):
        raise Invalid("invalid_input", faults=[FieldFault("/understood", "must_be_confirmed", "请确认后再停用")])
    parts().staff.disable(current_actor(), parts().staff.view(staff_id).username)


def _request(staff_id: UUID) -> None:
    ensure_fresh()
    if not forms.ticked("identity_checked"):
        fault = FieldFault("/identity_checked", "must_be_confirmed", "须当面确认本人")
        raise Invalid("invalid_input", faults=[fault])
    parts().replacements.request(current_actor(), staff_id, forms.text("reason"))


def _on_member(staff_id: UUID, act: Callable[[UUID], object], note: str) -> Response:
    parts().staff.view(staff_id)
    try:
        act(staff_id)
    except _EXPECTED as error:
        return _member(staff_id, problem_of(error).status, error)
    return go(f"{STAFF}/{staff_id}", note)


def _on_list(act: Callable[[], IssuedLink]) -> Response:
    try:
        return _issued(act())
    except _EXPECTED as error:
        return _list(problem_of(error).status, error)


def _approve(replacement_id: UUID) -> IssuedLink:
    ensure_fresh()
    return parts().replacements.approve(current_actor(), replacement_id)


def add_people(console: Blueprint) -> None:
    @console.get("/staff")
    @desk(Role.ADMINISTRATOR)
    def staff_members() -> Response:
        return _list()

    @console.post("/staff/invitations")
    @desk(Role.ADMINISTRATOR)
    def invite() -> Response:
        return _on_list(_invite)

    @console.post("/staff/invitations/<uuid:link_id>/renew")
    @desk(Role.ADMINISTRATOR)
    def renew_invitation(link_id: UUID) -> Response:
        require_fresh_factor()
        return _on_list(lambda: parts().links.renew(current_actor(), link_id))

    @console.post("/staff/invitations/<uuid:link_id>/revoke")
    @desk(Role.ADMINISTRATOR)
    def revoke_invitation(link_id: UUID) -> Response:
        parts().links.revoke(current_actor(), link_id)
        return go(STAFF, "invitation_revoked")

    @console.post("/staff/replacements/<uuid:replacement_id>/approve")
    @desk(Role.ADMINISTRATOR)
    def approve_replacement(replacement_id: UUID) -> Response:
        return _on_list(lambda: _approve(replacement_id))

    @console.post("/staff/replacements/<uuid:replacement_id>/refuse")
    @desk(Role.ADMINISTRATOR)
    def refuse_replacement(replacement_id: UUID) -> Response:
        parts().replacements.refuse(current_actor(), replacement_id)
        return go(STAFF, "replacement_refused")


def add_member(console: Blueprint) -> None:
    @console.get("/staff/<uuid:staff_id>")
    @desk(Role.ADMINISTRATOR)
    def staff_member(staff_id: UUID) -> Response:
        return _member(staff_id)

    @console.post("/staff/<uuid:staff_id>/deactivate")
    @desk(Role.ADMINISTRATOR)
    def deactivate(staff_id: UUID) -> Response:
        return _on_member(staff_id, _deactivate, "member_deactivated")

    @console.post("/staff/<uuid:staff_id>/replacement")
    @desk(Role.ADMINISTRATOR)
    def request_replacement(staff_id: UUID) -> Response:
        return _on_member(staff_id, _request, "replacement_requested")

    @console.post("/staff/<uuid:staff_id>/sessions/<uuid:session_id>/end")
    @desk(Role.ADMINISTRATOR)
    def end_members_session(staff_id: UUID, session_id: UUID) -> Response:
        parts().staff_sessions.end(current_actor(), staff_id, session_id)
        return go(f"{STAFF}/{staff_id}", "session_ended")

    @console.post("/staff/<uuid:staff_id>/sessions/end-all")
    @desk(Role.ADMINISTRATOR)
    def end_members_sessions(staff_id: UUID) -> Response:
        parts().staff_sessions.end_all(current_actor(), staff_id)
        return go(f"{STAFF}/{staff_id}", "session_ended")
