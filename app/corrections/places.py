"""Where the sealed values of a ticket stand, its number, and the digest that names one exact change."""

from __future__ import annotations

import hmac
import json
from typing import Any
from uuid import UUID

from app.corrections.models import Ticket, TicketMessage, TicketNote
from app.envelope import DataKey, Place


def ticket_number(ticket: Ticket) -> str:
    return f"GZ{ticket.opened_at.year}{ticket.serial:06d}"


def claim_place(ticket: Ticket) -> Place:
    return Place("ticket", "sealed_claim", ticket.id)


def text_place(message: TicketMessage) -> Place:
    return Place("ticket_message", "sealed_text", message.id)


def note_place(note: TicketNote) -> Place:
    return Place("ticket_note", "sealed_text", note.id)


def evidence_place(evidence_id: UUID) -> Place:
    return Place("evidence", "file", evidence_id)


def diff_digest(key: DataKey, ticket: Ticket, claim: dict[str, Any]) -> bytes:
    """Names one exact change on one base version. Keyed, because the values could be guessed."""
    named: list[Any] = [ticket.base_version, claim["changes"]]
    if claim.get("missing"):
        named.append(claim["missing"])
    text = json.dumps(named, sort_keys=True, ensure_ascii=False)
    return hmac.digest(key.material, b"ticket-diff" + text.encode(), "sha256")
