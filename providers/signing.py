"""The keys that sign reports: Ed25519 seeds as files in the key folder, apart from everything that encrypts.

``report-signing-<n>.key`` holds 32 random bytes as 64 hexadecimal digits, mode 0400. The highest number signs; the
public halves of all are published, so that an old report can be checked after a rotation (``lantai keys
new-signing-key``). Losing a seed loses nobody's data: a new one is made and its public key published.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.settings import SettingsError
from providers.keys import read_key, write_key

_SIGNING_FILE = re.compile(r"report-signing-([1-9][0-9]{0,5})\.key")


def key_id_of(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()[:16]


def raw_public(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem(raw: bytes) -> str:
    key = Ed25519PublicKey.from_public_bytes(raw)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")


class FileSigner:
    """app.package_ports.Signer on key files, read when first asked for: most processes never sign."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: tuple[Ed25519PrivateKey, dict[str, bytes]] | None = None

    @staticmethod
    def add_key(folder: Path) -> int:
        """The next key; it signs from the next start on."""
        version = max(_versions(folder), default=0) + 1
        write_key(_path(folder, version))
        return version

    @property
    def key_id(self) -> str:
        return key_id_of(raw_public(self._keys()[0].public_key()))

    def sign(self, message: bytes) -> bytes:
        return self._keys()[0].sign(message)

    def public_keys(self) -> Mapping[str, bytes]:
        return self._keys()[1]

    def _keys(self) -> tuple[Ed25519PrivateKey, dict[str, bytes]]:
        if self._read is None:
            versions = _versions(self._folder)
            if not versions:
                raise SettingsError(["LANTAI_KEY_DIR holds no report-signing-<n>.key: run 'lantai keys init' once"])
            keys = [Ed25519PrivateKey.from_private_bytes(read_key(_path(self._folder, v))) for v in versions]
            public = [raw_public(key.public_key()) for key in keys]
            self._read = keys[-1], {key_id_of(raw): raw for raw in public}
        return self._read


def _versions(folder: Path) -> list[int]:
    names = (_SIGNING_FILE.fullmatch(p.name) for p in folder.glob("report-signing-*.key"))
    return sorted(int(m.group(1)) for m in names if m)


def _path(folder: Path, version: int) -> Path:
    return folder / f"report-signing-{version}.key"
