"""What people take home from a batch: the refused rows as a table they can mend and send again."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import BinaryIO

from app.dossiers.views import FileView
from app.envelope import DataKey, open_json
from app.imports.batches import cells_place, fault_of
from app.imports.columns import GRADUATE_TABLE, Fault
from app.imports.models import ImportRow
from app.imports.views import BatchView

LINE_COLUMN, REASON_COLUMN = "行号", "错误原因"
_RISKY = ("=", "+", "-", "@", "\t", "\r")


def neutral(text: str) -> str:
    """No spreadsheet shall take a cell for a formula (CSV injection)."""
    return f"'{text}" if text.startswith(_RISKY) else text


def reason(fault: Fault) -> str:
    """In one line: where and why."""
    place = f"（{fault.cell}）" if fault.cell else ""
    sheet = f"{fault.sheet} 第 {fault.line} 行 " if fault.sheet else ""
    return f"{sheet}{fault.column}：{fault.words}{place}"


def error_file(view: BatchView, headers: Sequence[str], rows: Sequence[ImportRow], house: DataKey) -> FileView:
    """CSV in UTF-8 with a byte-order mark: the original columns, then the line and the reasons."""
    out = io.StringIO()
    writer = csv.writer(out)
    kept = [h for h in headers if h not in (LINE_COLUMN, REASON_COLUMN)]
    places = [i for i, h in enumerate(headers) if h not in (LINE_COLUMN, REASON_COLUMN)]
    writer.writerow([*map(neutral, kept), LINE_COLUMN, REASON_COLUMN])
    for row in rows:
        cells: list[str] = []
        if row.sealed_cells is not None and row.sheet == GRADUATE_TABLE:
            cells = open_json(house, cells_place(row.batch_id, row.line), row.sealed_cells)["cells"]
        shown = [neutral(cells[p]) if p < len(cells) else "" for p in places]
        writer.writerow([*shown, row.line, "；".join(reason(fault_of(f)) for f in row.faults)])
    name = f"errors-{view.id.hex[:8]}.csv"
    return FileView(name, "text/csv", out.getvalue().encode("utf-8-sig"))


def one_row(row: Mapping[str, str]) -> BinaryIO:
    """A table of one graduate."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(row.keys())
    writer.writerow(row.values())
    return io.BytesIO(out.getvalue().encode("utf-8"))
