"""A factor shown again for one act: inside the form of the act, so that nothing typed is lost, or on a page of its own.

A form that needs it includes the macro of _fresh.html; its route calls ``ensure_fresh`` before the
service, or when the service asks for it (StepUpRequired).
"""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import DomainError, FieldFault, Invalid, RateLimited
from app.problems import problem_of
from auth.guards import current_actor, has_fresh_factor, note_fresh_factor
from staff_console import forms
from staff_console.gate import desk, safe_next
from staff_console.parts import parts
from staff_console.render import go, page

MAX_CODE = 40


def ensure_fresh() -> None:
    """Passes while the session's factor is fresh, or with the one in this form, which is spent.

    Raises Invalid (fresh_factor_required or code_wrong at /fresh_code, passkey_refused) and RateLimited.
    """
    if has_fresh_factor():
        return
    answer, code = forms.text("fresh_credential"), forms.text("fresh_code").strip()[:MAX_CODE]
    if answer:
        note_fresh_factor(parts().passkeys.step_up(current_actor(), ceremony_id("fresh_ceremony"), answer))
        return
    if not code:
        raise Invalid("fresh_factor_required", faults=[FieldFault("/fresh_code", "required")])
    note_fresh_factor(parts().staff_factors.step_up(current_actor(), code))


def ceremony_id(name: str = "ceremony") -> UUID:
    """Raises Invalid('passkey_refused')."""
    try:
        return UUID(forms.text(name))
    except ValueError:
        raise Invalid("passkey_refused") from None


def _form(status: int = 200, error: DomainError | None = None) -> Response:
    return page(
        "step_up.html",
        status,
        next_path=safe_next(request.values.get("next", "")),
        problem=problem_of(error) if error is not None else None,
    )


def add_step_up(console: Blueprint) -> None:
    @console.get("/step-up")
    @desk()
    def step_up() -> Response:
        return _form()

    @console.post("/step-up")
    @desk()
    def step_up_done() -> Response:
        try:
            ensure_fresh()
        except (Invalid, RateLimited) as error:
            return _form(problem_of(error).status, error)
        return go(safe_next(forms.text("next")))
