"""Handing over many at once: scan slip and waybill in turn, then one act, carried out by the worker.

Each dossier's step and its mark in the batch are one commit: whatever is killed, each is handed over once, and what is
left goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import DataKey, open_json
from app.errors import Conflict, DomainError, FieldFault, Forbidden, Invalid, NotFound, Unavailable
from app.events import EventLog
from app.jobs import DispatchWork, JobQueue
from app.keyring import Keyring
from app.people.models import StaffMember
from app.ports import Clock
from app.transfers import batch_book, rules
from app.transfers.batch_models import BatchState, DispatchBatch, DispatchItem, ItemState, number_place
from app.transfers.footing_rules import FieldChange
from app.transfers.labels import transfer_of
from app.transfers.models import Transfer
from app.transfers.proving import checked
from app.transfers.rules import By, Evidence
from app.transfers.showing import transfer_number
from app.transfers.states import CHANNEL_LABELS, STATE_LABELS, Channel, State
from app.transfers.steps import TransferSteps

SLICE = 25
ERASED = "owner_erased"
"""Whose key was destroyed meanwhile: the number that was scanned opens for nobody."""


@dataclass(frozen=True, slots=True)
class BatchView:
    id: UUID
    number: str
    channel: Channel
    channel_label: str
    state: BatchState
    created_by: UUID
    created_at: datetime
    ended_at: datetime | None
    waiting: int
    done: int
    failed: int

    @property
    def total(self) -> int:
        return self.waiting + self.done + self.failed


@dataclass(frozen=True, slots=True)
class ItemView:
    """``reason`` is the code of what stood in the way; ``changes`` what of the receiver is not as it was frozen, while
    the dossier waits.
    """

    id: UUID
    position: int
    transfer: str
    graduate_id: UUID
    receiver_name: str
    state: ItemState
    reason: str
    tracking: str = field(repr=False)
    changes: Sequence[FieldChange] = ()


class DispatchDesk:
    def __init__(
        self, db: Database, keys: Keyring, steps: TransferSteps, log: EventLog, queue: JobQueue, clock: Clock
    ) -> None:
        self._db, self._keys, self._steps = db, keys, steps
        self._log, self._queue, self._clock = log, queue, clock

    # --- at the desk --------------------------------------------------------------------------------------------------

    def begin(self, actor: Actor, channel: Channel) -> UUID:
        """A new, empty batch."""
        _require(actor)
        row = DispatchBatch(
            id=new_id(),
            channel=channel,
            state=BatchState.COLLECTING,
            created_by=actor.id,
            created_at=self._clock.now(),
        )
        with self._db.transaction() as session:
            session.add(row)
            session.flush()
            self._record(session, actor, "dispatch.begun", row.id)
        return row.id

    def add(self, actor: Actor, batch_id: UUID, transfer: str, tracking: str) -> None:
        """One scanned pair: the slip's number and the waybill's.

        Raises Invalid naming the field, Conflict('already_scanned', 'already_handed_over', 'tracking_number_used',
        'other_channel', 'move_not_allowed', 'batch_closed', 'batch_full', 'receiver_not_authorised_now',
        'channel_not_allowed_now'), NotFound.
        """
        _require(actor)
        found = self._by_number(transfer)
        key = self._keys.of(found.graduate_id)
        edge = rules.edge(State.SEALED, State.HANDED_TO_CARRIER)
        if edge is None:
            raise Conflict("move_not_allowed", params={"state": STATE_LABELS[found.state]})
        number = checked(edge, {Evidence.TRACKING_NUMBER: tracking}, found.channel)[Evidence.TRACKING_NUMBER]
        with self._db.transaction() as session:
            batch = batch_book.collecting(session, batch_id)
            row = self._steps.locked(session, found.id)
            if (refusal := batch_book.against(batch, row)) is not None:
                raise refusal
            self._steps.footing.require(session, key, row, State.HANDED_TO_CARRIER)
            bidx = self._steps.tracking_index(row.channel, number)
            if self._steps.tracking_used(session, bidx):
                raise Conflict("tracking_number_used")
            position = batch_book.free_position(session, batch_id)
            item = batch_book.pair(batch_id, position, row, key, number, bidx, self._clock.now())
            session.add(item)
            try:
                session.flush()
            except IntegrityError as error:
                used = "uq_dispatch_item_tracking" in str(error.orig)
                raise Conflict("tracking_number_used" if used else "already_scanned") from None

    def remove(self, actor: Actor, batch_id: UUID, item_id: UUID) -> None:
        """Takes a pair out again, before the hand-over."""
        _require(actor)
        with self._db.transaction() as session:
            batch_book.collecting(session, batch_id)
            item = session.scalar(
                select(DispatchItem).where(
                    DispatchItem.id == item_id,
                    DispatchItem.batch_id == batch_id,
                    DispatchItem.state == ItemState.WAITING,
                )
            )
            if item is None:
                raise NotFound("dispatch_item_not_found")
            item.state, item.at = ItemState.DROPPED, self._clock.now()

    def drop(self, actor: Actor, batch_id: UUID) -> None:
        """Gives the whole batch up, before the hand-over; every dossier stays sealed where it is."""
        _require(actor)
        with self._db.transaction() as session:
            batch = batch_book.collecting(session, batch_id)
            for item in session.scalars(select(DispatchItem).where(DispatchItem.batch_id == batch_id)):
                item.state = ItemState.DROPPED
            batch.state, batch.ended_at = BatchState.DROPPED, self._clock.now()
            self._record(session, actor, "dispatch.dropped", batch_id)

    def hand_over(self, actor: Actor, batch_id: UUID) -> None:
        """Every waiting dossier goes to the carrier; the worker carries it out. Pressing twice is once."""
        _require(actor)
        with self._db.transaction() as session:
            batch = batch_book.locked(session, batch_id)
            if batch.state in (BatchState.RUNNING, BatchState.DONE):
                return
            batch_book.require_collecting(batch)
            if not self._counts(session, [batch_id]).get(batch_id, {}).get(ItemState.WAITING):
                raise Conflict("batch_empty")
            batch.state, batch.handed_by = BatchState.RUNNING, actor.id
            self._record(session, actor, "dispatch.handed_over", batch_id)
            self._queue.enqueue(session, DispatchWork(batch_id))

    # --- the worker ---------------------------------------------------------------------------------------------------

    def work(self, job: DispatchWork) -> None:
        """Slices until nothing waits. Nothing when another process is at it: it goes on by itself."""
        with self._db.alone(job.batch_id) as held:
            if not held:
                return
            while self._slice(job.batch_id):
                pass

    def _slice(self, batch_id: UUID) -> bool:
        """Whether more may be waiting."""
        with self._db.transaction() as session:
            owners = list(session.scalars(self._waiting(batch_id).with_only_columns(DispatchItem.graduate_id)))
            keys = self._keys.many(session, owners)
        with self._db.transaction() as session:
            batch = batch_book.locked(session, batch_id)
            if batch.state is not BatchState.RUNNING or batch.handed_by is None:
                return False
            actor = self._presser(session, batch.handed_by)
            items = session.scalars(self._waiting(batch_id)).all()
            batch_book.lock_all(session, [item.transfer_id for item in items])
            for item in items:
                key = keys.get(item.graduate_id)
                item.reason = ERASED if key is None else self._hand(session, actor, item, key)
                item.state = ItemState.FAILED if item.reason else ItemState.DONE
                item.at = self._clock.now()
            session.flush()
            if items:
                return True
            batch.state, batch.ended_at = BatchState.DONE, self._clock.now()
            return False

    def _hand(self, session: Session, actor: Actor, item: DispatchItem, key: DataKey) -> str:
        """Empty, or the code of what stood in the way; the others go on."""
        number = open_json(key, number_place(item), item.sealed_number)["tracking_number"]
        row = self._steps.locked(session, item.transfer_id)
        try:
            with session.begin_nested():
                shown = {Evidence.TRACKING_NUMBER: number}
                self._steps.take(session, actor, row, key, State.HANDED_TO_CARRIER, shown)
        except Unavailable:
            raise
        except DomainError as error:
            return error.code
        return ""

    # --- reading ------------------------------------------------------------------------------------------------------

    def batches(self, actor: Actor, *, offset: int = 0, limit: int = 20) -> tuple[list[BatchView], int]:
        """(newest first, total)."""
        _require(actor)
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(DispatchBatch.id))) or 0
            query = select(DispatchBatch).order_by(DispatchBatch.serial.desc()).offset(offset).limit(limit)
            rows = session.scalars(query).all()
            counts = self._counts(session, [r.id for r in rows])
        return [_view(r, counts.get(r.id, {})) for r in rows], total

    def batch(self, actor: Actor, batch_id: UUID) -> BatchView:
        """Raises NotFound."""
        _require(actor)
        with self._db.transaction() as session:
            row = session.get(DispatchBatch, batch_id)
            if row is None:
                raise NotFound("dispatch_batch_not_found")
            return _view(row, self._counts(session, [batch_id]).get(batch_id, {}))

    def items(self, actor: Actor, batch_id: UUID, *, offset: int = 0, limit: int = 50) -> Sequence[ItemView]:
        """The latest scanned first, without those taken out. Of an erased graduate the number is empty."""
        _require(actor)
        query = (
            select(DispatchItem, Transfer)
            .join(Transfer, Transfer.id == DispatchItem.transfer_id)
            .where(DispatchItem.batch_id == batch_id, DispatchItem.state != ItemState.DROPPED)
            .order_by(DispatchItem.position.desc())
            .offset(offset)
            .limit(limit)
        )
        with self._db.transaction() as session:
            rows = session.execute(query).all()
            keys = self._keys.many(session, [i.graduate_id for i, _ in rows])
            waiting = [t for i, t in rows if i.state is ItemState.WAITING]
            changes = self._steps.footing.changes(session, waiting)
        return [
            ItemView(
                i.id,
                i.position,
                transfer_number(t),
                i.graduate_id,
                t.receiver_name,
                i.state,
                i.reason,
                _number(keys.get(i.graduate_id), i),
                changes.get(t.id, ()),
            )
            for i, t in rows
        ]

    def expects(self, actor: Actor, transfer: str) -> str:
        """The number as it is written, of a sealed transfer that may be scanned next. Raises NotFound, Conflict as
        ``add`` does.
        """
        _require(actor)
        found = self._by_number(transfer)
        if found.state is not State.SEALED:
            raise batch_book.not_sealed(found.state)
        key = self._keys.of(found.graduate_id)
        with self._db.transaction() as session:
            self._steps.footing.require(session, key, found, State.HANDED_TO_CARRIER)
        return transfer_number(found)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _by_number(self, text: str) -> Transfer:
        with self._db.transaction() as session:
            row = transfer_of(session, text)
        if row is None:
            raise Invalid("invalid_input", faults=[FieldFault("/transfer", "unknown_transfer")])
        return row

    @staticmethod
    def _waiting(batch_id: UUID) -> Select[DispatchItem]:
        return (
            select(DispatchItem)
            .where(DispatchItem.batch_id == batch_id, DispatchItem.state == ItemState.WAITING)
            .order_by(DispatchItem.position)
            .limit(SLICE)
        )

    @staticmethod
    def _counts(session: Session, batches: Sequence[UUID]) -> dict[UUID, dict[ItemState, int]]:
        query = (
            select(DispatchItem.batch_id, DispatchItem.state, func.count())
            .where(DispatchItem.batch_id.in_(batches))
            .group_by(DispatchItem.batch_id, DispatchItem.state)
        )
        found: dict[UUID, dict[ItemState, int]] = {}
        for batch_id, state, count in session.execute(query):
            found.setdefault(batch_id, {})[state] = count
        return found

    @staticmethod
    def _presser(session: Session, staff_id: UUID) -> Actor:
        """Who pressed the button, with the roles they have now: a role taken away meanwhile hands nothing over."""
        staff = session.get_one(StaffMember, staff_id)
        roles = frozenset(Role(r) for r in staff.roles) if staff.disabled_at is None else frozenset[Role]()
        return Actor(ActorKind.STAFF, staff_id, roles=roles)

    def _record(self, session: Session, actor: Actor, kind: str, batch_id: UUID) -> None:
        self._log.record(session, actor, kind, object_kind="dispatch_batch", object_id=batch_id)


def _view(row: DispatchBatch, counts: dict[ItemState, int]) -> BatchView:
    return BatchView(
        row.id,
        f"JJ{row.created_at.year}{row.serial:05d}",
        row.channel,
        CHANNEL_LABELS[row.channel],
        row.state,
        row.created_by,
        row.created_at,
        row.ended_at,
        counts.get(ItemState.WAITING, 0),
        counts.get(ItemState.DONE, 0),
        counts.get(ItemState.FAILED, 0),
    )


def _number(key: DataKey | None, row: DispatchItem) -> str:
    return "" if key is None else str(open_json(key, number_place(row), row.sealed_number)["tracking_number"])


def _require(actor: Actor) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*rules.ROLES[By.DESK]):
        raise Forbidden("role_required")
