"""Tables of the electronic leg."""

from __future__ import annotations

from collections.abc import Mapping

from app.field_tables.kept import LINK, STATE, TIME, Kept, blind, clear, sealed

FIELDS: Mapping[str, Mapping[str, Kept]] = {
    "electronic_leg": {
        "transfer_id": LINK,
        "graduate_id": LINK,
        "attempt": STATE,
        "state": STATE,
        "trouble": STATE,
        "trouble_at": TIME,
        "receiver_code": clear("an office's code; which office a transfer goes to stands in the transfer already"),
        "recipient": clear("an office's public key"),
        "push_url": clear("an office's address for machines"),
        "package_file": clear("the dossier's id and version as a file name"),
        "box": clear("a random name in the file store"),
        "size": clear("bytes of cipher text, which whoever carries it sees too"),
        "digest": blind("SHA-256 of cipher text"),
        "envelope": clear("ids, sizes, digests and keys as JSON; it travels beside the cipher text"),
        "signature": clear("of the envelope"),
        "manifest_digest": blind("as transfer.manifest_digest"),
        "manifest_sm3": blind("the same by SM3"),
        "bag_digest": blind("over the digests of all files of the package, random ids among them"),
        "dossier_version": STATE,
        "check_passed": STATE,
        "reasons": clear("codes of a closed list"),
        "receipt_digest": blind("equals manifest_digest, which the database holds it to"),
        "receipt_signature": clear("an office's signature"),
        "receipt_key": clear("an office's public key"),
        "sealed_words": sealed("what the receiver wrote: note, number and day of the receipt"),
        "push_tries": STATE,
        "push_due_at": TIME,
        "pushed_at": TIME,
        "submitted_at": TIME,
        "acked_at": TIME,
        "moved_at": TIME,
        "due_on": clear("a clock's day"),
        "timer": clear("which clock runs"),
        "late_told": clear("of which clock the graduate was told that it is late"),
    },
}
