"""A graduate's own awards, grades and research summed up. Pure: from opened records to numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from uuid import UUID

from app.retrieval.rules import LEVEL_LABELS, Level, level_of

Body = Mapping[str, str]
_HUNDREDTH = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Count:
    """``value`` is a code, a year or a kind as filed; '' where nothing was filed."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Award:
    id: UUID
    name: str = field(repr=False)
    level: str
    level_label: str
    issuer: str = field(repr=False)
    awarded_on: str


@dataclass(frozen=True, slots=True)
class Awards:
    """``by_level`` from the highest level down, ``by_year`` and ``items`` newest first."""

    total: int
    by_level: Sequence[Count]
    by_year: Sequence[Count]
    items: Sequence[Award]


@dataclass(frozen=True, slots=True)
class Grades:
    """``mean``: of numeric grades, weighted by credits; None without one. ``numeric``: how many courses it is of."""

    term: str
    courses: int
    credits: float
    numeric: int
    mean: float | None


@dataclass(frozen=True, slots=True)
class Summary:
    grades: Grades
    terms: Sequence[Grades]
    research_total: int
    research: Sequence[Count]
    awards_total: int
    awards: Sequence[Count]


def awards_of(records: Sequence[tuple[UUID, Body]]) -> Awards:
    items = [
        Award(
            record_id,
            body.get("award_name", ""),
            (level := level_of(body.get("level", ""))).value,
            LEVEL_LABELS.get(level, "未填级别"),
            body.get("issuer", ""),
            body.get("awarded_on", ""),
        )
        for record_id, body in records
    ]
    items.sort(key=lambda a: a.awarded_on, reverse=True)
    years = Counter(a.awarded_on[:4] for a in items)
    by_year = [Count(y, f"{y} 年" if y else "未填日期", n) for y, n in sorted(years.items(), reverse=True)]
    return Awards(len(items), _by_level(items), by_year, items)


def _by_level(items: Sequence[Award]) -> list[Count]:
    counts = Counter(a.level for a in items)
    return [Count(v.value, LEVEL_LABELS.get(v, "未填级别"), counts[v.value]) for v in Level if counts[v.value]]


def grades_of(records: Sequence[Body], term: str = "") -> Grades:
    """A grade in words (优秀) counts for the credits and not for the mean; a course without credits weighs one."""
    credits = [_number(r.get("credit", "")) for r in records]
    graded = [
        (grade, weight if weight else Decimal(1))
        for r, weight in zip(records, credits, strict=True)
        if (grade := _number(r.get("grade", ""))) is not None
    ]
    whole = sum((w for _, w in graded), Decimal(0))
    mean = sum((g * w for g, w in graded), Decimal(0)) / whole if whole else None
    return Grades(
        term,
        len(records),
        float(sum((c for c in credits if c is not None), Decimal(0))),
        len(graded),
        float(mean.quantize(_HUNDREDTH, ROUND_HALF_UP)) if mean is not None else None,
    )


def summary_of(courses: Sequence[Body], research: Sequence[Body], awards: Sequence[tuple[UUID, Body]]) -> Summary:
    terms = sorted({c.get("term", "") for c in courses})
    by_term = [grades_of([c for c in courses if c.get("term", "") == t], t) for t in terms]
    kinds = Counter(r.get("kind", "") for r in research)
    by_kind = [
        Count(k, k or "未填类型", n)
        for k, n in sorted(kinds.items(), key=lambda item: (-item[1], not item[0], item[0]))
    ]
    summed = awards_of(awards)
    return Summary(grades_of(courses), by_term, len(research), by_kind, summed.total, summed.by_level)


def _number(text: str) -> Decimal | None:
    """A plain number from 0 to 1000; None for words and nonsense."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value <= 1000 else None
