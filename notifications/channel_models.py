"""What a graduate chose, where else they may be reached, the ledger of credits, and turns at senders."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
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
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import Place
from notifications.catalogue.text import Template
from notifications.channel_rules import ContactKind, CreditCause
from notifications.models import AttemptState


class NoticePreference(Base):
    """One graduate's choices; without a row the shipped ones hold. ``off`` are "topic:channel" pairs."""

    __tablename__ = "notice_preference"

    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    quiet: Mapped[bool]
    quiet_begins: Mapped[str] = mapped_column(String(5))
    quiet_ends: Mapped[str] = mapped_column(String(5))
    off: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class NoticeContact(Base):
    """An address the graduate named: verified, or waiting for its code. One of each kind in either state."""

    __tablename__ = "notice_contact"
    __table_args__ = (
        Index(
            "uq_notice_contact_verified",
            "graduate_id",
            "kind",
            unique=True,
            postgresql_where=text("verified_at is not null"),
        ),
        Index(
            "uq_notice_contact_waiting",
            "graduate_id",
            "kind",
            unique=True,
            postgresql_where=text("verified_at is null"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    kind: Mapped[ContactKind] = mapped_column(EnumText(ContactKind, 10))
    sealed_address: Mapped[bytes] = mapped_column(LargeBinary)
    code_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    code_expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    code_tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    verified_at: Mapped[datetime | None] = mapped_column(UtcTime)
    unreachable_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def address_place(contact_id: UUID) -> Place:
    return Place("notice_contact", "sealed_address", contact_id)


class ContactAttempt(Base):
    """One try by e-mail or SMS, committed before the provider is called, as ``DeliveryAttempt`` is. ``held_until``: it
    waits for its kind of letter, which is stopped; nothing is sent before.
    """

    __tablename__ = "contact_attempt"
    __table_args__ = (
        UniqueConstraint("notice_id", "kind", "number"),
        Index("ix_contact_attempt_undelivered", "created_at", postgresql_where=text("state in ('failed', 'unknown')")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    notice_id: Mapped[UUID] = mapped_column(ForeignKey("notice.id"))
    contact_id: Mapped[UUID | None] = mapped_column(ForeignKey("notice_contact.id", ondelete="SET NULL"), index=True)
    kind: Mapped[ContactKind] = mapped_column(EnumText(ContactKind, 10))
    number: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[AttemptState] = mapped_column(EnumText(AttemptState, 10))
    reason: Mapped[str] = mapped_column(String(80), default="")
    provider_id: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    held_until: Mapped[datetime | None] = mapped_column(UtcTime)


class CreditEntry(Base):
    """One change of one account's credits for one template; their sum is ``Subscription.credits``."""

    __tablename__ = "credit_entry"
    __table_args__ = (Index("ix_credit_entry_of", "identity_id", "template", "serial"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    identity_id: Mapped[UUID] = mapped_column(ForeignKey("platform_identity.id"))
    template: Mapped[Template] = mapped_column(EnumText(Template, 20))
    cause: Mapped[CreditCause] = mapped_column(EnumText(CreditCause, 12))
    change: Mapped[int] = mapped_column(Integer)
    attempt_id: Mapped[UUID | None] = mapped_column(ForeignKey("delivery_attempt.id"), unique=True)
    at: Mapped[datetime] = mapped_column(UtcTime)


class SendTurn(Base):
    """Who may send to an account now: WeChat refuses two at once (43108). A lease, since a worker may die."""

    __tablename__ = "send_turn"

    identity_id: Mapped[UUID] = mapped_column(ForeignKey("platform_identity.id"), primary_key=True)
    free_at: Mapped[datetime] = mapped_column(UtcTime)


class LineState(StrEnum):
    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"


class StaffLine(Base):
    """A line for the staff's group: counts and places, never a person. Kept until the robot took it."""

    __tablename__ = "staff_line"
    __table_args__ = (
        Index("ix_staff_line_waiting", "serial", postgresql_where=text("state <> 'sent'")),
        Index("ix_staff_line_sent_at", "sent_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    text: Mapped[str] = mapped_column(Text)
    state: Mapped[LineState] = mapped_column(EnumText(LineState, 10))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    sending_at: Mapped[datetime | None] = mapped_column(UtcTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcTime)


class RobotTurn(Base):
    """The group robot's token bucket, one row for all workers."""

    __tablename__ = "robot_turn"

    robot: Mapped[str] = mapped_column(String(20), primary_key=True)
    tokens: Mapped[float]
    filled_at: Mapped[datetime] = mapped_column(UtcTime)
    rest_until: Mapped[datetime | None] = mapped_column(UtcTime)
