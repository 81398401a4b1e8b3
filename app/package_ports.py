"""Protocols for packages that leave the archive: who signs their report, and what looks into a foreign file.

Every method may raise app.errors.Unavailable when the outside does not answer in time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


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
