"""What people take home from a batch: the refused rows as tables they can mend and send again."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.dossiers.views import FileView
from app.envelope import DataKey, open_json
from app.imports.batches import cells_place, fault_of, stage_place
from app.imports.columns import FIELDS, FURTHER_TABLES, GRADUATE_TABLE, Fault
from app.imports.models import ImportRow, ImportStage
from app.imports.views import BatchView

LINE_COLUMN, REASON_COLUMN = "行号", "错误原因"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """``cells`` as in the file for a graduate; ``held`` the rows of a further table that belong to nobody."""

    sheet: str
    line: int
    faults: Sequence[Fault]
    number: str = field(default="", repr=False)
    cells: Sequence[str] = field(default=(), repr=False)
    held: Sequence[Any] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class FurtherRow:
    """A row of a further table; without faults where it only stands beside one of the same student that has some."""

    line: int
    row: Mapping[str, str] = field(repr=False)
    faults: Sequence[Fault]


def neutral(text: str) -> str:
    """No spreadsheet shall take a cell for a formula (CSV injection)."""
    return f"'{text}" if text.startswith(_RISKY) else text


def handed_down(mapping: Mapping[str, str]) -> dict[str, str]:
    """What was said of a batch's columns, for a file that mends it: its headers are as ``error_file`` writes them."""
    return {name: chosen for header, chosen in mapping.items() for name in (header, neutral(header))}


def reason(fault: Fault) -> str:
    """In one line: where and why."""
    place = f"（{fault.cell}）" if fault.cell else ""
    sheet = f"{fault.sheet} 第 {fault.line} 行 " if fault.sheet else ""
    return f"{sheet}{fault.column}：{fault.words}{place}"


# --- gathering --------------------------------------------------------------------------------------------------------


def opened(rows: Iterable[ImportRow], house: DataKey) -> list[RefusedRow]:
    found = []
    for row in rows:
        kept: dict[str, Any] = {}
        if row.sealed_cells is not None:
            kept = open_json(house, cells_place(row.batch_id, row.line), row.sealed_cells)
        faults = [fault_of(f) for f in row.faults]
        found.append(
            RefusedRow(row.sheet, row.line, faults, kept.get("number", ""), kept.get("cells", ()), kept.get("rows", ()))
        )
    return found


def further_rows(
    session: Session,
    batch_id: UUID,
    refused: Sequence[RefusedRow],
    house: DataKey,
    index_of: Callable[[str], bytes],
) -> Mapping[str, list[FurtherRow]]:
    """table -> its rows to be mended, in the order of the file: those that belong to nobody, and all rows of a student
    who is refused for one of them, for the rows sent again take the place of all the student had in that table.
    """
    found: dict[str, list[FurtherRow]] = {}
    for stray in (r for r in refused if r.sheet != GRADUATE_TABLE):
        # what was refused before its rows were kept has its number alone
        held = stray.held or [(stray.line, {"学号": stray.number}, ())]
        found.setdefault(stray.sheet, []).extend(_held(held, stray.faults))
    wanted = {(index_of(r.number), f.sheet) for r in refused for f in r.faults if r.sheet == GRADUATE_TABLE and f.sheet}
    staged = session.scalars(
        select(ImportStage).where(
            ImportStage.batch_id == batch_id, ImportStage.student_bidx.in_({student for student, _ in wanted})
        )
    )
    for stage in staged:
        if (stage.student_bidx, stage.sheet) in wanted:
            rows = open_json(house, stage_place(stage.id), stage.sealed_rows)["rows"]
            found.setdefault(stage.sheet, []).extend(_held(rows, ()))
    return {sheet: sorted(rows, key=lambda r: r.line) for sheet, rows in found.items()}


def _held(rows: Sequence[Any], faults: Sequence[Fault]) -> list[FurtherRow]:
    return [FurtherRow(line, row, [*faults, *map(fault_of, wrong)]) for line, row, wrong in rows]


# --- writing ----------------------------------------------------------------------------------------------------------


def error_file(
    view: BatchView, headers: Sequence[str], refused: Sequence[RefusedRow], further: Mapping[str, list[FurtherRow]]
) -> FileView:
    """CSV in UTF-8 with a byte-order mark: the original columns, then the line and the reasons. With rows of further
    tables a ZIP of such tables by the names an import takes them under.
    """
    graduates = _graduates(headers, [r for r in refused if r.sheet == GRADUATE_TABLE])
    name = f"errors-{view.id.hex[:8]}"
    if not further:
        return FileView(f"{name}.csv", "text/csv", graduates)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{GRADUATE_TABLE}.csv", graduates)
        for sheet in FURTHER_TABLES:
            if sheet in further:
                archive.writestr(f"{sheet}.csv", _further(sheet, further[sheet]))
    return FileView(f"{name}.zip", "application/zip", out.getvalue())


def _graduates(headers: Sequence[str], rows: Sequence[RefusedRow]) -> bytes:
    places = [i for i, h in enumerate(headers) if h not in (LINE_COLUMN, REASON_COLUMN)]
    lines = [
        [*(neutral(r.cells[p]) if p < len(r.cells) else "" for p in places), r.line, _reasons(r.faults)] for r in rows
    ]
    return _csv([neutral(headers[p]) for p in places], lines)


def _further(sheet: str, rows: Sequence[FurtherRow]) -> bytes:
    lines = [[*(neutral(r.row.get(c, "")) for c in FIELDS[sheet]), r.line, _reasons(r.faults)] for r in rows]
    return _csv(FIELDS[sheet], lines)


def _reasons(faults: Sequence[Fault]) -> str:
    return "；".join(dict.fromkeys(reason(f) for f in faults))


def _csv(header: Sequence[str], lines: Sequence[Sequence[object]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([*header, LINE_COLUMN, REASON_COLUMN])
    writer.writerows(lines)
    return out.getvalue().encode("utf-8-sig")


def one_row(row: Mapping[str, str]) -> BinaryIO:
    """A table of one graduate."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(row.keys())
    writer.writerow(row.values())
    return io.BytesIO(out.getvalue().encode("utf-8"))
