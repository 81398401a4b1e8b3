"""What reviews give to the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.governance.review_rules import FindingKind, FindingMove, FindingState, Outcome, Progress, State


@dataclass(frozen=True, slots=True)
class NewCampaign:
    """``size`` or ``percent``: one of the two."""

    title: str
    cohort_year: int | None
    college: str | None
    starts_on: date
    ends_on: date
    size: int | None
    percent: int | None


@dataclass(frozen=True, slots=True)
class FindingView:
    id: UUID
    kind: FindingKind
    state: FindingState
    note: str = field(repr=False)
    mending: str = field(repr=False)
    owner: str
    due_on: date
    mended_by: str
    closed_by: str
    version: int
    moves: Sequence[FindingMove]


@dataclass(frozen=True, slots=True)
class ItemView:
    """``mine``: this reader may check it. ``barred``: may not, having handled the dossier."""

    id: UUID
    position: int
    graduate_id: UUID
    college: str
    outcome: Outcome
    checked_by: str
    checked_at: datetime | None
    version: int
    mine: bool
    barred: bool
    finding: FindingView | None


@dataclass(frozen=True, slots=True)
class CampaignLine:
    id: UUID
    title: str
    scope: str
    state: State
    starts_on: date
    ends_on: date
    progress: Progress
    waiting_for_me: int


@dataclass(frozen=True, slots=True)
class CampaignView:
    line: CampaignLine
    population: int
    sample_size: int
    seed: str
    created_by: str
    created_at: datetime
    signed_by: str
    signed_at: datetime | None
    report: Mapping[str, Any] | None
    report_digest: str
    version: int
    items: Sequence[ItemView]
    may_sign: bool
    may_cancel: bool
