"""The index of retrieval units, searches kept, and purposes of opening content.

Keys and tokens are keyed HMACs (app/retrieval/keys.py): equal texts meet, nothing is readable. A text is indexed
once however many graduates have it, so a search looks through distinct texts and then walks to units.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import Boolean, ForeignKey, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.dossiers.rules import Zone
from app.retrieval.rules import Level, Strength


class SearchText(Base):
    """One distinct text of one class, level and zone (检索目录的条目). Its words stand nowhere but in the dossiers."""

    __tablename__ = "search_text"
    __table_args__ = (
        Index("ix_search_text_group", "unit_group", "level", "key"),
        Index("ix_search_text_strength", "strength", "key"),
    )

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    unit_group: Mapped[str] = mapped_column(String(12))
    zone: Mapped[Zone] = mapped_column(EnumText(Zone, 1))
    level: Mapped[Level] = mapped_column(EnumText(Level, 12))
    strength: Mapped[Strength] = mapped_column(EnumText(Strength, 12))


class SearchPosting(Base):
    __tablename__ = "search_posting"

    token: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    text_key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)


class SearchShelf(Base):
    """Where a text stands: one cohort, college, major, degree level and year."""

    __tablename__ = "search_shelf"
    __table_args__ = (
        Index("ix_search_shelf_text", "text_key", "cohort_year", "key"),
        Index("ix_search_shelf_major", "major", "cohort_year", "key"),
        Index("ix_search_shelf_college", "college", "cohort_year", "key"),
        Index("ix_search_shelf_cohort", "cohort_year", "key"),
    )

    key: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    text_key: Mapped[bytes] = mapped_column(LargeBinary)
    cohort_year: Mapped[int] = mapped_column(SmallInteger)
    college: Mapped[str] = mapped_column(String(60))
    major: Mapped[str] = mapped_column(String(60))
    degree_level: Mapped[str] = mapped_column(String(10))
    year: Mapped[int] = mapped_column(SmallInteger)


class RetrievalUnit(Base):
    """检索单元: a record's or a material's id, and the shelf it is found on."""

    __tablename__ = "retrieval_unit"
    __table_args__ = (Index("ix_retrieval_unit_shelf", "shelf_key", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    shelf_key: Mapped[bytes] = mapped_column(LargeBinary)
    graduate_id: Mapped[UUID]


class IndexRebuild(Base):
    """How far a rebuild has come, so that it can be taken up again. One row at most is unfinished."""

    __tablename__ = "index_rebuild"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    after: Mapped[UUID | None]
    done: Mapped[int] = mapped_column(default=0)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)


class StaffSearch(Base):
    """A search as asked, sealed under the house key: what is searched for may be personal. Unsaved ones expire."""

    __tablename__ = "staff_search"
    __table_args__ = (Index("ix_staff_search_staff", "staff_id", "saved", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    saved: Mapped[bool] = mapped_column(Boolean, default=False)
    sealed_search: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)


class RetrievalPurpose(Base):
    """Why a member of staff opens a graduate's content (调取登记). Never updated, never deleted (trigger)."""

    __tablename__ = "retrieval_purpose"
    __table_args__ = (
        Index("ix_retrieval_purpose_open", "staff_id", "graduate_id", "expires_at"),
        Index("ix_retrieval_purpose_opened", "opened_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    purpose: Mapped[str] = mapped_column(String(20))
    sealed_note: Mapped[bytes] = mapped_column(LargeBinary)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
