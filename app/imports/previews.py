"""The first look at a source: what its columns are taken for, with samples nobody can be known by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import BinaryIO

from app.errors import Invalid, TooLarge
from app.imports.bundle import open_upload
from app.imports.cohort import Cohort
from app.imports.columns import FIELDS, GRADUATE_TABLE, REQUIRED
from app.imports.problems import problems_of
from app.imports.views import ColumnView, Preview, Problem
from app.imports.xlsx_table import letters
from app.people.rules import mask_id_number, mask_name, mask_phone, mask_student_number

SAMPLES = 5
_MASKS: Mapping[str, Callable[[str], str]] = {
    "学号": mask_student_number,
    "姓名": mask_name,
    "身份证号": mask_id_number,
    "手机号": mask_phone,
}
_PLAIN = frozenset({"性别", "学院", "专业", "学历层次", "毕业年份", "学制", "入学日期", "毕业日期"})
"""Shared by so many that a sample names nobody; of anything else only the length is shown."""


def preview_of(name: str, stream: BinaryIO, mapping: Mapping[str, str], today: date) -> Preview:
    try:
        bundle = open_upload(name, stream)
        cohort = Cohort(bundle, {GRADUATE_TABLE: mapping}, today)
        scans = sum(n.startswith("materials/") for n in bundle.names())
        if cohort.photos_alone:
            return Preview("photos", 0, (), (), (), (), (), len(cohort.photos), scans)
        layout, cells = cohort.head(SAMPLES)
    except (Invalid, TooLarge) as error:
        problems = tuple(Problem(p["pointer"], p["code"], p["words"]) for p in problems_of(error))
        return Preview("unreadable", 0, (), (), REQUIRED, (), (), 0, 0, problems)
    taken = {place: field for field, place in layout.places.items()}
    columns = tuple(
        ColumnView(i, letters(i), header, taken.get(i, ""), _samples(taken.get(i, ""), i, cells))
        for i, header in enumerate(layout.headers)
    )
    problems = tuple(
        Problem(f"/graduates/{c}", "duplicate_column", f"有两列都是“{c}”，请指定对应关系") for c in layout.doubled
    )
    return Preview(
        bundle.kind,
        layout.line,
        columns,
        FIELDS[GRADUATE_TABLE],
        REQUIRED,
        layout.missing,
        cohort.further_tables,
        len(cohort.photos),
        scans,
        problems,
    )


def _samples(field: str, place: int, rows: Sequence[Sequence[str]]) -> tuple[str, ...]:
    texts = [row[place] for row in rows if place < len(row) and row[place]]
    if field in _PLAIN:
        return tuple(t[:40] for t in texts)
    mask = _MASKS.get(field, _hidden)
    return tuple(mask(t) for t in texts)


def _hidden(text: str) -> str:
    return "*" * min(len(text), 12)
