"""The desk's text blocks (常用语): list, versions, preview, keeping and retiring them."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.corrections.macro_rules import (
    KEEPERS,
    MOST_BODY,
    MOST_TITLE,
    SAMPLE,
    VARIABLE_WORDS,
    filled,
    unknown_variables,
)
from app.corrections.macros import MacroView, checked
from app.errors import Conflict, DomainError, Invalid, VersionMismatch
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.render import go, page

PATH = "/console/macros"


def _show(
    macro: MacroView | None = None, status: int = 200, error: DomainError | None = None, preview: str = ""
) -> Response:
    """The list, and one block to edit or a new one; what was typed stays."""
    actor = current_actor()
    wrong = unknown_variables(forms.text("body")) if error is not None else ()
    return page(
        "macros.html",
        status,
        macros=parts().macros.macros(actor, retired=actor.has_role(*KEEPERS)),
        macro=macro,
        versions=parts().macros.versions(actor, macro.id) if macro is not None else (),
        sample=lambda body: body if unknown_variables(body) else filled(body, SAMPLE),
        may_keep=actor.has_role(*KEEPERS),
        variables=VARIABLE_WORDS,
        most_title=MOST_TITLE,
        most_body=MOST_BODY,
        wrong=[w for w in wrong if w not in "{}"],
        preview=preview,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def _previewed(macro: MacroView | None) -> Response:
    try:
        _, body = checked(forms.text("title"), forms.text("body"))
    except Invalid as error:
        return _show(macro, 422, error)
    return _show(macro, preview=filled(body, SAMPLE))


def _one(macro_id: UUID) -> MacroView:
    return parts().macros.versions(current_actor(), macro_id)[0]


def add_macros(console: Blueprint) -> None:
    @console.get("/macros")
    @desk(*DESK)
    def macros() -> Response:
        return _show()

    @console.post("/macros")
    @desk(*KEEPERS)
    def add_macro() -> Response:
        if request.form.get("act") == "preview":
            return _previewed(None)
        try:
            parts().macros.add(current_actor(), forms.text("title"), forms.text("body"))
        except Invalid as error:
            return _show(None, 422, error)
        return go(PATH, "macro_kept")

    @console.get("/macros/<uuid:macro_id>")
    @desk(*DESK)
    def macro(macro_id: UUID) -> Response:
        return _show(_one(macro_id))

    @console.post("/macros/<uuid:macro_id>")
    @desk(*KEEPERS)
    def edit_macro(macro_id: UUID) -> Response:
        found = _one(macro_id)
        if request.form.get("act") == "preview":
            return _previewed(found)
        try:
            parts().macros.edit(current_actor(), macro_id, forms.version(), forms.text("title"), forms.text("body"))
        except (Invalid, Conflict, VersionMismatch) as error:
            return _show(found, problem_of(error).status, error)
        return go(f"{PATH}/{macro_id}", "macro_kept")

    @console.post("/macros/<uuid:macro_id>/retire")
    @desk(*KEEPERS)
    def retire_macro(macro_id: UUID) -> Response:
        back = request.form.get("act") == "restore"
        parts().macros.retire(current_actor(), macro_id, forms.version(), back=back)
        return go(PATH, "macro_restored" if back else "macro_retired")
