"""Dossiers, their records and materials, and immutable version rows."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.dossiers.rules import DossierState, Section, Source, Zone


class Dossier(Base):
    __tablename__ = "dossier"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), unique=True)
    state: Mapped[DossierState] = mapped_column(EnumText(DossierState, 20), default=DossierState.OPEN)
    version: Mapped[int] = mapped_column(Integer, default=1)
    sealed_photo_name: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class Record(Base):
    """One line of a section. What it says stands in its versions; this row only says which is current."""

    __tablename__ = "record"
    __table_args__ = (Index("ix_record_dossier", "dossier_id", "section", "position"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    section: Mapped[Section] = mapped_column(EnumText(Section, 20))
    position: Mapped[int] = mapped_column(Integer)
    zone: Mapped[Zone] = mapped_column(EnumText(Zone, 1))
    zone_rule: Mapped[str] = mapped_column(String(10))
    current: Mapped[int] = mapped_column(SmallInteger, default=1)


class RecordVersion(Base):
    """Never updated, never deleted (trigger)."""

    __tablename__ = "record_version"
    __table_args__ = (UniqueConstraint("record_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    record_id: Mapped[UUID] = mapped_column(ForeignKey("record.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    sealed_body: Mapped[bytes] = mapped_column(LargeBinary)
    source: Mapped[Source] = mapped_column(EnumText(Source, 12))
    source_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Material(Base):
    __tablename__ = "material"
    __table_args__ = (UniqueConstraint("dossier_id", "class_code", "sequence"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    dossier_id: Mapped[UUID] = mapped_column(ForeignKey("dossier.id"))
    class_code: Mapped[str] = mapped_column(String(4))
    kind: Mapped[str] = mapped_column(String(30))
    sequence: Mapped[int] = mapped_column(SmallInteger)
    zone: Mapped[Zone] = mapped_column(EnumText(Zone, 1))
    zone_rule: Mapped[str] = mapped_column(String(10))
    current: Mapped[int] = mapped_column(SmallInteger, default=1)


class MaterialVersion(Base):
    """``sealed_about`` holds title, date formed, pages and remark; ``sealed_facts`` what was measured of the content
    (digests, pages, pixels, dpi). Content and preview lie sealed in the file store.
    """

    __tablename__ = "material_version"
    __table_args__ = (UniqueConstraint("material_id", "number"), Index("ix_material_version_content", "content_bidx"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    material_id: Mapped[UUID] = mapped_column(ForeignKey("material.id"))
    number: Mapped[int] = mapped_column(SmallInteger)
    sealed_about: Mapped[bytes] = mapped_column(LargeBinary)
    file_name: Mapped[str | None] = mapped_column(String(64))
    media_type: Mapped[str | None] = mapped_column(String(60))
    size: Mapped[int | None]
    preview_name: Mapped[str | None] = mapped_column(String(64))
    content_bidx: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_facts: Mapped[bytes | None] = mapped_column(LargeBinary)
    source: Mapped[Source] = mapped_column(EnumText(Source, 12))
    source_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
