"""On one ticket: saying that one is there, putting a text block into a form, and what leaves its state:
answering, and giving it to somebody.
"""

from __future__ import annotations

from uuid import UUID, uuid4

from flask import Blueprint, Response, request

from app.corrections.presence import Doing
from app.corrections.views import TicketView
from app.errors import FieldFault, Invalid
from auth.guards import current_actor
from staff_console import forms
from staff_console.drafts import NAME, typed_fields
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.queue_bulk import read_to, read_uuid
from staff_console.render import fragment, go
from staff_console.tickets import decide

# the field of a form that sentences are written in, where it is not called "text"
WRITTEN_IN = {
    "accept": "note",
    "reject": "explanation",
    "internal-note": "internal",
    "collect": "collect_note",
    "send-out": "unit",
    "unit-answered": "unit_note",
    "reopen": "reopening",
}


def _path(ticket_id: UUID) -> str:
    return f"/console/tickets/{ticket_id}"


def add_ticket_desk(console: Blueprint) -> None:
    @console.post("/tickets/<uuid:ticket_id>/presence")
    @desk(*DESK, passive=True)
    def presence(ticket_id: UUID) -> Response:
        parts().ticket_changes.require(current_actor(), ticket_id)
        others = parts().ticket_presence.seen(current_actor(), ticket_id, forms.choice(Doing, "doing"))
        return fragment("_watchers.html", watchers=others)

    @console.post("/tickets/<uuid:ticket_id>/insert")
    @desk(*DESK)
    def insert_macro(ticket_id: UUID) -> Response:
        """The form as typed becomes a draft with the block in it, and is shown again so, open."""
        form = request.form.get(NAME, "")
        macro_id = read_uuid(request.form.get("macro", ""))
        if macro_id is None:
            raise Invalid("invalid_input", faults=[FieldFault("/macro", "required")])
        actor, field = current_actor(), WRITTEN_IN.get(form, "text")
        words = parts().macros.filled_for(actor, macro_id, ticket_id)
        fields = typed_fields()
        fields[field] = "\n".join(t for t in (fields.get(field, "").rstrip(), words) if t)
        # a key of its own: the page that is left may save no more over it
        parts().drafts.save(actor, ticket_id, form, uuid4(), fields)
        return go(f"{_path(ticket_id)}#do-{form}", "macro_inserted")

    @console.post("/tickets/<uuid:ticket_id>/reply")
    @desk(*DESK)
    def reply(ticket_id: UUID) -> Response:
        actor = current_actor()

        def say() -> TicketView:
            parts().replies.reply(actor, ticket_id, forms.version(), forms.text("text"))
            return parts().desk.ticket(actor, ticket_id)

        return decide(ticket_id, say, lambda _: "ticket_replied")

    @console.post("/tickets/<uuid:ticket_id>/assign")
    @desk(*DESK)
    def assign(ticket_id: UUID) -> Response:
        actor = current_actor()

        def give() -> TicketView:
            to = read_to()
            if to is None:
                raise Invalid("invalid_input", faults=[FieldFault("/to", "required")])
            parts().assigning.assign(actor, ticket_id, forms.version(), to)
            return parts().desk.ticket(actor, ticket_id)

        def said(done: TicketView) -> str:
            return "ticket_assigned" if done.line.assigned_to else "ticket_unassigned"

        return decide(ticket_id, give, said)
