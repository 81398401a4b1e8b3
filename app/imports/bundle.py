"""One cohort as it comes: a folder or a zip with graduates.csv|xlsx, further tables and photos/<student number>.jpg."""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from python_calamine import CalamineError, CalamineWorkbook

from app.errors import FieldFault, Invalid, TooLarge

MAX_UNPACKED = 512 * 1024 * 1024
MAX_ENTRIES = 20_000
PHOTO_SUFFIXES = (".jpg", ".jpeg", ".png")


class Bundle(Protocol):
    def read(self, name: str) -> bytes | None:
        """A file by its path inside the bundle, or None."""
        ...


class FolderBundle:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> bytes | None:
        path = self._folder / name
        return path.read_bytes() if path.is_file() else None


class ZipBundle:
    """Read in memory, entry by entry; never unpacked to disk. Raises Invalid, TooLarge."""

    def __init__(self, data: bytes) -> None:
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            entries = self._zip.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):  # a directory may point before the file
            raise Invalid("document_unreadable") from None
        if len(entries) > MAX_ENTRIES or sum(e.file_size for e in entries) > MAX_UNPACKED:
            raise TooLarge("document_too_large")
        self.is_workbook = any(e.filename == "xl/workbook.xml" for e in entries)
        entries = [e for e in entries if not _decoded(e).startswith("__MACOSX/")]
        one_root = _one_root(entries)
        self._names = {_decoded(e).split("/", 1)[-1] if one_root else _decoded(e): e for e in entries}

    def read(self, name: str) -> bytes | None:
        """Raises Invalid for an entry that is damaged, encrypted or packed by an unknown method."""
        entry = self._names.get(name)
        if entry is None:
            return None
        try:
            return self._zip.read(entry)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, ValueError, OSError, zlib.error):
            raise Invalid("document_unreadable") from None


def _decoded(entry: zipfile.ZipInfo) -> str:
    """Windows archivers write Chinese names in GBK without saying so."""
    if entry.flag_bits & 0x800:
        return entry.filename
    try:
        return entry.filename.encode("cp437").decode("gbk")
    except UnicodeError:
        return entry.filename


def _one_root(entries: list[zipfile.ZipInfo]) -> bool:
    roots = {_decoded(e).split("/", 1)[0] for e in entries}
    return len(roots) == 1 and all("/" in _decoded(e) for e in entries)


class SingleTable:
    """A lone CSV or XLSX of graduates, without photos or further tables."""

    def __init__(self, name: str, data: bytes) -> None:
        suffix = ".xlsx" if name.lower().endswith(".xlsx") else ".csv"
        self._files = {f"graduates{suffix}": data}

    def read(self, name: str) -> bytes | None:
        return self._files.get(name)


def open_upload(name: str, data: bytes) -> Bundle:
    """By content: an XLSX is a zip too, so its workbook part decides. Raises Invalid, TooLarge."""
    if not data.startswith(b"PK"):
        return SingleTable(name, data)
    bundle = ZipBundle(data)
    return SingleTable("graduates.xlsx", data) if bundle.is_workbook else bundle


def rows_of(bundle: Bundle, table: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line in the file, column -> text) of one table; nothing when the bundle has none.

    Raises Invalid when the file is neither UTF-8 nor GB 18030 text nor a workbook.
    """
    sheet = bundle.read(f"{table}.xlsx")
    if sheet is not None:
        yield from _sheet_rows(sheet, table)
        return
    data = bundle.read(f"{table}.csv")
    if data is not None:
        reader = csv.DictReader(io.StringIO(_text(data, table), newline=""))
        try:
            for row in reader:
                # a short row has None for its last columns; what stands beyond the header has no column (None)
                yield reader.line_num, {k.strip(): (v or "").strip() for k, v in row.items() if k is not None}
        except csv.Error:
            raise Invalid("document_unreadable", faults=[FieldFault(f"/{table}", "wrong", "表格无法读取")]) from None


def _text(data: bytes, table: str) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeError:
            continue
        if "\x00" not in text:
            return text
    raise Invalid(
        "document_unreadable", faults=[FieldFault(f"/{table}", "wrong", "文件编码无法识别，请另存为 UTF-8 或 GB18030")]
    )


def _sheet_rows(data: bytes, table: str) -> Iterator[tuple[int, dict[str, str]]]:
    """The first sheet. Line numbers are those of the sheet, blank lines counted."""
    try:
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except CalamineError:
        raise Invalid("document_unreadable", faults=[FieldFault(f"/{table}", "wrong", "工作簿无法读取")]) from None
    header = [_cell(c) for c in rows[0]] if rows else []
    for line, cells in enumerate(rows[1:], 2):
        texts = [_cell(c) for c in cells]
        if any(texts):
            yield line, {h: text for h, text in zip(header, texts, strict=False) if h}


def _cell(value: object) -> str:
    """Text as a person sees it: whole numbers without a fraction, dates as YYYY-MM-DD."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value).strip()


def scan_of(bundle: Bundle, name: str) -> bytes | None:
    """A material's file by the name the materials table gives it; never from outside its folder."""
    if "/" in name or "\\" in name or ".." in name:
        return None
    return bundle.read(f"materials/{name}")


def photo_of(bundle: Bundle, student_number: str) -> bytes | None:
    if "/" in student_number or "\\" in student_number or ".." in student_number:
        return None
    for suffix in PHOTO_SUFFIXES:
        data = bundle.read(f"photos/{student_number}{suffix}")
        if data is not None:
            return data
    return None
