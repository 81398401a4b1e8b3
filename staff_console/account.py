"""One's own account: password, living sessions, logging out everywhere."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response, request

from app.errors import DomainError, FieldFault, Invalid
from app.problems import Problem, problem_of
from auth.guards import current_actor, staff
from staff_console import forms
from staff_console.gate import desk, safe_next
from staff_console.parts import parts
from staff_console.render import go, page
from staff_console.sign_in import drop_session


def _password_page(status: int = 200, problem: Problem | None = None) -> Response:
    return page("password.html", status, problem=problem)


def _change_password() -> None:
    if forms.text("new_password") != forms.text("repeated_password"):
        fault = FieldFault("/repeated_password", "wrong", "两次输入的新密码不一致")
        raise Invalid("invalid_input", faults=[fault])
    parts().staff.change_password(current_actor(), forms.text("current_password"), forms.text("new_password"))


def account_page(status: int = 200, error: DomainError | None = None) -> Response:
    actor = current_actor()
    return page(
        "account.html",
        status,
        sessions=parts().staff_sessions.own(actor),
        notices=parts().staff_notices.unread(actor),
        absences=[a for a in parts().absences.coming(actor) if actor.id in (a.staff_id, a.stand_in_id)],
        passkeys=parts().passkeys.list_own(actor),
        mailbox=parts().staff_mailboxes.view(actor),
        mail_open=parts().staff_mailboxes.open,
        problem=problem_of(error) if error is not None else None,
        typed=request.form,
    )


def add_account(console: Blueprint) -> None:
    @console.get("/password")
    @staff()
    def password() -> Response:
        return _password_page()

    @console.post("/password")
    @staff()
    def password_done() -> Response:
        try:
            _change_password()
        except Invalid as error:
            return _password_page(422, problem_of(error))
        return go("/console/", "password_changed")

    @console.get("/account")
    @desk()
    def account() -> Response:
        return account_page()

    @console.post("/account/sessions/<uuid:session_id>/end")
    @desk()
    def end_session(session_id: UUID) -> Response:
        actor = current_actor()
        parts().sessions.revoke(actor, session_id)
        if session_id == actor.session_id:
            return drop_session(go("/console/sign-in", "signed_out"))
        return go("/console/account", "session_ended")

    @console.post("/account/notices/<uuid:notice_id>/read")
    @desk()
    def read_notice(notice_id: UUID) -> Response:
        parts().staff_notices.read(current_actor(), notice_id)
        return go(safe_next(forms.text("next") or "/console/account"))

    @console.post("/account/sessions/end-all")
    @desk()
    def end_all_sessions() -> Response:
        parts().sessions.revoke_everywhere(current_actor())
        return drop_session(go("/console/sign-in", "all_signed_out"))
