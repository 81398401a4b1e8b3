"""The registry of receivers: what is known of a body stands in versions that are never changed."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.receivers.rules import ReceiverKind


class Receiver(Base):
    """A body under its stable code; the row is locked while a version is added."""

    __tablename__ = "receiver"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    code: Mapped[str] = mapped_column(String(30), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class ReceiverVersion(Base):
    """Append-only (trigger and grants). ``valid_to`` is the first day the version no longer holds; an empty period
    says that the body was never entitled from that day on.
    """

    __tablename__ = "receiver_version"
    __table_args__ = (
        UniqueConstraint("receiver_id", "number"),
        CheckConstraint("valid_to is null or valid_to >= valid_from", name="period"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    receiver_id: Mapped[UUID] = mapped_column(ForeignKey("receiver.id"))
    number: Mapped[int] = mapped_column(Integer)
    kind: Mapped[ReceiverKind] = mapped_column(EnumText(ReceiverKind, 20), index=True)
    name: Mapped[str] = mapped_column(String(120))
    credit_code: Mapped[str] = mapped_column(String(18), index=True)
    region_code: Mapped[str] = mapped_column(String(6), index=True)
    address: Mapped[str] = mapped_column(String(200))
    department: Mapped[str] = mapped_column(String(60))
    postal_code: Mapped[str] = mapped_column(String(6))
    phone: Mapped[str] = mapped_column(String(24))
    authority: Mapped[str] = mapped_column(String(120))
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    public_key: Mapped[str] = mapped_column(String(62))
    push_url: Mapped[str] = mapped_column(String(300))
    source: Mapped[str] = mapped_column(String(120))
    recorded_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
