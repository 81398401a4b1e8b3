"""A workbook's first visible sheet, row by row, straight from its XML (ECMA-376): formulas are seen and never computed,
dates are read by their style, and nothing but the shared texts is held in memory.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from xml.parsers import expat

from app.csv_table import RawRow
from app.errors import Invalid, TooLarge
from app.imports.bundle import OLE_MAGIC, ZipBundle
from app.imports.rules import MAX_TABLE
from app.written_dates import serial_date

_PIECE = 1 << 16
_MAX_TEXTS = 256 * 1024 * 1024
_MAX_COLUMNS = 512
_MAX_MERGED = 10_000
_BUILT_IN_DATES = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_MERGE = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]+)(\d+):([A-Z]+)(\d+)"')
_ROW = re.compile(rb"<(?:\w+:)?row[\s>]")
PRECISE = 10**15
"""A spreadsheet keeps fifteen digits of a number; a longer one has lost its last ones."""


def letters(position: int) -> str:
    """0 -> A, 26 -> AA."""
    text = ""
    position += 1
    while position:
        position, rest = divmod(position - 1, 26)
        text = chr(65 + rest) + text
    return text


def _position(reference: str) -> int:
    value = 0
    for character in reference:
        if not character.isalpha():
            break
        value = value * 26 + ord(character) - 64
    return value - 1


class _Xml:
    """One part of the package fed through expat; entities and document types are refused, so nothing expands."""

    def __init__(self, book: ZipBundle, name: str) -> None:
        self._stream = book.open(name, MAX_TABLE)
        self.parser = expat.ParserCreate(namespace_separator="}")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse

    @staticmethod
    def _refuse(*_: Any) -> None:
        raise Invalid("workbook_damaged")

    def feed(self) -> Iterator[None]:
        """Parse piece by piece; handlers have been called for what was read at every step."""
        if self._stream is None:
            raise Invalid("workbook_damaged")
        try:
            while piece := self._stream.read(_PIECE):
                self.parser.Parse(piece, False)
                yield
            self.parser.Parse(b"", True)
            yield
        except (expat.ExpatError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError):
            raise Invalid("workbook_damaged") from None


def _bare(name: str) -> str:
    return name.rpartition("}")[2]


class _Texts:
    """The shared texts in one byte string: a list of a million small strings would take five times the room."""

    def __init__(self, book: ZipBundle) -> None:
        self._bytes, self._ends = bytearray(), array("Q", [0])
        if "xl/sharedStrings.xml" not in book.names():
            return
        xml, depth = _Xml(book, "xl/sharedStrings.xml"), {"t": False, "phonetic": False}

        def start(name: str, _: Mapping[str, str]) -> None:
            bare = _bare(name)
            if bare == "t":
                depth["t"] = not depth["phonetic"]
            elif bare == "rPh":
                depth["phonetic"] = True

        def end(name: str) -> None:
            bare = _bare(name)
            if bare == "t":
                depth["t"] = False
            elif bare == "rPh":
                depth["phonetic"] = False
            elif bare == "si":
                self._ends.append(len(self._bytes))

        def text(data: str) -> None:
            if depth["t"]:
                self._bytes += data.encode("utf-8", "surrogatepass")

        xml.parser.StartElementHandler, xml.parser.EndElementHandler = start, end
        xml.parser.CharacterDataHandler = text
        for _ in xml.feed():
            if len(self._bytes) > _MAX_TEXTS:
                raise TooLarge("document_too_large")

    def __getitem__(self, index: int) -> str:
        if not 0 <= index < len(self._ends) - 1:
            raise Invalid("workbook_damaged")
        return self._bytes[self._ends[index] : self._ends[index + 1]].decode("utf-8", "replace")


def _attributes(book: ZipBundle, name: str, wanted: set[str]) -> list[tuple[str, dict[str, str]]]:
    """(element, attributes without namespaces) of these elements, in order; nothing when the part is absent."""
    if name not in book.names():
        return []
    found: list[tuple[str, dict[str, str]]] = []
    xml = _Xml(book, name)

    def start(element: str, attributes: Mapping[str, str]) -> None:
        if _bare(element) in wanted:
            found.append((_bare(element), {_bare(k): v for k, v in attributes.items()}))

    xml.parser.StartElementHandler = start
    for _ in xml.feed():
        pass
    return found


def _first_sheet(book: ZipBundle) -> tuple[str, bool]:
    """(part of the first visible sheet, whether days count from 1904)."""
    parts = {a["Id"]: a["Target"] for _, a in _attributes(book, "xl/_rels/workbook.xml.rels", {"Relationship"})}
    from_1904 = False
    for element, attributes in _attributes(book, "xl/workbook.xml", {"sheet", "workbookPr"}):
        if element == "workbookPr":
            from_1904 = attributes.get("date1904", "0") in ("1", "true")
        elif attributes.get("state", "visible") == "visible":
            target = parts.get(attributes.get("id", ""), "")
            return target.lstrip("/") if target.startswith("/") else f"xl/{target}", from_1904
    raise Invalid("workbook_damaged")


def _date_styles(book: ZipBundle) -> frozenset[int]:
    """Numbers of the cell styles that show a day."""
    custom: dict[str, bool] = {}
    styles: list[str] = []
    xml, inside = _Xml(book, "xl/styles.xml"), {"cellXfs": False}

    def start(name: str, attributes: Mapping[str, str]) -> None:
        bare = _bare(name)
        if bare == "numFmt":
            code = _QUOTED.sub("", attributes.get("formatCode", "")).lower()
            custom[attributes.get("numFmtId", "")] = "y" in code or "d" in code or "年" in code
        elif bare == "cellXfs":
            inside["cellXfs"] = True
        elif bare == "xf" and inside["cellXfs"]:
            styles.append(attributes.get("numFmtId", "0"))

    def end(name: str) -> None:
        if _bare(name) == "cellXfs":
            inside["cellXfs"] = False

    if "xl/styles.xml" not in book.names():
        return frozenset()
    xml.parser.StartElementHandler, xml.parser.EndElementHandler = start, end
    for _ in xml.feed():
        pass
    return frozenset(i for i, f in enumerate(styles) if custom.get(f, f.isdigit() and int(f) in _BUILT_IN_DATES))


class Workbook:
    """Raises Invalid for what is no plain workbook."""

    def __init__(self, stream: BinaryIO) -> None:
        stream.seek(0)
        if stream.read(8) == OLE_MAGIC:
            raise Invalid("workbook_encrypted")
        self._book = ZipBundle(stream)
        if self._book.has_macros:
            raise Invalid("workbook_macros")
        if not self._book.is_workbook:
            raise Invalid("workbook_damaged")
        self._sheet, self._from_1904 = _first_sheet(self._book)
        if self._sheet not in self._book.names():
            raise Invalid("workbook_damaged")
        self._dates, self._texts = _date_styles(self._book), _Texts(self._book)
        self.row_count, self._merged = self._scan()

    def _scan(self) -> tuple[int, dict[int, list[range]]]:
        """(rows, line -> merged columns): a sheet names them behind its rows, so they are looked for first."""
        stream, whole = self._book.open(self._sheet, MAX_TABLE), expat.ParserCreate()
        assert stream is not None
        rows, merged, kept = 0, dict[int, list[range]](), b""
        while piece := stream.read(1 << 20):
            self._well_formed(whole, piece)
            data = kept + piece
            cut = max(data.rfind(b"<"), 0)
            rows += len(_ROW.findall(data, 0, cut))
            for left, top, right, bottom in (m.groups() for m in _MERGE.finditer(data, 0, cut)):
                columns = range(_position(left.decode()), min(_position(right.decode()), _MAX_COLUMNS) + 1)
                for line in range(int(top), min(int(bottom), int(top) + _MAX_MERGED) + 1):
                    merged.setdefault(line, []).append(columns)
            kept = data[cut:]
            if len(kept) > MAX_TABLE // 1024:
                raise Invalid("workbook_damaged")
        self._well_formed(whole, b"", last=True)
        return rows, merged

    @staticmethod
    def _well_formed(parser: Any, piece: bytes, *, last: bool = False) -> None:
        """A sheet that breaks off is found before a single row of it is filed."""
        try:
            parser.Parse(piece, last)
        except expat.ExpatError:
            raise Invalid("workbook_damaged") from None

    def rows(self) -> Iterator[RawRow]:
        sheet = _Sheet(self._book, self._sheet, self._texts, self._dates, self._from_1904)
        for line, cells, marks in sheet.rows():
            for columns in self._merged.get(line, ()):
                marks = {**marks, **dict.fromkeys(columns, "merged_cell")}
            if any(cells) or marks:
                yield line, cells, marks


class _Sheet:
    """Rows gathered from expat's calls."""

    def __init__(self, book: ZipBundle, part: str, texts: _Texts, dates: frozenset[int], from_1904: bool) -> None:
        self._xml, self._texts, self._dates, self._from_1904 = _Xml(book, part), texts, dates, from_1904
        self._rows: deque[RawRow] = deque()
        self._line = 0
        self._cells: list[str] = []
        self._marks: dict[int, str] = {}
        self._at, self._kind, self._style, self._value, self._take = -1, "n", 0, "", False
        self._xml.parser.StartElementHandler = self._start
        self._xml.parser.EndElementHandler = self._end
        self._xml.parser.CharacterDataHandler = self._text

    def rows(self) -> Iterator[RawRow]:
        for _ in self._xml.feed():
            while self._rows:
                yield self._rows.popleft()

    def _start(self, name: str, attributes: Mapping[str, str]) -> None:
        bare = name.rpartition("}")[2]
        if bare == "c":
            reference = attributes.get("r")
            self._at = _position(reference) if reference else self._at + 1
            if not 0 <= self._at < _MAX_COLUMNS:
                raise Invalid("workbook_damaged")
            self._kind, self._style, self._value = attributes.get("t", "n"), int(attributes.get("s", "0")), ""
        elif bare in ("v", "t"):
            self._take = True
        elif bare == "f":
            self._marks[self._at] = "formula_cell"
        elif bare == "row":
            self._line = int(attributes.get("r", self._line + 1))
            self._cells, self._marks, self._at = [], {}, -1

    def _text(self, data: str) -> None:
        if self._take:
            self._value += data

    def _end(self, name: str) -> None:
        bare = name.rpartition("}")[2]
        if bare == "c":
            if self._value:
                self._cells += [""] * (self._at + 1 - len(self._cells))
                self._cells[self._at] = self._shown().strip()
        elif bare in ("v", "t"):
            self._take = False
        elif bare == "row":
            self._rows.append((self._line, self._cells, self._marks))

    def _shown(self) -> str:
        """Text as a person sees it: whole numbers without a fraction, dates as YYYY-MM-DD."""
        value = self._value
        if self._kind == "s":
            return self._texts[int(value)] if value.isdigit() else ""
        if self._kind == "n":
            return self._number(value)
        if self._kind == "e":
            self._marks.setdefault(self._at, "error_cell")
        if self._kind == "d":
            return value[:10]
        return value

    def _number(self, value: str) -> str:
        try:
            number = float(value)
        except ValueError:
            raise Invalid("workbook_damaged") from None
        if self._style in self._dates:
            return serial_date(number, from_1904=self._from_1904) or value
        if abs(number) >= PRECISE:
            self._marks.setdefault(self._at, "digits_lost")
        return str(int(number)) if number.is_integer() else value
