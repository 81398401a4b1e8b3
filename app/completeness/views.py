"""What the completeness services give to every door: frozen, already decided for one reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.completeness.rules import OWN, Need, Standing


@dataclass(frozen=True, slots=True)
class ItemView:
    """``kind`` and ``owner`` are empty, ``name`` masked, where the reader may not know them."""

    kind: str
    name: str
    class_label: str
    need: Need
    need_label: str
    standing: Standing
    standing_label: str
    owner: str
    owner_label: str
    due_on: date | None
    overdue: bool
    ground: str
    advice: str
    form: str
    why: str
    mark: str


@dataclass(frozen=True, slots=True)
class CompletenessView:
    """``listed_percent`` of what counts is on file, ``scanned_percent`` with its content."""

    graduate_id: UUID
    cohort_year: int
    dossier_version: int
    class_map_version: str
    checklist_version: str
    complete: bool
    listed_percent: int
    scanned_percent: int
    items: Sequence[ItemView]

    @property
    def summary(self) -> str:
        """One sentence for the graduate."""
        lacking = self.lacking
        if not lacking:
            return "按现行清单，档案材料已齐。"
        mine = [i.name for i in self.own_lacking]
        others = len(lacking) - len(mine)
        words = f"还缺 {len(lacking)} 项材料"
        if mine:
            words += f"，其中由您本人提交的有 {len(mine)} 项：{'、'.join(mine)}"
        return words + (f"；另有 {others} 项由学校有关部门负责，无须您办理。" if others else "。")

    def with_standing(self, *standings: Standing) -> list[ItemView]:
        return [i for i in self.items if i.standing in standings and i.need is not Need.OPTIONAL]

    @property
    def lacking(self) -> list[ItemView]:
        return self.with_standing(Standing.MISSING, Standing.WRONG)

    @property
    def own_lacking(self) -> list[ItemView]:
        """What of it the graduate brings."""
        return [i for i in self.lacking if i.owner == OWN]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which gaps of which graduates; empty means any. ``due``: '', 'soon' or 'overdue'."""

    cohort: int
    college: str = ""
    major: str = ""
    owner: str = ""
    kind: str = ""
    due: str = ""


@dataclass(frozen=True, slots=True)
class KindCount:
    """``owner_label`` may owe it; ``next_due`` the earliest day that has not passed."""

    kind: str
    name: str
    owner: str
    owner_label: str
    missing: int
    paper_only: int
    overdue: int
    soon: int
    next_due: date | None


@dataclass(frozen=True, slots=True)
class GroupCount:
    """One college (or major): how many graduates, how many computed, how many complete."""

    name: str
    graduates: int
    computed: int
    complete: int

    @property
    def percent(self) -> int:
        return 100 * self.complete // self.computed if self.computed else 0


@dataclass(frozen=True, slots=True)
class Overview:
    """``stale``: dossiers not computed yet, or changed since."""

    cohort: int
    graduates: int
    computed: int
    complete: int
    stale: int
    computed_at: datetime | None
    groups: Sequence[GroupCount]
    kinds: Sequence[KindCount]
    owners: Sequence[tuple[str, str, int]]

    @property
    def percent(self) -> int:
        return 100 * self.complete // self.computed if self.computed else 0


@dataclass(frozen=True, slots=True)
class GapLine:
    """One graduate who lacks something; the name is masked."""

    graduate_id: UUID
    name: str = field(repr=False)
    college: str
    major: str
    gaps: Sequence[tuple[str, str, date]]
    """(name of the kind, owner's label, due day), the earliest first."""


@dataclass(frozen=True, slots=True)
class Reminded:
    """``held_back``: owe something, but were reminded of it within the last 14 days."""

    graduates: int
    items: int
    held_back: int
