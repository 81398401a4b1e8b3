"""Tables of the transfers."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

DAY = clear("a clock's day")
STAFF = clear("a member of staff, for four eyes and the audit")
FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "transfer": {
        "dossier_id": LINK,
        "graduate_id": LINK,
        "state": STATE,
        "channel": clear("one of three lawful channels"),
        "receiver_name": clear("an authorised body, never a person"),
        "receiver_address": clear("the body's address"),
        "sealed_proofs": sealed("tracking, seal and receipt numbers, letters and reasons"),
        "moved_at": TIME,
        "supplements": LINK,
        "ticket_id": LINK,
        "follows": LINK,
        "destination_case": clear("which kind of destination; statistics of schools publish it"),
        "receiver_id": LINK,
        "receiver_version": clear("which version of the registry was frozen"),
        "letter_on": DAY,
        "resting_until": TIME,
        "asked_on": DAY,
        "handed_on": DAY,
        "kept_until": DAY,
        "held_since": DAY,
        "hold_told": clear("which notice of a hold's end was sent"),
        "due_on": DAY,
        "timer": clear("which clock runs"),
        "manifest_digest": blind(
            "covers a random number that stands in the sealed manifest: nothing can be tried against it"
        ),
        "receipt_digest": blind("equals manifest_digest"),
        "sealed_basis": sealed("the history a person declared, and by which rules the channel was chosen"),
    },
    "transfer_manifest": {
        "transfer_id": LINK,
        "digest": blind("as transfer.manifest_digest"),
        "sealed_body": sealed("the frozen catalogue"),
    },
    "dispatch": {
        "transfer_id": LINK,
        "channel": clear("one of three lawful channels"),
        "tracking_bidx": blind("that a number is used once"),
        "sealed_numbers": sealed("the tracking number"),
        "handed_by": STAFF,
        "handed_at": TIME,
    },
    "dispatch_batch": {
        "channel": clear("one of three lawful channels"),
        "state": STATE,
        "created_by": STAFF,
        "handed_by": STAFF,
        "ended_at": TIME,
    },
    "dispatch_item": {
        "batch_id": LINK,
        "transfer_id": LINK,
        "graduate_id": LINK,
        "state": STATE,
        "tracking_bidx": blind("that a number is scanned once"),
        "sealed_number": sealed("the tracking number"),
        "reason": clear("code of what stood in the way"),
    },
    "slip": {
        "transfer_id": LINK,
        "manifest_digest": blind("as transfer.manifest_digest"),
        "code_bidx": blind("the one-time code, keyed together with the slip's id"),
        "attempts": clear("how many wrong codes were typed"),
        "expires_at": TIME,
        "used_at": TIME,
        "voided_at": TIME,
        "sealed_count": sealed("who counted at the receiver, what was counted, the receipt's number"),
    },
    "transfer_case": {
        "transfer_id": LINK,
        "graduate_id": LINK,
        "slip_id": LINK,
        "kind": clear("what kind of difference"),
        "state": STATE,
        "sealed_body": sealed("the differences and how they were settled"),
        "opened_at": TIME,
        "settled_at": TIME,
        "settled_by": STAFF,
    },
    "double_act": {
        "transfer_id": LINK,
        "target": STATE,
        "base_version": clear("which version of the transfer both persons saw"),
        "state": STATE,
        "sealed_evidence": sealed("seal number, digest of the photo, reasons"),
        "file_name": clear("random name of the sealed photo"),
        "first_staff": STAFF,
        "first_person": STAFF,
        "first_at": TIME,
        "second_staff": STAFF,
        "second_person": STAFF,
        "second_at": TIME,
    },
}
