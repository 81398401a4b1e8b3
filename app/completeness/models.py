"""What was found of each dossier, gap by gap, and who was reminded of what. Codes and days only."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import Date, ForeignKey, Index, Integer, SmallInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.completeness.rules import Standing
from app.db import Base, EnumText, UtcTime, new_id


class CompletenessResult(Base):
    """The latest finding of one graduate's dossier. Stale when the dossier's version or the rules have moved on."""

    __tablename__ = "completeness_result"
    __table_args__ = (Index("ix_completeness_cohort", "cohort_year", "complete"),)

    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), primary_key=True)
    cohort_year: Mapped[int] = mapped_column(SmallInteger)
    computed_at: Mapped[datetime] = mapped_column(UtcTime)
    dossier_version: Mapped[int] = mapped_column(Integer)
    class_map_version: Mapped[str] = mapped_column(String(20))
    checklist_version: Mapped[str] = mapped_column(String(20))
    rules_digest: Mapped[str] = mapped_column(String(64))
    complete: Mapped[bool]
    listed_percent: Mapped[int] = mapped_column(SmallInteger)
    scanned_percent: Mapped[int] = mapped_column(SmallInteger)
    missing: Mapped[list[str]] = mapped_column(JSONB)


class CompletenessGap(Base):
    """One thing that counts and is missing, wrong, or listed without content; replaced as a whole with its result."""

    __tablename__ = "completeness_gap"
    __table_args__ = (
        Index("ix_completeness_gap_kind", "cohort_year", "kind", "standing"),
        Index("ix_completeness_gap_due", "due_on", "standing"),
    )

    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(30), primary_key=True)
    cohort_year: Mapped[int] = mapped_column(SmallInteger)
    owner: Mapped[str] = mapped_column(String(30))
    due_on: Mapped[date] = mapped_column(Date)
    standing: Mapped[Standing] = mapped_column(EnumText(Standing, 20))


class CompletenessReminder(Base):
    """Append-only. ``stage``: days before the due day for an automatic one, 0 for one that staff sent."""

    __tablename__ = "completeness_reminder"
    __table_args__ = (Index("ix_completeness_reminder", "graduate_id", "kind", "at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    kind: Mapped[str] = mapped_column(String(30))
    due_on: Mapped[date] = mapped_column(Date)
    stage: Mapped[int] = mapped_column(SmallInteger)
    event_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(UtcTime)
