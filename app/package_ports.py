"""Protocols for packages that leave the archive: who signs, encrypts and pushes them, what looks into a foreign file.

Every method may raise app.errors.Unavailable when the outside does not answer in time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID


class Signer(Protocol):
    """An Ed25519 key of its own for reports. ``key_id``: the first 16 hexadecimal digits of SHA-256 over the raw
    public key, so that nobody can give two keys one name.
    """

    @property
    def key_id(self) -> str: ...

    def sign(self, message: bytes) -> bytes:
        """64 bytes by the current key."""
        ...

    def public_keys(self) -> Mapping[str, bytes]:
        """Raw public keys by key id, the current one and all before it."""
        ...


@dataclass(frozen=True, slots=True)
class Probe:
    """What a limited child saw in one file. ``why`` is one word when it does not open; ``active`` names what acts or
    hides (javascript, launch, attachment …); ``surplus`` is true for bytes after the picture's own end.
    """

    opens: bool
    why: str = ""
    pages: int | None = None
    width: int | None = None
    height: int | None = None
    dpi: int | None = None
    encrypted: bool = False
    active: tuple[str, ...] = ()
    surplus: bool = False


class Prober(Protocol):
    def probe(self, data: bytes, media_type: str) -> Probe:
        """Opens the file where it can do no harm; changes nothing. Never raises for a bad file."""
        ...


@dataclass(frozen=True, slots=True)
class HandOver:
    """To whom a package goes: written into it as the sender's signed statement. ``manifest`` is the canonical JSON of
    the transfer's frozen manifest, whose code is printed on the paper slip. ``only``: the materials of a supplement,
    None for the whole dossier.
    """

    transfer: str
    receiver_code: str
    receiver_name: str = field(repr=False)
    manifest: bytes = field(repr=False)
    at: datetime
    only: frozenset[PackedMaterial] | None = field(default=None, repr=False)


class PackedMaterial(NamedTuple):
    """One material as a list names it; without digests where only paper is held."""

    class_code: str
    sequence: int
    sha256: str | None
    sm3: str | None


@dataclass(frozen=True, slots=True)
class HandedPackage:
    """A package for another archive, as a zip that is made while it is read. ``bag_digest`` is the SHA-256 of its
    manifest-sha256.txt; ``dossier_version`` and ``materials`` say what is packed.
    """

    file_name: str
    bag_digest: str
    dossier_version: int
    materials: frozenset[PackedMaterial]
    chunks: Callable[[], Iterator[bytes]]


class PackageMaker(Protocol):
    def hand_over(self, graduate_id: UUID, to: HandOver) -> HandedPackage:
        """Checks the dossier at hand-over and packs it with the signed report and statement.

        Raises Conflict('package_unreadable'), Conflict('hand_over_check_failed'), NotFound.
        """
        ...


class Encryptor(Protocol):
    """Encryption to somebody else's public key."""

    def usable(self, recipient: str) -> bool:
        """Whether this is a public key that can be encrypted to."""
        ...

    def encrypt(self, recipient: str, source: Iterator[bytes], sink: Callable[[bytes], None]) -> None:
        """Streams in bounded memory. Raises Invalid('recipient_refused')."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What is pushed to a receiver's address. ``read(offset, length)`` gives bytes of the cipher text."""

    package: UUID
    url: str
    envelope: str = field(repr=False)
    signature: str = field(repr=False)
    size: int
    digest: bytes
    read: Callable[[int, int], bytes] = field(repr=False)


class PackagePusher(Protocol):
    def push(self, delivery: Delivery) -> None:
        """Resumes where an earlier try ended. Raises Unavailable when the receiver could not be reached or did not
        take all of it, Invalid('push_target_refused') for an address that is not pushed to.
        """
        ...
