"""Rows of dispatch batches: locking one that still takes pairs, and adding a pair to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.db import new_id
from app.envelope import DataKey, seal_json
from app.errors import Conflict, NotFound
from app.transfers import rules
from app.transfers.batch_models import BatchState, DispatchBatch, DispatchItem, ItemState, number_place
from app.transfers.models import Transfer
from app.transfers.states import CHANNEL_LABELS, STATE_LABELS, State

MOST = 5000


def locked(session: Session, batch_id: UUID) -> DispatchBatch:
    """Raises NotFound."""
    row = session.scalar(select(DispatchBatch).where(DispatchBatch.id == batch_id).with_for_update())
    if row is None:
        raise NotFound("dispatch_batch_not_found")
    return row


def collecting(session: Session, batch_id: UUID) -> DispatchBatch:
    """Raises NotFound, Conflict('batch_closed')."""
    row = locked(session, batch_id)
    require_collecting(row)
    return row


def require_collecting(row: DispatchBatch) -> None:
    if row.state is not BatchState.COLLECTING:
        raise Conflict("batch_closed")


def lock_all(session: Session, transfer_ids: Sequence[UUID]) -> None:
    """In the one order in which everybody locks many (papers, lists of waybills), so that none wait in a ring."""
    session.scalars(
        select(Transfer.id).where(Transfer.id.in_(transfer_ids)).order_by(Transfer.id).with_for_update()
    ).all()


def free_position(session: Session, batch_id: UUID, wanted: int = 1) -> int:
    """The first of ``wanted`` positions. What was taken out neither fills the batch nor keeps a position at its end;
    what is in it keeps its own, so that a list printed before still holds. Raises Conflict('batch_full').
    """
    held, last = session.execute(
        select(func.count(), func.coalesce(func.max(DispatchItem.position), 0)).where(
            DispatchItem.batch_id == batch_id, DispatchItem.state != ItemState.DROPPED
        )
    ).one()
    if held + wanted > MOST:
        raise Conflict("batch_full", params={"most": MOST})
    return int(last) + 1


def against(batch: DispatchBatch, row: Transfer) -> Conflict | None:
    """What stands against the transfer in this batch: its state, or its channel."""
    if row.state is not State.SEALED:
        return not_sealed(row.state)
    if row.channel is not batch.channel:
        return Conflict("other_channel", params={"channel": CHANNEL_LABELS[row.channel]})
    return None


def not_sealed(state: State) -> Conflict:
    gone = state in rules.OUTSIDE or state in rules.ARRIVED
    return Conflict("already_handed_over" if gone else "not_sealed", params={"state": STATE_LABELS[state]})


def pair(
    batch_id: UUID, position: int, row: Transfer, key: DataKey, number: str, bidx: bytes, at: datetime
) -> DispatchItem:
    """One dossier and its tracking number, waiting."""
    item = DispatchItem(
        id=new_id(),
        batch_id=batch_id,
        position=position,
        transfer_id=row.id,
        graduate_id=row.graduate_id,
        state=ItemState.WAITING,
        tracking_bidx=bidx,
        reason="",
        at=at,
    )
    item.sealed_number = seal_json(key, number_place(item), {"tracking_number": number})
    return item
