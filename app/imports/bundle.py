"""One cohort as it comes: a lone table, or a zip with graduates.csv|xlsx, further tables, photos/<student number>.jpg
and materials/<file>. A zip is judged before anything of it is used, and while it inflates.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from app.errors import Invalid, TooLarge
from app.imports.rules import MAX_ENTRIES, MAX_INFLATED, MAX_PICTURE, MAX_RATIO, RATIO_FREE

PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")
OLE_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ARCHIVES = (".zip", ".rar", ".7z", ".gz", ".tar", ".tgz", ".bz2", ".xz")
_DAMAGED = (zipfile.BadZipFile, EOFError, ValueError, OSError, zlib.error, NotImplementedError, RuntimeError)


class Bundle(Protocol):
    kind: str

    def names(self) -> list[str]:
        """Every file by its path inside the bundle."""
        ...

    def open(self, name: str, limit: int) -> BinaryIO | None:
        """A stream that raises TooLarge beyond ``limit`` bytes, or None when there is no such file."""
        ...


def read_whole(bundle: Bundle, name: str, limit: int = MAX_PICTURE) -> bytes | None:
    """Raises TooLarge, Invalid('archive_damaged')."""
    stream = bundle.open(name, limit)
    return None if stream is None else stream.read()


class SingleTable:
    """A lone CSV or XLSX of graduates, without photos or further tables."""

    def __init__(self, name: str, data: bytes | BinaryIO) -> None:
        stream = io.BytesIO(data) if isinstance(data, bytes) else data
        self.kind = "xlsx" if name.lower().endswith(".xlsx") else "csv"
        self._name, self._stream = f"graduates.{self.kind}", stream

    def names(self) -> list[str]:
        return [self._name]

    def open(self, name: str, limit: int) -> BinaryIO | None:  # noqa: ARG002 - the upload itself has its limit
        if name != self._name:
            return None
        self._stream.seek(0)
        return self._stream


class _Inflating(io.RawIOBase):
    """An entry as it inflates: what comes out is counted, whatever its header says."""

    def __init__(self, inner: Any, packed: int, limit: int) -> None:
        super().__init__()
        self._inner, self._limit, self._out = inner, limit, 0
        self._most = max(RATIO_FREE, packed * MAX_RATIO)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        try:
            data = self._inner.read(len(view))
        except _DAMAGED:
            raise Invalid("archive_damaged") from None
        self._out += len(data)
        if self._out > self._most:
            raise Invalid("archive_bomb")
        if self._out > self._limit:
            raise TooLarge("document_too_large")
        view[: len(data)] = data
        return len(data)


class ZipBundle:
    """Read entry by entry, never unpacked to disk. Raises Invalid, TooLarge for an archive that cannot be trusted."""

    kind = "zip"

    def __init__(self, data: bytes | BinaryIO) -> None:
        stream = io.BytesIO(data) if isinstance(data, bytes) else data
        try:
            self._zip = zipfile.ZipFile(stream)
            entries = self._zip.infolist()
        except _DAMAGED:  # a directory may point before the file
            raise Invalid("archive_damaged") from None
        self.is_workbook = any(e.filename == "xl/workbook.xml" for e in entries)
        self.has_macros = any(e.filename.lower().endswith("vbaproject.bin") for e in entries)
        if self.is_workbook:
            self._names: Mapping[str, zipfile.ZipInfo] = {e.filename: e for e in entries}
            return
        self._names = _trusted([e for e in entries if not _decoded(e).startswith("__MACOSX/")])

    def names(self) -> list[str]:
        return list(self._names)

    def open(self, name: str, limit: int) -> BinaryIO | None:
        entry = self._names.get(name)
        if entry is None:
            return None
        try:
            inner = self._zip.open(entry)
        except NotImplementedError:
            raise Invalid("archive_method") from None
        except _DAMAGED:
            raise Invalid("archive_damaged") from None
        return io.BufferedReader(_Inflating(inner, entry.compress_size, limit), 1 << 16)


def _trusted(entries: list[zipfile.ZipInfo]) -> Mapping[str, zipfile.ZipInfo]:
    """Entries by name inside the one root folder, or the reason why the archive is refused as a whole."""
    if len(entries) > MAX_ENTRIES or sum(e.file_size for e in entries) > MAX_INFLATED:
        raise TooLarge("document_too_large")
    if any(e.flag_bits & 0x1 for e in entries):
        raise Invalid("archive_encrypted")
    named = [(_decoded(e), e) for e in entries]
    if any(_unsafe(name) for name, _ in named):
        raise Invalid("archive_unsafe_name")
    named = [(name, e) for name, e in named if not e.is_dir()]
    if any(name.lower().endswith(_ARCHIVES) for name, _ in named):
        raise Invalid("archive_nested")
    if any(e.file_size > max(RATIO_FREE, e.compress_size * MAX_RATIO) for _, e in named) or _overlapping(entries):
        raise Invalid("archive_bomb")
    roots = {name.split("/", 1)[0] for name, _ in named}
    one_root = len(roots) == 1 and all("/" in name for name, _ in named)
    found = {name.split("/", 1)[-1] if one_root else name: e for name, e in named}
    if len(found) < len(named):
        raise Invalid("archive_duplicate_name")
    return found


def _unsafe(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or name[1:2] == ":" or "\\" in name or any(ord(c) < 32 for c in name)


def _overlapping(entries: list[zipfile.ZipInfo]) -> bool:
    """Entries that share their packed bytes: how a small archive inflates without any single large ratio."""
    spans = sorted((e.header_offset, e.header_offset + e.compress_size) for e in entries)
    return any(begins < ended for (_, ended), (begins, _) in pairwise(spans))


def _decoded(entry: zipfile.ZipInfo) -> str:
    """Windows archivers write Chinese names in GBK without saying so."""
    raw = entry.orig_filename
    if entry.flag_bits & 0x800:
        return raw
    try:
        return raw.encode("cp437").decode("gbk")
    except UnicodeError:
        return raw


def open_upload(name: str, data: bytes | BinaryIO) -> Bundle:
    """By content: an XLSX is a zip too, so its workbook part decides. Raises Invalid, TooLarge."""
    stream = io.BytesIO(data) if isinstance(data, bytes) else data
    stream.seek(0)
    head = stream.read(8)
    stream.seek(0)
    if head.startswith(OLE_MAGIC):
        raise Invalid("workbook_encrypted")
    if not head.startswith(b"PK"):
        return SingleTable("graduates.csv" if not name.lower().endswith(".csv") else name, stream)
    bundle = ZipBundle(stream)
    if bundle.has_macros:
        raise Invalid("workbook_macros")
    return SingleTable("graduates.xlsx", stream) if bundle.is_workbook else bundle


class _Chunks(io.RawIOBase):
    """What a generator yields, as a stream."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks, self._left = chunks, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        while not self._left:
            following = next(self._chunks, None)
            if following is None:
                return 0
            self._left = following
        part, self._left = self._left[: len(view)], self._left[len(view) :]
        view[: len(part)] = part
        return len(part)


class _Written(io.RawIOBase):
    """Takes what zipfile writes until somebody fetches it."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.data += data
        return len(data)


def packed_folder(folder: Path) -> BinaryIO:
    """A folder as the stream of a stored zip, file after file; the same folder always gives the same bytes."""

    def chunks() -> Iterator[bytes]:
        out = _Written()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
                name = path.relative_to(folder).as_posix()
                if any(part.startswith(".") for part in name.split("/")):
                    continue
                with path.open("rb") as source, archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as entry:
                    while data := source.read(1 << 20):
                        entry.write(data)
                        yield bytes(out.data)
                        out.data.clear()
        yield bytes(out.data)

    return io.BufferedReader(_Chunks(chunks()), 1 << 18)


def photo_names(bundle: Bundle) -> dict[str, str]:
    """Student number as it stands in the file name -> path; photos/ or, in an archive of photos alone, anywhere."""
    found: dict[str, str] = {}
    alone = not any(name.startswith("graduates.") for name in bundle.names())
    for name in bundle.names():
        folder, _, file = name.rpartition("/")
        stem, dot, suffix = file.rpartition(".")
        if f"{dot}{suffix}".lower() in PHOTO_SUFFIXES and (folder == "photos" or (alone and folder != "materials")):
            found.setdefault(stem, name)
    return found
