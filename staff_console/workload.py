"""Workload, deadlines kept and satisfaction: numbers that lead to the lists they count."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request

from app.corrections.queue_rules import Fact, Queue, Wanted, read
from app.corrections.queue_sql import DECISIONS
from app.corrections.rating_rules import Quarter
from app.corrections.report_rules import (
    DIMENSION_LABELS,
    READERS,
    Dimension,
    Period,
    ReportLine,
    month_of,
    period,
    share,
)
from app.corrections.reports import WorkloadReport
from app.office_time import office_date
from auth.guards import current_actor
from staff_console.csv_files import csv_file
from staff_console.gate import DESK, desk
from staff_console.parts import parts
from staff_console.queue import address
from staff_console.render import page

PATH = "/console/workload"
# (attribute, heading, which tickets: closed ones or those opened, the fact they are narrowed to)
COUNTS: Sequence[tuple[str, str, bool, Fact | None]] = (
    ("opened", "新收", False, None),
    ("answered", "已首次答复", False, Fact.ANSWERED),
    ("answered_in_time", "答复按期", False, Fact.ANSWERED_IN_TIME),
    ("reopened", "重新办理", False, Fact.REOPENED),
    ("appealed", "申请复核", False, Fact.APPEALED),
    ("closed", "办结", True, Fact.DECIDED),
    ("decided_in_time", "按期办结", True, Fact.DECIDED_IN_TIME),
    ("dropped", "撤回或合并", True, Fact.DROPPED),
)


def _day(name: str) -> date | None:
    return read({"opened_from": request.args.get(name, "")}).opened_from


def _asked() -> tuple[Dimension, Period]:
    by = request.args.get("by", "")
    dimension = Dimension(by) if by in set(Dimension) else Dimension.HANDLER
    return dimension, period(_day("from"), _day("to"), office_date(parts().clock.now()))


def _list_of(dimension: Dimension, inside: Period) -> Callable[[ReportLine, bool, Fact | None], str]:
    """The address of the tickets behind one number."""

    def url(line: ReportLine, closed: bool, fact: Fact | None) -> str:
        pairs = {"queue": Queue.ALL.value, "fact": fact.value if fact else ""}
        days = month_of(line.key, inside) if dimension is Dimension.MONTH and line.key else inside
        if dimension is not Dimension.MONTH and line.key:
            pairs["decided_by" if dimension is Dimension.HANDLER and fact in DECISIONS else dimension.value] = line.key
        span = "closed" if closed else "opened"
        pairs |= {f"{span}_from": days.first.isoformat(), f"{span}_to": days.last.isoformat()}
        wanted: Wanted = read(pairs)
        return address(wanted)

    return url


def _csv_rows(found: WorkloadReport) -> Iterator[Sequence[object]]:
    heads = [heading for _, heading, _, _ in COUNTS]
    yield (DIMENSION_LABELS[found.dimension], *heads, "首次答复按期率%", "按期办结率%", "办理工作日中位数")
    for line in (*found.lines, found.whole):
        yield (
            line.label,
            *(getattr(line, name) for name, _, _, _ in COUNTS),
            _or_dash(share(line.answered_in_time, line.answered)),
            _or_dash(share(line.decided_in_time, line.closed)),
            _or_dash(line.median_days),
        )


def _or_dash(value: float | None) -> object:
    return "—" if value is None else value


def _quarter(offered: Sequence[Quarter]) -> Quarter:
    wanted = request.args.get("quarter", "")
    return next((q for q in offered if f"{q.year}-{q.number}" == wanted), offered[0])


def _satisfaction() -> Mapping[str, Any]:
    actor = current_actor()
    quarters = parts().ratings.quarters(actor)
    return {"quarters": quarters, "ratings": parts().ratings.report(actor, _quarter(quarters))}


def add_workload(console: Blueprint) -> None:
    @console.get("/workload")
    @desk(*READERS)
    def workload() -> Response:
        dimension, inside = _asked()
        span = {"from": inside.first.isoformat(), "to": inside.last.isoformat()}
        return page(
            "workload.html",
            found=parts().reports.report(current_actor(), dimension, inside),
            dimensions=DIMENSION_LABELS,
            counts=COUNTS,
            share=share,
            link=_list_of(dimension, inside) if current_actor().has_role(*DESK) else None,
            by=lambda d: f"{PATH}?{urlencode({'by': d.value, **span})}",
            export=f"{PATH}.csv?{urlencode({'by': dimension.value, **span})}",
            rating_dimensions={"handler": "经办人", "kind": "类别", "college": "学院"},
            smallest=parts().settings.statistics_smallest,
            **_satisfaction(),
        )

    @console.get("/workload.csv")
    @desk(*READERS)
    def workload_csv() -> Response:
        dimension, inside = _asked()
        found = parts().reports.report(current_actor(), dimension, inside)
        return csv_file(f"办理情况-{DIMENSION_LABELS[dimension]}-{inside.first}-{inside.last}.csv", _csv_rows(found))
