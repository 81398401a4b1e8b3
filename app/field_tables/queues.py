"""Tables of the ticket desk's own work."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, clear, sealed

_OFFICE = clear("the office's own words; not a graduate's datum")

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "ticket_view": {
        "staff_id": LINK,
        "shared": STATE,
        "sealed_view": sealed("a clerk's name for a list, and its filters"),
    },
    "college_duty": {"college": clear("shared by hundreds"), "staff_id": LINK, "set_by": LINK},
    "desk_turn": {"staff_id": LINK, "turned_at": TIME},
    "bulk_run": {"staff_id": LINK, "act": STATE},
    "bulk_line": {"run_id": LINK, "ticket_id": LINK, "outcome": STATE, "code": clear("why one ticket was refused")},
    "macro": {"latest": STATE, "retired_at": TIME},
    "macro_version": {"macro_id": LINK, "title": _OFFICE, "body": _OFFICE, "author_id": LINK},
    "ticket_satisfaction": {
        "ticket_id": LINK,
        "graduate_id": LINK,
        "score": clear("one to five; counted in groups, never shown alone"),
        "sealed_words": sealed("what the graduate added"),
        "answered_at": TIME,
    },
}
