"""The electronic leg for staff and graduates: asking for a package, taking it back, seeing where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.file_ports import FileStore
from app.jobs import JobQueue, PackElectronic
from app.keyring import Keyring
from app.package_ports import Encryptor
from app.ports import Clock
from app.transfers import electronic_rules as rules
from app.transfers.electronic_models import ElectronicLeg, words_place
from app.transfers.electronic_ports import ElectronicReceiver, ReceiverOf
from app.transfers.electronic_rules import By, Combined, Leg, Reason
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.electronic_store import Pieces
from app.transfers.models import Transfer
from app.transfers.states import State

MOVERS = (Role.DISPATCHER, Role.ARCHIVIST)
SWEPT_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class LegStep:
    state: Leg
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LegView:
    """One attempt. ``overdue``: it has stood longer than its clock allows. ``trouble`` is the code of what keeps the
    package from being made; ``receipt`` the number of the receiver's e-receipt; staff alone see ``note``.
    """

    id: UUID
    transfer_id: UUID
    attempt: int
    state: Leg
    label: str
    next_words: str
    moved_at: datetime
    overdue: bool
    trouble: str | None
    receiver_code: str
    size: int | None
    digest: str | None
    reasons: Sequence[str]
    pushed_at: datetime | None
    steps: Sequence[LegStep]
    note: str = field(default="", repr=False)
    receipt: str | None = field(default=None, repr=False)

    @property
    def repeatable(self) -> bool:
        """Whether staff may have it packed again."""
        return self.state in rules.REPEATABLE or (
            self.state in rules.IN_THE_MAKING and (self.trouble is not None or self.overdue)
        )

    @property
    def withdrawable(self) -> bool:
        return rules.step(self.state, Leg.WITHDRAWN, By.STAFF) is not None


@dataclass(frozen=True, slots=True)
class Legs:
    """Both legs of a transfer: the latest attempt, those before it (newest first), and the lesser of both."""

    latest: LegView | None
    before: Sequence[LegView]
    combined: Combined


class ElectronicDesk:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        encryptor: Encryptor,
        receivers: ReceiverOf,
        steps: ElectronicSteps,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._pieces = db, keys, Pieces(files)
        self._encryptor, self._receivers, self._steps = encryptor, receivers, steps
        self._log, self._queue, self._clock = log, queue, clock

    # --- staff --------------------------------------------------------------------------------------------------------

    def order(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> LegView:
        """Have the package made: the first attempt, the next after a rejection, or again what could not be made.

        Raises Conflict: electronic_not_yet (the paper is not sealed), receiver_takes_no_packages, recipient_refused,
        electronic_under_way, manifest_absent; NotFound, Forbidden.
        """
        self._require_mover(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            transfer = self._transfer(session, graduate_id, transfer_id)
            if transfer.state not in rules.PACKABLE:
                raise Conflict("electronic_not_yet")
            if transfer.manifest_digest is None:
                raise Conflict("manifest_absent")
            last = self._latest(session, transfer_id)
            if last is not None and self._view(session, key, last).repeatable and last.state in rules.IN_THE_MAKING:
                last.trouble, last.moved_at = None, self._clock.now()
                row = last
            elif last is not None and last.state not in rules.REPEATABLE:
                raise Conflict("electronic_under_way")
            else:
                row = self._begin(session, actor, key, transfer, last, self._receiver(session, transfer_id))
            self._queue.enqueue(session, PackElectronic(row.id))
            session.flush()
            return self._view(session, key, row, staff=True)

    def withdraw(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> LegView:
        """Take the latest attempt back, as long as it was not accepted. Raises Conflict('electronic_move')."""
        self._require_mover(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            self._transfer(session, graduate_id, transfer_id)
            row = self._latest(session, transfer_id)
            if row is None:
                raise NotFound("package_not_found")
            self._steps.take(session, actor, row, Leg.WITHDRAWN, By.STAFF)
            return self._view(session, key, row, staff=True)

    # --- with the paper's seal (app.transfers.guarding.SealWatcher) ---------------------------------------------------

    def sealed(self, session: Session, actor: Actor, key: DataKey, row: Transfer) -> None:
        """Orders the package of a sealed dossier whose receiver takes packages and is there to take them. An attempt
        that nobody has taken yet is replaced; one that was ended over this very catalogue stays ended.
        """
        to = self._receivers.of_transfer(session, row.id)
        if to is None or not to.live or not to.public_key or not self._encryptor.usable(to.public_key):
            return
        last = self._latest(session, row.id)
        if row.manifest_digest is None or not rules.renewed(
            last.state if last is not None else None,
            same=last is not None and last.manifest_digest == row.manifest_digest,
        ):
            return
        if last is not None and last.state not in rules.REPEATABLE:
            self._steps.take(session, actor, last, Leg.WITHDRAWN, By.STAFF)
        made = self._begin(session, actor, key, row, last, to)
        self._queue.enqueue(session, PackElectronic(made.id))

    def unsealed(self, session: Session, actor: Actor, row: Transfer) -> None:
        """What was packed under the opened seal is taken back, unless the receiver has decided already."""
        last = self._latest(session, row.id)
        if last is not None and rules.step(last.state, Leg.WITHDRAWN, By.STAFF) is not None:
            self._steps.take(session, actor, last, Leg.WITHDRAWN, By.STAFF)

    # --- reading ------------------------------------------------------------------------------------------------------

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> Mapping[UUID, Legs]:
        """By transfer. Graduates see their own; staff with a reading role any. Raises NotFound."""
        own = actor.kind is ActorKind.GRADUATE and actor.id == graduate_id
        staff = actor.kind is ActorKind.STAFF and actor.has_role(*MOVERS, Role.REVIEWER)
        if not own and not staff:
            raise NotFound("transfer_not_found")
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            papers = session.execute(select(Transfer.id, Transfer.state).where(Transfer.graduate_id == graduate_id))
            rows = session.scalars(
                select(ElectronicLeg)
                .where(ElectronicLeg.graduate_id == graduate_id)
                .order_by(ElectronicLeg.attempt.desc())
            ).all()
            views = [self._view(session, key, r, staff=staff) for r in rows]
            return {t: self._legs([v for v in views if v.transfer_id == t], state) for t, state in papers}

    def sweep(self) -> int:
        """Cipher text of what has ended is dropped; gives how many packages. Run by the worker's housekeeping."""
        query = (
            select(ElectronicLeg.id, ElectronicLeg.box)
            .where(ElectronicLeg.state.in_(rules.ENDED), ElectronicLeg.box.is_not(None))
            .limit(SWEPT_AT_ONCE)
        )
        with self._db.transaction() as session:
            ended = session.execute(query).all()
        swept = 0
        for leg_id, box in ended:
            # whoever still writes to the box of a package that was withdrawn drops it himself, or leaves it named here
            with self._db.alone(leg_id) as mine:
                if mine:
                    self._drop(leg_id, str(box))
                    swept += 1
        return swept

    def _drop(self, leg_id: UUID, box: str) -> None:
        self._pieces.drop(box)
        with self._db.transaction() as session:
            session.execute(
                update(ElectronicLeg).where(ElectronicLeg.id == leg_id, ElectronicLeg.box == box).values(box=None)
            )

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _legs(attempts: Sequence[LegView], paper: State) -> Legs:
        latest = attempts[0] if attempts else None
        return Legs(latest, attempts[1:], rules.lesser(paper, latest.state if latest is not None else None))

    @staticmethod
    def _require_mover(actor: Actor) -> None:
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*MOVERS):
            raise Forbidden("role_required")

    @staticmethod
    def _transfer(session: Session, graduate_id: UUID, transfer_id: UUID) -> Transfer:
        """Locked, so that two orders of one transfer come one after the other."""
        query = select(Transfer).where(Transfer.id == transfer_id, Transfer.graduate_id == graduate_id)
        row = session.scalar(query.with_for_update())
        if row is None:
            raise NotFound("transfer_not_found")
        return row

    @staticmethod
    def _latest(session: Session, transfer_id: UUID) -> ElectronicLeg | None:
        query = select(ElectronicLeg).where(ElectronicLeg.transfer_id == transfer_id)
        return session.scalar(query.order_by(ElectronicLeg.attempt.desc()).limit(1).with_for_update())

    def _receiver(self, session: Session, transfer_id: UUID) -> ElectronicReceiver:
        found = self._receivers.of_transfer(session, transfer_id)
        if found is None or not found.public_key:
            raise Conflict("receiver_takes_no_packages")
        if not self._encryptor.usable(found.public_key):
            raise Conflict("recipient_refused")
        return found

    def _begin(
        self,
        session: Session,
        actor: Actor,
        key: DataKey,
        transfer: Transfer,
        last: ElectronicLeg | None,
        to: ElectronicReceiver,
    ) -> ElectronicLeg:
        now = self._clock.now()
        row = ElectronicLeg(
            id=new_id(),
            transfer_id=transfer.id,
            graduate_id=transfer.graduate_id,
            attempt=(last.attempt if last is not None else 0) + 1,
            state=Leg.PREPARING,
            receiver_code=to.code,
            recipient=to.public_key,
            push_url=to.push_url,
            reasons=[],
            push_tries=0,
            created_at=now,
            moved_at=now,
            version=1,
        )
        row.sealed_words = seal_json(key, words_place(row), {})
        session.add(row)
        self._steps.record(session, actor, row)
        return row

    def _view(self, session: Session, key: DataKey, row: ElectronicLeg, *, staff: bool = False) -> LegView:
        words = open_json(key, words_place(row), row.sealed_words)
        patience = rules.patience(row.state)
        steps = [
            LegStep(Leg(e.data["state"]), rules.LEG_LABELS[Leg(e.data["state"])], e.at)
            for e in self._log.of_object(session, "electronic_leg", row.id)
        ]
        return LegView(
            id=row.id,
            transfer_id=row.transfer_id,
            attempt=row.attempt,
            state=row.state,
            label=rules.LEG_LABELS[row.state],
            next_words=rules.LEG_NEXT[row.state],
            moved_at=row.moved_at,
            overdue=patience is not None and self._clock.now() - row.moved_at > patience,
            trouble=row.trouble,
            receiver_code=row.receiver_code,
            size=row.size,
            digest=row.digest.hex() if row.digest is not None else None,
            reasons=[rules.REASON_LABELS[Reason(r)] for r in row.reasons],
            pushed_at=row.pushed_at,
            steps=steps,
            note=words.get("note", "") if staff else "",
            receipt=words.get("receipt"),
        )
