"""One's own mailbox for tests of notices: entered, proved by a mailed code, removed. It stands on the account page."""

from __future__ import annotations

from flask import Blueprint, Response

from app.errors import Conflict, Invalid, RateLimited, Unavailable
from app.problems import problem_of
from auth.guards import current_actor
from staff_console import forms
from staff_console.account import account_page
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go

PATH = "/console/account#mailbox"


def add_mailbox(console: Blueprint) -> None:
    @console.post("/account/mailbox")
    @desk()
    def enter_mailbox() -> Response:
        try:
            parts().staff_mailboxes.begin(current_actor(), forms.text("address"))
        except (Invalid, Conflict, RateLimited, Unavailable) as error:
            return account_page(problem_of(error).status, error)
        return go(PATH, "mailbox_entered")

    @console.post("/account/mailbox/confirm")
    @desk()
    def confirm_mailbox() -> Response:
        try:
            parts().staff_mailboxes.confirm(current_actor(), forms.text("code"))
        except (Invalid, Conflict) as error:
            return account_page(problem_of(error).status, error)
        return go(PATH, "mailbox_proved")

    @console.post("/account/mailbox/remove")
    @desk()
    def remove_mailbox() -> Response:
        parts().staff_mailboxes.remove(current_actor())
        return go(PATH, "mailbox_removed")
