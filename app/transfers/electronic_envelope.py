"""The small signed document beside a package: what the cipher text is and for whom. Ids, sizes and digests only.

Canonical form: UTF-8, keys sorted, no blanks between tokens, one newline at the end. Signatures cover the bytes with a
prefix of their own, so that they can be taken for nothing else.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict

ENVELOPE_PREFIX = b"lantai/electronic-envelope/1\n"
RECEIPT_PREFIX = b"lantai/electronic-receipt/1\n"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class ManifestDigests(_Strict):
    sha256: str
    sm3: str


class PlainFile(_Strict):
    size: int
    sha256: str


class Envelope(_Strict):
    """``sha256`` and ``size`` are the cipher text's, ``plain`` those of the zip inside; ``recipient`` is the public key
    it opens for, ``key_id`` and ``public_key`` (hexadecimal) the sender's, which receivers compare with what the sender
    publishes.

    The digest of the bag's manifest is left out: whoever names it has opened the package.
    """

    format: Literal["lantai-electronic-envelope-1"]
    package: str
    transfer: str
    attempt: int
    sender: str
    receiver: str
    cipher: Literal["age-encryption.org/v1"]
    recipient: str
    file: str
    size: int
    sha256: str
    plain: PlainFile
    manifest: ManifestDigests
    dossier_version: int
    at: str
    algorithm: Literal["Ed25519"]
    key_id: str
    public_key: str


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def envelope_bytes(envelope: Envelope) -> bytes:
    return canonical(envelope.model_dump(mode="json"))


def receipt_bytes(package: str, transfer: str, manifest: str, number: str, issued_on: str) -> bytes:
    """What a receiver's own key signs of an e-receipt."""
    return canonical(
        {
            "format": "lantai-electronic-receipt-1",
            "package": package,
            "transfer": transfer,
            "manifest_sha256": manifest,
            "number": number,
            "issued_on": issued_on,
        }
    )


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` is this Ed25519 key's over ``message``; False for keys and signatures that are none."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def digests_of(manifest: bytes) -> tuple[bytes, bytes]:
    """(SHA-256, SM3)."""
    sm3 = hashes.Hash(hashes.SM3())
    sm3.update(manifest)
    return hashlib.sha256(manifest).digest(), sm3.finalize()


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
