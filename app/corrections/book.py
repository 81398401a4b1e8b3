"""The ticket book: loading, sealing and viewing tickets, shared by the graduate's side and the desk."""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from app.actors import Actor, ActorKind, Purpose
from app.corrections import rules
from app.corrections.models import Evidence, Ticket, TicketApproval, TicketMessage
from app.corrections.rules import Side, State
from app.corrections.views import ChangeView, EvidenceView, MessageView, StepView, TicketLine, TicketView
from app.db import new_id
from app.dossiers.rules import SECTIONS, guards_account, is_statutory
from app.envelope import DataKey, Place, open_json, seal_json
from app.errors import VersionMismatch
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.people.service import PeopleService
from app.ports import Clock

ANNOUNCED = frozenset({"ticket.decided", "ticket.asked", "ticket.opened", "ticket.answered"})
"""Steps somebody must hear of: the graduate of the first two, the staff's group of the others."""


def ticket_number(ticket: Ticket) -> str:
    return f"GZ{ticket.opened_at.year}{ticket.serial:06d}"


def claim_place(ticket: Ticket) -> Place:
    return Place("ticket", "sealed_claim", ticket.id)


def text_place(message: TicketMessage) -> Place:
    return Place("ticket_message", "sealed_text", message.id)


def evidence_place(evidence_id: UUID) -> Place:
    return Place("evidence", "file", evidence_id)


def diff_digest(key: DataKey, ticket: Ticket, claim: dict[str, Any]) -> bytes:
    """Names one exact change on one base version. Keyed, because the values could be guessed."""
    text = json.dumps([ticket.base_version, claim["changes"]], sort_keys=True, ensure_ascii=False)
    return hmac.digest(key.material, b"ticket-diff" + text.encode(), "sha256")


class TicketBook:
    def __init__(self, people: PeopleService, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self.people, self.log, self.queue, self.clock = people, log, queue, clock

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

    @staticmethod
    def void_approvals(session: Session, ticket: Ticket) -> None:
        for row in session.scalars(select(TicketApproval).where(TicketApproval.ticket_id == ticket.id)):
            session.delete(row)

    def say(self, session: Session, key: DataKey, ticket: Ticket, side: Side, actor: Actor, text: str) -> None:
        message = TicketMessage(
            id=new_id(), ticket_id=ticket.id, side=side, author_id=actor.id, created_at=self.clock.now()
        )
        message.sealed_text = seal_json(key, text_place(message), {"text": text})
        session.add(message)

    def record_step(self, session: Session, actor: Actor, ticket: Ticket, step: str, **data: Any) -> None:
        """Append the step and, for those somebody must hear of, the job that tells them, in one transaction."""
        ticket.touched_at = self.clock.now()
        event_id = self.log.record(
            session,
            actor,
            step,
            graduate_id=ticket.graduate_id,
            object_kind="ticket",
            object_id=ticket.id,
            data={"state": ticket.state.value, **data},
        )
        if step in ANNOUNCED:
            self.queue.enqueue(session, Announce(event_id))

    def line(self, ticket: Ticket, now: datetime, name: str = "") -> TicketLine:
        return TicketLine(
            id=ticket.id,
            number=ticket_number(ticket),
            serial=ticket.serial,
            kind=ticket.kind,
            kind_label=rules.KINDS[ticket.kind].label,
            state=ticket.state,
            state_label=rules.STATE_LABELS[ticket.state],
            section=ticket.section,
            opened_at=ticket.opened_at,
            answer_by=ticket.answer_by,
            decide_by=ticket.decide_by,
            overdue=ticket.state not in rules.CLOSED and rules.office_date(now) > ticket.decide_by,
            version=ticket.version,
            assigned_to=ticket.assigned_to,
            graduate_id=ticket.graduate_id,
            graduate_name=name,
        )

    def view(
        self, session: Session, actor: Actor, key: DataKey, ticket: Ticket, current: dict[str, str] | None = None
    ) -> TicketView:
        now = self.clock.now()
        claim = open_json(key, claim_place(ticket), ticket.sealed_claim)
        side = Side.STAFF if actor.kind is ActorKind.STAFF else Side.GRADUATE
        show_before = side is Side.STAFF or actor.stepped_up_for(Purpose.VIEW_DOSSIER, now)
        digest = diff_digest(key, ticket, claim)
        approvals = session.scalars(
            select(TicketApproval).where(TicketApproval.ticket_id == ticket.id, TicketApproval.diff_digest == digest)
        ).all()
        staff = self.people.staff_names([a.staff_id for a in approvals])
        moves = rules.moves(ticket.state, side)
        name = self.people.names([ticket.graduate_id]).get(ticket.graduate_id, "") if side is Side.STAFF else ""
        closed_badly = ticket.state is State.REJECTED
        return TicketView(
            line=self.line(ticket, now, name),
            record_id=ticket.record_id,
            base_version=ticket.base_version,
            applied_version=ticket.applied_version,
            statement=claim["statement"],
            changes=self._changes(ticket, claim, show_before),
            evidence=self._evidence(session, ticket.id),
            messages=self._messages(session, key, ticket.id, side),
            timeline=self._timeline(session, ticket.id),
            moves=moves,
            approvals=tuple(staff[a.staff_id] for a in approvals),
            approvals_needed=self.approvals_needed(ticket, claim),
            reason=rules.REJECTION_REASONS[ticket.reason_code] if ticket.reason_code else None,
            appeal=rules.APPEAL if closed_badly else None,
            stale=self._stale(ticket, claim, current),
            current=current or {},
            agreed=any(a.staff_id == actor.id for a in approvals),
        )

    @staticmethod
    def _stale(ticket: Ticket, claim: dict[str, Any], current: dict[str, str] | None) -> bool:
        """True while open if the record no longer says what the graduate saw when asking."""
        if current is None or ticket.state in rules.CLOSED:
            return False
        return any(current.get(name, "") != old for name, (old, _) in claim["changes"].items())

    @staticmethod
    def _changes(ticket: Ticket, claim: dict[str, Any], show_before: bool) -> tuple[ChangeView, ...]:
        if ticket.section is None:
            return ()
        fields = SECTIONS[ticket.section].fields
        return tuple(
            ChangeView(name, fields[name].label, old if show_before else None, new, is_statutory(ticket.section, name))
            for name, (old, new) in claim["changes"].items()
        )

    @staticmethod
    def _evidence(session: Session, ticket_id: UUID) -> tuple[EvidenceView, ...]:
        rows = session.scalars(select(Evidence).where(Evidence.ticket_id == ticket_id).order_by(Evidence.created_at))
        return tuple(EvidenceView(e.id, e.media_type, e.size, e.pages, e.created_at) for e in rows)

    def _messages(self, session: Session, key: DataKey, ticket_id: UUID, reader: Side) -> tuple[MessageView, ...]:
        rows = session.scalars(
            select(TicketMessage).where(TicketMessage.ticket_id == ticket_id).order_by(TicketMessage.created_at)
        ).all()
        names = self.people.staff_names([m.author_id for m in rows if m.side is Side.STAFF])

        def author(m: TicketMessage) -> str:
            if m.side is Side.GRADUATE:
                return "本人"
            return names.get(m.author_id, "工作人员") if reader is Side.STAFF else "档案管理部门"

        return tuple(
            MessageView(m.side, author(m), open_json(key, text_place(m), m.sealed_text)["text"], m.created_at)
            for m in rows
        )

    def _timeline(self, session: Session, ticket_id: UUID) -> Sequence[StepView]:
        steps = self.log.of_object(session, "ticket", ticket_id)
        return tuple(
            StepView(e.at, e.type, str(e.data.get("state", "")), e.actor_kind.value)
            for e in steps
            if e.type.startswith("ticket.") and e.type != "ticket.read"
        )
