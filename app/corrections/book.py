"""The ticket book: loading, sealing and viewing tickets, shared by the graduate's side and the desk."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.actors import Actor, Purpose
from app.corrections import rules, showing
from app.corrections.clocks import TicketClocks
from app.corrections.earlier import made_by
from app.corrections.kinds import KINDS, REASONS
from app.corrections.models import Ticket, TicketApproval, TicketMessage, VoidedApproval
from app.corrections.places import claim_place as claim_place
from app.corrections.places import diff_digest as diff_digest
from app.corrections.places import evidence_place as evidence_place
from app.corrections.places import text_place as text_place
from app.corrections.places import ticket_number as ticket_number
from app.corrections.ports import SupplementOpener
from app.corrections.rules import Move, Side, State
from app.corrections.views import SupplementView, TicketLine, TicketView
from app.db import new_id
from app.dossiers.rules import guards_account
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, VersionMismatch
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.people.models import StaffMember
from app.people.service import PeopleService
from app.ports import Clock

ANNOUNCED = frozenset(
    {
        "ticket.decided",
        "ticket.asked",
        "ticket.replied",
        "ticket.merged",
        "ticket.reopened",
        "ticket.opened",
        "ticket.answered",
        "ticket.appealed",
    }
)
"""Steps somebody must hear of: the graduate of the first five, the staff's group of opening and answering, and both of
an appeal.
"""


class TicketBook:
    def __init__(
        self,
        people: PeopleService,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        clocks: TicketClocks,
        supplements: SupplementOpener | None = None,
    ) -> None:
        self.people, self.log, self.queue, self.clock, self.clocks = people, log, queue, clock, clocks
        self.supplements = supplements

    @staticmethod
    def approvals_needed(ticket: Ticket, claim: dict[str, Any]) -> int:
        section = ticket.section
        account = section is not None and any(guards_account(section, name) for name in claim["changes"])
        return rules.approvals_needed(ticket.kind, guards_account=account)

    def check_version(self, ticket: Ticket, expected: int) -> None:
        if ticket.version != expected:
            raise VersionMismatch("ticket_changed", extra={"current_version": ticket.version})

    def flush(self, session: Session) -> None:
        """Turns a lost optimistic-lock race into VersionMismatch."""
        try:
            session.flush()
        except StaleDataError:
            raise VersionMismatch("ticket_changed") from None

    def flush_open(self, session: Session) -> None:
        """The same for a ticket that becomes an open one. Raises Conflict('record_has_open_ticket'): the partial unique
        index is the rule, whoever races.
        """
        try:
            self.flush(session)
        except IntegrityError:
            raise Conflict("record_has_open_ticket") from None

    def void_approvals(self, session: Session, ticket: Ticket) -> None:
        """Whoever agreed has not seen the ticket as it is now. What was agreed stays as what happened."""
        self._void(session, session.scalars(select(TicketApproval).where(TicketApproval.ticket_id == ticket.id)).all())

    def _void(self, session: Session, rows: Iterable[TicketApproval]) -> None:
        now = self.clock.now()
        for row in rows:
            session.add(
                VoidedApproval(
                    id=row.id,
                    ticket_id=row.ticket_id,
                    staff_id=row.staff_id,
                    person_key=row.person_key,
                    diff_digest=row.diff_digest,
                    created_at=row.created_at,
                    voided_at=now,
                )
            )
            session.delete(row)

    def standing_approvals(self, session: Session, ticket: Ticket, digest: bytes) -> Sequence[TicketApproval]:
        """Those that count for exactly this change: until it is decided, of persons who could still agree today and
        have looked lately; afterwards, all that were counted then.
        """
        given = self._given(ticket, digest)
        return session.scalars(given if ticket.state in rules.CLOSED else given.where(self._counting(ticket))).all()

    def counted_approvals(self, session: Session, ticket: Ticket, digest: bytes) -> Sequence[TicketApproval]:
        """The same for who agrees now: what counts no more is voided, so that its person may agree anew."""
        counted = self.standing_approvals(session, ticket, digest)
        self._void(session, [a for a in session.scalars(self._given(ticket, digest)) if a not in counted])
        session.flush()
        return counted

    @staticmethod
    def _given(ticket: Ticket, digest: bytes) -> Select[TicketApproval]:
        return (
            select(TicketApproval)
            .where(TicketApproval.ticket_id == ticket.id, TicketApproval.diff_digest == digest)
            .order_by(TicketApproval.created_at)
        )

    def _counting(self, ticket: Ticket) -> ColumnElement[bool]:
        able = select(StaffMember.id).where(
            StaffMember.disabled_at.is_(None),
            StaffMember.roles.overlap([r.value for r in KINDS[ticket.kind].approvers.roles]),
        )
        since = self.clock.now() - rules.AGREEMENT_STANDS
        return and_(TicketApproval.created_at >= since, TicketApproval.staff_id.in_(able))

    def say(self, session: Session, key: DataKey, ticket: Ticket, side: Side, actor: Actor, text: str) -> None:
        message = TicketMessage(
            id=new_id(), ticket_id=ticket.id, side=side, author_id=actor.id, created_at=self.clock.now()
        )
        message.sealed_text = seal_json(key, text_place(message), {"text": text})
        session.add(message)

    def require(self, ticket: Ticket, move: Move, actor: Actor) -> State:
        """Where the move leads. Raises Conflict with the code of the guard that stands against it."""
        side = showing.side_of(actor)
        now = self.clock.now()
        code = rules.refusal(move, ticket.state, side, showing.standing(ticket, actor, now), now)
        if code is not None:
            raise Conflict(code, params={"state": rules.STATE_LABELS[ticket.state]})
        target = rules.target(move, ticket.state, side)
        assert target is not None  # a move without an edge was refused above
        return target

    def new_round(self, ticket: Ticket, now: datetime) -> None:
        """Reopened or appealed: the clocks begin again, and what was decided stands in the decisions."""
        ticket.round += 1
        ticket.decided_at, ticket.reason_code, ticket.applied_version = None, None, None
        ticket.material_id, ticket.material_version = None, None
        ticket.answer_by, ticket.decide_by = self.clocks.due_from(ticket, now)

    def record_step(
        self, session: Session, actor: Actor, ticket: Ticket, step: str, *, at: datetime | None = None, **data: Any
    ) -> None:
        """Append the step, move the clock by it and, for those somebody must hear of, enqueue the job that tells them:
        one transaction. ``at``: now, unless the ticket's row says when already.
        """
        now = ticket.touched_at = at or self.clock.now()
        event_id = self.log.record(
            session,
            actor,
            step,
            graduate_id=ticket.graduate_id,
            object_kind="ticket",
            object_id=ticket.id,
            data={"state": ticket.state.value, **data},
            at=now,
        )
        self.clocks.on_step(session, ticket, step, now)
        if step in ANNOUNCED:
            self.queue.enqueue(session, Announce(event_id))

    def line(self, ticket: Ticket, now: datetime, name: str = "", absent: Collection[UUID] = ()) -> TicketLine:
        """``absent``: those whose work the reader does today."""
        return TicketLine(
            id=ticket.id,
            number=ticket_number(ticket),
            serial=ticket.serial,
            kind=ticket.kind,
            kind_label=rules.KINDS[ticket.kind].label,
            state=ticket.state,
            state_label=rules.state_label(ticket.state, appealed=ticket.appealed_at is not None),
            section=ticket.section,
            opened_at=ticket.opened_at,
            answer_by=ticket.answer_by,
            decide_by=ticket.decide_by,
            clock=self.clocks.view(ticket, now),
            version=ticket.version,
            assigned_to=ticket.assigned_to,
            graduate_id=ticket.graduate_id,
            graduate_name=name,
            round=ticket.round,
            appealed=ticket.appealed_at is not None,
            merged_into=ticket.merged_into,
            stands_in=ticket.assigned_to in absent,
        )

    def view(
        self,
        session: Session,
        actor: Actor,
        key: DataKey,
        ticket: Ticket,
        current: dict[str, str] | None = None,
        record_version: int | None = None,
    ) -> TicketView:
        """``current`` and ``record_version``: the record as it stands, for the desk."""
        now = self.clock.now()
        claim = open_json(key, claim_place(ticket), ticket.sealed_claim)
        side = showing.side_of(actor)
        show_before = side is Side.STAFF or actor.stepped_up_for(Purpose.VIEW_DOSSIER, now)
        approvals = self.standing_approvals(session, ticket, diff_digest(key, ticket, claim))
        reader = session.get(StaffMember, actor.id) if side is Side.STAFF else None
        staff = self.people.staff_names([a.staff_id for a in approvals])
        name = self.people.names([ticket.graduate_id]).get(ticket.graduate_id, "") if side is Side.STAFF else ""
        survivor, *duplicates = showing.with_merged(session, ticket)
        ids = [t.id for t in (survivor, *duplicates)]
        evidence = showing.evidence(session, ids)
        standing = showing.standing(ticket, actor, now)
        reason = REASONS.get(ticket.reason_code or "") if ticket.state is State.REJECTED else None
        moves = rules.open_moves(ticket.state, side, standing, now)
        decided = ticket.round > 1 or ticket.state in rules.CLOSED
        can_appeal = rules.refusal(Move.APPEAL, ticket.state, Side.GRADUATE, standing, now) is None
        return TicketView(
            line=self.line(ticket, now, name),
            record_id=ticket.record_id,
            base_version=ticket.base_version,
            applied_version=ticket.applied_version,
            statement=claim["statement"],
            changes=showing.changes(ticket, claim, show_before),
            # what the desk got is not the graduate's to open, so it is not listed to them; the proofs say it is there
            evidence=tuple(e for e in evidence if side is Side.STAFF or not e.by_staff),
            messages=showing.messages(session, key, ids, side, self.people),
            notes=showing.notes(session, key, ids, self.people) if side is Side.STAFF else (),
            timeline=showing.timeline(session, self.log, ticket.id, side),
            moves=moves,
            approvals=tuple(staff[a.staff_id] for a in approvals),
            approvals_needed=self.approvals_needed(ticket, claim),
            reason=reason.label if reason else None,
            appeal=rules.APPEAL if ticket.state is State.REJECTED else None,
            stale=showing.stale(ticket, claim, current),
            record_version=record_version,
            current=current or {},
            agreed=reader is not None and any(a.person_key == reader.person_key for a in approvals),
            stands=made_by(session, ticket).says(claim, record_version, current or {}),
            asked={name: new for name, (_, new) in claim.get("asked", {}).items()},
            missing=showing.missing(claim, evidence, side),
            proofs=showing.proofs(ticket, evidence),
            law=reason.law if reason else None,
            decisions=showing.decisions(session, ticket.id, side, self.people) if decided else (),
            merged=showing.merged(key, duplicates),
            merged_into_number=self._number_of(session, ticket.merged_into),
            material_id=ticket.material_id,
            material_version=ticket.material_version,
            supplement=self._supplement(session, key, ticket.id) if decided else None,
            appeal_until=ticket.decided_at + rules.APPEAL_WITHIN if can_appeal and ticket.decided_at else None,
        )

    @staticmethod
    def _number_of(session: Session, ticket_id: UUID | None) -> str | None:
        return ticket_number(session.get_one(Ticket, ticket_id)) if ticket_id is not None else None

    def _supplement(self, session: Session, key: DataKey, ticket_id: UUID) -> SupplementView | None:
        found = self.supplements.supplement_of(session, key, ticket_id) if self.supplements is not None else None
        if found is None:
            return None
        return SupplementView(found.id, found.state_label, found.receiver_name, found.receipt)
