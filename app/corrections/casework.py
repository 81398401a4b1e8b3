"""The desk's other work on a ticket: release, note, edit the change, collect, the forming unit, merge, reopen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.actors import Actor
from app.corrections import rules, showing
from app.corrections.checking import (
    MAX_STATEMENT,
    change_faults,
    clean_text,
    missing_material,
    optional_text,
    proposed,
)
from app.corrections.handling import Handling
from app.corrections.kinds import COLLECTED, KINDS, UNIT_REPLY
from app.corrections.models import Evidence, Ticket, TicketNote
from app.corrections.places import claim_place, note_place
from app.corrections.proofs import keep_evidence
from app.corrections.rules import Move, Side
from app.corrections.views import MissingMaterial, TicketView
from app.db import new_id
from app.dossiers.models import Dossier, Material, Record
from app.dossiers.rules import DossierState
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound, Unavailable, VersionMismatch
from app.office_time import office_date

MAX_COLLECTED = 12
"""Files the desk may add to one ticket."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file as a form sent it."""

    data: bytes = field(repr=False)
    media_type: str = ""


class Casework(Handling):
    def release(self, actor: Actor, ticket_id: UUID, version: int) -> TicketView:
        """Back to the queue, by who works it or stands in for them.

        Raises Conflict (move_not_allowed, not_the_handler), VersionMismatch.
        """
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            ticket.state = self._book.require(ticket, Move.RELEASE, actor)
            ticket.assigned_to = None
            return self._done(session, actor, key, ticket, "ticket.released")

    def note(self, actor: Actor, ticket_id: UUID, text: str, note_id: UUID | None = None) -> TicketView:
        """A note among staff. It changes nothing the graduate sees, so it moves no version and voids nothing.

        ``note_id`` names the showing of the form: no version tells its second submission, so this does.
        """
        text = clean_text(text, "/internal", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = session.scalars(select(Ticket).where(Ticket.id == ticket_id).with_for_update()).one()
            known = session.get(TicketNote, note_id) if note_id is not None else None
            if known is not None and (known.ticket_id, known.author_id) == (ticket.id, actor.id):
                return self._view(session, actor, key, ticket)
            row = TicketNote(
                id=note_id if note_id is not None and known is None else new_id(),
                ticket_id=ticket.id,
                author_id=actor.id,
                created_at=self._book.clock.now(),
            )
            row.sealed_text = seal_json(key, note_place(row), {"text": text})
            session.add(row)
            self._book.log.record(
                session,
                actor,
                "ticket.noted",
                graduate_id=ticket.graduate_id,
                object_kind="ticket",
                object_id=ticket.id,
                data={"state": ticket.state.value},
            )
            session.flush()
            return self._view(session, actor, key, ticket)

    def edit(
        self, actor: Actor, ticket_id: UUID, version: int, changes: Mapping[str, str], rebase_to: int | None = None
    ) -> TicketView:
        """Replace the proposed values by ``changes`` (all of them, by field). Voids every approval.

        ``rebase_to`` names the record's version whose difference the editor was shown; without it the base stays, and
        a record that moved on refuses.

        Raises VersionMismatch (ticket_changed, record_changed), Invalid by field, Conflict.
        """
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            target = self._book.require(ticket, Move.EDIT, actor)
            if ticket.record_id is None:
                raise Conflict("ticket_without_record")
            section, current, body = self._filing.current_body(ticket.graduate_id, ticket.record_id)
            if current != (ticket.base_version if rebase_to is None else rebase_to):
                raise VersionMismatch("record_changed", extra={"current_version": current})
            today = office_date(self._book.clock.now())
            wanted = proposed(section, body, changes, today, tell_unchanged=True)
            faults = change_faults(ticket.kind, section, list(wanted))
            claim = open_json(key, claim_place(ticket), ticket.sealed_claim)
            if not faults and wanted == claim["changes"] and current == ticket.base_version:
                faults = [FieldFault("/changes", "unchanged")]
            if faults:
                raise Invalid("invalid_input", faults=faults)
            step = "ticket.rebased" if current != ticket.base_version else "ticket.edited"
            claim.setdefault("asked", claim["changes"])
            self._reclaim(key, ticket, {**claim, "changes": wanted})
            ticket.base_version, ticket.state = current, target
            return self._touched(session, actor, key, ticket, step, fields=sorted(wanted))

    def collect(
        self, actor: Actor, ticket_id: UUID, version: int, missing: MissingMaterial, file: SentFile, note: str = ""
    ) -> TicketView:
        """Keep the scan of what was missing, with its class and title. Accepting files the latest one as a material.

        Raises Invalid by field, TooLarge, VersionMismatch, Conflict (kind_without_material, too_much_evidence).
        """
        note = optional_text(note, "/note", MAX_STATEMENT)
        return self._with_file(actor, ticket_id, version, Move.COLLECT, file, COLLECTED, note, missing)

    def send_out(self, actor: Actor, ticket_id: UUID, version: int, text: str) -> TicketView:
        """To the unit that formed the material, with words both sides read: whom was written to, and what is waited
        for. Raises Conflict (kind_without_unit, move_not_allowed), VersionMismatch, Invalid.
        """
        text = clean_text(text, "/unit", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            ticket.state = self._book.require(ticket, Move.SEND_OUT, actor)
            ticket.assigned_to = ticket.assigned_to or actor.id
            self._book.say(session, key, ticket, Side.STAFF, actor, text)
            return self._touched(session, actor, key, ticket, "ticket.sent_out")

    def unit_answered(self, actor: Actor, ticket_id: UUID, version: int, file: SentFile, note: str = "") -> TicketView:
        """The unit's corrected copy or explanation came back. Raises as ``collect`` does."""
        note = optional_text(note, "/note", MAX_STATEMENT)
        return self._with_file(actor, ticket_id, version, Move.UNIT_ANSWERED, file, UNIT_REPLY, note, None)

    def merge(self, actor: Actor, ticket_id: UUID, version: int, survivor_id: UUID) -> TicketView:
        """A duplicate goes into an older open ticket of the same graduate, whose deadline goes on; gives the survivor,
        which shows its papers.

        Raises NotFound for another graduate's, Conflict (merge_with_itself, merge_into_newer, merge_into_closed,
        merge_loses_material, move_not_allowed), VersionMismatch.
        """
        key = self._key(actor, ticket_id)
        if survivor_id == ticket_id:
            raise Conflict("merge_with_itself")
        with self._db.transaction() as session:
            # both rows in one order, so that two merges at once cannot wait for each other
            rows = session.scalars(
                select(Ticket).where(Ticket.id.in_((ticket_id, survivor_id))).order_by(Ticket.id).with_for_update()
            ).all()
            found = {t.id: t for t in rows}
            ticket, survivor = found[ticket_id], found.get(survivor_id)
            if survivor is None or survivor.graduate_id != ticket.graduate_id:
                raise NotFound("ticket_not_found")
            self._book.check_version(ticket, version)
            target = self._book.require(ticket, Move.MERGE, actor)
            if survivor.serial > ticket.serial:
                raise Conflict("merge_into_newer")
            if survivor.state in rules.CLOSED:
                raise Conflict("merge_into_closed")
            if not KINDS[survivor.kind].takes_material and self._collected_for(session, ticket):
                raise Conflict("merge_loses_material")
            session.execute(update(Ticket).where(Ticket.merged_into == ticket.id).values(merged_into=survivor.id))
            ticket.state, ticket.merged_into, ticket.decided_at = target, survivor.id, self._book.clock.now()
            self._book.record_step(session, actor, ticket, "ticket.merged", into=str(survivor.id))
            # whoever agreed to the survivor has not seen what came with the duplicate
            if survivor.state is rules.State.AWAITING_SECOND:
                survivor.state = rules.State.IN_REVIEW
            return self._touched(session, actor, key, survivor, "ticket.absorbed", duplicate=str(ticket.id))

    def reopen(self, actor: Actor, ticket_id: UUID, version: int, reason: str) -> TicketView:
        """A decision that was a mistake, within 7 days, while nothing depends on it. The reason is kept and read by
        both sides; the version that was made stays, and the record moves on from it.

        Raises VersionMismatch, Invalid, Conflict (move_not_allowed, reopen_too_late, decision_relied_on,
        record_has_open_ticket).
        """
        reason = clean_text(reason, "/reopening", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            target = self._book.require(ticket, Move.REOPEN, actor)
            if self._relied_on(session, ticket):
                raise Conflict("decision_relied_on")
            now = self._book.clock.now()
            ticket.state, ticket.reopened_at, ticket.assigned_to = target, now, actor.id
            self._book.new_round(ticket, now)
            self._book.flush_open(session)
            self._book.say(session, key, ticket, Side.STAFF, actor, reason)
            return self._touched(session, actor, key, ticket, "ticket.reopened")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _touched(
        self, session: Session, actor: Actor, key: DataKey, ticket: Ticket, step: str, **data: Any
    ) -> TicketView:
        self._book.void_approvals(session, ticket)
        return self._done(session, actor, key, ticket, step, **data)

    @staticmethod
    def _reclaim(key: DataKey, ticket: Ticket, claim: dict[str, Any]) -> None:
        ticket.sealed_claim = seal_json(key, claim_place(ticket), claim)

    def _with_file(
        self,
        actor: Actor,
        ticket_id: UUID,
        version: int,
        move: Move,
        file: SentFile,
        proof: str,
        note: str,
        missing: MissingMaterial | None,
    ) -> TicketView:
        """A move that brings a file of the desk's into the ticket: the file is cleaned and stored first."""
        if not file.data:
            raise Invalid("invalid_input", faults=[FieldFault("/file", "required")])
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = session.get_one(Ticket, ticket_id)
            # says why not, before the file is cleaned and stored for nothing
            self._book.check_version(ticket, version)
            self._book.require(ticket, move, actor)
            named = missing_material(missing, ticket.kind) if missing is not None else None
        row = keep_evidence(self._files, self._cleaner, key, file.data, file.media_type, self._book.clock.now())
        row.proof, row.added_by = proof, actor.id
        kept = False
        try:
            with self._db.transaction() as session:
                ticket = self._locked(session, ticket_id, version)
                ticket.state = self._book.require(ticket, move, actor)
                self._require_room(session, ticket)
                if named is not None:
                    claim = open_json(key, claim_place(ticket), ticket.sealed_claim)
                    self._reclaim(key, ticket, {**claim, "missing": named})
                row.ticket_id = ticket.id
                session.add(row)
                ticket.assigned_to = ticket.assigned_to or actor.id
                if note:
                    self._book.say(session, key, ticket, Side.STAFF, actor, note)
                done = self._touched(session, actor, key, ticket, f"ticket.{move.step}")
            kept = True
            return done
        except Unavailable:
            kept = True  # the commit may have happened: an orphan is better than a row without its file
            raise
        finally:
            if not kept:
                self._files.delete(row.file_name)

    @staticmethod
    def _require_room(session: Session, ticket: Ticket) -> None:
        held = session.scalars(
            select(Evidence.id).where(Evidence.ticket_id == ticket.id, Evidence.added_by.is_not(None))
        ).all()
        if len(held) >= MAX_COLLECTED:
            raise Conflict("too_much_collected", params={"most": MAX_COLLECTED})

    @staticmethod
    def _collected_for(session: Session, ticket: Ticket) -> bool:
        """Whether the ticket, or a duplicate that went into it, holds a scan that a decision is to file."""
        ids = [t.id for t in showing.with_merged(session, ticket)]
        return any(e.proof == COLLECTED for e in showing.evidence(session, ids))

    @staticmethod
    def _relied_on(session: Session, ticket: Ticket) -> bool:
        """Whether a later version, a sealed dossier or a supplement stands on what this ticket's decision made."""
        if ticket.applied_version is None and ticket.material_id is None:
            return False
        state = session.scalar(select(Dossier.state).where(Dossier.graduate_id == ticket.graduate_id))
        record = session.get(Record, ticket.record_id) if ticket.applied_version is not None else None
        material = session.get(Material, ticket.material_id) if ticket.material_id is not None else None
        return (
            state is not DossierState.OPEN
            or (record is not None and record.current != ticket.applied_version)
            or (material is not None and material.current != ticket.material_version)
        )
