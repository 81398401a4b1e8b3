"""A list of receivers as a CSV: its columns, reading it row by row, and the empty template."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import BinaryIO

from app.csv_table import csv_rows
from app.errors import FieldFault, Invalid
from app.receivers.rules import FIELD_LABELS, KIND_LABELS, ReceiverFacts, ReceiverKind, code_fault, normal_code
from app.written_dates import iso_date

CODE = "代码"
COLUMNS: Mapping[str, str] = {CODE: "code", **{label: name for name, label in FIELD_LABELS.items()}}
"""Heading -> field, in the order of the template."""
NEEDED = ("类型", "名称", "统一社会信用代码", "行政区划代码", "办公地址", "有效期起", "登记依据")
KIND_WORDS: Mapping[str, ReceiverKind] = {
    "公共就业和人才服务机构": ReceiverKind.PUBLIC_BODY,
    "省级授权单位": ReceiverKind.AUTHORISED_UNIT,
    "国有单位": ReceiverKind.STATE_UNIT,
    "招生学校": ReceiverKind.ADMITTING_SCHOOL,
    **{label: kind for kind, label in KIND_LABELS.items()},
    **{kind.value: kind for kind in ReceiverKind},
}
MAX_ROWS = 20_000
_POINTER = "receivers"

Fault = tuple[str, str]
"""(heading, word of app/wording/receivers.py)."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """``facts`` is None while a cell cannot be read at all; what they say is judged by the rules afterwards."""

    line: int
    code: str
    name: str
    facts: ReceiverFacts | None
    faults: tuple[Fault, ...]


def read(opened: Callable[[], BinaryIO]) -> Iterator[TableRow]:
    """Row by row: UTF-8 with or without a mark, or GB18030. ``opened`` gives the stream from its beginning, twice.
    Raises Invalid when the file as a whole cannot be used: no text, wrong columns, too many rows.
    """
    rows = csv_rows(opened, _POINTER)
    first = next(rows, None)
    if first is None:
        raise _unusable("文件是空的")
    fields = _fields(first[1])
    for count, (line, cells, _) in enumerate(rows, 1):
        if count > MAX_ROWS:
            raise _unusable(f"超过 {MAX_ROWS} 行，请分成几个文件")
        yield _row(line, {name: cells[i] if i < len(cells) else "" for i, name in fields.items()}, len(cells))


def _fields(headings: Sequence[str]) -> dict[int, str]:
    unknown = [h for h in headings if h and h not in COLUMNS]
    twice = [h for h in COLUMNS if headings.count(h) > 1]
    missing = [h for h in NEEDED if h not in headings]
    for words, names in (("没有这样的列", unknown), ("列重复", twice), ("缺少列", missing)):
        if names:
            raise _unusable(f"{words}：{'、'.join(n[:20] for n in names[:8])}")
    return {i: COLUMNS[h] for i, h in enumerate(headings) if h}


def _unusable(words: str) -> Invalid:
    return Invalid("receiver_list_unusable", faults=[FieldFault(f"/{_POINTER}", "wrong", words)])


def _row(line: int, cells: Mapping[str, str], width: int) -> TableRow:
    faults: list[Fault] = [] if width <= len(COLUMNS) else [("名称", "too_many_cells")]
    kind = KIND_WORDS.get(cells["kind"])
    if kind is None:
        faults.append(("类型", "required" if not cells["kind"] else "receiver_kind_unknown"))
    begins, ends = _day(cells["valid_from"]), _day(cells.get("valid_to", ""))
    if begins is None:
        faults.append(("有效期起", "required" if not cells["valid_from"] else "not_a_date"))
    if ends is None and cells.get("valid_to"):
        faults.append(("有效期止", "not_a_date"))
    code = normal_code(cells.get("code", "")) or normal_code(cells["credit_code"]).replace("-", "")
    if cells.get("code") and (fault := code_fault(code)):
        faults.append((CODE, fault))
    facts = None
    if kind is not None and begins is not None and not faults:
        words = {name: cells.get(name, "") for name in FIELD_LABELS if name not in ("kind", "valid_from", "valid_to")}
        facts = ReceiverFacts(kind=kind, valid_from=begins, valid_to=ends, **words)
    return TableRow(line, code, cells["name"], facts, tuple(faults))


def _day(text: str) -> date | None:
    made = iso_date(text) if text else None
    return date.fromisoformat(made) if made is not None and len(made) == 10 else None


def template() -> bytes:
    """UTF-8 with a mark, so that spreadsheets read it."""
    out = io.StringIO()
    csv.writer(out).writerow(COLUMNS)
    return out.getvalue().encode("utf-8-sig")
