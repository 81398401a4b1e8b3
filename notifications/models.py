"""The inbox, delivery attempts, subscription credits, the pushes platforms send us, staff's mailboxes for tests."""

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
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from notifications.catalogue.text import Template


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
    check_hash: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)  # see notifications/check_codes.py
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    read_at: Mapped[datetime | None] = mapped_column(UtcTime)
    held_until: Mapped[datetime | None] = mapped_column(UtcTime)  # the end of the quiet hours it last fell into


class AttemptState(StrEnum):
    SENDING = "sending"
    SENT = "sent"
    RETRY = "retry"
    FAILED = "failed"
    UNKNOWN = "unknown"


class DeliveryAttempt(Base):
    """Committed before the provider is called, so that a crash leaves a trace instead of a second message.

    RETRY without ``settled_at``: staff asked for it, and it has not begun.
    """

    __tablename__ = "delivery_attempt"
    __table_args__ = (
        UniqueConstraint("notice_id", "identity_id", "number"),
        # every sent event asks for the attempts of its account
        Index("ix_delivery_attempt_identity", "identity_id", "created_at"),
        Index("ix_delivery_attempt_undelivered", "created_at", postgresql_where=text("state in ('failed', 'unknown')")),
    )

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
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the platform's time of the last decision it told of


class InboundPush(Base):
    """A platform's push, kept until handled. ``dedupe_hash`` makes a resend harmless."""

    __tablename__ = "inbound_push"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dedupe_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    identity_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(String(40))
    event: Mapped[str] = mapped_column(String(60))
    items: Mapped[list[dict[str, str]]] = mapped_column(JSONB, default=list)
    created_at: Mapped[datetime | None] = mapped_column(UtcTime)  # the platform's CreateTime, never after received_at
    received_at: Mapped[datetime] = mapped_column(UtcTime)
    handled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class StaffMailbox(Base):
    """Where a member of staff gets tests. Proved once ``code_hash`` is gone and ``verified_at`` is set."""

    __tablename__ = "staff_mailbox"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True)
    sealed_address: Mapped[bytes] = mapped_column(LargeBinary)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_until: Mapped[datetime] = mapped_column(UtcTime)
    code_tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    verified_at: Mapped[datetime | None] = mapped_column(UtcTime)
