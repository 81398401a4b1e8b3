"""Which tables of the talent pool (人才库) there are, and how their categories are called and folded. Pure.

The set of tables is closed: five single dimensions and nine pairs. Everything shown elsewhere (percentages, trends,
slices, charts, files) is computed from these published tables and from nothing else, so nothing can be learnt by
asking in another way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

SMALLEST_SHOWN = 5
"""Default k: a group of one to k-1 persons is never shown as a number (2-domain §6)."""
RULES_VERSION = "2026-1"


class Dimension(StrEnum):
    COHORT = "cohort"
    COLLEGE = "college"
    MAJOR = "major"
    DEGREE = "degree"
    AWARD = "award"


DIMENSION_LABELS: Mapping[Dimension, str] = {
    Dimension.COHORT: "毕业届次",
    Dimension.COLLEGE: "学院",
    Dimension.MAJOR: "专业",
    Dimension.DEGREE: "学历层次",
    Dimension.AWARD: "最高奖励级别",
}
PAIRS: Sequence[tuple[Dimension, Dimension]] = (
    (Dimension.COLLEGE, Dimension.COHORT),
    (Dimension.COLLEGE, Dimension.DEGREE),
    (Dimension.COLLEGE, Dimension.AWARD),
    (Dimension.MAJOR, Dimension.COHORT),
    (Dimension.MAJOR, Dimension.DEGREE),
    (Dimension.MAJOR, Dimension.AWARD),
    (Dimension.DEGREE, Dimension.COHORT),
    (Dimension.AWARD, Dimension.COHORT),
    (Dimension.DEGREE, Dimension.AWARD),
)

# rank -> (code, label); the lower rank is the higher award, 0 means none on file
AWARD_LEVELS: Mapping[int, tuple[str, str]] = {
    0: ("none", "无奖励记录"),
    1: ("national", "国家级"),
    2: ("provincial", "省部级"),
    3: ("city", "市级"),
    4: ("school", "校级"),
    5: ("college", "院系级"),
    6: ("other", "其他级别"),
}
_AWARD_WORDS: Sequence[tuple[int, tuple[str, ...]]] = (
    (1, ("国家", "全国", "国际", "national")),
    (2, ("省", "部级", "自治区", "直辖市", "provincial")),
    (3, ("市", "地区", "city")),
    (5, ("院级", "学院", "系级", "院系", "班级", "college")),
    (4, ("校", "大学", "school")),
)
DEGREE_YEARS: Mapping[str, int] = {"专科": 3, "本科": 4, "硕士": 3, "博士": 4}
"""Regular length of study, for the study state by school year; a longer or shorter study is not on file in clear."""
DEGREE_ORDER = ("博士", "硕士", "本科", "专科")
FOLDED = "其他（合并）"


def award_rank(level: str) -> int:
    """The rank of a level as filed; 6 for one that names none of the usual levels."""
    words = level.strip().lower()
    return next((rank for rank, parts in _AWARD_WORDS if any(p in words for p in parts)), 6)


class Person(NamedTuple):
    """One combination of what is counted. ``major`` is written with its college: two colleges may share a name."""

    cohort: str
    college: str
    major: str
    degree: str
    award: str


Counts = Mapping[Person, int]


def major_name(college: str, major: str) -> str:
    return f"{college} · {major}"


def value(person: Person, dimension: Dimension) -> str:
    return str(getattr(person, dimension.value))


def margin(counts: Counts, dimension: Dimension) -> dict[str, int]:
    """How many persons each category has."""
    found: Counter[str] = Counter()
    for person, n in counts.items():
        found[value(person, dimension)] += n
    return dict(found)


def _fold_names(sizes: Mapping[str, int], k: int) -> set[str]:
    """The categories that must be shown as one: all below k, and the next larger ones until they are k together."""
    small = {name for name, n in sizes.items() if n < k}
    if not small:
        return set()
    together = sum(sizes[name] for name in small)
    for name in sorted(sizes.keys() - small, key=lambda c: (sizes[c], c)):
        if together >= k and len(small) > 1:
            break
        small.add(name)
        together += sizes[name]
    return small


def _renamed(counts: Counts, dimension: Dimension, names: Iterable[str], name: str) -> dict[Person, int]:
    gone, found = set(names), Counter[Person]()
    for person, n in counts.items():
        if value(person, dimension) in gone:
            person = person._replace(**{dimension.value: name})
        found[person] += n
    return dict(found)


def fold(counts: Counts, k: int) -> dict[Person, int]:
    """Categories of fewer than k persons are joined with others, so that every single total may be shown."""
    folded = dict(counts)
    for dimension in (Dimension.COHORT, Dimension.DEGREE, Dimension.AWARD):
        folded = _renamed(folded, dimension, _fold_names(margin(folded, dimension), k), FOLDED)
    small = _fold_names(margin(folded, Dimension.COLLEGE), k)
    lost = {p.major for p in folded if p.college in small}
    folded = _renamed(_renamed(folded, Dimension.MAJOR, lost, FOLDED), Dimension.COLLEGE, small, FOLDED)
    for college in sorted({p.college for p in folded} - {FOLDED}):
        inside = {p: n for p, n in folded.items() if p.college == college}
        names = _fold_names(margin(inside, Dimension.MAJOR), k)
        folded = _renamed(folded, Dimension.MAJOR, names, major_name(college, FOLDED))
    return folded


def ordered(dimension: Dimension, sizes: Mapping[str, int]) -> list[str]:
    """Categories in the order they are shown: years by time, levels by rank, others by size; the folded one last."""
    labels = [label for _, label in AWARD_LEVELS.values()]

    def key(name: str) -> tuple[object, ...]:
        last = name.endswith(FOLDED)
        if dimension is Dimension.COHORT:
            return (last, name)
        if dimension is Dimension.AWARD:
            return (last, labels.index(name) if name in labels else len(labels))
        if dimension is Dimension.DEGREE:
            return (last, DEGREE_ORDER.index(name) if name in DEGREE_ORDER else len(DEGREE_ORDER), name)
        if dimension is Dimension.MAJOR:
            return (name.split(" · ")[0], last, -sizes[name], name)
        return (last, -sizes[name], name)

    return sorted(sizes, key=key)


def pair(one: Dimension, other: Dimension) -> tuple[Dimension, Dimension] | None:
    """The published table of these two dimensions, in either order; None where there is none."""
    return next((p for p in PAIRS if p in ((one, other), (other, one))), None)


def year_of_study(cohort: int, degree: str, school_year: int) -> int | None:
    """1 … years of study in the school year that begins in ``school_year``; 0 before, None after graduation."""
    begins = cohort - DEGREE_YEARS.get(degree, 4)
    if school_year < begins:
        return 0
    return school_year - begins + 1 if school_year < cohort else None
