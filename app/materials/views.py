"""What the materials room gives to the doors: frozen, already decided for one reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from app.materials.rules import Damage, State


@dataclass(frozen=True, slots=True)
class RunView:
    """One round of fixity. ``percent`` of the rows there were when it began; never 100 before its end."""

    id: UUID
    started_at: datetime
    started_by: UUID | None
    moved_at: datetime
    finished_at: datetime | None
    abandoned: bool
    stage: str
    rows: int
    total: int
    cells: int
    files: int
    damaged: int
    missing: int
    repaired: int
    erased: int

    @property
    def percent(self) -> int:
        if self.finished_at is not None and not self.abandoned:
            return 100
        return min(99, self.rows * 100 // self.total) if self.total else 0


@dataclass(frozen=True, slots=True)
class FindingView:
    """Something found damaged; ids only."""

    id: UUID
    object_kind: str
    object_id: UUID
    part: str
    damage: Damage
    words: str
    found_at: datetime
    seen_at: datetime
    mended_at: datetime | None
    mended_words: str


@dataclass(frozen=True, slots=True)
class FixityOverview:
    """``whole``: the last round that came to its end; ``damaged``: findings that are still open."""

    runs: Sequence[RunView]
    whole: RunView | None
    damaged: int
    has_replica: bool


@dataclass(frozen=True, slots=True)
class UploadLine:
    """What became of one file of an upload. ``code`` is empty where it was filed, else why it was not; the rest is
    what was filed and measured.
    """

    name: str = field(repr=False)
    code: str
    material_id: UUID | None = None
    twin: str = ""
    title: str = field(default="", repr=False)
    version: int = 0
    media_type: str = ""
    size: int = 0
    pages: int | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    has_preview: bool = False


@dataclass(frozen=True, slots=True)
class UploadView:
    id: UUID
    graduate_id: UUID
    created_at: datetime
    lines: Sequence[UploadLine]


@dataclass(frozen=True, slots=True)
class SupplementLine:
    """One line of a queue or of the graduate's own list."""

    id: UUID
    serial: int
    number: str
    state: State
    state_label: str
    class_code: str
    class_label: str
    kind: str
    submitted_at: datetime
    decided_at: datetime | None
    version: int
    graduate_id: UUID
    title: str = field(repr=False)
    graduate_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SupplementView:
    """``reason``: why it was returned; ``answer``: the words with it. ``facts``: what was measured of the file."""

    line: SupplementLine
    formed_on: str | None
    statement: str = field(repr=False)
    media_type: str
    size: int
    facts: Mapping[str, Any]
    has_preview: bool
    reason: str | None
    answer: str | None = field(repr=False)
    material_id: UUID | None
    decided_by: UUID | None = None
    twin: str = ""
