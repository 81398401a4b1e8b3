"""From counts to a release, and from a release to what a reader asks for. Pure.

A release holds totals and unsuppressed cells only. Reading never goes back to the counts, so percentages, slices and
trends cannot say more than the release does.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from app.statistics import rules
from app.statistics.rules import Counts, Dimension
from app.statistics.suppression import Cell, Mark, Suppression
from app.statistics.views import Line, Shown, StudyYear, TableView

Base = Literal["count", "row", "column"]


def _name(table: tuple[Dimension, Dimension]) -> str:
    return f"{table[0].value}.{table[1].value}"


def release_body(counts: Counts, k: int) -> dict[str, Any]:
    """Everything that is published. ``tables`` lists [row, column, count or null, mark] of cells that are not zero."""
    folded = rules.fold(counts, k)
    persons = sum(folded.values())
    if persons < k:
        return {"smallest": k, "persons": 0, "margins": {}, "tables": {}}
    work = Suppression(folded, k)
    marks = work.run()
    margins = {d.value: rules.margin(folded, d) for d in Dimension}
    tables: dict[str, list[list[object]]] = {_name(t): [] for t in rules.PAIRS}
    for cell in sorted(work.cells.keys() | marks.keys()):
        mark = marks.get(cell, Mark.SHOWN)
        count = None if mark is not Mark.SHOWN else work.cells[cell]
        if count != 0:
            tables[_name(cell.table)].append([cell.row, cell.column, count, mark.value])
    return {"smallest": k, "persons": persons, "margins": margins, "tables": tables}


def digest(body: Mapping[str, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def moved_persons(before: Counts, after: Counts) -> int:
    """How many persons came, went or changed between two counts, at the least."""
    plus = sum(max(0, n - before.get(p, 0)) for p, n in after.items())
    minus = sum(max(0, n - after.get(p, 0)) for p, n in before.items())
    return max(plus, minus)


@dataclass(frozen=True, slots=True)
class Published:
    """A release as it is read."""

    body: Mapping[str, Any]

    @property
    def persons(self) -> int:
        return int(self.body["persons"])

    def sizes(self, dimension: Dimension) -> dict[str, int]:
        return dict(self.body["margins"].get(dimension.value, {}))

    def categories(self, dimension: Dimension) -> list[str]:
        return rules.ordered(dimension, self.sizes(dimension))

    def cells(self, table: tuple[Dimension, Dimension]) -> dict[Cell, Shown]:
        """Those that are not zero."""
        return {
            Cell(table, row, column): Shown(count, Mark(mark))
            for row, column, count, mark in self.body["tables"].get(_name(table), [])
        }

    def single(self, rows: Dimension) -> TableView:
        sizes, persons = self.sizes(rows), self.persons
        lines = [
            Line(name, (), Shown(sizes[name], percent=_percent(sizes[name], persons))) for name in self.categories(rows)
        ]
        return TableView(rows, None, (), lines, (), persons, 0)

    def cross(self, rows: Dimension, across: Dimension, base: Base = "count") -> TableView | None:
        """None where no such table is published."""
        table = rules.pair(rows, across)
        if table is None:
            return None
        turned, found = table != (rows, across), self.cells(table)
        row_sizes, column_sizes = self.sizes(rows), self.sizes(across)
        columns = self.categories(across)

        def shown(row: str, column: str) -> Shown:
            cell = Cell(table, column, row) if turned else Cell(table, row, column)
            one = found.get(cell, Shown(0))
            whole = {"row": row_sizes[row], "column": column_sizes[column], "count": self.persons}[base]
            return Shown(one.count, one.mark, _percent(one.count, whole))

        lines = [
            Line(
                row,
                tuple(shown(row, column) for column in columns),
                Shown(row_sizes[row], percent=_percent(row_sizes[row], self.persons)),
            )
            for row in self.categories(rows)
        ]
        totals = tuple(Shown(column_sizes[c], percent=_percent(column_sizes[c], self.persons)) for c in columns)
        hidden = sum(c.mark is not Mark.SHOWN for line in lines for c in line.cells)
        return TableView(rows, across, columns, lines, totals, self.persons, hidden)

    def slice(self, rows: Dimension, of: Dimension, category: str) -> TableView | None:
        """One column of a published pair as a table of its own. None where there is none."""
        whole = self.cross(rows, of, "column")
        if whole is None or category not in whole.columns:
            return None
        at = whole.columns.index(category)
        lines = [Line(line.label, (), line.cells[at]) for line in whole.lines if line.cells[at].count != 0]
        hidden = sum(line.total.mark is not Mark.SHOWN for line in lines)
        return TableView(rows, None, (), lines, (), whole.totals[at].count or 0, hidden)

    def study_years(self, most: int = 8) -> list[StudyYear]:
        """Who was in which year of study in each school year (学年), latest first, by regular length of study."""
        found = self.cells((Dimension.DEGREE, Dimension.COHORT))
        cells = [(int(c.column), c.row, shown.count) for c, shown in found.items() if c.column.isdecimal()]
        if not cells:
            return []
        last = max(cohort for cohort, _, _ in cells)
        first = min(cohort for cohort, _, _ in cells) - max(rules.DEGREE_YEARS.values())
        years = [_study_year(cells, year) for year in range(last - 1, first - 1, -1)]
        return years[:most]


def _study_year(cells: Sequence[tuple[int, str, int | None]], year: int) -> StudyYear:
    sums: Counter[int | None] = Counter()
    unknown: set[int | None] = set()
    for cohort, degree, count in cells:
        grade = rules.year_of_study(cohort, degree, year)
        if count is None:
            unknown.add(grade)
        else:
            sums[grade] += count
    grades = [None if g in unknown else sums[g] for g in range(1, max(rules.DEGREE_YEARS.values()) + 1)]
    return StudyYear(f"{year}—{year + 1}", grades, None if None in unknown else sums[None])


def _percent(count: int | None, whole: int) -> float | None:
    return round(100 * count / whole, 1) if count is not None and whole else None
