"""What a dossier should hold and what it lacks. Pure: a checklist, the facts of one dossier, and what is held.

Conditions are data: one leaf compares one fact; ``all``, ``any`` and ``not`` join leaves. A fact may have several
values (a school per line of education): a leaf holds if it holds for one of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

Facts = Mapping[str, tuple[str, ...]]
REMIND_BEFORE_DAYS = (60, 30, 7)
REMIND_EVERY = timedelta(days=14)
SOON = timedelta(days=14)
OWN = "graduate"
"""The owner code of what the graduate owes."""


class Need(StrEnum):
    MANDATORY = "mandatory"
    CONDITIONAL = "conditional"
    OPTIONAL = "optional"


class Standing(StrEnum):
    """``PAPER_ONLY``: the material is listed, its content is not there. ``WRONG``: filled, but not in its form."""

    PRESENT = "present"
    PAPER_ONLY = "paper_only"
    MISSING = "missing"
    WRONG = "wrong"
    NOT_APPLICABLE = "not_applicable"


NEED_LABELS: Mapping[Need, str] = {Need.MANDATORY: "必备", Need.CONDITIONAL: "视情况必备", Need.OPTIONAL: "可选"}
STANDING_LABELS: Mapping[Standing, str] = {
    Standing.PRESENT: "已归档",
    Standing.PAPER_ONLY: "已登记，无电子件",
    Standing.MISSING: "缺少",
    Standing.WRONG: "格式不符",
    Standing.NOT_APPLICABLE: "不适用",
}
LACKING = frozenset({Standing.MISSING, Standing.WRONG})
HELD = frozenset({Standing.PRESENT, Standing.PAPER_ONLY})


@dataclass(frozen=True, slots=True)
class Due:
    """So many days before graduation, or a day (month, day) of the year of graduation."""

    before_graduation: int | None = None
    on: tuple[int, int] | None = None

    def of(self, graduation: date, cohort_year: int) -> date:
        if self.on is not None:
            return date(cohort_year, *self.on)
        return graduation - timedelta(days=self.before_graduation or 0)


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a checklist: a kind of material, or (``record_field``) a field of the records with its form."""

    code: str
    name: str
    record_field: str
    pattern: str
    kinds: tuple[str, ...]
    need: Need
    owner: str
    due: Due
    when: Mapping[str, Any] | None
    otherwise: str
    before_sealing: bool
    advice: str
    ground: str
    mark: str


@dataclass(frozen=True, slots=True)
class Checklist:
    version: str
    valid_from: date
    source: str
    digest: str
    graduation_day: tuple[int, int]
    owners: Mapping[str, str]
    items: Sequence[Item]

    def item(self, code: str) -> Item | None:
        return next((i for i in self.items if i.code == code), None)


@dataclass(frozen=True, slots=True)
class HeldPaper:
    """A material as far as a checklist looks at it. ``sealed``: of zone C."""

    kind: str
    has_content: bool
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """``sealed``: only sealed materials (zone C) answer this item, so its standing is not the graduate's to know."""

    item: Item
    standing: Standing
    due_on: date
    sealed: bool = False
    papers: int = field(default=0)

    @property
    def counts(self) -> bool:
        return self.item.need is not Need.OPTIONAL and self.standing is not Standing.NOT_APPLICABLE

    @property
    def lacking(self) -> bool:
        return self.counts and self.standing in LACKING


# --- conditions -------------------------------------------------------------------------------------------------------


def _number(value: str) -> int | None:
    return int(value) if re.fullmatch(r"-?[0-9]{1,9}", value) else None


def _at_least(value: str, bound: int) -> bool:
    number = _number(value)
    return number is not None and number >= bound


def _at_most(value: str, bound: int) -> bool:
    number = _number(value)
    return number is not None and number <= bound


OPERATORS: Mapping[str, tuple[type, Callable[[str, Any], bool]]] = {
    "is": (str, lambda value, wanted: value == wanted),
    "in": (list, lambda value, wanted: value in wanted),
    "contains": (list, lambda value, wanted: any(w in value for w in wanted)),
    "at_least": (int, _at_least),
    "at_most": (int, _at_most),
}
JOINTS = ("all", "any", "not")


def holds(condition: Mapping[str, Any] | None, facts: Facts) -> bool:
    if condition is None:
        return True
    if "all" in condition:
        return all(holds(c, facts) for c in condition["all"])
    if "any" in condition:
        return any(holds(c, facts) for c in condition["any"])
    if "not" in condition:
        return not holds(condition["not"], facts)
    values = [v for v in facts.get(condition["field"], ()) if v.strip()]
    if "filled" in condition:
        return bool(values) is condition["filled"]
    name = next(n for n in OPERATORS if n in condition)
    return any(OPERATORS[name][1](v, condition[name]) for v in values)


def condition_fault(condition: object, fields: frozenset[str]) -> str | None:
    """Why this is no condition, in words; None when it is one. ``fields`` are the facts there are."""
    if not isinstance(condition, dict):
        return "条件应为表"
    joints = [j for j in JOINTS if j in condition]
    if joints:
        if len(condition) != 1:
            return f"{joints[0]} 不能与其他项并列"
        inner = condition[joints[0]]
        parts = [inner] if joints[0] == "not" else inner
        if not isinstance(parts, list) or not parts:
            return f"{joints[0]} 应为非空列表"
        return next((f for f in (condition_fault(p, fields) for p in parts) if f), None)
    if condition.get("field") not in fields:
        return f"没有 {condition.get('field')} 这个字段"
    names = [n for n in condition if n != "field"]
    if len(names) != 1:
        return "一个条件只能有一种比较"
    if names[0] == "filled":
        return None if isinstance(condition["filled"], bool) else "filled 应为 true 或 false"
    if names[0] not in OPERATORS:
        return f"没有 {names[0]} 这种比较"
    return None if type(condition[names[0]]) is OPERATORS[names[0]][0] else f"{names[0]} 的值类型不对"


# --- one dossier ------------------------------------------------------------------------------------------------------


def graduation_of(facts: Facts, cohort_year: int, checklist: Checklist) -> date:
    """The date on file, else the checklist's usual day of that year."""
    for text in facts.get("enrolment.graduated_on", ()):
        try:
            return date.fromisoformat(text[:10])
        except ValueError:
            continue
    return date(cohort_year, *checklist.graduation_day)


def assess(checklist: Checklist, facts: Facts, held: Sequence[HeldPaper], cohort_year: int) -> tuple[Finding, ...]:
    """Every item with its standing, in the checklist's order."""
    graduation = graduation_of(facts, cohort_year, checklist)
    return tuple(_finding(item, facts, held, item.due.of(graduation, cohort_year)) for item in checklist.items)


def _finding(item: Item, facts: Facts, held: Sequence[HeldPaper], due_on: date) -> Finding:
    if not holds(item.when, facts):
        return Finding(item, Standing.NOT_APPLICABLE, due_on)
    if item.record_field:
        values = [v.strip() for v in facts.get(item.record_field, ()) if v.strip()]
        if not values:
            return Finding(item, Standing.MISSING, due_on)
        right = any(re.fullmatch(item.pattern or ".+", v) for v in values)
        return Finding(item, Standing.PRESENT if right else Standing.WRONG, due_on)
    papers = [p for p in held if p.kind in item.kinds]
    if not papers:
        return Finding(item, Standing.MISSING, due_on)
    standing = Standing.PRESENT if any(p.has_content for p in papers) else Standing.PAPER_ONLY
    return Finding(item, standing, due_on, all(p.sealed for p in papers), len(papers))


def score(findings: Sequence[Finding]) -> tuple[int, int]:
    """(percent listed, percent with content) of what counts; 100 where nothing counts."""
    counted = [f for f in findings if f.counts]
    if not counted:
        return 100, 100
    listed = sum(f.standing in HELD for f in counted)
    scanned = sum(f.standing is Standing.PRESENT for f in counted)
    return 100 * listed // len(counted), 100 * scanned // len(counted)


def blocking(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """What must be there before the dossier is sealed (2-domain §2)."""
    return tuple(f for f in findings if f.item.before_sealing and f.standing in LACKING)


def stage_of(due_on: date, today: date) -> int | None:
    """Which of the automatic reminders (days before the due day) is the one to have been sent by now."""
    left = (due_on - today).days
    if left < 0:
        return None
    return next((days for days in sorted(REMIND_BEFORE_DAYS) if left <= days), None)
