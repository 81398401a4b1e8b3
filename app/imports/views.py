"""What the importer gives to every door: batches, rows and previews, frozen and masked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from datetime import datetime
from uuid import UUID

from app.imports.columns import Fault
from app.imports.rules import UNDER_WAY, BatchSource, BatchState, RowOutcome


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a source as a whole cannot be used. ``words`` say it in Chinese."""

    pointer: str
    code: str
    words: str


@dataclass(frozen=True, slots=True)
class BatchView:
    """``rows`` is 0 until they are counted; ``trouble`` the code of what interrupted the work, to be tried again.
    ``dry_only``: it can be checked and never imported.
    """

    id: UUID
    name: str = member(repr=False)
    source: BatchSource
    state: BatchState
    parent_id: UUID | None
    size: int
    mapping: Mapping[str, str]
    problems: Sequence[Problem]
    trouble: str
    rows: int
    done: int
    filed: int
    refused: int
    skipped: int
    created_by: UUID
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    source_kept: bool
    dry_only: bool
    version: int

    @property
    def under_way(self) -> bool:
        return self.state in UNDER_WAY

    @property
    def percent(self) -> int:
        """Of the rows; 100 only when the work is done."""
        if self.state in (BatchState.DONE, BatchState.CHECKED, BatchState.UNDONE):
            return 100
        return min(99, 100 * self.done // self.rows) if self.rows else 0


@dataclass(frozen=True, slots=True)
class RowView:
    """``line`` is the file's own, from 1; ``sheet`` the table it stands in; the student number is masked and empty
    where the row's cells are no longer kept.
    """

    sheet: str
    line: int
    outcome: RowOutcome
    faults: Sequence[Fault]
    student: str = member(repr=False)
    graduate_id: UUID | None


@dataclass(frozen=True, slots=True)
class ColumnView:
    """One column of the file. ``field`` is the column it is taken for, or empty when it is left out."""

    position: int
    letter: str
    header: str
    field: str
    samples: tuple[str, ...] = member(repr=False, default=())


@dataclass(frozen=True, slots=True)
class Preview:
    """``columns`` of the graduates table with masked samples; ``fields`` what a column may be taken for; ``missing``
    the required fields without a column; ``tables`` the further tables found, ``photos`` and ``scans`` their number.
    """

    kind: str
    header_line: int
    columns: Sequence[ColumnView]
    fields: Sequence[str]
    required: Sequence[str]
    missing: Sequence[str]
    tables: Sequence[str]
    photos: int
    scans: int
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class RowReport:
    """``line`` counts from 1 with the header; the student number is masked."""

    line: int
    student: str = member(repr=False)
    outcome: str
    faults: Sequence[Fault] = ()
    sheet: str = "graduates"


@dataclass(frozen=True, slots=True)
class ImportReport:
    rows: Sequence[RowReport]

    @property
    def filed(self) -> int:
        return sum(r.outcome == "filed" for r in self.rows)

    @property
    def refused(self) -> int:
        return len(self.rows) - self.filed


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why a batch cannot be undone: the line in the file and the table that depends on what was filed."""

    line: int
    graduate_id: UUID
    table: str
    words: str
