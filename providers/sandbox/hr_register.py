"""The HR office's own book: one file per package, written whole or not at all, so that a killed office finds it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

ENTRY = ".register.json"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Got:
    """One package as the office knows it. ``state``: arriving; answering, once the answer is decided but perhaps not
    said; accepted, rejected, refused, or withdrawn by its sender. ``sha256`` is that of the cipher text when the
    package was first heard of: no other is ever taken under its id.
    """

    id: str
    transfer: str
    size: int
    sha256: str
    came: str
    state: str = "arriving"
    reason: str = ""
    words: str = ""
    receipt: str = ""
    issued_on: str = ""
    manifest: str = ""
    at: str = field(default_factory=_now)


class HrRegister:
    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()

    def all(self) -> list[Got]:
        """By the time they were first heard of."""
        found = [self._read(path) for path in self._folder.glob(f"*{ENTRY}")]
        return sorted(found, key=lambda g: (g.at, g.id))

    def of(self, package: str) -> Got | None:
        path = self._path(package)
        return self._read(path) if path.exists() else None

    def first(self, package: str, make: Callable[[], Got]) -> Got:
        """The entry; made when the package is new."""
        with self._lock:
            known = self.of(package)
            if known is None:
                known = make()
                self._write(known)
            return known

    def note(self, package: str, **changed: Any) -> None:
        """Nothing for a package that was never entered."""
        with self._lock:
            known = self.of(package)
            if known is not None:
                self._write(replace(known, **changed))

    def _path(self, package: str) -> Path:
        return self._folder / f"{UUID(package)}{ENTRY}"

    @staticmethod
    def _read(path: Path) -> Got:
        return Got(**json.loads(path.read_text("utf-8")))

    def _write(self, entry: Got) -> None:
        write_whole(self._path(entry.id), json.dumps(asdict(entry), ensure_ascii=False).encode())


def write_whole(path: Path, data: bytes) -> None:
    """Replaces ``path``; a reader, or whoever comes after a kill, sees the old bytes or the new ones."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)
