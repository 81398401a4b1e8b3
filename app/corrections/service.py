"""The graduate's side of corrections: evidence, opening, following, adding, withdrawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, delete, func, literal, select
from sqlalchemy.orm import Session

from app.actors import Actor, Purpose
from app.corrections import rules
from app.corrections.book import TicketBook, claim_place, evidence_place
from app.corrections.checking import (
    MAX_EVIDENCE,
    MAX_STATEMENT,
    change_faults,
    clean_text,
    evidence_faults,
    missing_material,
    proposed,
)
from app.corrections.kinds import When
from app.corrections.models import Evidence, Ticket
from app.corrections.placing import college_of
from app.corrections.proofs import keep_evidence
from app.corrections.rules import Move, Side, State
from app.corrections.views import EvidenceView, OpenTicket, TicketLine, TicketView
from app.db import Database, new_id
from app.dossiers.filing import FilingService
from app.dossiers.models import Dossier, Record
from app.dossiers.rules import Section, Zone
from app.envelope import open_bytes, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.file_ports import DocumentCleaner, FileStore
from app.keyring import Keyring
from app.office_time import office_date

MAX_OPEN_TICKETS = 20
MAX_LOOSE_EVIDENCE = 20
LOOSE_EVIDENCE_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class PreparedEvidence:
    """A cleaned file that lies sealed in the store, waiting for its row to be added."""

    row: Evidence


class CorrectionService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        filing: FilingService,
        book: TicketBook,
        files: FileStore,
        cleaner: DocumentCleaner,
    ) -> None:
        self._db, self._keys, self._filing, self._book = db, keys, filing, book
        self._files, self._cleaner = files, cleaner

    # --- evidence -----------------------------------------------------------------------------------------------------

    def prepare_evidence(self, actor: Actor, data: bytes, claimed_type: str) -> PreparedEvidence:
        """Clean, seal and store one file, before any transaction. Raises Invalid or TooLarge (see DocumentCleaner)."""
        key, now = self._keys.of(actor.id), self._book.clock.now()
        return PreparedEvidence(keep_evidence(self._files, self._cleaner, key, data, claimed_type, now))

    def add_evidence(self, actor: Actor, prepared: PreparedEvidence) -> EvidenceView:
        """Keep a prepared file as the graduate's. Raises Conflict('too_much_evidence')."""
        row = prepared.row
        with self._db.transaction() as session:
            loose = session.scalar(
                select(func.count(Evidence.id)).where(Evidence.graduate_id == actor.id, Evidence.ticket_id.is_(None))
            )
            if (loose or 0) >= MAX_LOOSE_EVIDENCE:
                raise Conflict("too_much_evidence")
            session.add(row)
            self._book.log.record(
                session, actor, "evidence.added", graduate_id=actor.id, object_kind="evidence", object_id=row.id
            )
        return EvidenceView(row.id, row.media_type, row.size, row.pages, row.created_at)

    def discard_evidence(self, prepared: PreparedEvidence) -> None:
        """Take back a prepared file whose row was not added."""
        self._files.delete(prepared.row.file_name)

    def sweep_evidence(self) -> int:
        """Drop uploads no ticket named within a week, rows first; gives how many."""
        limit = self._book.clock.now() - LOOSE_EVIDENCE_LIFE
        with self._db.transaction() as session:
            names = session.scalars(
                delete(Evidence)
                .where(Evidence.ticket_id.is_(None), Evidence.created_at < limit)
                .returning(Evidence.file_name)
            ).all()
        for name in names:
            self._files.delete(name)
        return len(names)

    def evidence_file(self, actor: Actor, evidence_id: UUID) -> tuple[str, bytes]:
        """(media type, content) of what the graduate sent. What the desk got may be of a class that is not shown to
        them, and is read as a material of the dossier if at all.
        """
        with self._db.transaction() as session:
            row = session.scalar(
                select(Evidence).where(
                    Evidence.id == evidence_id, Evidence.graduate_id == actor.id, Evidence.added_by.is_(None)
                )
            )
        if row is None:
            raise NotFound("evidence_not_found")
        key = self._keys.of(actor.id)
        return row.media_type, open_bytes(key, evidence_place(row.id), self._files.get(row.file_name))

    # --- tickets ------------------------------------------------------------------------------------------------------

    def open_ticket(self, actor: Actor, request: OpenTicket) -> TicketView:
        """Raises Invalid by field, Conflict (changes_held, too_many_tickets, record_has_open_ticket), NotFound."""
        statement = clean_text(request.statement, "/statement", MAX_STATEMENT)
        self._book.people.require_no_hold(actor.id)
        now = self._book.clock.now()
        section, base, changes = self._changes(actor, request)
        self._check_kind(request, section, list(changes))
        claim: dict[str, Any] = {"statement": statement, "changes": changes}
        if request.missing is not None:
            claim["missing"] = missing_material(request.missing, request.kind)
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            self._check_room(session, actor.id, request.record_id)
            ticket = Ticket(
                id=new_id(),
                graduate_id=actor.id,
                record_id=request.record_id,
                section=section,
                college=college_of(session, actor.id),
                base_version=base,
                kind=request.kind,
                state=State.SUBMITTED,
                version=1,
                opened_at=now,
                touched_at=now,
            )
            self._book.clocks.begin(ticket, now)
            ticket.sealed_claim = seal_json(key, claim_place(ticket), claim)
            session.add(ticket)
            self._book.flush_open(session)
            self._attach(session, ticket, request.evidence_ids)
            self._book.record_step(session, actor, ticket, "ticket.opened", at=now, kind=request.kind.value)
            return self._book.view(session, actor, key, ticket)

    def tickets(self, actor: Actor, *, before: int | None, limit: int) -> list[TicketLine]:
        """The graduate's own, newest first; ``before`` is a serial."""
        with self._db.transaction() as session:
            query = select(Ticket).where(Ticket.graduate_id == actor.id)
            if before is not None:
                query = query.where(Ticket.serial < literal(before, BigInteger))
            rows = session.scalars(query.order_by(Ticket.serial.desc()).limit(limit))
            now = self._book.clock.now()
            return [self._book.line(t, now) for t in rows]

    def ticket(self, actor: Actor, ticket_id: UUID) -> TicketView:
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            return self._book.view(session, actor, key, self._own(session, actor, ticket_id))

    def add_information(
        self, actor: Actor, ticket_id: UUID, version: int, text: str, evidence_ids: Sequence[UUID] = ()
    ) -> TicketView:
        text = clean_text(text, "/text", MAX_STATEMENT)
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            ticket = self._own(session, actor, ticket_id, lock=True)
            self._book.check_version(ticket, version)
            ticket.state = self._book.require(ticket, Move.ANSWER, actor)
            # whoever agreed has not seen what is said now
            self._book.void_approvals(session, ticket)
            self._book.say(session, key, ticket, Side.GRADUATE, actor, text)
            self._attach(session, ticket, evidence_ids)
            self._book.record_step(session, actor, ticket, "ticket.answered")
            self._book.flush(session)
            return self._book.view(session, actor, key, ticket)

    def withdraw(self, actor: Actor, ticket_id: UUID, version: int) -> TicketView:
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            ticket = self._own(session, actor, ticket_id, lock=True)
            self._book.check_version(ticket, version)
            ticket.state = self._book.require(ticket, Move.WITHDRAW, actor)
            ticket.decided_at = self._book.clock.now()
            self._book.record_step(session, actor, ticket, "ticket.withdrawn")
            self._book.flush(session)
            return self._book.view(session, actor, key, ticket)

    def appeal(
        self, actor: Actor, ticket_id: UUID, version: int, text: str, evidence_ids: Sequence[UUID] = ()
    ) -> TicketView:
        """Once, within 30 days: the decision is looked at again by persons who took no part in it.

        Raises VersionMismatch, Conflict (move_not_allowed, appeal_made, appeal_too_late, changes_held,
        record_has_open_ticket), Invalid by field, NotFound.
        """
        text = clean_text(text, "/text", MAX_STATEMENT)
        if len(evidence_ids) > MAX_EVIDENCE:
            raise Invalid("invalid_input", faults=[FieldFault("/evidence_ids", "too_many")])
        self._book.people.require_no_hold(actor.id)
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            ticket = self._own(session, actor, ticket_id, lock=True)
            self._book.check_version(ticket, version)
            ticket.state = self._book.require(ticket, Move.APPEAL, actor)
            now = self._book.clock.now()
            self._book.new_round(ticket, now)
            ticket.appealed_at, ticket.assigned_to = now, None
            self._book.flush_open(session)
            self._book.void_approvals(session, ticket)
            self._book.say(session, key, ticket, Side.GRADUATE, actor, text)
            self._attach(session, ticket, evidence_ids)
            self._book.record_step(session, actor, ticket, "ticket.appealed")
            self._book.flush(session)
            return self._book.view(session, actor, key, ticket)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _changes(self, actor: Actor, request: OpenTicket) -> tuple[Section | None, int | None, dict[str, list[str]]]:
        """(section, base version, field -> [old, new]) after checking every proposed value."""
        if request.record_id is None:
            if request.changes:
                raise Invalid("invalid_input", faults=[FieldFault("/record_id", "required_with_changes")])
            return None, None, {}
        self._require_shown(actor, request.record_id)
        section, current, body = self._filing.current_body(actor.id, request.record_id)
        if request.base_version is not None and request.base_version != current:
            raise Conflict("record_changed", extra={"current_version": current})
        now = self._book.clock.now()
        seen = actor.stepped_up_for(Purpose.VIEW_DOSSIER, now)
        return section, current, proposed(section, body, request.changes, office_date(now), tell_unchanged=seen)

    def _require_shown(self, actor: Actor, record_id: UUID) -> None:
        """What a graduate may not read, no ticket of theirs names: its fields would come back in the comparison."""
        with self._db.transaction() as session:
            zone = session.scalar(
                select(Record.zone)
                .join(Dossier, Dossier.id == Record.dossier_id)
                .where(Record.id == record_id, Dossier.graduate_id == actor.id)
            )
        if zone is not None and zone is not Zone.A:
            raise NotFound("record_not_shown")

    @staticmethod
    def _check_kind(request: OpenTicket, section: Section | None, names: list[str]) -> None:
        faults = evidence_faults(request.kind, section, names, len(request.evidence_ids))
        faults += change_faults(request.kind, section, names)
        if faults:
            raise Invalid("invalid_input", faults=faults)

    @staticmethod
    def _check_room(session: Session, graduate_id: UUID, record_id: UUID | None) -> None:
        rows = session.scalars(
            select(Ticket.record_id).where(Ticket.graduate_id == graduate_id, Ticket.state.not_in(rules.CLOSED))
        ).all()
        if len(rows) >= MAX_OPEN_TICKETS:
            raise Conflict("too_many_tickets")
        if record_id is not None and record_id in rows:
            raise Conflict("record_has_open_ticket")

    @staticmethod
    def _attach(session: Session, ticket: Ticket, evidence_ids: Sequence[UUID]) -> None:
        """What the graduate sends counts as the proof the kind asks of them."""
        asked = rules.KINDS[ticket.kind].at(When.INTAKE)
        for evidence_id in dict.fromkeys(evidence_ids):
            row = session.get(Evidence, evidence_id, with_for_update=True)
            if row is None or row.graduate_id != ticket.graduate_id or row.ticket_id is not None:
                raise Invalid("invalid_input", faults=[FieldFault("/evidence_ids", "evidence_unknown")])
            row.ticket_id = ticket.id
            row.proof = asked[0].code if asked else None

    @staticmethod
    def _own(session: Session, actor: Actor, ticket_id: UUID, *, lock: bool = False) -> Ticket:
        query = select(Ticket).where(Ticket.id == ticket_id, Ticket.graduate_id == actor.id)
        ticket = session.scalar(query.with_for_update() if lock else query)
        if ticket is None:
            raise NotFound("ticket_not_found")
        return ticket
