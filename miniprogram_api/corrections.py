"""Corrections: evidence, opening, following, adding information, withdrawing, appealing."""

from __future__ import annotations

import hashlib
from datetime import date, datetime
from uuid import UUID

from apiflask.fields import UploadFile
from flask import Response
from pydantic import ConfigDict, Field

from app.actors import ActorKind, Assurance
from app.corrections.kinds import REASONS, WHEN_LABELS, When, clock_words
from app.corrections.rules import KINDS, Kind, Move, Side, State
from app.corrections.views import MissingMaterial, OpenTicket, TicketView
from auth.guards import current_actor, graduate
from miniprogram_api.door import (
    In,
    Out,
    PageIn,
    api,
    body_up_to,
    etag,
    idempotency_key,
    idempotent,
    if_match,
    lantai,
    page_of,
    read_cursor,
)
from miniprogram_api.dossier import attachment

EVIDENCE_BODY_MOST = 12 * 1024 * 1024


class ProofNeededOut(Out):
    code: str
    label: str
    when: When
    when_label: str


class ReasonOut(Out):
    code: str
    label: str
    law: str = Field(description="The law the reason rests on, in words")


class KindOut(Out):
    kind: Kind
    label: str
    hint: str
    route: str = Field(description="Who works it and how, in words")
    approvals: int = Field(description="How many different persons must agree")
    needs_evidence: bool
    needs_change: bool
    takes_material: bool = Field(description="Names a missing material by class and title")
    proofs: list[ProofNeededOut]
    first_answer_days: int
    decision_days: int
    clock_words: str
    refusals: list[ReasonOut]


class KindsOut(Out):
    items: list[KindOut]


class EvidenceIn(In):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    file: UploadFile


class EvidenceOut(Out):
    id: UUID
    media_type: str
    size: int
    pages: int
    created_at: datetime
    proof: str | None = None
    proof_label: str = ""


class MissingIn(In):
    class_code: str = Field(min_length=1, max_length=4)
    title: str = Field(min_length=1, max_length=120)


class TicketIn(In):
    kind: Kind
    statement: str = Field(min_length=1, max_length=2000)
    record_id: UUID | None = None
    base_version: int | None = Field(None, ge=1, description="The record's version the person saw")
    changes: dict[str, str] = Field(default_factory=dict, max_length=20)
    evidence_ids: list[UUID] = Field(default_factory=list, max_length=6)
    missing: MissingIn | None = Field(None, description="Only for kinds with takes_material")


class InformationIn(In):
    text: str = Field(min_length=1, max_length=2000)
    evidence_ids: list[UUID] = Field(default_factory=list, max_length=6)


class LineOut(Out):
    id: UUID
    number: str
    kind: Kind
    kind_label: str
    state: State
    state_label: str
    opened_at: datetime
    answer_by: date
    decide_by: date
    overdue: bool
    clock_words: str = Field(description="How the decision's clock stands, in Chinese, for the person who asked")
    first_answer_words: str = Field(description="The same of the first answer's clock")
    version: int
    appealed: bool
    merged_into: UUID | None


class ChangeOut(Out):
    name: str
    label: str
    before: str | None = Field(description="Null without a fresh step-up for viewing")
    after: str
    statutory: bool


class MessageOut(Out):
    side: Side
    author: str
    text: str
    created_at: datetime


class StepOut(Out):
    at: datetime
    type: str
    state: str
    by: ActorKind
    words: str


class MissingOut(Out):
    class_code: str
    title: str = Field(description="Masked where the office wrote it and the class hides titles")


class ProofOut(Out):
    code: str
    label: str
    when: When
    given: bool


class DecisionOut(Out):
    round: int
    outcome: State
    outcome_label: str
    reason: str | None
    law: str | None
    applied_version: int | None
    on_appeal: bool
    decided_at: datetime


class MergedOut(Out):
    id: UUID
    number: str
    statement: str


class SupplementOut(Out):
    state_label: str
    receiver_name: str


class TicketOut(LineOut):
    record_id: UUID | None
    base_version: int | None
    applied_version: int | None
    statement: str
    changes: list[ChangeOut]
    evidence: list[EvidenceOut] = Field(description="What the person sent; what the office got shows in the proofs")
    messages: list[MessageOut]
    timeline: list[StepOut]
    moves: list[Move]
    reason: str | None
    law: str | None
    appeal: str | None
    appeal_until: datetime | None = Field(description="Until when the one appeal is open; null where it is not")
    asked: dict[str, str] = Field(description="The person's own values where staff edited the proposed change")
    missing: MissingOut | None
    proofs: list[ProofOut]
    decisions: list[DecisionOut]
    merged: list[MergedOut]
    merged_into_number: str | None
    supplement: SupplementOut | None


class TicketsOut(Out):
    items: list[LineOut]
    next: str | None


def _ticket(view: TicketView) -> TicketOut:
    line = LineOut.model_validate(view.line).model_dump()
    rest = {name: getattr(view, name) for name in TicketOut.model_fields if name not in line}
    return TicketOut.model_validate({**line, **rest}, from_attributes=True)


@api.get("/corrections/kinds")
@graduate()
@api.output(KindsOut)
def kinds() -> KindsOut:
    """Kinds of corrections and what each needs."""
    return KindsOut(
        items=[
            KindOut(
                kind=kind,
                label=r.label,
                hint=r.hint,
                route=r.route.words,
                approvals=r.approvals,
                needs_evidence=r.needs_evidence,
                needs_change=r.needs_change,
                takes_material=r.takes_material,
                proofs=[
                    ProofNeededOut(code=p.code, label=p.label, when=p.when, when_label=WHEN_LABELS[p.when])
                    for p in r.proofs
                ],
                first_answer_days=r.clocks.first_answer,
                decision_days=r.clocks.decision,
                clock_words=clock_words(r.clocks),
                refusals=[ReasonOut(code=c, label=REASONS[c].label, law=REASONS[c].law) for c in r.refusals],
            )
            for kind, r in KINDS.items()
        ]
    )


@api.post("/evidence")
@graduate(Assurance.L2_PROOFED)
@body_up_to(EVIDENCE_BODY_MOST)
@api.input(EvidenceIn, location="files", arg_name="files")
@api.output(EvidenceOut, status_code=201)
def upload_evidence(files: EvidenceIn) -> Response:
    """Upload one proof (JPEG, PNG, TIFF, PDF, OFD)."""
    service, actor = lantai().corrections, current_actor()
    idempotency_key()  # before the file is cleaned and stored for nothing
    data, claimed = files.file.read(), files.file.mimetype or ""
    prepared = service.prepare_evidence(actor, data, claimed)
    digest = hashlib.sha256(data).digest()
    kept = False

    def work() -> tuple[int, Out, int | None]:
        nonlocal kept
        out = EvidenceOut.model_validate(service.add_evidence(actor, prepared))
        kept = True
        return 201, out, None

    try:
        return idempotent(work, digest=digest)
    finally:
        if not kept:
            service.discard_evidence(prepared)


@api.get("/evidence/<uuid:evidence_id>")
@graduate(Assurance.L2_PROOFED)
@api.doc(responses={200: "The file"})
def evidence_file(evidence_id: UUID) -> Response:
    """Download a proof one has sent; what the office got is not among them."""
    media_type, data = lantai().corrections.evidence_file(current_actor(), evidence_id)
    return attachment(f"evidence.{media_type.rsplit('/', 1)[-1]}", media_type, data)


@api.post("/corrections")
@graduate(Assurance.L2_PROOFED)
@api.input(TicketIn, arg_name="body")
@api.output(TicketOut, status_code=201)
def open_ticket(body: TicketIn) -> Response:
    """Ask for a correction."""
    request = OpenTicket(
        body.kind,
        body.statement,
        body.record_id,
        body.base_version,
        body.changes,
        tuple(body.evidence_ids),
        MissingMaterial(body.missing.class_code, body.missing.title) if body.missing is not None else None,
    )

    def work() -> tuple[int, Out, int | None]:
        view = lantai().corrections.open_ticket(current_actor(), request)
        return 201, _ticket(view), view.line.version

    return idempotent(work)


@api.get("/corrections")
@graduate(Assurance.L2_PROOFED)
@api.input(PageIn, location="query", arg_name="query")
@api.output(TicketsOut)
def tickets(query: PageIn) -> TicketsOut:
    """Own tickets, newest first."""
    rows = lantai().corrections.tickets(current_actor(), before=read_cursor(query.cursor), limit=query.limit + 1)
    page, following = page_of(rows, query.limit, lambda t: t.serial)
    return TicketsOut(items=[LineOut.model_validate(t) for t in page], next=following)


@api.get("/corrections/<uuid:ticket_id>")
@graduate(Assurance.L2_PROOFED)
@api.output(TicketOut)
def ticket(ticket_id: UUID) -> tuple[TicketOut, int, dict[str, str]]:
    """One ticket with its conversation and timeline."""
    view = lantai().corrections.ticket(current_actor(), ticket_id)
    return _ticket(view), 200, etag(view.line.version)


@api.post("/corrections/<uuid:ticket_id>/messages")
@graduate(Assurance.L2_PROOFED)
@api.input(InformationIn, arg_name="body")
@api.output(TicketOut)
def add_information(ticket_id: UUID, body: InformationIn) -> Response:
    """Add information; If-Match names the version seen."""
    version = if_match()

    def work() -> tuple[int, Out, int | None]:
        view = lantai().corrections.add_information(current_actor(), ticket_id, version, body.text, body.evidence_ids)
        return 200, _ticket(view), view.line.version

    return idempotent(work)


@api.post("/corrections/<uuid:ticket_id>/appeal")
@graduate(Assurance.L2_PROOFED)
@api.input(InformationIn, arg_name="body")
@api.output(TicketOut)
def appeal(ticket_id: UUID, body: InformationIn) -> Response:
    """Appeal a decision, once and within 30 days; If-Match names the version seen."""
    version = if_match()

    def work() -> tuple[int, Out, int | None]:
        view = lantai().corrections.appeal(current_actor(), ticket_id, version, body.text, body.evidence_ids)
        return 200, _ticket(view), view.line.version

    return idempotent(work)


@api.post("/corrections/<uuid:ticket_id>/withdrawal")
@graduate(Assurance.L2_PROOFED)
@api.output(TicketOut)
def withdraw(ticket_id: UUID) -> Response:
    """Withdraw a ticket; If-Match names the version seen."""
    version = if_match()

    def work() -> tuple[int, Out, int | None]:
        view = lantai().corrections.withdraw(current_actor(), ticket_id, version)
        return 200, _ticket(view), view.line.version

    return idempotent(work)
