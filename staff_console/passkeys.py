"""Passkeys: signing in by one, and the list of one's own. The browser's dialogue is in static/passkeys.js."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.errors import Conflict, DomainError, Invalid, NotFound, RateLimited, StepUpRequired, Unauthenticated
from app.problems import problem_of
from app.web import client_address
from auth.ceremonies import Begun
from auth.guards import current_actor, public
from staff_console import forms
from staff_console.account import account_page
from staff_console.devices import device_words
from staff_console.fresh import ceremony_id, ensure_fresh
from staff_console.gate import desk, refuse_foreign_origin, safe_next
from staff_console.parts import parts
from staff_console.render import go
from staff_console.sign_in import keep_session, sign_in_page

ACCOUNT = "/console/account"
_EXPECTED = (Invalid, Conflict, NotFound, RateLimited, StepUpRequired, Unauthenticated)


def ceremony(begin: Callable[[], Begun]) -> Response:
    """The options for the page's script, or what is wrong in one sentence."""
    try:
        begun = begin()
    except _EXPECTED as error:
        problem = problem_of(error)
        answer = jsonify(title=next((e["detail"] for e in problem.errors), problem.title))
        answer.status_code = problem.status
        return answer
    answer = jsonify(ceremony=str(begun.ceremony_id), options=begun.options)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _begin_registration() -> Begun:
    ensure_fresh()
    return parts().passkeys.begin_registration(current_actor())


def _on_account(act: Callable[[], object], note: str) -> Response:
    try:
        ensure_fresh()
        act()
    except (Invalid, Conflict, RateLimited) as error:
        return account_page(problem_of(error).status, error)
    return go(ACCOUNT, note)


def add_passkey_sign_in(console: Blueprint) -> None:
    @console.post("/sign-in/passkey/options")
    @public("a random challenge, limited by address")
    def passkey_options() -> Response:
        refuse_foreign_origin()
        return ceremony(lambda: parts().passkeys.begin_sign_in(client_address()))

    @console.post("/sign-in/passkey")
    @public("makes a session from a passkey's signature")
    def passkey_sign_in() -> Response:
        refuse_foreign_origin()
        try:
            issued = parts().passkeys.sign_in(
                ceremony_id(), forms.text("credential"), client_address(), device_words(request.user_agent.string)
            )
        except Invalid:
            return _refused(Unauthenticated("passkey_refused"))
        except (Unauthenticated, RateLimited, Conflict) as error:
            return _refused(error)
        return keep_session(go(safe_next(forms.text("next"))), issued)


def _refused(error: DomainError) -> Response:
    return sign_in_page(problem_of(error).status, error)


def add_passkeys(console: Blueprint) -> None:
    @console.post("/step-up/options")
    @desk()
    def step_up_options() -> Response:
        return ceremony(lambda: parts().passkeys.begin_step_up(current_actor()))

    @console.post("/account/passkeys/options")
    @desk()
    def new_passkey_options() -> Response:
        return ceremony(_begin_registration)

    @console.post("/account/passkeys")
    @desk()
    def add_passkey() -> Response:
        return _on_account(
            lambda: parts().passkeys.register(
                current_actor(), ceremony_id(), forms.text("credential"), forms.text("passkey_name")
            ),
            "passkey_added",
        )

    @console.post("/account/passkeys/<uuid:passkey_id>/rename")
    @desk()
    def rename_passkey(passkey_id: UUID) -> Response:
        try:
            parts().passkeys.rename(current_actor(), passkey_id, forms.text("passkey_name"))
        except Invalid as error:
            return account_page(422, error)
        return go(ACCOUNT, "passkey_renamed")

    @console.post("/account/passkeys/<uuid:passkey_id>/remove")
    @desk()
    def remove_passkey(passkey_id: UUID) -> Response:
        return _on_account(lambda: parts().passkeys.remove(current_actor(), passkey_id), "passkey_removed")
