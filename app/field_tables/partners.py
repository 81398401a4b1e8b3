"""Tables of the machines that come through the partner door."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import STATE, TIME, Kept, blind, clear

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "partner_client": {
        "name": clear("a machine's name"),
        "credential_hash": blind("the client's credential"),
        "previous_hash": blind("the credential before the last rotation"),
        "previous_until": TIME,
        "scopes": STATE,
        "receiver_code": clear("an office's code"),
        "receipt_key": clear("an office's public key"),
        "last_used_at": TIME,
        "disabled_at": TIME,
    },
}
