"""The staff's side of corrections: queue, one ticket, take, ask, accept, reject."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.corrections import rules
from app.corrections.book import TicketBook, claim_place, diff_digest, evidence_place
from app.corrections.models import Evidence, Ticket, TicketApproval
from app.corrections.rules import Kind, Move, Side, State
from app.corrections.service import MAX_STATEMENT, clean_text
from app.corrections.views import TicketLine, TicketView
from app.db import Database, new_id
from app.dossiers.filing import FilingService
from app.dossiers.incoming import FieldChange
from app.envelope import DataKey, open_bytes, open_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.file_ports import FileStore
from app.keyring import Keyring
from app.people.models import StaffMember

DESK_ROLES = (Role.ARCHIVIST, Role.REVIEWER)
# a ticket is its own purpose (调取目的): app/retrieval/rules.py names it for the graduate's access log
PURPOSE = {"purpose": "correction"}
OPEN_STATES = tuple(s for s in State if s not in rules.CLOSED)


class CorrectionDesk:
    def __init__(self, db: Database, keys: Keyring, filing: FilingService, book: TicketBook, files: FileStore) -> None:
        self._db, self._keys, self._filing, self._book, self._files = db, keys, filing, book, files

    def queue(
        self,
        actor: Actor,
        *,
        states: Sequence[State] = OPEN_STATES,
        kind: Kind | None = None,
        mine: bool = False,
        overdue: bool = False,
        offset: int = 0,
        limit: int = 25,
    ) -> tuple[list[TicketLine], int]:
        """(lines, total), the nearest deadline first."""
        self._require_desk(actor)
        now = self._book.clock.now()
        query = select(Ticket).where(Ticket.state.in_(states))
        if kind is not None:
            query = query.where(Ticket.kind == kind)
        if mine:
            query = query.where(Ticket.assigned_to == actor.id)
        if overdue:
            query = query.where(Ticket.decide_by < rules.office_date(now))
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.scalars(query.order_by(Ticket.decide_by, Ticket.serial).offset(offset).limit(limit)).all()
            names = self._book.people.names([t.graduate_id for t in rows])
            return [self._book.line(t, now, names.get(t.graduate_id, "")) for t in rows], total

    def counts(self, actor: Actor) -> dict[str, int]:
        """Open tickets by state, and the overdue ones, for the head of the queue."""
        self._require_desk(actor)
        with self._db.transaction() as session:
            rows = session.execute(
                select(Ticket.state, func.count()).where(Ticket.state.in_(OPEN_STATES)).group_by(Ticket.state)
            ).all()
            overdue = session.scalar(
                select(func.count(Ticket.id)).where(
                    Ticket.state.in_(OPEN_STATES), Ticket.decide_by < rules.office_date(self._book.clock.now())
                )
            )
        return {**{state.value: n for state, n in rows}, "overdue": overdue or 0}

    def tickets_of(self, actor: Actor, graduate_id: UUID) -> list[TicketLine]:
        self._require_desk(actor)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(Ticket).where(Ticket.graduate_id == graduate_id).order_by(Ticket.serial.desc()).limit(50)
            ).all()
            now = self._book.clock.now()
            return [self._book.line(t, now) for t in rows]

    def ticket(self, actor: Actor, ticket_id: UUID) -> TicketView:
        """One ticket with the record as it stands now beside what is asked for. The opening is recorded."""
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = session.get_one(Ticket, ticket_id)
            self._book.log.record(
                session,
                actor,
                "ticket.read",
                graduate_id=ticket.graduate_id,
                object_kind="ticket",
                object_id=ticket.id,
                data=PURPOSE,
            )
            return self._view(session, actor, key, ticket)

    def evidence_file(self, actor: Actor, ticket_id: UUID, evidence_id: UUID) -> tuple[str, bytes]:
        """(media type, content) of a proof of this ticket; the opening is recorded."""
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            row = session.scalar(select(Evidence).where(Evidence.id == evidence_id, Evidence.ticket_id == ticket_id))
            if row is None:
                raise NotFound("evidence_not_found")
            self._book.log.record(
                session,
                actor,
                "evidence.read",
                graduate_id=row.graduate_id,
                object_kind="evidence",
                object_id=row.id,
                data=PURPOSE,
            )
        return row.media_type, open_bytes(key, evidence_place(row.id), self._files.get(row.file_name))

    def take(self, actor: Actor, ticket_id: UUID, version: int) -> TicketView:
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            self._move(ticket, Move.TAKE)
            ticket.assigned_to = actor.id
            return self._done(session, actor, key, ticket, "ticket.taken")

    def ask(self, actor: Actor, ticket_id: UUID, version: int, text: str) -> TicketView:
        """Ask the graduate for more. Voids approvals, because what is answered may change the picture."""
        text = clean_text(text, "/text", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            self._move(ticket, Move.ASK)
            ticket.assigned_to = ticket.assigned_to or actor.id
            self._book.void_approvals(session, ticket)
            self._book.say(session, key, ticket, Side.STAFF, actor, text)
            return self._done(session, actor, key, ticket, "ticket.asked")

    def accept(self, actor: Actor, ticket_id: UUID, version: int, note: str = "") -> TicketView:
        """Agree. The last agreement a kind needs applies the change in the same transaction.

        Raises VersionMismatch (ticket or record moved on), Conflict('second_person_required') for one's own
        second agreement, Conflict('dossier_sealed').
        """
        note = clean_text(note, "/note", MAX_STATEMENT) if note.strip() else ""
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            if rules.target(Move.ACCEPT, ticket.state, Side.STAFF) is None:
                raise Conflict("move_not_allowed", params={"state": rules.STATE_LABELS[ticket.state]})
            claim = open_json(key, claim_place(ticket), ticket.sealed_claim)
            agreed = self._approve(session, actor, ticket, diff_digest(key, ticket, claim))
            ticket.assigned_to = ticket.assigned_to or actor.id
            if note:
                self._book.say(session, key, ticket, Side.STAFF, actor, note)
            if agreed < self._book.approvals_needed(ticket, claim):
                ticket.state = State.AWAITING_SECOND
                return self._done(session, actor, key, ticket, "ticket.approved_once")
            if ticket.record_id is not None and ticket.base_version is not None and claim["changes"]:
                ticket.applied_version = self._filing.apply_correction(
                    session,
                    actor,
                    key,
                    ticket.record_id,
                    base_version=ticket.base_version,
                    changes=[FieldChange(name, new) for name, (_, new) in claim["changes"].items()],
                    ticket_id=ticket.id,
                )
            ticket.state = State.APPLIED if ticket.applied_version else State.RESOLVED
            ticket.decided_at = self._book.clock.now()
            return self._done(session, actor, key, ticket, "ticket.decided")

    def reject(self, actor: Actor, ticket_id: UUID, version: int, reason: str, note: str) -> TicketView:
        """Refuse with a statutory reason and an explanation the graduate reads (PIPL art. 50)."""
        if reason not in rules.REJECTION_REASONS:
            raise Invalid("invalid_input", faults=[FieldFault("/reason", "unknown_reason")])
        note = clean_text(note, "/note", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            self._move(ticket, Move.REJECT)
            ticket.reason_code = reason
            ticket.assigned_to = ticket.assigned_to or actor.id
            ticket.decided_at = self._book.clock.now()
            self._book.say(session, key, ticket, Side.STAFF, actor, note)
            return self._done(session, actor, key, ticket, "ticket.decided")

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_desk(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*DESK_ROLES):
            raise Forbidden("role_required")

    def _key(self, actor: Actor, ticket_id: UUID) -> DataKey:
        """The owner's key, for staff of the desk only, before the transaction opens."""
        self._require_desk(actor)
        with self._db.transaction() as session:
            owner = session.scalar(select(Ticket.graduate_id).where(Ticket.id == ticket_id))
        if owner is None:
            raise NotFound("ticket_not_found")
        return self._keys.of(owner)

    def _locked(self, session: Session, ticket_id: UUID, version: int) -> Ticket:
        ticket = session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update()).one()
        self._book.check_version(ticket, version)
        return ticket

    def _done(self, session: Session, actor: Actor, key: DataKey, ticket: Ticket, step: str) -> TicketView:
        self._book.record_step(session, actor, ticket, step)
        self._book.flush(session)
        return self._view(session, actor, key, ticket)

    def _view(self, session: Session, actor: Actor, key: DataKey, ticket: Ticket) -> TicketView:
        current = None
        if ticket.record_id is not None:
            _, _, current = self._filing.current_body(ticket.graduate_id, ticket.record_id)
        return self._book.view(session, actor, key, ticket, current)

    @staticmethod
    def _move(ticket: Ticket, move: Move) -> None:
        target = rules.target(move, ticket.state, Side.STAFF)
        if target is None:
            raise Conflict("move_not_allowed", params={"state": rules.STATE_LABELS[ticket.state]})
        ticket.state = target

    def _approve(self, session: Session, actor: Actor, ticket: Ticket, digest: bytes) -> int:
        """Add this person's agreement to exactly this change; gives how many persons agree now."""
        person = session.scalars(select(StaffMember.person_key).where(StaffMember.id == actor.id)).one()
        held = session.scalars(
            select(TicketApproval.person_key).where(
                TicketApproval.ticket_id == ticket.id, TicketApproval.diff_digest == digest
            )
        ).all()
        if person in held:
            raise Conflict("second_person_required")
        session.add(
            TicketApproval(
                id=new_id(),
                ticket_id=ticket.id,
                staff_id=actor.id,
                person_key=person,
                diff_digest=digest,
                created_at=self._book.clock.now(),
            )
        )
        return len(held) + 1
