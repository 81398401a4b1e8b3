"""Deciding a ticket: four eyes by person on exactly one change, the new version, and the refusal with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.corrections import rules, showing
from app.corrections.checking import MAX_STATEMENT, clean_text, optional_text
from app.corrections.earlier import Made, made_by
from app.corrections.handling import Handling
from app.corrections.kinds import COLLECTED, KINDS, When
from app.corrections.models import Evidence, Ticket, TicketApproval, TicketDecision
from app.corrections.places import claim_place, diff_digest, evidence_place
from app.corrections.rules import Move, Side, State
from app.corrections.views import TicketView
from app.db import new_id
from app.dossiers import class_map
from app.dossiers.incoming import FieldChange, NewMaterial
from app.dossiers.materials import PreparedMaterial
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState, Source
from app.envelope import DataKey, open_bytes, open_json
from app.errors import Conflict, DomainError, FieldFault, Forbidden, Invalid, StepUpRequired, Unavailable
from app.people.models import StaffMember

TAKING_PART = frozenset(
    {
        "ticket.taken",
        "ticket.asked",
        "ticket.replied",
        "ticket.edited",
        "ticket.rebased",
        "ticket.collected",
        "ticket.sent_out",
        "ticket.unit_answered",
        "ticket.approved_once",
        "ticket.decided",
    }
)
"""Steps whose doer has taken part: an appeal against what came of them is decided by somebody else."""


class Deciding(Handling):
    def accept(self, actor: Actor, ticket_id: UUID, version: int, note: str = "") -> TicketView:
        """Agree. The last agreement a kind needs applies the change in the same transaction.

        A dossier that was handed over keeps its new version here and sends a supplement after itself.

        Where two persons must agree, each shows a factor for it, whatever door it comes through.

        Raises StepUpRequired('fresh_factor_required'), VersionMismatch (ticket or record moved on),
        Conflict('second_person_required') for one's own second agreement, Conflict (proof_missing, collected_not_filed,
        appeal_needs_others, dossier_sealed, no_receipt, move_not_allowed).
        """
        note = optional_text(note, "/note", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._collected(key, ticket_id) as material, self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            self._book.require(ticket, Move.ACCEPT, actor)
            self._require_proofs(session, ticket, material)
            claim = open_json(key, claim_place(ticket), ticket.sealed_claim)
            needed = self._book.approvals_needed(ticket, claim)
            agreed = self._approve(session, actor, ticket, diff_digest(key, ticket, claim), fresh=needed > 1)
            ticket.assigned_to = ticket.assigned_to or actor.id
            if note:
                self._book.say(session, key, ticket, Side.STAFF, actor, note)
            if len(agreed) < needed:
                ticket.state = State.AWAITING_SECOND
                return self._done(session, actor, key, ticket, "ticket.approved_once")
            self._apply(session, actor, key, ticket, claim, material)
            ticket.state = State.APPLIED if ticket.applied_version else State.RESOLVED
            return self._decided(session, actor, key, ticket, agreed)

    def reject(self, actor: Actor, ticket_id: UUID, version: int, reason: str, note: str) -> TicketView:
        """Refuse with a reason the kind allows and an explanation the graduate reads (PIPL art. 50).

        Raises Invalid by field, VersionMismatch, Conflict (move_not_allowed, appeal_needs_others,
        earlier_decision_stands).
        """
        if reason not in rules.REJECTION_REASONS:
            raise Invalid("invalid_input", faults=[FieldFault("/reason", "unknown_reason")])
        note = clean_text(note, "/note", MAX_STATEMENT)
        key = self._key(actor, ticket_id)
        with self._db.transaction() as session:
            ticket = self._locked(session, ticket_id, version)
            target = self._book.require(ticket, Move.REJECT, actor)
            if reason not in KINDS[ticket.kind].refusals:
                raise Invalid("invalid_input", faults=[FieldFault("/reason", "reason_not_for_kind")])
            self._person(session, actor, ticket)
            if made_by(session, ticket).stands:
                # the graduate would read that nothing was corrected while the dossier holds the correction
                raise Conflict("earlier_decision_stands")
            ticket.state, ticket.reason_code = target, reason
            ticket.assigned_to = ticket.assigned_to or actor.id
            self._book.say(session, key, ticket, Side.STAFF, actor, note)
            return self._decided(session, actor, key, ticket, [])

    # --- inside: persons ----------------------------------------------------------------------------------------------

    def _person(self, session: Session, actor: Actor, ticket: Ticket) -> UUID:
        """The natural person who decides, as the account stands in this transaction: a role taken away since the page
        was shown, or a closed account, decides nothing.
        """
        row = session.get_one(StaffMember, actor.id, with_for_update={"read": True}, populate_existing=True)
        held = actor.roles.intersection(row.roles)
        if row.disabled_at is not None or not held.intersection(KINDS[ticket.kind].approvers.roles):
            raise Forbidden("role_required")
        if ticket.appealed_at is not None and row.person_key in self._took_part(session, ticket):
            raise Conflict("appeal_needs_others")
        return row.person_key

    def _took_part(self, session: Session, ticket: Ticket) -> set[UUID]:
        """Persons behind the steps before the appeal, by the log."""
        who: set[UUID] = set()
        for event in self._book.log.of_object(session, "ticket", ticket.id):
            if event.type == "ticket.appealed":
                break
            if event.actor_kind is ActorKind.STAFF and event.type in TAKING_PART:
                who.add(event.actor_id)
        return set(session.scalars(select(StaffMember.person_key).where(StaffMember.id.in_(who))))

    def _approve(self, session: Session, actor: Actor, ticket: Ticket, digest: bytes, *, fresh: bool) -> list[UUID]:
        """Add this person's agreement to exactly this change; gives the accounts of all persons who agree now.

        ``fresh``: only with a factor shown just now. It is asked for last, of who may agree at all.
        """
        person = self._person(session, actor, ticket)
        held = self._book.counted_approvals(session, ticket, digest)
        if person in {a.person_key for a in held}:
            raise Conflict("second_person_required")
        now = self._book.clock.now()
        if fresh and not actor.fresh_factor(now):
            raise StepUpRequired("fresh_factor_required")
        session.add(
            TicketApproval(
                id=new_id(),
                ticket_id=ticket.id,
                staff_id=actor.id,
                person_key=person,
                diff_digest=digest,
                created_at=now,
            )
        )
        return [*(a.staff_id for a in held), actor.id]

    # --- inside: what is decided --------------------------------------------------------------------------------------

    @staticmethod
    def _require_proofs(session: Session, ticket: Ticket, material: PreparedMaterial | None) -> None:
        ids = [t.id for t in showing.with_merged(session, ticket)]
        given = showing.proofs(ticket, showing.evidence(session, ids))
        lacking = [p.label for p in given if p.when is When.DECISION and not p.given]
        if lacking:
            raise Conflict("proof_missing", params={"proofs": "、".join(lacking)})
        earlier = made_by(session, ticket)
        if material is None and earlier.filing is None and any(p.code == COLLECTED for p in given):
            # closed as done, the scan would lie in the ticket and in no dossier
            raise Conflict("collected_not_filed")

    def _apply(
        self,
        session: Session,
        actor: Actor,
        key: DataKey,
        ticket: Ticket,
        claim: dict[str, Any],
        material: PreparedMaterial | None,
    ) -> None:
        earlier = made_by(session, ticket)
        changed = ticket.record_id is not None and ticket.base_version is not None and bool(claim["changes"])
        if changed and self._stands(ticket, claim, earlier):
            ticket.applied_version, changed = earlier.record_version, False
        if material is None and earlier.filing is not None:
            ticket.material_id, ticket.material_version = earlier.filing.material_id, earlier.filing.material_version
        after = (changed or material is not None) and self._handed_over(session, ticket)
        if after:
            self._supplement(session, actor, key, ticket)
        if changed:
            assert ticket.record_id is not None
            assert ticket.base_version is not None
            ticket.applied_version = self._filing.apply_correction(
                session,
                actor,
                key,
                ticket.record_id,
                base_version=ticket.base_version,
                changes=[FieldChange(name, new) for name, (_, new) in claim["changes"].items()],
                ticket_id=ticket.id,
                handed_over=after,
            )
        if material is not None:
            if self._filing.materials.twin(session, material) == "here":
                raise Conflict("material_same_here")
            ticket.material_id = self._filing.materials.add(
                session, actor, material, source=Source.CORRECTION, source_id=ticket.id, handed_over=after
            )
            ticket.material_version = material.number

    def _stands(self, ticket: Ticket, claim: dict[str, Any], earlier: Made) -> bool:
        """Whether agreeing leaves the record as an earlier round made it, so that there is nothing to write."""
        if earlier.record_version is None or ticket.record_id is None:
            return False
        _, version, body = self._filing.current_body(ticket.graduate_id, ticket.record_id)
        return earlier.says(claim, version, body)

    @staticmethod
    def _handed_over(session: Session, ticket: Ticket) -> bool:
        state = session.scalar(select(Dossier.state).where(Dossier.graduate_id == ticket.graduate_id))
        return state is DossierState.TRANSFERRED

    def _supplement(self, session: Session, actor: Actor, key: DataKey, ticket: Ticket) -> None:
        if self._book.supplements is None:
            raise Conflict("dossier_sealed")
        self._book.supplements.open_supplement(session, actor, key, ticket.id)
        self._book.record_step(session, actor, ticket, "ticket.supplement_opened")

    def _decided(
        self, session: Session, actor: Actor, key: DataKey, ticket: Ticket, approvers: list[UUID]
    ) -> TicketView:
        """Keep the decision beside the ticket: a later round does not overwrite it."""
        ticket.decided_at = self._book.clock.now()
        # first, so that the clock has come to its end
        self._book.record_step(session, actor, ticket, "ticket.decided")
        session.add(
            TicketDecision(
                id=new_id(),
                ticket_id=ticket.id,
                round=ticket.round,
                outcome=ticket.state,
                reason_code=ticket.reason_code,
                record_id=ticket.record_id,
                base_version=ticket.base_version,
                applied_version=ticket.applied_version,
                material_id=ticket.material_id,
                material_version=ticket.material_version,
                on_appeal=ticket.appealed_at is not None,
                decided_by=actor.id,
                approvers=[str(a) for a in approvers],
                decided_at=ticket.decided_at,
                decide_by=ticket.decide_by,
                used_days=ticket.used_days,
            )
        )
        self._book.flush_open(session)
        return self._view(session, actor, key, ticket)

    # --- inside: a collected material ---------------------------------------------------------------------------------

    @contextmanager
    def _collected(self, key: DataKey, ticket_id: UUID) -> Iterator[PreparedMaterial | None]:
        """The collected scan, sealed anew as the material it will be; taken back unless the decision files it."""
        prepared = self._prepare(key, ticket_id)
        filed = False
        try:
            yield prepared
            if prepared is not None:
                with self._db.transaction() as session:
                    found = session.scalar(select(Ticket.material_id).where(Ticket.id == ticket_id))
                filed = found == prepared.material_id
        except Unavailable:
            filed = True  # the commit may have happened: an orphan is better than a material without its content
            raise
        finally:
            if prepared is not None and not filed:
                self._filing.materials.discard(prepared)

    def _prepare(self, key: DataKey, ticket_id: UUID) -> PreparedMaterial | None:
        with self._db.transaction() as session:
            ticket = session.get_one(Ticket, ticket_id)
            held = {t.id: t for t in showing.with_merged(session, ticket)}
            row = session.scalar(
                select(Evidence)
                .where(Evidence.ticket_id.in_(held), Evidence.proof == COLLECTED)
                .order_by(Evidence.created_at.desc(), Evidence.id)
                .limit(1)
            )
            filing = made_by(session, ticket).filing
        if row is None or row.ticket_id is None or ticket.state in rules.CLOSED:
            return None
        if filing is not None and row.created_at <= filing.decided_at:
            return None  # an earlier round has filed this scan
        # class and title were written down with the scan, in the ticket it was collected for
        claims = [open_json(key, claim_place(t), t.sealed_claim) for t in (held[row.ticket_id], ticket)]
        missing = next((c["missing"] for c in claims if c.get("missing")), None)
        if missing is None or not KINDS[ticket.kind].takes_material:
            return None
        data = open_bytes(key, evidence_place(row.id), self._files.get(row.file_name))
        try:
            # measured again for preview and pixels; the bytes filed stay those that were collected
            document = replace(self._cleaner.clean(data, row.media_type), data=data, media_type=row.media_type)
        except DomainError:
            raise Conflict("collected_unreadable") from None
        counted = document.pages if row.media_type != "application/ofd" else None
        return self._filing.materials.prepare(
            key.owner,
            NewMaterial(
                missing["class_code"],
                class_map.classify(missing["title"], missing["class_code"], ""),
                missing["title"],
                missing.get("formed_on") or None,
                counted,
                None,
                document,
            ),
        )
