"""Taking back the last safe act on a ticket, from the message that tells of it."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, Response

from app.errors import Conflict, VersionMismatch
from auth.guards import current_actor
from staff_console import forms
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.render import go


def add_undoing(console: Blueprint) -> None:
    @console.post("/tickets/<uuid:ticket_id>/undo")
    @desk(*DESK)
    def undo(ticket_id: UUID) -> Response:
        path = f"/console/tickets/{ticket_id}"
        try:
            parts().undoing.undo(current_actor(), ticket_id, forms.version())
        except (Conflict, VersionMismatch):
            # the page shows how things stand; what was to be taken back stands too
            return go(path, "not_undone")
        return go(path, "undone")
