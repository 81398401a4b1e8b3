"""What the workload reports count, by what, and who reads them (岗位考核, S27). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.actors import Actor, ActorKind, Role
from app.errors import Forbidden

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR)
LONGEST = timedelta(days=3 * 366)


class Dimension(StrEnum):
    HANDLER = "handler"
    KIND = "kind"
    COLLEGE = "college"
    MONTH = "month"


DIMENSION_LABELS: Mapping[Dimension, str] = {
    Dimension.HANDLER: "经办人",
    Dimension.KIND: "类别",
    Dimension.COLLEGE: "学院",
    Dimension.MONTH: "月份",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Days of the office, both included."""

    first: date
    last: date


def period(first: date | None, last: date | None, today: date) -> Period:
    """What was asked for, or this year so far; never the wrong way round nor longer than LONGEST."""
    last = min(last or today, date(9999, 1, 1))
    first = first if first is not None and first <= last else date(last.year, 1, 1)
    return Period(max(first, last - LONGEST) if last - date.min > LONGEST else first, last)


def month_of(key: str, inside: Period) -> Period:
    """The part of a month, written 2026-07, that lies inside the period."""
    first = date.fromisoformat(f"{key}-01")
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Period(max(first, inside.first), min(following - timedelta(days=1), inside.last))


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One row. ``opened`` and what follows it up to ``appealed`` are of the tickets opened in the period, ``closed``,
    ``decided_in_time`` and ``median_days`` (working days of the running clock) of the decisions made in it, whatever
    came of the ticket since; ``dropped`` of the tickets withdrawn or merged in it.
    """

    key: str
    label: str
    opened: int = 0
    answered: int = 0
    answered_in_time: int = 0
    reopened: int = 0
    appealed: int = 0
    closed: int = 0
    decided_in_time: int = 0
    dropped: int = 0
    median_days: float | None = None


def share(part: int, whole: int) -> int | None:
    """Percent, None of nothing."""
    return round(100 * part / whole) if whole else None


def median(counts: Mapping[int, int]) -> float | None:
    """Of values with their counts."""
    total = sum(counts.values())
    if not total:
        return None
    low, high = _nth(counts, (total - 1) // 2), _nth(counts, total // 2)
    return (low + high) / 2


def _nth(counts: Mapping[int, int], position: int) -> int:
    for value in sorted(counts):
        position -= counts[value]
        if position < 0:
            return value
    raise AssertionError("the position lies inside the counts")


def whole(lines: Sequence[ReportLine], days: Mapping[int, int]) -> ReportLine:
    """All lines together."""

    def total(name: str) -> int:
        return sum(getattr(line, name) for line in lines)

    names = ("opened", "answered", "answered_in_time", "reopened", "appealed", "closed", "decided_in_time", "dropped")
    return ReportLine("", "合计", **{name: total(name) for name in names}, median_days=median(days))


def require_reader(actor: Actor) -> None:
    """Raises Forbidden('role_required')."""
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*READERS):
        raise Forbidden("role_required")
