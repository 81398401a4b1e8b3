"""What correction services give to every door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from app.corrections.clock_words import ClockView, answer_words, decision_words
from app.corrections.kinds import When
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
    proof: str | None = None
    proof_label: str = ""
    by_staff: bool = False


@dataclass(frozen=True, slots=True)
class MessageView:
    side: Side
    author: str
    text: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NoteView:
    """A note among staff, never in a graduate's view."""

    author: str
    text: str = field(repr=False)
    created_at: datetime


@dataclass(frozen=True, slots=True)
class StepView:
    at: datetime
    type: str
    state: str
    by: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class ProofView:
    """A proof the kind asks for, and whether it is there."""

    code: str
    label: str
    when: When
    given: bool


@dataclass(frozen=True, slots=True)
class MissingMaterial:
    """What should be in the dossier and is not."""

    class_code: str
    title: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision of a round. ``approvers`` are names for staff and empty for the graduate."""

    round: int
    outcome: State
    outcome_label: str
    reason: str | None
    law: str | None
    applied_version: int | None
    material_id: UUID | None
    material_version: int | None
    on_appeal: bool
    decided_at: datetime
    approvers: Sequence[str] = ()
    number: str = ""
    ticket_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class MergedView:
    """A duplicate that went into this ticket."""

    id: UUID
    number: str
    statement: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class SupplementView:
    """The supplementary transfer a decision has opened; ``receipt`` is that of the transfer before."""

    id: UUID
    state_label: str
    receiver_name: str
    receipt: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TicketLine:
    """One line of a queue or list. ``stands_in``: its handler is away, and the reader does their work today."""

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
    clock: ClockView
    version: int
    assigned_to: UUID | None
    graduate_id: UUID
    graduate_name: str = field(default="", repr=False)
    round: int = 1
    appealed: bool = False
    merged_into: UUID | None = None
    stands_in: bool = False

    @property
    def overdue(self) -> bool:
        return self.clock.overdue

    @property
    def clock_words(self) -> str:
        """For the graduate; the console asks clock_words.py for the staff's side."""
        return decision_words(self.clock, Side.GRADUATE).text

    @property
    def first_answer_words(self) -> str:
        return answer_words(self.clock).text


@dataclass(frozen=True, slots=True)
class TicketView:
    """``agreed``: the reader, by any account, has approved exactly this change already and cannot be the second person.

    ``asked`` holds the graduate's own values where staff edited the proposed change, ``appeal_until`` the last moment
    of an appeal that is still open. ``stands``: by an earlier decision of this ticket the record says already what is
    asked for, so agreeing writes nothing.
    """

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
    record_version: int | None = None
    current: Mapping[str, str] = field(default_factory=dict, repr=False)
    agreed: bool = False
    stands: bool = False
    notes: Sequence[NoteView] = ()
    asked: Mapping[str, str] = field(default_factory=dict, repr=False)
    missing: MissingMaterial | None = None
    proofs: Sequence[ProofView] = ()
    law: str | None = None
    decisions: Sequence[DecisionView] = ()
    merged: Sequence[MergedView] = ()
    merged_into_number: str | None = None
    material_id: UUID | None = None
    material_version: int | None = None
    supplement: SupplementView | None = None
    appeal_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """A graduate's request. ``changes`` maps field names of the record to the values they should have; ``missing``
    names the material that should be there.
    """

    kind: Kind
    statement: str = field(repr=False)
    record_id: UUID | None = None
    base_version: int | None = None
    changes: Mapping[str, str] = field(default_factory=dict, repr=False)
    evidence_ids: Sequence[UUID] = ()
    missing: MissingMaterial | None = None
