"""What the checks give to every door: frozen, in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.checks.check import Check
from app.checks.registry import BY_ID
from app.checks.report import CheckLine, Report
from app.checks.rules import PROPERTY_LABELS, Outcome, Property, Result, Stage, Verdict, verdict

_OPEN = (Outcome.FAIL, Outcome.NOT_RUN, Outcome.WAITING)


@dataclass(frozen=True, slots=True)
class RunLine:
    """One run in a list."""

    id: UUID
    graduate_id: UUID
    stage: Stage
    outcome: Verdict
    at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class ItemView:
    """One check of a run: what came out, why, and what to do."""

    line: CheckLine
    outcome: Outcome
    ground: str
    advice: str


@dataclass(frozen=True, slots=True)
class PropertyView:
    which: Property
    label: str
    verdict: Verdict
    counts: Mapping[Outcome, int]
    items: Sequence[ItemView]

    @property
    def open_items(self) -> list[ItemView]:
        """What somebody has to look at."""
        return [i for i in self.items if i.outcome in _OPEN]

    @property
    def settled_items(self) -> list[ItemView]:
        return [i for i in self.items if i.outcome not in _OPEN]


@dataclass(frozen=True, slots=True)
class RunView:
    """``current`` is false once the dossier has changed since. ``packageable``: every file could be read."""

    id: UUID
    graduate_id: UUID
    stage: Stage
    outcome: Verdict
    at: datetime
    ran_by: UUID
    current: bool
    packageable: bool
    report_digest: str
    package_digest: str
    properties: Sequence[PropertyView]


@dataclass(frozen=True, slots=True)
class HumanItem:
    """An assisted or manual check as the form shows it; ``said`` is the latest word for this version of the dossier."""

    check: Check
    agreed: bool | None = None
    note: str = field(default="", repr=False)
    by: UUID | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PackageFile:
    """A package on its way out. ``write`` gives the zip piece by piece; nothing is held on disk."""

    name: str
    write: Callable[[], Iterator[bytes]] = field(repr=False)


def properties_of(report: Report) -> list[PropertyView]:
    return [_property(p, [_item(c) for c in report.checks if c.property == p.value]) for p in Property]


def _item(found: CheckLine) -> ItemView:
    known = BY_ID.get(found.id)
    return ItemView(found, Outcome(found.outcome), known.ground if known else "", known.advice if known else "")


def _property(which: Property, items: list[ItemView]) -> PropertyView:
    counts = {o: sum(i.outcome is o for i in items) for o in Outcome}
    over = verdict([(Result(i.line.id, i.outcome), i.line.veto) for i in items])
    return PropertyView(which, PROPERTY_LABELS[which], over, counts, items)
