"""Batches of hand-overs: what was scanned at the desk, and how far the hand-over has come."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from app.transfers.states import Channel


class BatchState(StrEnum):
    COLLECTING = "collecting"
    RUNNING = "running"
    DONE = "done"
    DROPPED = "dropped"


BATCH_LABELS = {
    BatchState.COLLECTING: "扫描中",
    BatchState.RUNNING: "交寄中",
    BatchState.DONE: "已完成",
    BatchState.DROPPED: "已放弃",
}


class ItemState(StrEnum):
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    DROPPED = "dropped"


ITEM_LABELS = {
    ItemState.WAITING: "待交寄",
    ItemState.DONE: "已交寄",
    ItemState.FAILED: "未交寄",
    ItemState.DROPPED: "已移出",
}
HELD = "state in ('waiting', 'done')"


class DispatchBatch(Base):
    __tablename__ = "dispatch_batch"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    channel: Mapped[Channel] = mapped_column(EnumText(Channel, 20))
    state: Mapped[BatchState] = mapped_column(EnumText(BatchState, 12), default=BatchState.COLLECTING)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    handed_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)


class DispatchItem(Base):
    """One sealed dossier and the number it travels under. A transfer and a number wait in one batch at a time."""

    __tablename__ = "dispatch_item"
    __table_args__ = (
        Index("uq_dispatch_item_transfer", "transfer_id", unique=True, postgresql_where=text("state = 'waiting'")),
        Index("uq_dispatch_item_tracking", "tracking_bidx", unique=True, postgresql_where=text(HELD)),
        Index("ix_dispatch_item_batch", "batch_id", "position"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("dispatch_batch.id"))
    position: Mapped[int] = mapped_column(Integer)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    state: Mapped[ItemState] = mapped_column(EnumText(ItemState, 12), default=ItemState.WAITING)
    tracking_bidx: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_number: Mapped[bytes] = mapped_column(LargeBinary)
    reason: Mapped[str] = mapped_column(String(40), default="")
    at: Mapped[datetime] = mapped_column(UtcTime)


def number_place(row: DispatchItem) -> Place:
    return Place("dispatch_item", "sealed_number", row.id)
