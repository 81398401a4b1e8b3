"""The electronic leg for staff and graduates: asking for a package, taking it back, seeing where it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.file_ports import FileStore
from app.jobs import JobQueue, PackElectronic, PushElectronic
from app.keyring import Keyring
from app.office_time import office_date
from app.package_ports import Encryptor
from app.ports import Clock
from app.transfers import electronic_rules as rules
from app.transfers.electronic_clocks import LEG_TIMERS, NOT_FOR_IT_NEXT, OF_THE_RECEIVER, STUCK_NEXT
from app.transfers.electronic_models import ElectronicLeg, words_place
from app.transfers.electronic_ports import ElectronicReceiver, ReceiverOf
from app.transfers.electronic_rules import By, Combined, Leg, Reason
from app.transfers.electronic_steps import MOVED, PACK_ORDERED, PUSH_ORDERED, ElectronicSteps
from app.transfers.electronic_store import Pieces
from app.transfers.footing import Footing
from app.transfers.models import Transfer
from app.transfers.showing import DueView, due_view
from app.transfers.states import State
from app.working_days.calendar import WorkingDays

MOVERS = (Role.DISPATCHER, Role.ARCHIVIST)
SWEPT_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class LegStep:
    state: Leg
    label: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LegView:
    """One attempt. ``due`` is its clock, with words for the graduate. ``trouble`` is the code of what keeps the package
    back, ``push_due_at`` when it is pushed next, ``stalled``: its making stands still; ``receipt`` is the number of the
    receiver's e-receipt; staff alone see ``note``.
    """

    id: UUID
    transfer_id: UUID
    attempt: int
    state: Leg
    label: str
    next_words: str
    moved_at: datetime
    due: DueView | None
    stalled: bool
    trouble: str | None
    receiver_code: str
    size: int | None
    digest: str | None
    reasons: Sequence[str]
    pushed_at: datetime | None
    push_due_at: datetime | None
    pushable: bool
    steps: Sequence[LegStep]
    note: str = field(default="", repr=False)
    receipt: str | None = field(default=None, repr=False)

    @property
    def repeatable(self) -> bool:
        """Whether staff may have it packed again."""
        return self.state in rules.REPEATABLE or (
            self.state in rules.IN_THE_MAKING and (self.trouble is not None or self.stalled)
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


@dataclass(frozen=True, slots=True)
class LegDueLine:
    on: date
    label: str


class ElectronicDesk:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        encryptor: Encryptor,
        receivers: ReceiverOf,
        footing: Footing,
        steps: ElectronicSteps,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
        calendar: WorkingDays,
        contact: str,
    ) -> None:
        """``contact`` is whom a graduate calls about a delay."""
        self._db, self._keys, self._pieces = db, keys, Pieces(files)
        self._encryptor, self._receivers, self._footing, self._steps = encryptor, receivers, footing, steps
        self._log, self._queue, self._clock = log, queue, clock
        self._calendar, self._contact = calendar, contact

    # --- staff --------------------------------------------------------------------------------------------------------

    def order(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> LegView:
        """Have the package made: the first attempt, the next after a rejection, or again what could not be made.

        Raises Conflict: electronic_not_yet (the paper is not sealed), receiver_takes_no_packages, recipient_refused,
        electronic_under_way, manifest_absent, receiver_not_authorised_now; NotFound, Forbidden.
        """
        self._require_mover(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            transfer = self._transfer(session, graduate_id, transfer_id)
            if transfer.state not in rules.PACKABLE:
                raise Conflict("electronic_not_yet")
            if transfer.manifest_digest is None:
                raise Conflict("manifest_absent")
            self._footing.require_receiver(session, transfer)
            last = self._latest(session, transfer_id)
            if last is not None and self._view(session, key, last).repeatable and last.state in rules.IN_THE_MAKING:
                self._steps.tried_anew(session, actor, last, PACK_ORDERED)
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

    def push_again(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> LegView:
        """Push the submitted package once more at once, the same one, with all its tries before it: after the tries
        have run out or the address was refused, or instead of waiting for the next try.

        Raises Conflict('electronic_move' | 'push_not_wanted'), NotFound, Forbidden.
        """
        self._require_mover(actor)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            self._transfer(session, graduate_id, transfer_id)
            row = self._latest(session, transfer_id)
            if row is None:
                raise NotFound("package_not_found")
            if row.state is not Leg.SUBMITTED:
                raise Conflict("electronic_move", params={"state": rules.LEG_LABELS[row.state]})
            if not _pushable(row):
                raise Conflict("push_not_wanted")
            row.push_tries, row.push_due_at = 0, self._clock.now()
            self._steps.tried_anew(session, actor, row, PUSH_ORDERED)
            self._queue.enqueue(session, PushElectronic(row.id))
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
        """What was packed under the opened or lost seal is taken back, unless the receiver has decided already."""
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

    def dues(self, actor: Actor, transfers: Sequence[UUID]) -> Mapping[UUID, LegDueLine]:
        """By transfer, for the desk's list: the clocks that run for packages. Raises Forbidden."""
        self._require_mover(actor)
        query = select(ElectronicLeg.transfer_id, ElectronicLeg.due_on, ElectronicLeg.timer).where(
            ElectronicLeg.transfer_id.in_(transfers), ElectronicLeg.due_on.is_not(None)
        )
        with self._db.transaction() as session:
            rows = session.execute(query).all()
        return {
            t: LegDueLine(on, LEG_TIMERS[timer].label) for t, on, timer in rows if on is not None and timer is not None
        }

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
        if last is not None:
            last.due_on = last.timer = None
        self._steps.reckon(session, row)
        session.add(row)
        self._steps.record(session, actor, row)
        return row

    def _view(self, session: Session, key: DataKey, row: ElectronicLeg, *, staff: bool = False) -> LegView:
        words = open_json(key, words_place(row), row.sealed_words)
        making = row.state in rules.IN_THE_MAKING
        events = self._log.of_object(session, "electronic_leg", row.id)
        steps = [
            LegStep(Leg(e.data["state"]), rules.LEG_LABELS[Leg(e.data["state"])], e.at)
            for e in events
            if e.type == MOVED
        ]
        since = max([row.moved_at, *(e.at for e in events if e.type == PACK_ORDERED)])
        return LegView(
            id=row.id,
            transfer_id=row.transfer_id,
            attempt=row.attempt,
            state=row.state,
            label=rules.LEG_LABELS[row.state],
            next_words=_next_words(row),
            moved_at=row.moved_at,
            due=self._due(session, row),
            stalled=making and self._clock.now() - since > rules.STALLED,
            trouble=row.trouble,
            receiver_code=row.receiver_code,
            size=row.size,
            digest=row.digest.hex() if row.digest is not None else None,
            reasons=[rules.REASON_LABELS[Reason(r)] for r in row.reasons],
            pushed_at=row.pushed_at,
            push_due_at=row.push_due_at,
            pushable=_pushable(row),
            steps=steps,
            note=words.get("note", "") if staff else "",
            receipt=words.get("receipt"),
        )

    def _due(self, session: Session, row: ElectronicLeg) -> DueView | None:
        if row.due_on is None or row.timer is None:
            return None
        to = self._receivers.of_transfer(session, row.transfer_id) if row.timer in OF_THE_RECEIVER else None
        called = f"{self._contact}；{to.name} {to.phone}" if to is not None and to.phone else self._contact
        today = office_date(self._clock.now())
        return due_view(LEG_TIMERS[row.timer], row.due_on, today, self._calendar, called)


def _next_words(row: ElectronicLeg) -> str:
    if row.trouble is None or row.push_due_at is not None:
        return rules.LEG_NEXT[row.state]
    return NOT_FOR_IT_NEXT if row.trouble in rules.NOT_FOR_IT else STUCK_NEXT[row.state in rules.IN_THE_MAKING]


def _pushable(row: ElectronicLeg) -> bool:
    """It has an address, was pushed in vain, and still waits to be fetched."""
    return row.state is Leg.SUBMITTED and row.push_url is not None and row.trouble is not None
