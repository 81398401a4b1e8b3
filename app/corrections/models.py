"""Tickets, their conversation, evidence and approvals."""

from __future__ import annotations

from datetime import date, datetime
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
from sqlalchemy.orm import Mapped, mapped_column

from app.corrections.rules import Kind, Side, State
from app.db import Base, EnumText, UtcTime, new_id
from app.dossiers.rules import Section


class Ticket(Base):
    """``sealed_claim`` holds the changes asked for, with the values they would replace, and the statement."""

    __tablename__ = "ticket"
    __table_args__ = (
        Index("ix_ticket_queue", "state", "decide_by", "id"),
        Index("ix_ticket_graduate", "graduate_id", "serial"),
        Index(
            "uq_ticket_open_record",
            "record_id",
            unique=True,
            postgresql_where=text("state not in ('applied', 'resolved', 'rejected', 'withdrawn')"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    record_id: Mapped[UUID | None] = mapped_column(ForeignKey("record.id"))
    section: Mapped[Section | None] = mapped_column(EnumText(Section, 20))
    base_version: Mapped[int | None] = mapped_column(SmallInteger)
    kind: Mapped[Kind] = mapped_column(EnumText(Kind, 20))
    state: Mapped[State] = mapped_column(EnumText(State, 20), default=State.SUBMITTED)
    sealed_claim: Mapped[bytes] = mapped_column(LargeBinary)
    assigned_to: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    applied_version: Mapped[int | None] = mapped_column(SmallInteger)
    reason_code: Mapped[str | None] = mapped_column(String(30))
    version: Mapped[int] = mapped_column(Integer, default=1)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    touched_at: Mapped[datetime] = mapped_column(UtcTime)
    answer_by: Mapped[date]
    decide_by: Mapped[date]
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class TicketMessage(Base):
    __tablename__ = "ticket_message"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    side: Mapped[Side] = mapped_column(EnumText(Side, 10))
    author_id: Mapped[UUID]
    sealed_text: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Evidence(Base):
    """An uploaded proof. It belongs to its owner from the start and to a ticket once one names it."""

    __tablename__ = "evidence"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("ticket.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    pages: Mapped[int] = mapped_column(SmallInteger)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class TicketApproval(Base):
    """One person's yes to one exact change: bound to the digest of the diff and to the base version."""

    __tablename__ = "ticket_approval"
    __table_args__ = (UniqueConstraint("ticket_id", "person_key", "diff_digest"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    person_key: Mapped[UUID]
    diff_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
