"""Tables of the registry of receivers: bodies and their offices, nobody's own data."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, TIME, Kept, clear

_BODY = clear("a public fact about a body that may receive dossiers")
_OFFICE = clear("of an office, printed on envelopes; personal numbers are refused")

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "receiver": {"code": _BODY},
    "receiver_version": {
        "receiver_id": LINK,
        "kind": _BODY,
        "name": _BODY,
        "credit_code": _BODY,
        "region_code": _BODY,
        "address": _OFFICE,
        "department": _OFFICE,
        "postal_code": _OFFICE,
        "phone": _OFFICE,
        "authority": _BODY,
        "valid_from": TIME,
        "valid_to": TIME,
        "public_key": clear("a public key"),
        "push_url": clear("where the body's machine listens; no credential in it"),
        "source": _BODY,
        "recorded_by": LINK,
    },
}
