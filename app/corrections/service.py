"""The graduate's side of corrections: evidence, opening, following, adding, withdrawing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import BigInteger, delete, func, literal, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, Purpose
from app.corrections import rules
from app.corrections.book import TicketBook, claim_place, evidence_place
from app.corrections.models import Evidence, Ticket
from app.corrections.rules import Kind, Move, Side, State
from app.corrections.views import EvidenceView, OpenTicket, TicketLine, TicketView
from app.db import Database, new_id
from app.dossiers.filing import FilingService
from app.dossiers.incoming import normal_value, value_fault
from app.dossiers.rules import SECTIONS, Section, guards_account, is_statutory
from app.envelope import open_bytes, seal_bytes, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.file_ports import CleanDocument, DocumentCleaner, FileStore
from app.keyring import Keyring

MAX_STATEMENT = 2000
MAX_VALUE = 500
MAX_EVIDENCE = 6
MAX_OPEN_TICKETS = 20
MAX_LOOSE_EVIDENCE = 20
LOOSE_EVIDENCE_LIFE = timedelta(days=7)
_DIRECTION_MARKS = "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u200c\u200d\ufeff\x00"


def clean_text(text: str, pointer: str, maximum: int) -> str:
    """Trimmed text. Raises Invalid for empty, overlong, or invisible and direction-changing characters."""
    text = text.strip()
    code = "required" if not text else "too_long" if len(text) > maximum else ""
    if any(c in _DIRECTION_MARKS or (ord(c) < 32 and c not in "\n\r\t") for c in text):
        code = "invisible_characters"
    if code:
        raise Invalid("invalid_input", faults=[FieldFault(pointer, code)])
    return text


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
        document = self._cleaner.clean(data, claimed_type)
        key = self._keys.of(actor.id)
        row = self._evidence_row(actor, document)
        self._files.put(row.file_name, seal_bytes(key, evidence_place(row.id), document.data))
        return PreparedEvidence(row)

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
        """(media type, content) of the graduate's own evidence."""
        with self._db.transaction() as session:
            row = session.scalar(select(Evidence).where(Evidence.id == evidence_id, Evidence.graduate_id == actor.id))
        if row is None:
            raise NotFound("evidence_not_found")
        key = self._keys.of(actor.id)
        return row.media_type, open_bytes(key, evidence_place(row.id), self._files.get(row.file_name))

    def _evidence_row(self, actor: Actor, document: CleanDocument) -> Evidence:
        return Evidence(
            id=new_id(),
            graduate_id=actor.id,
            file_name=os.urandom(24).hex(),
            media_type=document.media_type,
            size=len(document.data),
            pages=document.pages,
            created_at=self._book.clock.now(),
        )

    # --- tickets ------------------------------------------------------------------------------------------------------

    def open_ticket(self, actor: Actor, request: OpenTicket) -> TicketView:
        """Raises Invalid by field, Conflict (changes_held, too_many_tickets, record_has_open_ticket), NotFound."""
        statement = clean_text(request.statement, "/statement", MAX_STATEMENT)
        self._book.people.require_no_hold(actor.id)
        now = self._book.clock.now()
        section, base, changes = self._changes(actor, request)
        self._check_kind(request, section, list(changes))
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            self._check_room(session, actor.id, request.record_id)
            ticket = Ticket(
                id=new_id(),
                graduate_id=actor.id,
                record_id=request.record_id,
                section=section,
                base_version=base,
                kind=request.kind,
                state=State.SUBMITTED,
                version=1,
                opened_at=now,
                touched_at=now,
                answer_by=rules.add_working_days(rules.office_date(now), rules.FIRST_ANSWER_WORKING_DAYS),
                decide_by=rules.add_working_days(rules.office_date(now), rules.DECISION_WORKING_DAYS),
            )
            ticket.sealed_claim = seal_json(key, claim_place(ticket), {"statement": statement, "changes": changes})
            session.add(ticket)
            try:
                session.flush()
            except IntegrityError:
                # the partial unique index is the rule, whoever races
                raise Conflict("record_has_open_ticket") from None
            self._attach(session, actor.id, ticket.id, request.evidence_ids)
            self._book.record_step(session, actor, ticket, "ticket.opened", kind=request.kind.value)
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
            self._move(ticket, Move.ANSWER)
            # whoever agreed has not seen what is said now
            self._book.void_approvals(session, ticket)
            self._book.say(session, key, ticket, Side.GRADUATE, actor, text)
            self._attach(session, actor.id, ticket.id, evidence_ids)
            self._book.record_step(session, actor, ticket, "ticket.answered")
            self._book.flush(session)
            return self._book.view(session, actor, key, ticket)

    def withdraw(self, actor: Actor, ticket_id: UUID, version: int) -> TicketView:
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            ticket = self._own(session, actor, ticket_id, lock=True)
            self._book.check_version(ticket, version)
            self._move(ticket, Move.WITHDRAW)
            ticket.decided_at = self._book.clock.now()
            self._book.record_step(session, actor, ticket, "ticket.withdrawn")
            self._book.flush(session)
            return self._book.view(session, actor, key, ticket)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _changes(self, actor: Actor, request: OpenTicket) -> tuple[Section | None, int | None, dict[str, list[str]]]:
        """(section, base version, field -> [old, new]) after checking every proposed value."""
        if request.record_id is None:
            if request.changes:
                raise Invalid("invalid_input", faults=[FieldFault("/record_id", "required_with_changes")])
            return None, None, {}
        section, current, body = self._filing.current_body(actor.id, request.record_id)
        if request.base_version is not None and request.base_version != current:
            raise Conflict("record_changed", extra={"current_version": current})
        faults = []
        changes: dict[str, list[str]] = {}
        for name, value in request.changes.items():
            if name not in SECTIONS[section].fields:
                faults.append(FieldFault(f"/changes/{name}", "unknown_field"))
                continue
            value = normal_value(section, name, clean_text(value, f"/changes/{name}", MAX_VALUE))
            fault = value_fault(section, name, value, rules.office_date(self._book.clock.now()))
            if fault is not None:
                faults.append(FieldFault(f"/changes/{name}", fault))
            # told only to whom the present value may be shown: else a guess could be tried against it
            if value == body.get(name, "") and actor.stepped_up_for(Purpose.VIEW_DOSSIER, self._book.clock.now()):
                faults.append(FieldFault(f"/changes/{name}", "unchanged"))
            changes[name] = [body.get(name, ""), value]
        if faults:
            raise Invalid("invalid_input", faults=faults)
        return section, current, changes

    @staticmethod
    def _check_kind(request: OpenTicket, section: Section | None, names: list[str]) -> None:
        rule = rules.KINDS[request.kind]
        faults = []
        if rule.needs_change and not names:
            faults.append(FieldFault("/changes", "required_for_kind"))
        if rule.needs_evidence and not request.evidence_ids:
            faults.append(FieldFault("/evidence_ids", "required_for_kind"))
        account = section is not None and any(guards_account(section, n) for n in names)
        if account and not request.evidence_ids and not rule.needs_evidence:
            faults.append(FieldFault("/evidence_ids", "required_for_field"))
        if len(request.evidence_ids) > MAX_EVIDENCE:
            faults.append(FieldFault("/evidence_ids", "too_many"))
        statutory = section is not None and any(is_statutory(section, n) for n in names)
        if statutory and request.kind is not Kind.STATUTORY_IDENTITY:
            faults.append(FieldFault("/kind", "statutory_field_needs_statutory_kind"))
        if {"name", "id_number"} <= set(names):
            faults.append(FieldFault("/changes", "name_and_id_number_together"))
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
    def _attach(session: Session, graduate_id: UUID, ticket_id: UUID, evidence_ids: Sequence[UUID]) -> None:
        for evidence_id in dict.fromkeys(evidence_ids):
            row = session.get(Evidence, evidence_id, with_for_update=True)
            if row is None or row.graduate_id != graduate_id or row.ticket_id is not None:
                raise Invalid("invalid_input", faults=[FieldFault("/evidence_ids", "evidence_unknown")])
            row.ticket_id = ticket_id

    @staticmethod
    def _own(session: Session, actor: Actor, ticket_id: UUID, *, lock: bool = False) -> Ticket:
        query = select(Ticket).where(Ticket.id == ticket_id, Ticket.graduate_id == actor.id)
        ticket = session.scalar(query.with_for_update() if lock else query)
        if ticket is None:
            raise NotFound("ticket_not_found")
        return ticket

    @staticmethod
    def _move(ticket: Ticket, move: Move) -> None:
        target = rules.target(move, ticket.state, Side.GRADUATE)
        if target is None:
            raise Conflict("move_not_allowed", params={"state": rules.STATE_LABELS[ticket.state]})
        ticket.state = target
