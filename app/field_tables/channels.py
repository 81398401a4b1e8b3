"""Tables of the channels: choices, contacts, credits, turns, the staff robot's lines."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "notice_preference": {
        "graduate_id": LINK,
        "quiet": STATE,
        "quiet_begins": clear("hour of day from which nothing is sent; needed when sending"),
        "quiet_ends": clear("hour of day until which nothing is sent; needed when sending"),
        "off": clear("topics and channels that were switched off; needed when sending"),
    },
    "notice_contact": {
        "graduate_id": LINK,
        "kind": clear("e-mail or phone"),
        "sealed_address": sealed("the e-mail address or phone number"),
        "code_hash": blind("one-time code, with the contact's random id"),
        "code_expires_at": TIME,
        "code_tries": clear("wrong codes so far, needed to stop guessing"),
        "verified_at": TIME,
        "unreachable_at": TIME,
    },
    "contact_attempt": {
        "notice_id": LINK,
        "contact_id": LINK,
        "kind": clear("e-mail or phone"),
        "state": STATE,
        "reason": clear("the provider's code"),
        "provider_id": clear("the provider's message id, random"),
        "settled_at": TIME,
        "held_until": TIME,
    },
    "credit_entry": {
        "identity_id": LINK,
        "template": clear("which template"),
        "cause": clear("one of six words"),
        "change": clear("how many credits more or fewer"),
        "attempt_id": LINK,
    },
    "send_turn": {"identity_id": LINK, "free_at": TIME},
    "staff_line": {
        "text": clear("what staff's group is told: counts and places, never a person"),
        "state": STATE,
        "sending_at": TIME,
        "sent_at": TIME,
    },
    "robot_turn": {
        "robot": clear("which robot; one of one"),
        "tokens": clear("how many lines may go now"),
        "filled_at": TIME,
        "rest_until": TIME,
    },
}
