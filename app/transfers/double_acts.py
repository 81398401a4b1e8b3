"""Sealing and opening a seal take two persons: one proposes with the evidence, another confirms what they both see."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.envelope import DataKey, Place, open_bytes, open_json, seal_bytes, seal_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.file_ports import DocumentCleaner, FileStore
from app.keyring import Keyring
from app.people.models import StaffMember
from app.ports import Clock
from app.transfers import rules
from app.transfers.guarding import SealGuard
from app.transfers.models import ActState, DoubleAct, Transfer, act_place
from app.transfers.proving import Shown, checked
from app.transfers.rules import By, Evidence
from app.transfers.states import State
from app.transfers.steps import TransferSteps

PHOTO_TYPES = ("image/jpeg", "image/png")
PNG = b"\x89PNG"


@dataclass(frozen=True, slots=True)
class ActView:
    """What waits for a second person. ``shown`` maps the evidence's labels to its words."""

    id: UUID
    transfer_id: UUID
    target: State
    deed: str
    first_staff: UUID
    first_name: str
    first_at: datetime
    has_photo: bool
    shown: Sequence[tuple[str, str]] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealPhoto:
    """Decoded and written anew: no metadata, nothing that is no picture."""

    data: bytes = field(repr=False)


class DoubleActs:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        steps: TransferSteps,
        log: EventLog,
        clock: Clock,
        files: FileStore,
        cleaner: DocumentCleaner,
        guards: Sequence[SealGuard] = (),
    ) -> None:
        self._db, self._keys, self._steps, self._log, self._clock = db, keys, steps, log, clock
        self._files, self._cleaner, self._guards = files, cleaner, guards

    def propose(
        self,
        actor: Actor,
        transfer_id: UUID,
        version: int,
        target: State,
        shown: Shown,
        photo: bytes | SealPhoto | None = None,
    ) -> None:
        """The first person's word. A seal is shown with its number and a photo (JPEG or PNG), kept sealed.

        Raises Conflict('act_waiting', 'move_not_allowed', 'paper_on_loan', 'receiver_not_authorised_now',
        'channel_not_allowed_now'), Invalid, Forbidden, NotFound, VersionMismatch, and whatever a SealGuard has against
        sealing.
        """
        require_two(actor)
        key = self._keys.of(self._require_sealable(transfer_id, target))
        seen = self.cleaned(photo) if isinstance(photo, bytes) else photo
        picture = None if seen is None else seen.data
        if picture is not None:
            shown = {**shown, Evidence.PHOTO_DIGEST: hashlib.sha256(picture).hexdigest()}
        act = DoubleAct(
            id=new_id(), transfer_id=transfer_id, target=target, state=ActState.WAITING, first_staff=actor.id
        )
        if picture is not None:
            act.file_name = os.urandom(24).hex()
            self._files.put(act.file_name, seal_bytes(key, _photo_place(act), picture))
        try:
            with self._db.transaction() as session:
                self._keep(session, actor, key, act, version, shown)
        except Exception:
            if act.file_name is not None:
                self._files.delete(act.file_name)
            raise

    def cleaned(self, photo: bytes) -> SealPhoto:
        """A photo that several proposals may show. Raises Invalid('/photo')."""
        document = self._cleaner.clean(photo)
        if document.media_type not in PHOTO_TYPES:
            raise Invalid("invalid_input", faults=[FieldFault("/photo", "not_a_picture")])
        return SealPhoto(document.data)

    def _keep(self, session: Session, actor: Actor, key: DataKey, act: DoubleAct, version: int, shown: Shown) -> None:
        row = self._steps.locked(session, act.transfer_id, version)
        edge = rules.edge(row.state, act.target)
        if edge is None or By.TWO not in edge.by:
            raise Conflict("move_not_allowed", params={"state": rules.STATE_LABELS[row.state]})
        self._steps.require_at_hand(session, row, act.target)
        self._steps.footing.require(session, key, row, act.target)
        evidence = checked(edge, shown, row.channel)
        act.base_version, act.first_person, act.first_at = row.version, _person(session, actor), self._clock.now()
        act.sealed_evidence = seal_json(key, act_place(act), {k.value: v for k, v in evidence.items()})
        session.add(act)
        try:
            session.flush()
        except IntegrityError:
            raise Conflict("act_waiting") from None
        self._record(session, actor, row, "transfer.act_proposed", act.target)

    def confirm(self, actor: Actor, transfer_id: UUID, act_id: UUID) -> None:
        """The second person's word: the transfer moves, in one commit.

        Raises Conflict('same_person', 'act_gone'), NotFound, Forbidden and what TransferSteps.take raises.
        """
        require_two(actor)
        with self._db.transaction() as session:
            target = session.scalar(select(DoubleAct.target).where(DoubleAct.id == act_id))
        key = self._keys.of(self._require_sealable(transfer_id, target))
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id)
            act = self._waiting(session, row, act_id)
            person = _person(session, actor)
            if person == act.first_person:
                raise Conflict("same_person")
            shown = open_json(key, act_place(act), act.sealed_evidence)
            act.state, act.second_staff, act.second_person = ActState.DONE, actor.id, person
            act.second_at = self._clock.now()
            session.flush()
            evidence = {Evidence(kind): text for kind, text in shown.items()}
            self._steps.take(session, actor, row, key, act.target, evidence, two=True)

    def drop(self, actor: Actor, transfer_id: UUID, act_id: UUID) -> None:
        """Either person takes the proposal back; nothing else changes."""
        require_two(actor)
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id)
            act = self._waiting(session, row, act_id)
            act.state = ActState.VOID
            self._record(session, actor, row, "transfer.act_dropped", act.target)

    def waiting(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> ActView | None:
        """What waits for a second person at this transfer."""
        require_two(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            found = session.execute(
                select(DoubleAct, StaffMember.display_name, Transfer.state)
                .join(StaffMember, StaffMember.id == DoubleAct.first_staff)
                .join(Transfer, Transfer.id == DoubleAct.transfer_id)
                .where(
                    DoubleAct.transfer_id == transfer_id,
                    DoubleAct.state == ActState.WAITING,
                    Transfer.graduate_id == graduate_id,
                )
            ).one_or_none()
        if found is None:
            return None
        act, name, state = found
        shown = open_json(key, act_place(act), act.sealed_evidence)
        edge = rules.edge(state, act.target)
        words = [(rules.EVIDENCE_LABELS[Evidence(k)], v) for k, v in shown.items() if k != Evidence.PHOTO_DIGEST]
        return ActView(
            act.id,
            act.transfer_id,
            act.target,
            edge.deed if edge is not None else "",
            act.first_staff,
            name,
            act.first_at,
            act.file_name is not None,
            words,
        )

    def photo(self, actor: Actor, graduate_id: UUID, act_id: UUID) -> tuple[str, bytes]:
        """(media type, photo of a seal); the reading is recorded. Raises NotFound."""
        require_two(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            found = session.execute(
                select(DoubleAct, Transfer)
                .join(Transfer, Transfer.id == DoubleAct.transfer_id)
                .where(DoubleAct.id == act_id, Transfer.graduate_id == graduate_id)
            ).one_or_none()
            name = None if found is None else found[0].file_name
            if found is None or name is None:
                raise NotFound("photo_not_found")
            act, row = found
            self._record(session, actor, row, "transfer.seal_photo_read", act.target)
        data = open_bytes(key, _photo_place(act), self._files.get(name))
        return ("image/png" if data.startswith(PNG) else "image/jpeg"), data

    # --- inside -------------------------------------------------------------------------------------------------------

    def _require_sealable(self, transfer_id: UUID, target: State | None) -> UUID:
        """The transfer's graduate. The guards open the whole dossier, so they are asked before the transaction."""
        with self._db.transaction() as session:
            row = session.get(Transfer, transfer_id)
        if row is None:
            raise NotFound("transfer_not_found")
        if target in rules.SEALED_UP and row.supplements is None:
            for guard in self._guards:
                guard.require_sealable(row.graduate_id)
        return row.graduate_id

    @staticmethod
    def _waiting(session: Session, row: Transfer, act_id: UUID) -> DoubleAct:
        act = session.scalar(
            select(DoubleAct).where(DoubleAct.id == act_id, DoubleAct.transfer_id == row.id).with_for_update()
        )
        if act is None:
            raise NotFound("act_not_found")
        if act.state is not ActState.WAITING or act.base_version != row.version:
            raise Conflict("act_gone")
        return act

    def _record(self, session: Session, actor: Actor, row: Transfer, kind: str, target: State) -> None:
        self._log.record(
            session,
            actor,
            kind,
            graduate_id=row.graduate_id,
            object_kind="transfer",
            object_id=row.id,
            data={"target": target.value},
        )


def _photo_place(act: DoubleAct) -> Place:
    return Place("double_act", "file", act.id)


def require_two(actor: Actor) -> None:
    """Raises Forbidden: whoever may be one of the two."""
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*rules.ROLES[By.TWO]):
        raise Forbidden("role_required")


def _person(session: Session, actor: Actor) -> UUID:
    return session.scalars(select(StaffMember.person_key).where(StaffMember.id == actor.id)).one()
