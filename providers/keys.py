"""The master keys, in files outside the data: KEKs that wrap data keys, and one root secret for everything else.

Layout of the key folder (each key is 32 random bytes as 64 hexadecimal digits, mode 0400):

* ``kek-<version>.key``: key-encryption keys. The highest version wraps, unless ``primary`` names another; all unwrap.
* ``primary``: optional, one version number. It lets a new KEK reach every machine before anything is wrapped by it.
* ``report-signing-<n>.key``: seeds of the keys that sign reports (providers.signing); they encrypt nothing.
* ``root-secret.key``: the root of the named secrets, each HKDF-SHA256(root, info = label + name). It stands apart from
  the KEKs, so a KEK rotation changes no blind index. It has no rotation of its own: replacing it means new blind
  indexes, and ends every session and every frame under way.

Rotation: ``add_kek(folder, decrypt_only=True)``, restart all, ``make_primary(folder, version)``, restart all, re-wrap,
then take the old file away once no row names its version.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes, token_hex

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256, Hash
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import Tampered
from app.settings import SettingsError
from providers.files import sync_folder, write_new_file

_KEK_FILE = re.compile(r"kek-([1-9][0-9]{0,8})\.key")
_SECRET_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")
_ROOT_FILE = "root-secret.key"
_PRIMARY_FILE = "primary"
_NONCE = 12


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """What may be shown of a KEK; the fingerprint is one-way."""

    version: int
    fingerprint: str
    primary: bool


class FileKeys:
    """app.ports.KeyWrapper on key files. Reads them once; a KEK added later is picked up when first asked for."""

    def __init__(self, folder: Path) -> None:
        """Raises SettingsError naming the file that is missing, damaged or readable by others."""
        versions = _versions(folder)
        if not versions:
            raise SettingsError(["LANTAI_KEY_DIR holds no kek-<version>.key: run 'lantai keys init' once"])
        self._folder = folder
        self._root = read_key(folder / _ROOT_FILE)
        self._keks = {version: read_key(_kek_path(folder, version)) for version in versions}
        self._ciphers: dict[int, AESGCM] = {}
        self._primary = _read_primary(folder, versions)

    @classmethod
    def create(cls, folder: Path) -> FileKeys:
        """Make whatever is missing for a first start; existing keys are never touched.

        Raises SettingsError if KEKs are there without the root secret: making a new one would silently orphan
        every blind index, so it must be restored from the backup of the keys.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not (folder / _ROOT_FILE).exists():
            if _versions(folder):
                raise SettingsError([f"{_ROOT_FILE} is missing beside existing KEKs: restore it from the key backup"])
            write_key(folder / _ROOT_FILE)
        if not _versions(folder):
            write_key(_kek_path(folder, 1))
        if not any(folder.glob("report-signing-*.key")):
            write_key(folder / "report-signing-1.key")
        return cls(folder)

    @staticmethod
    def add_kek(folder: Path, *, decrypt_only: bool = False) -> int:
        """Add the next KEK and return its version; it wraps from the next start on, unless ``decrypt_only``."""
        keys = FileKeys(folder)
        if decrypt_only:
            _write_primary(folder, keys.primary_version)
        version = max(_versions(folder)) + 1
        write_key(_kek_path(folder, version))
        if not decrypt_only and (folder / _PRIMARY_FILE).exists():
            _write_primary(folder, version)
        return version

    @staticmethod
    def make_primary(folder: Path, version: int) -> None:
        """Let ``version`` wrap from the next start on. Raises SettingsError if there is no such KEK."""
        read_key(_kek_path(folder, version))
        _write_primary(folder, version)

    @property
    def primary_version(self) -> int:
        return self._primary

    def wrap(self, data_key: bytes, aad: bytes) -> tuple[int, bytes]:
        """(version, nonce + AES-256-GCM ciphertext and tag)."""
        version, nonce = self._primary, token_bytes(_NONCE)
        return version, nonce + self._cipher(version).encrypt(nonce, data_key, _bound(aad, version))

    def unwrap(self, version: int, wrapped: bytes, aad: bytes) -> bytes:
        """Raises Tampered, also for a KEK that is not there (any more)."""
        nonce, sealed = wrapped[:_NONCE], wrapped[_NONCE:]
        try:
            return self._cipher(version).decrypt(nonce, sealed, _bound(aad, version))
        except (InvalidTag, ValueError):
            raise Tampered(params={"kek_version": version}) from None

    def secret(self, name: str) -> bytes:
        """32 bytes for the one use called ``name`` ([a-z0-9-]); the same for ever. Raises ValueError on other names."""
        if not _SECRET_NAME.fullmatch(name):
            raise ValueError("a secret's name is lower-case words joined by '-'")
        return _derive(self._root, b"lantai/secret/1/" + name.encode())

    def describe(self) -> list[KeyDescription]:
        """Every KEK on file, oldest first; no key bytes."""
        return [KeyDescription(v, fingerprint(self._kek(v)), v == self._primary) for v in _versions(self._folder)]

    def _cipher(self, version: int) -> AESGCM:
        cipher = self._ciphers.get(version)
        if cipher is None:
            cipher = self._ciphers[version] = AESGCM(self._kek(version))
        return cipher

    def _kek(self, version: int) -> bytes:
        if version not in self._keks:
            try:
                self._keks[version] = read_key(_kek_path(self._folder, version))
            except SettingsError:
                raise Tampered(params={"kek_version": version}) from None
        return self._keks[version]


def fingerprint(key: bytes) -> str:
    """First 8 hexadecimal digits of SHA-256 over a derived key: enough to compare two machines, of no use otherwise."""
    digest = Hash(SHA256())
    digest.update(_derive(key, b"lantai/fingerprint/1"))
    return digest.finalize().hex()[:8]


def _derive(key: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(key)


def _bound(aad: bytes, version: int) -> bytes:
    """Length-prefixed, so that no two (aad, version) pairs give the same bytes."""
    return b"lantai/kek/1" + len(aad).to_bytes(4, "big") + aad + version.to_bytes(8, "big", signed=True)


def _versions(folder: Path) -> list[int]:
    names = (_KEK_FILE.fullmatch(p.name) for p in folder.glob("kek-*.key"))
    return sorted(int(m.group(1)) for m in names if m)


def _kek_path(folder: Path, version: int) -> Path:
    return folder / f"kek-{version}.key"


def read_key(path: Path) -> bytes:
    """Raises SettingsError when the file is missing, damaged or open to others."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            text = file.read(80)
    except OSError as error:
        raise SettingsError([f"the key file {path.name} cannot be read: {error.strerror}"]) from None
    if mode & 0o077:
        raise SettingsError([f"the key file {path.name} is open to others (mode {mode:04o}): run chmod 0400 on it"])
    if not re.fullmatch(rb"[0-9a-f]{64}\n?", text):
        raise SettingsError([f"the key file {path.name} is damaged: 64 hexadecimal digits are expected"])
    return bytes.fromhex(text.decode().strip())


def write_key(path: Path) -> None:
    write_new_file(path, token_hex(32).encode() + b"\n", mode=0o400)


def _read_primary(folder: Path, versions: list[int]) -> int:
    path = folder / _PRIMARY_FILE
    if not path.exists():
        return versions[-1]
    text = path.read_text("ascii", errors="replace").strip()
    if not text.isdecimal() or int(text) not in versions:
        raise SettingsError([f"the file '{_PRIMARY_FILE}' beside the keys must hold the version number of a KEK"])
    return int(text)


def _write_primary(folder: Path, version: int) -> None:
    draft = folder / f".primary-{token_hex(8)}"
    write_new_file(draft, f"{version}\n".encode(), mode=0o600)
    draft.replace(folder / _PRIMARY_FILE)
    sync_folder(folder)
