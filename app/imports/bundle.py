"""One cohort as it comes: a folder or a zip with graduates.csv|xlsx, further tables and photos/<student number>.jpg."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import openpyxl

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
        except zipfile.BadZipFile:
            raise Invalid("document_unreadable") from None
        if len(entries) > MAX_ENTRIES or sum(e.file_size for e in entries) > MAX_UNPACKED:
            raise TooLarge("document_too_large")
        self._names = {_decoded(e).split("/", 1)[-1] if _one_root(entries) else _decoded(e): e for e in entries}

    def read(self, name: str) -> bytes | None:
        entry = self._names.get(name)
        return self._zip.read(entry) if entry is not None else None


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
    with_workbook = b"xl/workbook.xml" in data
    return SingleTable("graduates.xlsx", data) if with_workbook else ZipBundle(data)


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
        for line, row in enumerate(reader, 2):
            yield line, {(k or "").strip(): (v or "").strip() for k, v in row.items() if isinstance(v, str)}


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
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(values_only=True)
        header = [str(c or "").strip() for c in next(rows)]
    except Exception:  # openpyxl raises many kinds for a damaged workbook
        raise Invalid("document_unreadable", faults=[FieldFault(f"/{table}", "wrong", "工作簿无法读取")]) from None
    for line, cells in enumerate(rows, 2):
        if any(c is not None for c in cells):
            yield line, {h: _cell(c) for h, c in zip(header, cells, strict=False) if h}
    book.close()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def photo_of(bundle: Bundle, student_number: str) -> bytes | None:
    if "/" in student_number or "\\" in student_number or ".." in student_number:
        return None
    for suffix in PHOTO_SUFFIXES:
        data = bundle.read(f"photos/{student_number}{suffix}")
        if data is not None:
            return data
    return None
