"""Tables that hold a member of staff's work on a ticket before it is an act."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, TIME, Kept, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "ticket_draft": {
        "staff_id": LINK,
        "ticket_id": LINK,
        "form": clear("which form it was typed in"),
        "spent_key": LINK,
        "sealed_text": sealed("what was typed and not sent yet"),
        "saved_at": TIME,
    },
}
