"""The field table: for every column that could hold something about a person, how it is kept and why.

``sealed``: envelope-encrypted, read with the owner's key. ``blind``: keyed HMAC, for look-ups only. ``clear``:
readable by whoever reads the database, with the reason why that is needed. tests/app/test_field_table.py holds the
models to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Keeping = Literal["sealed", "blind", "clear"]


@dataclass(frozen=True, slots=True)
class Kept:
    how: Keeping
    why: str


def sealed(what: str) -> Kept:
    return Kept("sealed", what)


def blind(what: str) -> Kept:
    return Kept("blind", what)


def clear(why: str) -> Kept:
    return Kept("clear", why)


_STATE = clear("state of the procedure, needed for queues and locks")
_TIME = clear("time of the step, needed for clocks and order")
_LINK = clear("random public id")

# Columns of every table that carry no personal meaning by their very name.
TECHNICAL = frozenset(
    {
        "id",
        "public_id",
        "serial",
        "version",
        "card_version",
        "number",
        "position",
        "sequence",
        "current",
        "created_at",
        "updated_at",
        "at",
    }
)

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "graduate": {
        "sealed_card": sealed("name, ID number, student number, phone"),
        "student_number_bidx": blind("staff's exact search, import's duplicate check"),
        "id_number_bidx": blind("claims, lock-outs"),
        "phone_bidx": blind("exact look-up"),
        "cohort_year": clear("statistics and queues by cohort; shared by thousands"),
        "college": clear("queues by college; shared by hundreds"),
        "major": clear("statistics by major; small cells are suppressed when shown"),
        "degree_level": clear("one of four values"),
        "changes_held_until": _TIME,
    },
    "data_key": {
        "owner_id": _LINK,
        "kek_version": clear("which master key wraps it"),
        "wrapped": sealed("the data key, wrapped by the master key outside the database"),
    },
    "platform_identity": {
        "platform": clear("one of three values"),
        "app_id": clear("our own app's id"),
        "open_id": clear("pseudonym given by the platform for our app alone; needed to send messages"),
        "union_id": clear("pseudonym given by the platform for our apps"),
        "state": _STATE,
        "graduate_id": _LINK,
        "bound_at": _TIME,
        "unreachable_at": _TIME,
    },
    "staff_member": {
        "username": clear("staff sign in by it; not a graduate's datum"),
        "display_name": clear("shown to colleagues; not a graduate's datum"),
        "person_key": _LINK,
        "roles": clear("permissions"),
        "password_hash": clear("argon2id hash"),
        "sealed_totp": sealed("TOTP secret, under the house key"),
        "totp_last_step": clear("last used time step, against replay"),
        "must_change_password": _STATE,
        "disabled_at": _TIME,
    },
    "staff_recovery_code": {"staff_id": _LINK, "code_hash": blind("one-time code"), "used_at": _TIME},
    "dossier": {
        "graduate_id": _LINK,
        "state": _STATE,
        "sealed_photo_name": sealed("where the registrar's photo lies"),
    },
    "record": {
        "dossier_id": _LINK,
        "section": clear("which of seven sections; the catalogue's frame"),
        "zone": clear("who may see it, decided by the rule table"),
        "zone_rule": clear("which rule decided"),
    },
    "record_version": {
        "record_id": _LINK,
        "sealed_body": sealed("everything the record says"),
        "source": clear("import, correction or staff"),
        "source_id": _LINK,
    },
    "material": {
        "dossier_id": _LINK,
        "class_code": clear("one of the ten classes; the catalogue's frame"),
        "kind": clear("kind of form, shared by a cohort"),
        "zone": clear("who may see it"),
        "zone_rule": clear("which rule decided"),
    },
    "material_version": {
        "material_id": _LINK,
        "sealed_about": sealed("title, date formed, pages, remark"),
        "file_name": clear("random name of a sealed file"),
        "media_type": clear("file format"),
        "size": clear("bytes"),
        "source": clear("import, correction or staff"),
        "source_id": _LINK,
    },
    "event": {
        "type": clear("what happened, as a code"),
        "actor_kind": clear("graduate, staff, partner or system"),
        "actor_id": _LINK,
        "graduate_id": _LINK,
        "object_kind": clear("what kind of thing"),
        "object_id": _LINK,
        "data": clear("ids and codes only; tests look for anything else"),
        "request_id": clear("random"),
    },
    "stored_reply": {
        "scope": blind("actor, route and Idempotency-Key"),
        "request_digest": blind("SHA-256 of a request that carries a random key"),
        "status": clear("HTTP status"),
        "sealed_reply": sealed("the reply to replay"),
    },
    "login_session": {
        "token_hash": blind("opaque token"),
        "kind": clear("graduate or staff"),
        "subject_id": _LINK,
        "identity_id": _LINK,
        "platform": clear("one of three values"),
        "bound": _STATE,
        "proofs": clear("factor, purpose and time of each proof"),
        "seen_at": _TIME,
        "expires_at": _TIME,
        "revoked_at": _TIME,
    },
    "claim": {
        "session_id": _LINK,
        "graduate_id": _LINK,
        "sealed_person": sealed("name and ID number as typed, under the house key"),
        "expires_at": _TIME,
    },
    "verification": {
        "session_id": _LINK,
        "graduate_id": _LINK,
        "factor": clear("which factor"),
        "purpose": clear("what for"),
        "state": _STATE,
        "reason": clear("stable word; no measure of a face"),
        "order_no": clear("random number the platform knows it by"),
        "sealed_state": sealed("ticket, challenge"),
        "expires_at": _TIME,
        "queued_at": _TIME,
        "finished_at": _TIME,
    },
    "activation_code": {
        "graduate_id": _LINK,
        "code_hash": blind("one-time code"),
        "issued_by": _LINK,
        "document_kind": clear("kind of document shown at the counter, never its number"),
        "expires_at": _TIME,
        "used_at": _TIME,
        "voided_at": _TIME,
    },
    "graduate_totp": {
        "graduate_id": _LINK,
        "sealed_secret": sealed("TOTP secret"),
        "last_step": clear("last used time step, against replay"),
        "confirmed_at": _TIME,
    },
    "consent": {
        "identity_id": _LINK,
        "kind": clear("what was consented to"),
        "text_version": clear("which wording"),
        "granted": _STATE,
    },
    "lockout": {"key": blind("subject of failures"), "failures": _STATE, "locked_until": _TIME},
    "used_proof": {"digest": blind("a proof already used")},
    "campus_terminal": {
        "name": clear("a machine's name"),
        "credential_hash": blind("the terminal's credential"),
        "disabled_at": _TIME,
    },
    "ticket": {
        "graduate_id": _LINK,
        "record_id": _LINK,
        "section": clear("which section; routes the ticket"),
        "base_version": _STATE,
        "kind": clear("routes the ticket"),
        "state": _STATE,
        "sealed_claim": sealed("statement, old and proposed values"),
        "assigned_to": _LINK,
        "applied_version": _STATE,
        "reason_code": clear("one of the listed reasons"),
        "opened_at": _TIME,
        "touched_at": _TIME,
        "answer_by": _TIME,
        "decide_by": _TIME,
        "decided_at": _TIME,
    },
    "ticket_message": {
        "ticket_id": _LINK,
        "side": clear("graduate or staff"),
        "author_id": _LINK,
        "sealed_text": sealed("what was written"),
    },
    "evidence": {
        "graduate_id": _LINK,
        "ticket_id": _LINK,
        "file_name": clear("random name of a sealed file"),
        "media_type": clear("file format"),
        "size": clear("bytes"),
        "pages": clear("count"),
    },
    "ticket_approval": {
        "ticket_id": _LINK,
        "staff_id": _LINK,
        "person_key": _LINK,
        "diff_digest": blind("the exact change agreed to"),
    },
    "transfer": {
        "dossier_id": _LINK,
        "graduate_id": _LINK,
        "state": _STATE,
        "channel": clear("one of three lawful channels"),
        "receiver_name": clear("an authorised body, never a person"),
        "receiver_address": clear("the body's address"),
        "sealed_proofs": sealed("tracking, seal and receipt numbers"),
        "moved_at": _TIME,
    },
    "notice": {
        "graduate_id": _LINK,
        "event_id": _LINK,
        "event_type": clear("which notice"),
        "data": clear("ids and codes, copied from the event"),
        "catalogue_version": clear("which wording"),
        "object_kind": clear("what kind of thing"),
        "object_id": _LINK,
        "read_at": _TIME,
    },
    "delivery_attempt": {
        "notice_id": _LINK,
        "identity_id": _LINK,
        "state": _STATE,
        "reason": clear("the platform's code"),
        "provider_id": clear("the platform's message id"),
        "settled_at": _TIME,
    },
    "subscription": {
        "identity_id": _LINK,
        "template": clear("which template"),
        "accepted": _STATE,
        "credits": clear("estimate of sends left"),
    },
    "inbound_push": {
        "dedupe_hash": blind("the platform's message id"),
        "identity_id": _LINK,
        "kind": clear("text, event …; texts themselves are not kept"),
        "event": clear("which event"),
        "items": clear("template ids and choices"),
        "received_at": _TIME,
        "handled_at": _TIME,
    },
}
