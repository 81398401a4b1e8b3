"""What the talent pool counts: the levels of awards, and the released tables."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, SmallInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, UtcTime, new_id


class AwardFact(Base):
    """One award's level and year. Its name and issuer stay sealed in the record."""

    __tablename__ = "award_fact"

    unit_id: Mapped[UUID] = mapped_column(primary_key=True)
    graduate_id: Mapped[UUID] = mapped_column(index=True)
    rank: Mapped[int] = mapped_column(SmallInteger)
    year: Mapped[int] = mapped_column(SmallInteger)


class StatisticRelease(Base):
    """One publication. ``body`` is all that is ever shown, with the suppressed cells' numbers left out;
    ``counted`` the folded-out groups it was made of, kept to tell how much the next one would change.
    """

    __tablename__ = "statistic_release"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    number: Mapped[int] = mapped_column(Integer, unique=True)
    smallest: Mapped[int] = mapped_column(SmallInteger)
    rules_version: Mapped[str] = mapped_column(String(20))
    persons: Mapped[int]
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    counted: Mapped[list[Any]] = mapped_column(JSONB)
    digest: Mapped[str] = mapped_column(String(64))
    made_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
