"""Tables of the machines that come through the partner door."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "partner_client": {
        "name": clear("a machine's name"),
        "credential_hash": blind("the client's credential"),
        "previous_hash": blind("the credential before the last rotation"),
        "previous_until": TIME,
        "scopes": STATE,
        "receiver_code": clear("an office's code"),
        "receipt_key": clear("an office's public key"),
        "sandbox": STATE,
        "last_used_at": TIME,
        "disabled_at": TIME,
    },
    "machine_key": {
        "client_id": LINK,
        "key_id": clear("a key's public name"),
        "algorithm": STATE,
        "public_key": clear("a machine's public key"),
        "sealed_secret": sealed("the secret requests are signed with"),
        "scopes": STATE,
        "per_minute": STATE,
        "not_before": TIME,
        "expires_at": TIME,
        "last_used_on": TIME,
        "revoked_at": TIME,
    },
    "partner_refusal": {
        "hour": TIME,
        "client_id": LINK,
        "code": clear("why requests of a machine were refused, as a code"),
        "count": clear("a number of requests"),
    },
    "partner_notice": {
        "client_id": LINK,
        "kind": STATE,
        "fields": clear("days, times, places and materials from lists, a room's number; no text of a client's own"),
        "catalogue_version": STATE,
        "state": STATE,
        "sealed_recipient": sealed("whom a client named, until a worker has looked"),
        "event_id": LINK,
        "settled_at": TIME,
    },
}
