"""What staff see of places, of where a dossier stands, and of loans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.custody.rules import (
    BORROWER_LABELS,
    CONDITION_LABELS,
    LOAN_LABELS,
    MOVE_LABELS,
    PURPOSE_LABELS,
    STANDING_LABELS,
    WHY_LABELS,
    Borrower,
    Condition,
    Flag,
    LoanState,
    Move,
    Purpose,
    Standing,
    Why,
    place_words,
)


@dataclass(frozen=True, slots=True)
class PlaceView:
    """``held``: how many dossiers stand there."""

    id: UUID
    code: str
    opened_on: date
    closed_on: date | None
    held: int

    @property
    def words(self) -> str:
        return place_words(self.code)


@dataclass(frozen=True, slots=True)
class MoveView:
    kind: Move
    why: Why
    place: str
    staff_id: UUID | None
    at: datetime

    @property
    def label(self) -> str:
        return MOVE_LABELS[self.kind]

    @property
    def why_label(self) -> str:
        return WHY_LABELS[self.why]


@dataclass(frozen=True, slots=True)
class StandingLine:
    """One dossier of a list. ``place`` is where it stands, ``last_place`` where it stood last, empty for none."""

    dossier_id: UUID
    graduate_id: UUID
    code: str
    standing: Standing
    place: str
    last_place: str
    since: datetime

    @property
    def label(self) -> str:
        return STANDING_LABELS[self.standing]


@dataclass(frozen=True, slots=True)
class LoanLine:
    """One loan of a list. ``overdue``: out and not back on the day it was due; ``pressed_on``: when staff were last
    told of that.
    """

    id: UUID
    number: str
    graduate_id: UUID
    state: LoanState
    borrower: Borrower
    staff_id: UUID | None
    purpose: Purpose
    due_on: date | None
    overdue: bool
    pressed_on: date | None
    flag: Flag
    first_at: datetime

    @property
    def label(self) -> str:
        return LOAN_LABELS[self.state]

    @property
    def borrower_label(self) -> str:
        return BORROWER_LABELS[self.borrower]

    @property
    def purpose_label(self) -> str:
        return PURPOSE_LABELS[self.purpose]


@dataclass(frozen=True, slots=True)
class LoanView:
    """A loan in full. ``extended``: the reasons, oldest first. ``mine``: this reader asked for it, so another person
    approves.
    """

    line: LoanLine
    takes_two: bool
    days: int
    extensions: int
    may_extend: bool
    mine: bool
    first_staff: UUID
    second_staff: UUID | None
    second_at: datetime | None
    out_at: datetime | None
    returned_at: datetime | None
    returned_by: UUID | None
    condition: Condition | None
    name: str = field(repr=False)
    unit: str = field(repr=False)
    letter: str = field(repr=False)
    extended: Sequence[str] = field(repr=False)
    refusal: str = field(repr=False)
    note: str = field(repr=False)
    settled: str = field(repr=False)

    @property
    def condition_label(self) -> str:
        return "" if self.condition is None else CONDITION_LABELS[self.condition]


@dataclass(frozen=True, slots=True)
class PaperView:
    """Where a graduate's paper dossier is. ``standing`` is None where nothing is on record; ``lendable``: nothing but
    a form stands between it and a loan.
    """

    dossier_id: UUID
    code: str
    standing: Standing | None
    place: str
    last_place: str
    since: datetime | None
    lendable: bool
    moves: Sequence[MoveView]
    loans: Sequence[LoanView]

    @property
    def label(self) -> str:
        return "尚未登记位置" if self.standing is None else STANDING_LABELS[self.standing]

    @property
    def open_loan(self) -> LoanView | None:
        return next((v for v in self.loans if v.line.state in (LoanState.REQUESTED, LoanState.OUT)), None)

    @property
    def incomplete(self) -> bool:
        return any(v.line.flag is Flag.OPEN for v in self.loans)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan of a dossier did: ``changed`` is False for one that repeats the last."""

    graduate_id: UUID
    code: str
    place: str
    changed: bool
    why: Why


@dataclass(frozen=True, slots=True)
class Counts:
    """What waits."""

    requested: int
    out: int
    overdue: int
    flagged: int
    unplaced: int
