"""Writing a package: streamed as a zip whose entries are stored, or into a folder. Both in one fixed order."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

from app.errors import Conflict
from app.package_ports import PackedMaterial

Entry = tuple[str, Callable[[], bytes]]


class Made(NamedTuple):
    """What a package is written from."""

    folder: str
    entries: list[Entry]
    bag_digest: str
    dossier_version: int
    materials: frozenset[PackedMaterial]


_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Drain(io.RawIOBase):
    """Takes what zipfile writes and gives it on; it cannot seek, so zipfile writes forwards only."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]  # any bytes-like object, as the base class says
        self._held.append(chunk)
        return len(chunk)

    def take(self) -> bytes:
        held, self._held = b"".join(self._held), []
        return held


def zip_stream(folder: str, entries: Sequence[Entry]) -> Iterator[bytes]:
    """One entry in memory at a time; the same entries give the same bytes."""
    drain = _Drain()
    with zipfile.ZipFile(drain, "w", zipfile.ZIP_STORED) as archive:
        for name, read in entries:
            info = zipfile.ZipInfo(f"{folder}/{name}", _EPOCH)
            info.external_attr = 0o644 << 16
            archive.writestr(info, read())
            yield drain.take()
    yield drain.take()


def write_folder(target: Path, entries: Sequence[Entry]) -> None:
    """All of it or nothing. Raises Conflict('package_target_exists')."""
    if target.exists():
        raise Conflict("package_target_exists")
    draft = target.parent / f".{target.name}-{token_hex(6)}"
    draft.mkdir(parents=True, mode=0o700)
    try:
        for name, read in entries:
            path = draft / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(read())
        draft.rename(target)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
