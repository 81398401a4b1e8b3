"""Envelope encryption of personal values, and blind indexes for look-ups.

A sealed value is  MAGIC(2) suite(1) key-version(4) nonce(12) ciphertext tag(16).  Its additional data is
length-prefixed and names the table, the column, the immutable random row id, the owner, the record version, the suite
and the data-key version, so that a value moved to any other place does not open. Never is a value tried with several
keys.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic_core import from_json, to_json

from app.errors import Tampered

MAGIC = b"\x4c\xa1"
HEADER = struct.Struct(">2sBI")
NONCE_BYTES = 12
TAG_BYTES = 16
PAD_STEP = 64
SUITES = {"aes-256-gcm": 1, "sm4-gcm": 2}
HOUSE = UUID(int=0)
"""Owner of values that belong to no graduate (staff secrets, idempotent replies, claims)."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """One owner's 256-bit key. ``version`` is the data key's own; re-wrapping under a new master key leaves it."""

    owner: UUID
    version: int
    material: bytes = field(repr=False)
    suite: str = "aes-256-gcm"
    aes: AESGCM = field(init=False, repr=False, compare=False)
    owner_bytes: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "aes", AESGCM(self.material))
        object.__setattr__(self, "owner_bytes", self.owner.bytes)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lives. ``row`` must be immutable and random; ``version`` that of the immutable version row."""

    table: str
    column: str
    row: UUID
    version: int = 1


@lru_cache(maxsize=256)
def _column_label(table: str, column: str) -> bytes:
    return b"".join(len(p).to_bytes(4, "big") + p for p in (table.encode(), column.encode()))


# the lengths of row and owner, and of version, suite and key version: a list page makes sixty of these per request
_PLACE = struct.Struct(">I16sI16sIQIBII")


def _additional_data(place: Place, key: DataKey, suite: int) -> bytes:
    return _column_label(place.table, place.column) + _PLACE.pack(
        16, place.row.bytes, 16, key.owner_bytes, 8, place.version, 1, suite, 4, key.version
    )


def _sm4(key: DataKey) -> algorithms.SM4:
    # SM4 keys are 128 bits; derive one so that the two suites never share key material
    return algorithms.SM4(hashlib.sha256(b"lantai sm4" + key.material).digest()[:16])


def _encrypt(suite: int, key: DataKey, nonce: bytes, data: bytes, aad: bytes) -> bytes:
    if suite == SUITES["aes-256-gcm"]:
        return key.aes.encrypt(nonce, data, aad)
    encryptor = Cipher(_sm4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(aad)
    return encryptor.update(data) + encryptor.finalize() + encryptor.tag


def _decrypt(suite: int, key: DataKey, nonce: bytes, data: bytes, aad: bytes) -> bytes:
    if suite == SUITES["aes-256-gcm"]:
        return key.aes.decrypt(nonce, data, aad)
    # nothing leaves this function before finalize() has checked the tag
    decryptor = Cipher(_sm4(key), modes.GCM(nonce, data[-TAG_BYTES:])).decryptor()
    decryptor.authenticate_additional_data(aad)
    return decryptor.update(data[:-TAG_BYTES]) + decryptor.finalize()


def seal_bytes(key: DataKey, place: Place, data: bytes) -> bytes:
    suite = SUITES[key.suite]
    nonce = os.urandom(NONCE_BYTES)
    sealed = _encrypt(suite, key, nonce, data, _additional_data(place, key, suite))
    return b"".join((HEADER.pack(MAGIC, suite, key.version), nonce, sealed))


def open_bytes(key: DataKey, place: Place, sealed: bytes) -> bytes:
    """Raises Tampered for anything that was not sealed by this key for this place."""
    if len(sealed) < HEADER.size + NONCE_BYTES + TAG_BYTES:
        raise Tampered(params={"table": place.table})
    magic, suite, version = HEADER.unpack_from(sealed)
    if magic != MAGIC or suite not in SUITES.values() or version != key.version:
        raise Tampered(params={"table": place.table})
    nonce = sealed[HEADER.size : HEADER.size + NONCE_BYTES]
    body = sealed[HEADER.size + NONCE_BYTES :]
    try:
        return _decrypt(suite, key, nonce, body, _additional_data(place, key, suite))
    except InvalidTag:
        raise Tampered(params={"table": place.table}) from None


def _pad(data: bytes) -> bytes:
    """Length-prefixed and filled to PAD_STEP, so that a name's length cannot be read off the ciphertext."""
    body = len(data).to_bytes(4, "big") + data
    return body + bytes(-len(body) % PAD_STEP)


def seal_json(key: DataKey, place: Place, value: Mapping[str, Any]) -> bytes:
    """Seal what is read together as one value."""
    return seal_bytes(key, place, _pad(to_json(value)))


def open_json(key: DataKey, place: Place, sealed: bytes) -> dict[str, Any]:
    padded = open_bytes(key, place, sealed)
    length = int.from_bytes(padded[:4], "big")
    value: dict[str, Any] = from_json(padded[4 : 4 + length])
    return value


@dataclass(frozen=True, slots=True)
class BlindIndex:
    """Keyed look-up values: equal inputs meet, nothing else can be learnt without the key.

    An ID number has 18.5 bits once region and year are known, so a plain hash would fall in seconds (4-trust).
    """

    key: bytes = field(repr=False)
    _begun: dict[tuple[str, str, int], hmac.HMAC] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, table: str, column: str, normalised: str, version: int = 1) -> bytes:
        # a copy of the begun state: hmac.digest would let go of the interpreter for every few bytes of a cohort
        place = (table, column, version)
        begun = self._begun.get(place)
        if begun is None:
            label = f"{table}.{column}.v{version}".encode()
            begun = self._begun[place] = hmac.new(self.key, len(label).to_bytes(2, "big") + label, "sha256")
        keyed = begun.copy()
        keyed.update(normalised.encode())
        return keyed.digest()
