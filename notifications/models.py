"""The inbox, delivery attempts, subscription credits and the pushes platforms send us."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from notifications.catalogue import Template


class Notice(Base):
    """One line of a graduate's inbox: the truth; a push is only a hint to look here."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_inbox", "graduate_id", "serial"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    event_id: Mapped[UUID] = mapped_column(unique=True)
    event_type: Mapped[str] = mapped_column(String(60))
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    catalogue_version: Mapped[str] = mapped_column(String(20))
    object_kind: Mapped[str] = mapped_column(String(30))
    object_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcTime)


class AttemptState(StrEnum):
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNKNOWN = "unknown"


class DeliveryAttempt(Base):
    """Committed before the provider is called, so that a crash leaves a trace instead of a second message."""

    __tablename__ = "delivery_attempt"
    __table_args__ = (UniqueConstraint("notice_id", "identity_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notice.id"))
    identity_id: Mapped[UUID] = mapped_column(ForeignKey("platform_identity.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[AttemptState] = mapped_column(EnumText(AttemptState, 10))
    reason: Mapped[str] = mapped_column(String(80), default="")
    provider_id: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class Subscription(Base):
    """One account's agreement to one template, and the estimate of one-shot credits left."""

    __tablename__ = "subscription"

    identity_id: Mapped[UUID] = mapped_column(ForeignKey("platform_identity.id"), primary_key=True)
    template: Mapped[Template] = mapped_column(EnumText(Template, 20), primary_key=True)
    accepted: Mapped[bool]
    credits: Mapped[int] = mapped_column(Integer, default=0)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class InboundPush(Base):
    """A platform's push, kept until handled. ``dedupe_hash`` makes a resend harmless."""

    __tablename__ = "inbound_push"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dedupe_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    identity_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(String(40))
    event: Mapped[str] = mapped_column(String(60))
    items: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcTime)
