"""What the sandbox's HR office looks at before it believes a package: nothing of the sender's code, only the formats.

Envelope and statement must be signed by a key the sender has published; cipher text, zip and every file in it must have
the digests that were signed; the bag must validate; the four-property check must pass offline.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bagit
import pyrage
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

ENVELOPE_PREFIX = b"lantai/electronic-envelope/1\n"
STATEMENT_PREFIX = b"lantai/transfer-statement/1\n"
MOST_UNPACKED = 4 * 1024**3
MOST_FILES = 20_000


class Refused(Exception):
    """``reason`` is a code of the sender's table; ``words`` say what was seen."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(reason, words)
        self.reason, self.words = reason, words


@dataclass(frozen=True, slots=True)
class HrIdentity:
    """Who the office is and whom it trusts. ``trusted``: the sender's raw Ed25519 keys by key id."""

    code: str
    identity: Any = field(repr=False)
    trusted: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Opened:
    """What only somebody who opened the package can say of it."""

    folder: Path
    bag_sha256: str
    manifest_sha256: str


Offline = Callable[[Path], bool]
"""Whether a folder passes the offline check."""


def canonical(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def read_canonical(data: bytes, what: str) -> dict[str, Any]:
    """Raises Refused for bytes that are not the one spelling of a JSON object."""
    try:
        value = json.loads(data.decode())
        same = canonical(value) == data
    except (ValueError, RecursionError):
        same, value = False, None
    if not same or not isinstance(value, dict):
        raise Refused("signature_invalid", f"{what} is not canonical JSON")
    return value


def require_signed(who: HrIdentity, key_id: object, signature: str, message: bytes, what: str) -> None:
    """By a key the sender has published, whatever key travels with the thing. Raises Refused."""
    public = who.trusted.get(str(key_id))
    if public is None:
        raise Refused("signature_invalid", f"{what} names a key that was never published")
    try:
        raw = base64.b64decode(signature, validate=True)
        if base64.b64encode(raw).decode() != signature:
            raise Refused("signature_invalid", f"{what}: another spelling of the signature")
        Ed25519PublicKey.from_public_bytes(public).verify(raw, message)
    except (InvalidSignature, binascii.Error, ValueError):
        raise Refused("signature_invalid", f"{what} is not signed by that key") from None


def read_envelope(who: HrIdentity, package: str, envelope: bytes, signature: str) -> dict[str, Any]:
    """Raises Refused unless it is signed, for this office, and about this package."""
    told = read_canonical(envelope, "envelope")
    require_signed(who, told.get("key_id"), signature, ENVELOPE_PREFIX + envelope, "envelope")
    mine = str(who.identity.to_public())
    if (told.get("package"), told.get("receiver"), told.get("recipient")) != (package, who.code, mine):
        raise Refused("not_our_person", "the envelope is about another package or for another office")
    return told


def require_cipher(told: Mapping[str, Any], path: Path) -> None:
    """Raises Refused unless the file is the very one the envelope speaks of."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if (path.stat().st_size, digest) != (told.get("size"), told.get("sha256")):
        raise Refused("digest_mismatch", "the cipher text is not what the envelope says")


def decrypt(who: HrIdentity, cipher: Path, target: Path) -> None:
    """Raises Refused."""
    try:
        pyrage.decrypt_file(str(cipher), str(target), [who.identity])
    except Exception as error:  # the library's own, and its panics' base
        target.unlink(missing_ok=True)
        raise Refused("cannot_decrypt", type(error).__name__) from None


def require_plain(told: Mapping[str, Any], path: Path) -> None:
    """Raises Refused unless the decrypted zip is the one that was encrypted."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    plain = told.get("plain")
    if not isinstance(plain, dict) or (path.stat().st_size, digest) != (plain.get("size"), plain.get("sha256")):
        raise Refused("package_invalid", "the zip is not what the envelope says")


def unpack(path: Path, target: Path) -> Path:
    """The one folder inside, written under ``target``. Raises Refused for whatever does not belong into a package."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            tops = {e.filename.split("/", 1)[0] for e in entries}
            size = sum(e.file_size for e in entries)
            odd = [e for e in entries if not _plain_name(e)]
            if len(tops) != 1 or odd or size > MOST_UNPACKED or len(entries) > MOST_FILES:
                raise Refused("package_invalid", "the zip holds something that does not belong there")
            for entry in entries:
                place = target / entry.filename
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(archive.read(entry))
            return target / tops.pop()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise Refused("package_invalid", type(error).__name__) from None


def _plain_name(entry: zipfile.ZipInfo) -> bool:
    parts = entry.filename.split("/")
    name = entry.filename
    return name.isascii() and "\\" not in name and len(parts) >= 2 and not {"", ".", ".."} & set(parts)


def require_bag(folder: Path) -> None:
    """Raises Refused."""
    try:
        bagit.Bag(str(folder)).validate(processes=1)
    except Exception as error:  # bagit lets errors of every kind through for a bag that is damaged
        raise Refused("package_invalid", f"bagit: {type(error).__name__}") from None


def require_statement(who: HrIdentity, told: Mapping[str, Any], folder: Path) -> Opened:
    """The statement inside says what the envelope says. Raises Refused."""
    try:
        names = ("transfer.json", "transfer-signature.json", "transfer-manifest.json", "manifest-sha256.txt")
        statement, signature, manifest, bag = ((folder / name).read_bytes() for name in names)
    except OSError:
        raise Refused("package_invalid", "the statement is absent") from None
    said, by = read_canonical(statement, "statement"), read_canonical(signature, "statement's signature")
    key_id = said.get("key", {}).get("key_id") if isinstance(said.get("key"), dict) else None
    require_signed(who, key_id, str(by.get("signature")), STATEMENT_PREFIX + statement, "statement")
    digests = {"sha256": hashlib.sha256(manifest).hexdigest(), "sm3": _sm3(manifest)}
    package = hashlib.sha256(bag).hexdigest()
    receiver = said.get("receiver")
    if not isinstance(receiver, dict) or receiver.get("code") != who.code or said.get("transfer") != told["transfer"]:
        raise Refused("not_our_person", "the statement is for another office or transfer")
    if not (digests == said.get("manifest") == told.get("manifest")) or package != said.get("package"):
        raise Refused("package_invalid", "the statement is about another package")
    return Opened(folder, package, digests["sha256"])


def _sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


def open_package(
    who: HrIdentity, package: str, envelope: bytes, signature: str, cipher: Path, work: Path, offline: Offline
) -> Opened:
    """All of it, cheapest first. ``work`` is an empty folder. Raises Refused."""
    told = read_envelope(who, package, envelope, signature)
    require_cipher(told, cipher)
    plain = work / "package.zip"
    decrypt(who, cipher, plain)
    require_plain(told, plain)
    folder = unpack(plain, work / "unpacked")
    plain.unlink()
    require_bag(folder)
    opened = require_statement(who, told, folder)
    if not offline(folder):
        raise Refused("check_failed", "the offline check did not pass")
    return opened


def keys_in(pem: bytes) -> dict[str, bytes]:
    """The sender's published Ed25519 keys by key id."""
    keys = {}
    for block in pem.split(b"-----END PUBLIC KEY-----")[:-1]:
        start = block.find(b"-----BEGIN PUBLIC KEY-----")
        key = load_pem_public_key(block[start:] + b"-----END PUBLIC KEY-----\n")
        if isinstance(key, Ed25519PublicKey):
            raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
            keys[hashlib.sha256(raw).hexdigest()[:16]] = raw
    return keys
