"""What carriers told of consignments, and the watch that keeps asking them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.carrier_ports import CarrierCode
from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from app.transfers.tracking_rules import Standing


class TrackingEvent(Base):
    """One line of a trace, as it was first told; never changed. ``number`` is the hand-over's within the transfer.

    ``event_bidx`` stands for the carrier's own id, which may hold the tracking number; ``sealed_body`` holds id, place,
    words and signer.
    """

    __tablename__ = "tracking_event"
    __table_args__ = (UniqueConstraint("transfer_id", "number", "event_bidx"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    event_bidx: Mapped[bytes] = mapped_column(LargeBinary)
    at: Mapped[datetime] = mapped_column(UtcTime)
    code: Mapped[CarrierCode] = mapped_column(EnumText(CarrierCode, 20))
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    fetched_at: Mapped[datetime] = mapped_column(UtcTime)


class TrackingWatch(Base):
    """One hand-over that is asked after. ``next_poll_at`` is None once there is nothing more to learn.

    ``captured_at``: when the whole trace was last stored. ``forced_at``: when the last capture before the carrier
    forgets was ordered; ``alarmed_at``: when it was reported that none came. ``reasons`` are Finding codes joined by
    commas, ``look_mark`` stands for the very events behind them, so that a person who has looked is asked again only
    when there is something new.
    """

    __tablename__ = "tracking_watch"
    __table_args__ = (
        Index("ix_tracking_watch_due", "next_poll_at", postgresql_where=text("next_poll_at is not null")),
        Index("ix_tracking_watch_look", "handed_at", postgresql_where=text("needs_look")),
    )

    transfer_id: Mapped[UUID] = mapped_column(ForeignKey("transfer.id"), primary_key=True)
    number: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    handed_at: Mapped[datetime] = mapped_column(UtcTime)
    standing: Mapped[Standing] = mapped_column(EnumText(Standing, 20), default=Standing.NOTHING)
    last_sign_at: Mapped[datetime | None] = mapped_column(UtcTime)
    next_poll_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_polled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    captured_at: Mapped[datetime | None] = mapped_column(UtcTime)
    forced_at: Mapped[datetime | None] = mapped_column(UtcTime)
    alarmed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    needs_look: Mapped[bool] = mapped_column(Boolean, default=False)
    reasons: Mapped[str] = mapped_column(String(300), default="")
    look_mark: Mapped[bytes | None] = mapped_column(LargeBinary)


def body_place(row_id: UUID) -> Place:
    return Place("tracking_event", "sealed_body", row_id)
