"""Conversations and their messages. What was said is sealed: with the graduate's key where the account is bound."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.envelope import HOUSE, Place
from notifications.chat.rules import Author, Channel, ChatState


class Delivery(StrEnum):
    """How a reply reached the person. ``IN_APP``: it waits in the mini-program; ``INBOX``: there, and a notice says
    so; ``UNKNOWN``: it was sent, no answer came, and it waits there too.
    """

    NONE = ""
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    IN_APP = "in_app"
    INBOX = "inbox"
    UNKNOWN = "unknown"


class Conversation(Base):
    """One account's talk while it stands for one graduate, or for nobody: who binds or changes over begins anew.

    ``waiting_since`` is when the person began to wait for staff; ``sent_since`` how many customer-service messages
    went out since ``last_in_at``, an estimate of WeChat's own count.
    """

    __tablename__ = "chat_conversation"
    __table_args__ = (
        Index(
            "uq_chat_conversation_identity_id",
            "identity_id",
            "graduate_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("ix_chat_conversation_queue", "state", "waiting_since"),
        Index("ix_chat_conversation_taken", "assigned_to", postgresql_where=text("assigned_to is not null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    identity_id: Mapped[UUID] = mapped_column(ForeignKey("platform_identity.id"))
    graduate_id: Mapped[UUID | None] = mapped_column(ForeignKey("graduate.id"), index=True)
    state: Mapped[ChatState] = mapped_column(EnumText(ChatState, 10))
    version: Mapped[int] = mapped_column(Integer)
    unknowns: Mapped[int] = mapped_column(SmallInteger, default=0)
    assigned_to: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    waiting_since: Mapped[datetime | None] = mapped_column(UtcTime)
    channel: Mapped[Channel] = mapped_column(EnumText(Channel, 10))
    last_in_at: Mapped[datetime | None] = mapped_column(UtcTime)
    sent_since: Mapped[int] = mapped_column(SmallInteger, default=0)
    moved_at: Mapped[datetime] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    @property
    def owner(self) -> UUID:
        """Whose key seals what is said here."""
        return self.graduate_id or HOUSE


class ChatMessage(Base):
    """``answers`` is the message a reply of the bot belongs to: it is answered once, however often the job runs."""

    __tablename__ = "chat_message"
    __table_args__ = (Index("ix_chat_message_conversation", "conversation_id", "serial"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    conversation_id: Mapped[UUID] = mapped_column(ForeignKey("chat_conversation.id"))
    author: Mapped[Author] = mapped_column(EnumText(Author, 10))
    kind: Mapped[str] = mapped_column(String(12))
    channel: Mapped[Channel] = mapped_column(EnumText(Channel, 10))
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    intent: Mapped[str] = mapped_column(String(20), default="")
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    answers: Mapped[UUID | None] = mapped_column(ForeignKey("chat_message.id", ondelete="SET NULL"), unique=True)
    delivery: Mapped[Delivery] = mapped_column(EnumText(Delivery, 10), default=Delivery.NONE)
    reason: Mapped[str] = mapped_column(String(80), default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    settled_at: Mapped[datetime | None] = mapped_column(UtcTime)


def body_place(message_id: UUID) -> Place:
    return Place("chat_message", "sealed_body", message_id)
