"""At the counter: an activation code after the original document was checked, and the way back after a lost phone."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import FieldFault, Invalid
from app.problems import Problem, problem_of
from auth.activation import DOCUMENT_KINDS, IssuedCode
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, desk
from staff_console.graduates import graduate_or_404
from staff_console.parts import parts
from staff_console.render import page


def _page(graduate_id: UUID, status: int = 200, problem: Problem | None = None, tried: str = "") -> Response:
    return page(
        "counter.html",
        status,
        graduate=graduate_or_404(graduate_id),
        tab="counter",
        kinds=DOCUMENT_KINDS,
        accounts=parts().people.identities_of(graduate_id),
        problem=problem,
        tried=tried,
        typed=request.form,
    )


def _issue(graduate_id: UUID, tried: str, issue: Callable[[], IssuedCode]) -> Response:
    """The code is shown on this very response and can never be read again."""
    found = graduate_or_404(graduate_id)
    try:
        code = issue()
    except Invalid as error:
        return _page(graduate_id, 422, problem_of(error), tried)
    return page("slip.html", graduate=found, tab="counter", code=code, lost=tried == "lost-phone")


def _lost_phone(graduate_id: UUID) -> IssuedCode:
    if not forms.ticked("understood"):
        raise Invalid("invalid_input", faults=[FieldFault("/understood", "must_be_confirmed", "请确认知晓后果")])
    return parts().accounts.lost_phone(
        current_actor(), graduate_id, forms.text("document_kind"), identity_checked=forms.ticked("identity_checked")
    )


def add_counter(console: Blueprint) -> None:
    @console.get("/graduates/<uuid:graduate_id>/counter")
    @desk(*DESK)
    def counter(graduate_id: UUID) -> Response:
        return _page(graduate_id)

    @console.post("/graduates/<uuid:graduate_id>/counter/activation")
    @desk(*DESK)
    def activation(graduate_id: UUID) -> Response:
        actor = current_actor()
        return _issue(
            graduate_id,
            "activation",
            lambda: parts().activation.issue(
                actor, graduate_id, forms.text("document_kind"), identity_checked=forms.ticked("identity_checked")
            ),
        )

    @console.post("/graduates/<uuid:graduate_id>/counter/lost-phone")
    @desk(*DESK)
    def lost_phone(graduate_id: UUID) -> Response:
        return _issue(graduate_id, "lost-phone", lambda: _lost_phone(graduate_id))
