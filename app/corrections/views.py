"""What correction services give to every door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.corrections.rules import Kind, Move, Side, State
from app.dossiers.rules import Section


@dataclass(frozen=True, slots=True)
class ChangeView:
    """``before`` is None where the reader has not stepped up for reading content."""

    name: str
    label: str
    before: str | None = field(repr=False)
    after: str = field(repr=False)
    statutory: bool = False


@dataclass(frozen=True, slots=True)
class EvidenceView:
    id: UUID
    media_type: str
    size: int
    pages: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class MessageView:
    side: Side
    author: str
    text: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StepView:
    at: datetime
    type: str
    state: str
    by: str


@dataclass(frozen=True, slots=True)
class TicketLine:
    """One line of a queue or list."""

    id: UUID
    number: str
    serial: int
    kind: Kind
    kind_label: str
    state: State
    state_label: str
    section: Section | None
    opened_at: datetime
    answer_by: date
    decide_by: date
    overdue: bool
    version: int
    assigned_to: UUID | None
    graduate_id: UUID
    graduate_name: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TicketView:
    """``agreed``: the reader has approved exactly this change already and cannot be the second person."""

    line: TicketLine
    record_id: UUID | None
    base_version: int | None
    applied_version: int | None
    statement: str = field(repr=False)
    changes: Sequence[ChangeView]
    evidence: Sequence[EvidenceView]
    messages: Sequence[MessageView]
    timeline: Sequence[StepView]
    moves: Sequence[Move]
    approvals: Sequence[str]
    approvals_needed: int
    reason: str | None
    appeal: str | None
    stale: bool = False
    current: Mapping[str, str] = field(default_factory=dict, repr=False)
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A graduate's request. ``changes`` maps field names of the record to the values they should have."""

    kind: Kind
    statement: str = field(repr=False)
    record_id: UUID | None = None
    base_version: int | None = None
    changes: Mapping[str, str] = field(default_factory=dict, repr=False)
    evidence_ids: Sequence[UUID] = ()
