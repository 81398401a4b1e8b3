"""Tickets, their conversation, evidence and approvals."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Computed,
    Date,
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

from app.corrections.rules import Kind, Side, State
from app.db import Base, EnumText, UtcTime, new_id
from app.dossiers.rules import Section

# the day that comes first, as ClockView.presses_on says it: lists are ordered and counted by it
PRESSES_ON = (
    "case when answered_at is null and stopped_at is null and answer_by < decide_by then answer_by else decide_by end"
)
OPEN = "state not in ('applied', 'resolved', 'rejected', 'withdrawn', 'merged')"
"""The words of the partial indexes: a query of open tickets must say the same, literally, to be served by them."""


class Ticket(Base):
    """``sealed_claim`` holds the changes asked for, with the values they would replace, and the statement.

    ``college`` is the graduate's at the opening: it says whose team works the ticket.
    ``round`` counts from 1: reopening and the appeal begin a new one. ``material_id`` is what a decision has filed.
    """

    __tablename__ = "ticket"
    __table_args__ = (
        Index("ix_ticket_queue", "state", "decide_by", "id"),
        Index("ix_ticket_graduate", "graduate_id", "serial"),
        Index("ix_ticket_open_due", "presses_on", "serial", postgresql_where=text(OPEN)),
        Index(
            "ix_ticket_running_due",
            "presses_on",
            "serial",
            postgresql_where=text(f"stopped_at is null and {OPEN}"),
            postgresql_include=["decide_by"],
        ),
        Index("ix_ticket_open_handler", "assigned_to", "presses_on", "serial", postgresql_where=text(OPEN)),
        Index("ix_ticket_open_college", "college", "presses_on", "serial", postgresql_where=text(OPEN)),
        Index("ix_ticket_unanswered", "answer_by", "serial", postgresql_where=text(f"answered_at is null and {OPEN}")),
        Index("ix_ticket_clock_unset", "serial", postgresql_where=text("clock_calendar is null")),
        Index("ix_ticket_decided", "decided_at", "serial", postgresql_where=text("decided_at is not null")),
        Index("ix_ticket_touched", "touched_at", "serial"),
        Index("ix_ticket_opened", "opened_at", "serial"),
        Index("uq_ticket_open_record", "record_id", unique=True, postgresql_where=text(OPEN)),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    record_id: Mapped[UUID | None] = mapped_column(ForeignKey("record.id"))
    section: Mapped[Section | None] = mapped_column(EnumText(Section, 20))
    base_version: Mapped[int | None] = mapped_column(SmallInteger)
    college: Mapped[str] = mapped_column(String(60), default="")
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
    round: Mapped[int] = mapped_column(SmallInteger, default=1)
    reopened_at: Mapped[datetime | None] = mapped_column(UtcTime)
    appealed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    merged_into: Mapped[UUID | None] = mapped_column(ForeignKey("ticket.id"), index=True)
    material_id: Mapped[UUID | None] = mapped_column(ForeignKey("material.id"))
    material_version: Mapped[int | None] = mapped_column(SmallInteger)
    # the clock of the present round (clock.py); empty until it was first worked out
    clock_started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    counted_through: Mapped[date | None]
    used_days: Mapped[int] = mapped_column(SmallInteger, default=0, server_default="0")
    presses_on: Mapped[date] = mapped_column(Date, Computed(PRESSES_ON, persisted=True))
    answered_at: Mapped[datetime | None] = mapped_column(UtcTime)
    stopped_at: Mapped[datetime | None] = mapped_column(UtcTime)
    clock_ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    escalated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    clock_calendar: Mapped[str | None] = mapped_column(String(40))

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class TicketReminder(Base):
    """A threshold of a ticket's clock that was reached, once per due day. ``told_at``: the digest that told of it."""

    __tablename__ = "ticket_reminder"
    __table_args__ = (
        UniqueConstraint("ticket_id", "threshold", "due_on"),
        Index("ix_ticket_reminder_untold", "at", postgresql_where=text("told_at is null")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"))
    threshold: Mapped[str] = mapped_column(String(20))
    due_on: Mapped[date]
    staff_id: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    event_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcTime)
    told_at: Mapped[datetime | None] = mapped_column(UtcTime)


class TicketMessage(Base):
    __tablename__ = "ticket_message"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    side: Mapped[Side] = mapped_column(EnumText(Side, 10))
    author_id: Mapped[UUID]
    sealed_text: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class TicketNote(Base):
    """A note among staff. It has a table of its own, so that no query for the conversation can show one."""

    __tablename__ = "ticket_note"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    author_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    sealed_text: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Evidence(Base):
    """An uploaded proof. It belongs to its owner from the start and to a ticket once one names it.

    ``proof`` says which of the kind's proofs it is; ``added_by`` is the member of staff who got it, if one did.
    """

    __tablename__ = "evidence"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    ticket_id: Mapped[UUID | None] = mapped_column(ForeignKey("ticket.id"), index=True)
    file_name: Mapped[str] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    pages: Mapped[int] = mapped_column(SmallInteger)
    proof: Mapped[str | None] = mapped_column(String(30))
    added_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
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


class VoidedApproval(Base):
    """A yes that counts no more, kept as what happened. Never updated, never deleted."""

    __tablename__ = "voided_approval"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    person_key: Mapped[UUID]
    diff_digest: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    voided_at: Mapped[datetime] = mapped_column(UtcTime)


class TicketDecision(Base):
    """One decision: what came of a round, who agreed, and which version it made. Never updated, never deleted.

    ``decide_by`` and ``used_days`` are of its round's clock; empty where they were not kept yet.
    """

    __tablename__ = "ticket_decision"
    __table_args__ = (
        Index("ix_ticket_decision_record", "record_id", "applied_version"),
        Index("ix_ticket_decision_decided", "decided_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), index=True)
    round: Mapped[int] = mapped_column(SmallInteger)
    outcome: Mapped[State] = mapped_column(EnumText(State, 20))
    reason_code: Mapped[str | None] = mapped_column(String(30))
    record_id: Mapped[UUID | None] = mapped_column(ForeignKey("record.id"))
    base_version: Mapped[int | None] = mapped_column(SmallInteger)
    applied_version: Mapped[int | None] = mapped_column(SmallInteger)
    material_id: Mapped[UUID | None] = mapped_column(ForeignKey("material.id"), index=True)
    material_version: Mapped[int | None] = mapped_column(SmallInteger)
    on_appeal: Mapped[bool]
    decided_by: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    approvers: Mapped[list[str]] = mapped_column(JSONB)
    decided_at: Mapped[datetime] = mapped_column(UtcTime)
    decide_by: Mapped[date | None]
    used_days: Mapped[int | None] = mapped_column(SmallInteger)
