"""Drafts on a ticket's forms: saved while typing or by a button, shown again, forgotten once their form was sent.

A form takes part by ``p.draft(line, 'its-name')``, which adds the two hidden fields read here. A field that comes
filled in says beside it, as ``was-<name>``, what the page showed: what was left so is not the writer's, and a draft
brought back later must not put a record's older value before the present one.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from flask import Blueprint, Response, request

from app.corrections.drafts import DraftView
from app.errors import DomainError
from auth.guards import CSRF_FIELD, current_actor
from staff_console import forms
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.render import fragment, go, wants_fragment

NAME, PAGE_KEY = "draft", "draft_key"
FACTOR = ("fresh_code", "fresh_credential", "fresh_ceremony")
NOT_TYPED = frozenset({CSRF_FIELD, NAME, PAGE_KEY, "version", "rebase_to", "macro", "file", *FACTOR})
SHOWN = "was-"
# what a form is sent to without being done with
NOT_SENT = frozenset({"console.save_draft", "console.forget_draft", "console.insert_macro"})


def typed_fields() -> dict[str, str]:
    """What was typed into the form of this request: no file, no factor, nothing left as it was shown."""
    sent = {k: forms.text(k) for k in request.form if k not in NOT_TYPED}
    untouched = {k for k, value in sent.items() if sent.get(SHOWN + k) == value}
    return {k: value for k, value in sent.items() if k.removeprefix(SHOWN) not in untouched}


class Typed:
    """What stands in each form when the page is shown: what was sent and refused, before what was saved as a draft."""

    def __init__(self, drafts: Mapping[str, DraftView], refused: str = "") -> None:
        self.drafts, self._refused = drafts, refused

    def of(self, form: str) -> Mapping[str, str]:
        if form == self._refused:
            return typed_fields()
        return self.drafts[form].fields if form in self.drafts else {}

    def open(self, form: str) -> bool:
        """Whether the form should stand open."""
        return form == self._refused or form in self.drafts

    @staticmethod
    def new_key() -> str:
        """Names this showing of the form."""
        return str(uuid4())


def typed_on(ticket_id: UUID, refused: str = "") -> Typed:
    """For the ticket's page. ``refused`` is the form whose sending failed just now."""
    return Typed(parts().drafts.of_ticket(current_actor(), ticket_id), refused)


def page_key() -> UUID | None:
    """What names the showing of the form that was sent."""
    try:
        return UUID(request.form.get(PAGE_KEY, ""))
    except ValueError:
        return None


def _save(ticket_id: UUID) -> Response:
    form, key = request.form.get(NAME, ""), page_key() or uuid4()
    at = parts().drafts.save(current_actor(), ticket_id, form, key, typed_fields())
    if wants_fragment():
        return fragment("_draft_saved.html", saved_at=at)
    return go(f"/console/tickets/{ticket_id}", "draft_saved")


def spend_sent(response: Response) -> Response:
    """After every answer: a form that was sent and taken leaves no draft behind."""
    ticket_id = (request.view_args or {}).get("ticket_id")
    taken = request.method == "POST" and response.status_code == 303 and ticket_id is not None
    key = page_key() if taken else None
    # an expired session, an unfinished password and a factor asked for again are 303s too, and took nothing
    back = response.headers.get("Location", "").startswith(f"/console/tickets/{ticket_id}")
    if not isinstance(ticket_id, UUID) or key is None or not back or request.endpoint in NOT_SENT:
        return response
    try:
        parts().drafts.spend(current_actor(), ticket_id, request.form.get(NAME, ""), key)
    except DomainError:
        # the act itself is done and must be answered; the draft is forgotten within the week
        return response
    return response


def add_drafts(console: Blueprint) -> None:
    @console.post("/tickets/<uuid:ticket_id>/draft")
    @desk(*DESK)
    def save_draft(ticket_id: UUID) -> Response:
        return _save(ticket_id)

    @console.post("/tickets/<uuid:ticket_id>/draft/forget")
    @desk(*DESK)
    def forget_draft(ticket_id: UUID) -> Response:
        parts().drafts.forget(current_actor(), ticket_id, request.form.get(NAME, ""))
        return go(f"/console/tickets/{ticket_id}", "draft_forgotten")

    console.after_request(spend_sent)
