"""Talent-pool statistics: choose a published table, see it as table and chart, take it along as a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from app.errors import Conflict
from app.problems import problem_of
from app.statistics.rules import DIMENSION_LABELS, PAIRS, Dimension
from app.statistics.service import PUBLISHERS, READERS
from app.statistics.suppression import Mark
from app.statistics.views import Shown, TableView
from auth.guards import current_actor
from staff_console import charts
from staff_console.csv_files import csv_file
from staff_console.gate import desk
from staff_console.parts import parts
from staff_console.render import go, page

BASES = {"count": "人数", "row": "占本行百分比", "column": "占本列百分比"}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked for. What cannot be read becomes the default, as with any filter."""

    rows: Dimension
    across: Dimension | None
    base: Literal["count", "row", "column"]
    of: Dimension | None
    category: str

    @classmethod
    def read(cls, args: MultiDict[str, str]) -> Question:
        rows = _dimension(args.get("rows", "")) or Dimension.COLLEGE
        across = _dimension(args.get("across", "")) if args.get("across") is not None else Dimension.COHORT
        base = args.get("base", "")
        of, _, category = args.get("within", "").partition(":")
        return cls(
            rows,
            across if across is not rows else None,
            cast(Literal["count", "row", "column"], base if base in BASES else "count"),
            _dimension(of),
            category,
        )

    @property
    def within(self) -> tuple[Dimension, str] | None:
        return (self.of, self.category) if self.of is not None else None

    @property
    def query(self) -> str:
        within = f"{self.of.value}:{self.category}" if self.of else ""
        return urlencode(
            {
                "rows": self.rows.value,
                "across": self.across.value if self.across else "",
                "base": self.base,
                "within": within,
            }
        )

    @property
    def title(self) -> str:
        words = DIMENSION_LABELS[self.rows]
        if self.across is not None:
            words += f" × {DIMENSION_LABELS[self.across]}"
        return f"{words}（{DIMENSION_LABELS[self.of]}：{self.category}）" if self.of is not None else words


def _dimension(value: str) -> Dimension | None:
    return Dimension(value) if value in set(Dimension) else None


def cell_words(cell: Shown, smallest: int, base: str = "count") -> str:
    if cell.mark is Mark.SMALL:
        return f"<{smallest}"
    if cell.mark is Mark.HIDDEN:
        return "＊"
    return str(cell.count) if base == "count" else f"{cell.percent}%"


def _chart(table: TableView, smallest: int) -> dict[str, object]:
    if table.across is Dimension.COHORT:
        series = [(line.label, [c.count for c in line.cells]) for line in table.lines]
        found = charts.trends(table.columns, series)
        if found is not None:
            return {"trends": found, "bars": None}
    values = [(line.label, line.total.count, cell_words(line.total, smallest)) for line in table.lines]
    return {"trends": None, "bars": charts.bars(values)}


def _table(asked: Question, *, exported: bool = False) -> TableView:
    return parts().statistics.table(
        current_actor(), asked.rows, asked.across, base=asked.base, within=asked.within, exported=exported
    )


def _show(asked: Question, status: int = 200, error: Conflict | None = None) -> Response:
    actor = current_actor()
    release, table = parts().statistics.release(actor), None
    if release is not None and error is None:
        try:
            table = _table(asked)
        except Conflict as refused:
            error, status = refused, problem_of(refused).status
    smallest = release.smallest if release is not None else parts().settings.statistics_smallest
    return page(
        "statistics.html",
        status,
        asked=asked,
        release=release,
        table=table,
        chart=_chart(table, smallest) if table is not None else {},
        years=parts().statistics.study_years(actor),
        categories=parts().statistics.categories(actor),
        labels=DIMENSION_LABELS,
        pairs=PAIRS,
        bases=BASES,
        words=cell_words,
        smallest=smallest,
        may_publish=actor.has_role(*PUBLISHERS),
        problem=problem_of(error) if error is not None else None,
    )


def add_statistics(console: Blueprint) -> None:
    @console.get("/statistics")
    @desk(*READERS)
    def statistics() -> Response:
        return _show(Question.read(request.args))

    @console.get("/statistics.csv")
    @desk(*READERS)
    def statistics_file() -> Response:
        asked = Question.read(request.args)
        table, release = _table(asked, exported=True), parts().statistics.release(current_actor())
        assert release is not None  # a table is part of a release
        words = [[cell_words(c, release.smallest, asked.base) for c in line.cells] for line in table.lines]
        rows: list[list[object]] = [[DIMENSION_LABELS[asked.rows], *table.columns, "合计"]]
        rows += [
            [line.label, *cells, cell_words(line.total, release.smallest)]
            for line, cells in zip(table.lines, words, strict=True)
        ]
        rows.append(["合计", *(t.count for t in table.totals), table.total])
        rows.append([])
        rows.append(
            [f"第 {release.number} 期，{BASES[asked.base]}；少于 {release.smallest} 人显示为 <{release.smallest}"]
        )
        rows.append(["＊：为防止由合计推算出小于该人数的单元而隐去"])
        return csv_file(f"人才库统计-第{release.number}期-{asked.rows.value}.csv", rows)

    @console.post("/statistics/publish")
    @desk(*PUBLISHERS)
    def publish_statistics() -> Response:
        try:
            parts().statistics.publish(current_actor())
        except Conflict as error:
            return _show(Question.read(MultiDict()), problem_of(error).status, error)
        return go("/console/statistics", "statistics_published")
