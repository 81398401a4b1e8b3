"""The parts of a ticket's view, each for the side that reads it: what is internal never reaches a graduate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, object_session

from app.actors import Actor, ActorKind
from app.corrections import rules, words
from app.corrections.kinds import COLLECTED, KINDS, REASONS, When
from app.corrections.models import Evidence, Ticket, TicketDecision, TicketMessage, TicketNote
from app.corrections.places import claim_place, note_place, text_place, ticket_number
from app.corrections.rules import Move, Side, Standing
from app.corrections.views import (
    ChangeView,
    DecisionView,
    EvidenceView,
    MergedView,
    MessageView,
    MissingMaterial,
    NoteView,
    ProofView,
    StepView,
)
from app.dossiers import class_map
from app.dossiers.rules import MASKED_TITLE, SECTIONS, Zone, is_statutory
from app.envelope import DataKey, open_json
from app.events import EventLog
from app.office_time import office_date
from app.people.absences import stood_in_for
from app.people.service import PeopleService

OFFICE = "档案管理部门"
PROOF_LABELS: Mapping[str, str] = {p.code: p.label for rule in KINDS.values() for p in rule.proofs}


def standing(ticket: Ticket, actor: Actor, now: datetime) -> Standing:
    return Standing(KINDS[ticket.kind], ticket.decided_at, ticket.appealed_at is not None, _handles(ticket, actor, now))


def _handles(ticket: Ticket, actor: Actor, now: datetime) -> bool:
    """The handler, or who stands in for them today; asked for only where a move depends on it."""
    if ticket.assigned_to == actor.id or ticket.assigned_to is None:
        return ticket.assigned_to is not None
    session = object_session(ticket)
    releasable = rules.target(Move.RELEASE, ticket.state, side_of(actor)) is not None
    if session is None or not releasable:
        return False
    return ticket.assigned_to in stood_in_for(session, actor.id, office_date(now))


def with_merged(session: Session, ticket: Ticket) -> list[Ticket]:
    """The ticket and the duplicates that went into it, oldest first."""
    duplicates = session.scalars(select(Ticket).where(Ticket.merged_into == ticket.id).order_by(Ticket.serial))
    return [ticket, *duplicates]


def stale(ticket: Ticket, claim: dict[str, Any], current: dict[str, str] | None) -> bool:
    """True while open if the record no longer says what the graduate saw when asking."""
    if current is None or ticket.state in rules.CLOSED:
        return False
    return any(current.get(name, "") != old for name, (old, _) in claim["changes"].items())


def changes(ticket: Ticket, claim: dict[str, Any], show_before: bool) -> tuple[ChangeView, ...]:
    if ticket.section is None:
        return ()
    fields = SECTIONS[ticket.section].fields
    return tuple(
        ChangeView(name, fields[name].label, old if show_before else None, new, is_statutory(ticket.section, name))
        for name, (old, new) in claim["changes"].items()
    )


def evidence(session: Session, ids: Sequence[UUID]) -> tuple[EvidenceView, ...]:
    rows = session.scalars(select(Evidence).where(Evidence.ticket_id.in_(ids)).order_by(Evidence.created_at))
    return tuple(
        EvidenceView(
            e.id,
            e.media_type,
            e.size,
            e.pages,
            e.created_at,
            e.proof,
            PROOF_LABELS.get(e.proof or "", ""),
            e.added_by is not None,
        )
        for e in rows
    )


def missing(claim: Mapping[str, Any], held: Sequence[EvidenceView], reader: Side) -> MissingMaterial | None:
    """What should be in the dossier. The title the desk wrote down with its scan is masked for the graduate where the
    dossier will mask it.
    """
    if not claim.get("missing"):
        return None
    named = MissingMaterial(**claim["missing"])
    by_desk = any(e.by_staff and e.proof == COLLECTED for e in held)
    if reader is Side.GRADUATE and by_desk:
        kind = class_map.classify(named.title, named.class_code, "")
        if class_map.current().zone_of(named.class_code, kind).zone is Zone.C:
            return replace(named, title=MASKED_TITLE)
    return named


def proofs(ticket: Ticket, shown: Sequence[EvidenceView]) -> tuple[ProofView, ...]:
    """What the kind asks for. A file without a name counts for what the graduate had to bring."""
    given = {e.proof for e in shown}
    unnamed = any(e.proof is None and not e.by_staff for e in shown)
    return tuple(
        ProofView(p.code, p.label, p.when, p.code in given or (unnamed and p.when is When.INTAKE))
        for p in KINDS[ticket.kind].proofs
    )


def messages(
    session: Session, key: DataKey, ids: Sequence[UUID], reader: Side, people: PeopleService
) -> tuple[MessageView, ...]:
    rows = session.scalars(
        select(TicketMessage).where(TicketMessage.ticket_id.in_(ids)).order_by(TicketMessage.created_at)
    ).all()
    names = people.staff_names([m.author_id for m in rows if m.side is Side.STAFF]) if reader is Side.STAFF else {}

    def author(m: TicketMessage) -> str:
        if m.side is Side.GRADUATE:
            return "本人"
        return names.get(m.author_id, "工作人员") if reader is Side.STAFF else OFFICE

    return tuple(
        MessageView(m.side, author(m), open_json(key, text_place(m), m.sealed_text)["text"], m.created_at) for m in rows
    )


def notes(session: Session, key: DataKey, ids: Sequence[UUID], people: PeopleService) -> tuple[NoteView, ...]:
    """What staff wrote for each other; for staff alone."""
    rows = session.scalars(
        select(TicketNote).where(TicketNote.ticket_id.in_(ids)).order_by(TicketNote.created_at)
    ).all()
    names = people.staff_names([n.author_id for n in rows])
    return tuple(
        NoteView(names.get(n.author_id, "工作人员"), open_json(key, note_place(n), n.sealed_text)["text"], n.created_at)
        for n in rows
    )


def timeline(session: Session, log: EventLog, ticket_id: UUID, reader: Side) -> tuple[StepView, ...]:
    """Oldest first. The graduate sees the steps that have words for them, staff every one."""
    found = []
    for e in log.of_object(session, "ticket", ticket_id):
        shown = e.type in words.STEP_LABELS or (reader is Side.STAFF and e.type.startswith("ticket."))
        if shown and e.type != "ticket.read":
            state = str(e.data.get("state", ""))
            found.append(StepView(e.at, e.type, state, e.actor_kind.value, words.step_words(e.type, state)))
    return tuple(found)


def decision_view(row: TicketDecision, names: Mapping[UUID, str], ticket: Ticket | None = None) -> DecisionView:
    reason = REASONS.get(row.reason_code or "")
    return DecisionView(
        round=row.round,
        outcome=row.outcome,
        outcome_label=rules.STATE_LABELS[row.outcome],
        reason=reason.label if reason else None,
        law=reason.law if reason else None,
        applied_version=row.applied_version,
        material_id=row.material_id,
        material_version=row.material_version,
        on_appeal=row.on_appeal,
        decided_at=row.decided_at,
        approvers=tuple(names[UUID(a)] for a in row.approvers if UUID(a) in names),
        number=ticket_number(ticket) if ticket is not None else "",
        ticket_id=row.ticket_id,
    )


def decisions(session: Session, ticket_id: UUID, reader: Side, people: PeopleService) -> tuple[DecisionView, ...]:
    """Oldest first; names of those who agreed are for staff."""
    rows = session.scalars(
        select(TicketDecision).where(TicketDecision.ticket_id == ticket_id).order_by(TicketDecision.decided_at)
    ).all()
    who = [UUID(a) for row in rows for a in row.approvers] if reader is Side.STAFF else []
    names = people.staff_names(who)
    return tuple(decision_view(row, names) for row in rows)


def merged(key: DataKey, tickets: Sequence[Ticket]) -> tuple[MergedView, ...]:
    return tuple(
        MergedView(t.id, ticket_number(t), open_json(key, claim_place(t), t.sealed_claim)["statement"]) for t in tickets
    )


def side_of(actor: Actor) -> Side:
    return Side.STAFF if actor.kind is ActorKind.STAFF else Side.GRADUATE
