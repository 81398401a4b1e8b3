"""What statistics give to the console: frozen tables whose small cells are gone, not merely hidden."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.statistics.rules import Dimension
from app.statistics.suppression import Mark


@dataclass(frozen=True, slots=True)
class Shown:
    """One number of a table. ``count`` is None where ``mark`` says why; ``percent`` is of what the reader asked for."""

    count: int | None
    mark: Mark = Mark.SHOWN
    percent: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    cells: Sequence[Shown]
    total: Shown


@dataclass(frozen=True, slots=True)
class TableView:
    """``columns`` is empty for a single dimension; then each line has its total alone."""

    rows: Dimension
    across: Dimension | None
    columns: Sequence[str]
    lines: Sequence[Line]
    totals: Sequence[Shown]
    total: int
    suppressed: int


@dataclass(frozen=True, slots=True)
class StudyYear:
    """One school year: how many were in each year of study, and how many had graduated by its beginning.

    None where a cell that belongs to it is suppressed.
    """

    school_year: str
    grades: Sequence[int | None]
    graduated: int | None


@dataclass(frozen=True, slots=True)
class ReleaseView:
    number: int
    smallest: int
    persons: int
    rules_version: str
    digest: str
    created_at: datetime
