"""A bundle opened for reading: its tables row by row, checked, with the photo and the scans that belong to a row."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import BinaryIO

from app.csv_table import RawRow, csv_rows
from app.errors import FieldFault, Invalid
from app.imports import columns
from app.imports.bundle import Bundle, photo_names
from app.imports.columns import FURTHER_TABLES, GRADUATE_TABLE, Fault
from app.imports.headers import Layout, find_header
from app.imports.rules import MAX_TABLE
from app.imports.xlsx_table import Workbook, letters
from app.spool import SealedSpool

Mappings = Mapping[str, Mapping[str, str]]
_READ = 1 << 20


@dataclass(slots=True)
class CheckedRow:
    """``cells`` as in the file; ``row`` in normal form; ``faults`` name the file's own columns and cells."""

    line: int
    cells: Sequence[str] = field(repr=False)
    row: Mapping[str, str] = field(repr=False)
    faults: list[Fault]


@dataclass(frozen=True, slots=True)
class FurtherRows:
    """Consecutive rows of one student in a further table: (line, row, faults) each."""

    sheet: str
    number: str = field(repr=False)
    rows: Sequence[tuple[int, Mapping[str, str], Sequence[Fault]]] = field(repr=False)


class Cohort:
    """Raises Invalid, TooLarge for what cannot be read as a whole."""

    def __init__(self, bundle: Bundle, mappings: Mappings, today: date) -> None:
        self.bundle, self._mappings, self._today = bundle, mappings, today
        names = set(bundle.names())
        # a workbook goes before a CSV of the same table, as it always did
        self.tables = {t: kind for t in columns.FIELDS for kind in ("csv", "xlsx") if f"{t}.{kind}" in names}
        self.photos = photo_names(bundle)
        self.photos_alone = GRADUATE_TABLE not in self.tables and bool(self.photos)
        self.layout: Layout | None = None
        self.brings_files = bool(self.photos) or any(n.startswith("materials/") for n in names)

    # --- tables -------------------------------------------------------------------------------------------------------

    def raw_rows(self, table: str) -> Iterator[RawRow]:
        if self.tables.get(table) == "xlsx":
            yield from self._workbook(table).rows()
        elif table in self.tables:
            yield from csv_rows(lambda: self._opened(f"{table}.csv"), table)

    def _opened(self, name: str) -> BinaryIO:
        stream = self.bundle.open(name, MAX_TABLE)
        assert stream is not None
        return stream

    def _workbook(self, table: str) -> Workbook:
        stream = self._opened(f"{table}.xlsx")
        if not stream.seekable():
            # a workbook is read from its end: one inside an archive waits sealed, not in memory
            spool = SealedSpool()
            shutil.copyfileobj(stream, spool, _READ)
            spool.seek(0)
            stream = io.BufferedReader(spool)
        return Workbook(stream)

    def laid_out(self, table: str) -> tuple[Layout, Iterator[RawRow]]:
        return find_header(self.raw_rows(table), table, self._mappings.get(table, {}))

    def survey(self) -> int:
        """Read everything once before anything is filed: gives the number of graduates' rows (or of photos alone).
        Raises Invalid, TooLarge for whatever is broken anywhere.
        """
        if self.bundle.kind == "zip":
            for name in self.bundle.names():
                stream = self.bundle.open(name, MAX_TABLE)
                while stream is not None and stream.read(_READ):
                    pass
        for table in self.tables:
            if table != GRADUATE_TABLE:
                layout, rows = self.laid_out(table)
                layout.require()
                for _ in rows:
                    pass
        if self.photos_alone:
            return len(self.photos)
        return self._survey_graduates()

    def _survey_graduates(self) -> int:
        layout, rows = self.laid_out(GRADUATE_TABLE)
        layout.require()
        count = sum(1 for _ in rows)
        if not count:
            raise Invalid("invalid_input", faults=[FieldFault("/graduates", "required", "没有毕业生数据")])
        return count

    # --- checked rows -------------------------------------------------------------------------------------------------

    def graduates(self) -> Iterator[CheckedRow]:
        layout, rows = self.laid_out(GRADUATE_TABLE)
        layout.require()
        self.layout = layout
        for line, cells, marks in rows:
            row = columns.normal_row(_fields(layout, cells))
            faults = [placed(layout, f, line) for f in columns.graduate_faults(row, self._today)]
            yield CheckedRow(line, cells, row, _marked(layout, line, marks) + faults if marks else faults)

    def further(self, sheet: str) -> Iterator[FurtherRows]:
        """Rows of one student that stand together come together."""
        layout, rows = self.laid_out(sheet)
        layout.require()
        number, held = "", list[tuple[int, Mapping[str, str], Sequence[Fault]]]()
        for line, cells, marks in rows:
            row, faults = columns.further_row(sheet, _fields(layout, cells))
            whose = columns.student_number(row)
            if held and (whose != number or len(held) >= 200):
                yield FurtherRows(sheet, number, tuple(held))
                held = []
            number = whose
            told = [placed(layout, f, line, sheet) for f in faults]
            held.append((line, row, _marked(layout, line, marks, sheet) + told))
        if held:
            yield FurtherRows(sheet, number, tuple(held))

    @property
    def further_tables(self) -> list[str]:
        return [t for t in FURTHER_TABLES if t in self.tables]

    def head(self, count: int) -> tuple[Layout, list[Sequence[str]]]:
        """The layout of the graduates table and its first rows as they stand."""
        layout, rows = self.laid_out(GRADUATE_TABLE)
        return layout, [cells for _, cells, _ in islice(rows, count)]


def _fields(layout: Layout, cells: Sequence[str]) -> dict[str, str]:
    count = len(cells)
    return {name: cells[place] if place < count else "" for name, place in layout.places.items()}


def placed(layout: Layout, fault: Fault, line: int, sheet: str = "") -> Fault:
    """A fault of a field as one of the file's column and cell."""
    place = layout.places.get(fault.column)
    if place is None:
        return fault
    return Fault(layout.headers[place], fault.code, f"{letters(place)}{line}", sheet, line if sheet else 0)


def _marked(layout: Layout, line: int, marks: Mapping[int, str], sheet: str = "") -> list[Fault]:
    """Cells that are refused for what they are; only in columns that are used."""
    used = set(layout.places.values())
    return [
        Fault(layout.headers[p], code, f"{letters(p)}{line}", sheet, line if sheet else 0)
        for p, code in sorted(marks.items())
        if p in used
    ]
