"""Uploads of scans, supplements sent in by graduates, and the rounds and findings of fixity."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, EnumText, UtcTime, new_id
from app.materials.rules import Damage, Mended, State


class ScanUpload(Base):
    """One submission of the upload form; ``id`` is the form's token, so that a double submit makes one.

    ``sealed_outcome`` says for each file its name, what became of it and the material it is.
    """

    __tablename__ = "scan_upload"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"), index=True)
    staff_id: Mapped[UUID] = mapped_column(ForeignKey("staff_member.id"))
    sealed_outcome: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


class Supplement(Base):
    """``sealed_proposal``: title, date formed and statement; ``sealed_facts``: digests and measures of the file;
    ``sealed_answer``: the words a return was explained with.
    """

    __tablename__ = "supplement"
    __table_args__ = (
        Index("ix_supplement_queue", "state", "serial"),
        Index("ix_supplement_graduate", "graduate_id", "serial"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    serial: Mapped[int] = mapped_column(BigInteger, Identity(always=True), unique=True)
    graduate_id: Mapped[UUID] = mapped_column(ForeignKey("graduate.id"))
    class_code: Mapped[str] = mapped_column(String(4))
    kind: Mapped[str] = mapped_column(String(30))
    sealed_proposal: Mapped[bytes] = mapped_column(LargeBinary)
    file_name: Mapped[str] = mapped_column(String(64))
    preview_name: Mapped[str | None] = mapped_column(String(64))
    media_type: Mapped[str] = mapped_column(String(60))
    size: Mapped[int]
    sealed_facts: Mapped[bytes] = mapped_column(LargeBinary)
    state: Mapped[State] = mapped_column(EnumText(State, 12), default=State.SUBMITTED)
    reason_code: Mapped[str | None] = mapped_column(String(30))
    sealed_answer: Mapped[bytes | None] = mapped_column(LargeBinary)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    decided_at: Mapped[datetime | None] = mapped_column(UtcTime)
    material_id: Mapped[UUID | None] = mapped_column(ForeignKey("material.id"))
    version: Mapped[int] = mapped_column(Integer, default=1)
    submitted_at: Mapped[datetime] = mapped_column(UtcTime)

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy's declarative form


class FixityRun(Base):
    """One round over everything kept. ``stage`` and ``position`` are how far it has come; at most one is open."""

    __tablename__ = "fixity_run"
    __table_args__ = (
        Index(
            "uq_fixity_run_open",
            # an open round is never an abandoned one, so this lets one alone be open
            "abandoned",
            unique=True,
            postgresql_where=text("finished_at is null"),
        ),
        Index("ix_fixity_run_started", "started_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    started_by: Mapped[UUID | None] = mapped_column(ForeignKey("staff_member.id"))
    stage: Mapped[str] = mapped_column(String(40))
    position: Mapped[UUID | None]
    total: Mapped[int] = mapped_column(BigInteger)
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    cells: Mapped[int] = mapped_column(BigInteger, default=0)
    files: Mapped[int] = mapped_column(BigInteger, default=0)
    damaged: Mapped[int] = mapped_column(Integer, default=0)
    missing: Mapped[int] = mapped_column(Integer, default=0)
    repaired: Mapped[int] = mapped_column(Integer, default=0)
    erased: Mapped[int] = mapped_column(Integer, default=0)
    abandoned: Mapped[bool] = mapped_column(default=False)
    slices: Mapped[int] = mapped_column(Integer, default=0)
    started_at: Mapped[datetime] = mapped_column(UtcTime)
    moved_at: Mapped[datetime] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)


class FixityFinding(Base):
    """Something that did not verify. One stays open until it is mended; seen again, it is the same one."""

    __tablename__ = "fixity_finding"
    __table_args__ = (
        Index(
            "uq_fixity_finding_open",
            "object_kind",
            "object_id",
            "part",
            unique=True,
            postgresql_where=text("mended_at is null"),
        ),
        Index("ix_fixity_finding_found", "found_at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    run_id: Mapped[UUID] = mapped_column(ForeignKey("fixity_run.id"))
    object_kind: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[UUID]
    part: Mapped[str] = mapped_column(String(40))
    owner_id: Mapped[UUID]
    damage: Mapped[Damage] = mapped_column(EnumText(Damage, 20))
    found_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    mended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    mended_how: Mapped[Mended | None] = mapped_column(EnumText(Mended, 12))
