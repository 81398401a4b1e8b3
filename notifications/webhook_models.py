"""What is published to other systems: the feed, the subscriptions to it, and the log of every delivery."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    CheckConstraint,
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
from app.envelope import Place
from notifications.webhook_rules import Attempt, Ended, Message, State


class EventOutbox(Base):
    """Events of public types that the feed does not have yet. A trigger on the log fills it in the event's own
    transaction, however the event is written.
    """

    __tablename__ = "event_outbox"

    event_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class FeedState(Base):
    """One row, locked by whoever numbers events. ``swept_serial``: up to here the feed has been forgotten."""

    __tablename__ = "feed_state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    last_serial: Mapped[int] = mapped_column(BigInteger)
    swept_serial: Mapped[int] = mapped_column(BigInteger)


class PublicEvent(Base):
    """One message of the feed; ``serial`` counts without gaps in the order in which they became known.

    ``receiver_code``: the receiving office that hears of it too. ``client_id``: the only client that does.
    """

    __tablename__ = "public_event"

    serial: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(unique=True)
    type: Mapped[str] = mapped_column(String(60))
    at: Mapped[datetime] = mapped_column(UtcTime)
    data: Mapped[dict[str, Any]] = mapped_column(JSONB)
    receiver_code: Mapped[str | None] = mapped_column(String(40))
    client_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class WebhookSubscription(Base):
    """Where a client wants which events sent to.

    ``sealed_secrets`` holds the signing secret, and the one before it until ``previous_until``. ``lease`` names the job
    that delivers at present, until ``lease_until``; ``resume_at``: nothing is tried before.
    """

    __tablename__ = "webhook_subscription"
    __table_args__ = (CheckConstraint("state <> 'disabled' or ended is not null", name="ended_why"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    client_id: Mapped[UUID] = mapped_column(ForeignKey("partner_client.id"), index=True)
    url: Mapped[str] = mapped_column(String(2048))
    types: Mapped[list[str]] = mapped_column(ARRAY(String(60)))
    state: Mapped[State] = mapped_column(EnumText(State, 10))
    ended: Mapped[Ended | None] = mapped_column(EnumText(Ended, 10))
    sealed_secrets: Mapped[bytes] = mapped_column(LargeBinary)
    secret_version: Mapped[int] = mapped_column(Integer, default=1)
    previous_until: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_failure_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    resume_at: Mapped[datetime | None] = mapped_column(UtcTime)
    lease: Mapped[UUID | None]
    lease_until: Mapped[datetime | None] = mapped_column(UtcTime)


def secrets_place(row: WebhookSubscription) -> Place:
    return Place("webhook_subscription", "sealed_secrets", row.id, row.secret_version)


class WebhookMessage(Base):
    """One event for one subscription. ``tries`` counts since it was first due or last replayed."""

    __tablename__ = "webhook_message"
    __table_args__ = (
        UniqueConstraint("subscription_id", "event_serial"),
        Index("ix_webhook_message_due", "subscription_id", "due_at", postgresql_where=text("state = 'waiting'")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_subscription.id", ondelete="CASCADE"))
    event_serial: Mapped[int] = mapped_column(ForeignKey("public_event.serial", ondelete="CASCADE"), index=True)
    state: Mapped[Message] = mapped_column(EnumText(Message, 10))
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    due_at: Mapped[datetime] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)


class WebhookAttempt(Base):
    """Committed before the call. ``status`` is the answer's, None without one; of its body nothing is kept."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (UniqueConstraint("message_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    message_id: Mapped[UUID] = mapped_column(ForeignKey("webhook_message.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[Attempt] = mapped_column(EnumText(Attempt, 10))
    status: Mapped[int | None] = mapped_column(SmallInteger)
    reason: Mapped[str] = mapped_column(String(20), default="")
    duration_ms: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
