"""What the desk keeps about its own work: saved views, who answers for a college, turns, bulk runs, macros, ratings."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id


class SavedView(Base):
    """``sealed_view`` holds the name and the filters: a clerk may name a view after a person."""

    __tablename__ = "ticket_view"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), index=True)
    shared: Mapped[bool]
    sealed_view: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class CollegeDuty(Base):
    """Who works the tickets of a college's graduates. Several may answer for one college."""

    __tablename__ = "college_duty"

    college: Mapped[str] = mapped_column(String(60), primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True, index=True)
    set_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class DeskTurn(Base):
    """When somebody last got a ticket by turn: the one who waits longest is next, whoever was away meanwhile."""

    __tablename__ = "desk_turn"

    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"), primary_key=True)
    turned_at: Mapped[datetime] = mapped_column(UtcTime)


class LineOutcome(StrEnum):
    """``begun`` without an end means the process died between: nobody knows, so the ticket must be looked at."""

    BEGUN = "begun"
    DONE = "done"
    REFUSED = "refused"


class BulkRun(Base):
    """One submitted bulk form. Its id is the form's own, so a second submission finds the first."""

    __tablename__ = "bulk_run"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    act: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class BulkLine(Base):
    """What became of one ticket of a run; ``code`` says why it was refused."""

    __tablename__ = "bulk_line"
    __table_args__ = (Index("ix_bulk_line_ticket", "ticket_id"),)

    run_id: Mapped[UUID] = mapped_column(ForeignKey("bulk_run.id"), primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    position: Mapped[int] = mapped_column(SmallInteger)
    outcome: Mapped[LineOutcome] = mapped_column(EnumText(LineOutcome, 10), default=LineOutcome.BEGUN)
    code: Mapped[str] = mapped_column(String(60), default="")


class Macro(Base):
    """A text block of the desk; what it says stands in its versions."""

    __tablename__ = "macro"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    latest: Mapped[int] = mapped_column(SmallInteger)
    retired_at: Mapped[datetime | None] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class MacroVersion(Base):
    __tablename__ = "macro_version"
    __table_args__ = (UniqueConstraint("macro_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    macro_id: Mapped[UUID] = mapped_column(ForeignKey("macro.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    title: Mapped[str] = mapped_column(String(60))
    body: Mapped[str] = mapped_column(Text)
    author_id: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Satisfaction(Base):
    """One answer per ticket. Read in groups only (app/corrections/rating_rules.py)."""

    __tablename__ = "ticket_satisfaction"

    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("ticket.id"), primary_key=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    score: Mapped[int] = mapped_column(SmallInteger)
    sealed_words: Mapped[bytes | None] = mapped_column(LargeBinary)
    answered_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
