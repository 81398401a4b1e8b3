"""Tables of the staff's own accounts: passkeys, links, replacements, absences, notices."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "staff_passkey": {
        "staff_id": LINK,
        "name": clear("the owner's word for the device; not a graduate's datum"),
        "credential_id": clear("random, made by the authenticator for this house"),
        "public_key": clear("public by its nature"),
        "sign_count": clear("the authenticator's counter, against copies"),
        "transports": clear("how the authenticator is reached: usb, internal, hybrid"),
        "backed_up": STATE,
        "last_used_at": TIME,
    },
    "staff_ceremony": {
        "kind": clear("what the challenge is for"),
        "bound_to": LINK,
        "challenge": clear("random, good once for two minutes, and only with the authenticator"),
        "expires_at": TIME,
        "used_at": TIME,
    },
    "staff_link": {
        "kind": clear("invitation or replacement"),
        "code_hash": blind("one-time code"),
        "label": clear("whom the administrator expects; not a graduate's datum"),
        "roles": clear("permissions"),
        "person_key": LINK,
        "staff_id": LINK,
        "sealed_totp": sealed("TOTP secret offered until confirmed, under the house key"),
        "created_by": LINK,
        "expires_at": TIME,
        "used_at": TIME,
        "revoked_at": TIME,
    },
    "staff_replacement": {
        "staff_id": LINK,
        "state": STATE,
        "reason": clear("the administrator's words; not a graduate's datum"),
        "requested_by": LINK,
        "decided_by": LINK,
        "decided_at": TIME,
        "link_id": LINK,
    },
    "staff_absence": {
        "staff_id": LINK,
        "stand_in_id": LINK,
        "starts_on": TIME,
        "ends_on": TIME,
        "reason": clear("the office's words; not a graduate's datum"),
        "recorded_by": LINK,
        "cancelled_at": TIME,
    },
    "staff_mailbox": {
        "staff_id": LINK,
        "sealed_address": sealed("where this person gets test messages"),
        "code_hash": blind("a mailed one-time code, with the person's random id"),
        "code_until": TIME,
        "code_tries": clear("wrong codes so far, needed to stop guessing"),
        "verified_at": TIME,
    },
    "staff_notice": {
        "staff_id": LINK,
        "code": clear("a word of the catalogue"),
        "object_id": LINK,
        "read_at": TIME,
    },
}
