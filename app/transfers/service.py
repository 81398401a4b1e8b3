"""Transfers: opening one, moving it on with its evidence, and the timeline a graduate follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import open_json, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, VersionMismatch
from app.events import EventLog
from app.jobs import Announce, CheckDossier, JobQueue
from app.keyring import Keyring
from app.ports import Clock
from app.transfers import rules
from app.transfers.models import Transfer, proofs_place
from app.transfers.rules import Channel, Evidence, State

MOVER_ROLES = (Role.DISPATCHER, Role.ARCHIVIST)
MAX_PROOF = 40


@dataclass(frozen=True, slots=True)
class TransferStep:
    """``proof`` is the number that came with the step (tracking, seal, receipt)."""

    state: State
    label: str
    at: datetime
    proof_label: str
    proof: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class TransferView:
    """``supplements`` is the received transfer that this one brings the papers of a corrected ticket after."""

    id: UUID
    graduate_id: UUID
    state: State
    state_label: str
    next_words: str
    channel: Channel
    channel_label: str
    receiver_name: str
    receiver_address: str
    version: int
    moved_at: datetime
    steps: Sequence[TransferStep]
    targets: Sequence[tuple[State, str, Evidence, str]]
    supplements: UUID | None = None
    ticket_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class TransferLine:
    """One line of the dispatchers' work list."""

    id: UUID
    graduate_id: UUID
    state: State
    state_label: str
    next_words: str
    channel_label: str
    receiver_name: str
    moved_at: datetime


class SealGuard(Protocol):
    """What another room knows against sealing a dossier."""

    def require_sealable(self, graduate_id: UUID) -> None:
        """Raises Conflict saying what must be done first."""
        ...


class DossierChecks(Protocol):
    """The four-property checks, as a transfer needs them; plugged in by wiring."""

    def stands(self, session: Session, graduate_id: UUID) -> bool:
        """Whether the dossier as it stands passed its latest check."""
        ...


class TransferService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        guards: Sequence[SealGuard] = (),
        checks: DossierChecks | None = None,
        check_rule: str = "advise",
    ) -> None:
        """``check_rule``: off, advise (checked by itself when assembled) or require (no "checked" without a pass)."""
        self._db, self._keys, self._log, self._queue, self._clock = db, keys, log, queue, clock
        self._guards = guards
        self._checks = checks if check_rule != "off" else None
        self._check_required = check_rule == "require"

    def open(
        self, actor: Actor, graduate_id: UUID, *, channel: Channel, receiver_name: str, receiver_address: str
    ) -> TransferView:
        """Raises Conflict('transfer_open') when one is already under way, Conflict('dossier_transferred'), Invalid."""
        self._require_mover(actor)
        faults = [
            FieldFault(f"/{name}", "required" if not value.strip() else "too_long")
            for name, value, most in (
                ("receiver_name", receiver_name, 120),
                ("receiver_address", receiver_address, 200),
            )
            if not value.strip() or len(value) > most
        ]
        if faults:
            raise Invalid("invalid_input", faults=faults)
        key = self._keys.of(graduate_id)
        now = self._clock.now()
        with self._db.transaction() as session:
            dossier = session.scalars(select(Dossier).where(Dossier.graduate_id == graduate_id).with_for_update()).one()
            if dossier.state is DossierState.TRANSFERRED:
                raise Conflict("dossier_transferred")
            row = Transfer(
                id=new_id(),
                dossier_id=dossier.id,
                graduate_id=graduate_id,
                state=State.DRAFT,
                channel=channel,
                receiver_name=receiver_name.strip(),
                receiver_address=receiver_address.strip(),
                version=1,
                created_at=now,
                moved_at=now,
            )
            row.sealed_proofs = seal_json(key, proofs_place(row), {})
            session.add(row)
            try:
                session.flush()
            except IntegrityError:
                # the partial unique index is the rule: one open transfer per dossier, whoever races
                raise Conflict("transfer_open") from None
            self._record(session, actor, row, "transfer.opened")
            return self._view(session, row, {}, staff=True)

    def move(self, actor: Actor, transfer_id: UUID, version: int, target: State, proof: str = "") -> TransferView:
        """One edge of the rule book; the seal only with every SealGuard's leave.

        Raises Conflict('move_not_allowed') or a guard's, Invalid, VersionMismatch, NotFound.
        """
        self._require_mover(actor)
        owner, supplementary = self._owner(transfer_id)
        key = self._keys.of(owner)
        if target in rules.SEALING and not supplementary:
            # they open the whole dossier, so they are asked before the transaction
            for guard in self._guards:
                guard.require_sealable(owner)
        with self._db.transaction() as session:
            row = session.scalars(select(Transfer).where(Transfer.id == transfer_id).with_for_update()).one()
            if row.version != version:
                raise VersionMismatch("transfer_changed", extra={"current_version": row.version})
            edge = rules.edge(row.state, target)
            if edge is None:
                raise Conflict("move_not_allowed", params={"state": rules.STATE_LABELS[row.state]})
            proofs = open_json(key, proofs_place(row), row.sealed_proofs)
            if edge.evidence is not Evidence.NONE:
                proofs[target.value] = self._proof(edge.evidence, proof)
                row.sealed_proofs = seal_json(key, proofs_place(row), proofs)
            self._heed_checks(session, row, target)
            row.state, row.moved_at = target, self._clock.now()
            self._follow(session, row)
            self._record(session, actor, row, "transfer.moved")
            session.flush()
            return self._view(session, row, proofs, staff=True)

    def under_way(self, actor: Actor, *, offset: int = 0, limit: int = 25) -> tuple[list[TransferLine], int]:
        """(lines, total) of the open transfers, the one that has stood still longest first."""
        self._require_mover(actor)
        query = select(Transfer).where(Transfer.state.in_(rules.OPEN))
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.scalars(query.order_by(Transfer.moved_at, Transfer.id).offset(offset).limit(limit)).all()
        return [
            TransferLine(
                r.id,
                r.graduate_id,
                r.state,
                rules.STATE_LABELS[r.state],
                rules.NEXT_WORDS[r.state],
                rules.CHANNEL_LABELS[r.channel],
                r.receiver_name,
                r.moved_at,
            )
            for r in rows
        ], total

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> list[TransferView]:
        """Newest first, with every step. Graduates see their own; staff with a reading role any."""
        own = actor.kind is ActorKind.GRADUATE and actor.id == graduate_id
        if not own and not (actor.kind is ActorKind.STAFF and actor.has_role(*MOVER_ROLES, Role.REVIEWER)):
            raise NotFound("transfer_not_found")
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(Transfer).where(Transfer.graduate_id == graduate_id).order_by(Transfer.created_at.desc())
            ).all()
            staff = actor.kind is ActorKind.STAFF
            return [self._view(session, r, open_json(key, proofs_place(r), r.sealed_proofs), staff=staff) for r in rows]

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _require_mover(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*MOVER_ROLES):
            raise Forbidden("role_required")

    def _owner(self, transfer_id: UUID) -> tuple[UUID, bool]:
        """(graduate, whether it only brings a supplement after a dossier that was received)."""
        with self._db.transaction() as session:
            row = session.get(Transfer, transfer_id)
        if row is None:
            raise NotFound("transfer_not_found")
        return row.graduate_id, row.supplements is not None

    @staticmethod
    def _proof(evidence: Evidence, proof: str) -> str:
        proof = proof.strip().upper()
        code = "required" if not proof else "too_long" if len(proof) > MAX_PROOF else ""
        if not code and not all(c.isascii() and (c.isalnum() or c == "-") for c in proof):
            code = "letters_and_digits_only"
        if code:
            raise Invalid("invalid_input", faults=[FieldFault("/proof", code, rules.EVIDENCE_LABELS[evidence])])
        return proof

    def _heed_checks(self, session: Session, row: Transfer, target: State) -> None:
        if self._checks is None or row.supplements is not None:
            return
        if target is State.ASSEMBLED:
            self._queue.enqueue(session, CheckDossier(row.graduate_id))
        required = self._check_required and target is State.CHECKED
        if required and not self._checks.stands(session, row.graduate_id):
            raise Conflict("check_required")

    @staticmethod
    def _follow(session: Session, row: Transfer) -> None:
        """The dossier is closed to edits from sealing on, and open again when the transfer ends without arriving."""
        if row.supplements is not None:
            return  # the dossier itself has arrived already
        dossier = session.get_one(Dossier, row.dossier_id, with_for_update=True)
        if row.state in rules.SEALING:
            dossier.state = DossierState.SEALED
        elif row.state in rules.UNSEALING and dossier.state is DossierState.SEALED:
            dossier.state = DossierState.OPEN
        elif row.state is State.RECEIVED:
            dossier.state = DossierState.TRANSFERRED

    def _record(self, session: Session, actor: Actor, row: Transfer, step: str) -> None:
        event_id = self._log.record(
            session,
            actor,
            step,
            graduate_id=row.graduate_id,
            object_kind="transfer",
            object_id=row.id,
            data={"state": row.state.value, **({"supplements": str(row.supplements)} if row.supplements else {})},
        )
        self._queue.enqueue(session, Announce(event_id))

    def _view(self, session: Session, row: Transfer, proofs: Mapping[str, str], *, staff: bool) -> TransferView:
        session.flush()
        steps = []
        for e in self._log.of_object(session, "transfer", row.id):
            state = State(e.data["state"])
            edge_proof = next((x.evidence for x in rules.EDGES if x.target is state), Evidence.NONE)
            steps.append(
                TransferStep(
                    state, rules.STATE_LABELS[state], e.at, rules.EVIDENCE_LABELS[edge_proof], proofs.get(state.value)
                )
            )
        targets = tuple(
            (e.target, rules.STATE_LABELS[e.target], e.evidence, rules.EVIDENCE_LABELS[e.evidence])
            for e in rules.targets(row.state)
        )
        return TransferView(
            id=row.id,
            graduate_id=row.graduate_id,
            state=row.state,
            state_label=rules.STATE_LABELS[row.state],
            next_words=rules.NEXT_WORDS[row.state],
            channel=row.channel,
            channel_label=rules.CHANNEL_LABELS[row.channel],
            receiver_name=row.receiver_name,
            receiver_address=row.receiver_address,
            version=row.version,
            moved_at=row.moved_at,
            steps=tuple(steps),
            targets=targets if staff else (),
            supplements=row.supplements,
            ticket_id=row.ticket_id,
        )
