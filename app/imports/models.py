"""Import batches, their sealed source in segments, and what came of every row."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.actors import ActorKind
from app.db import Base, EnumText, UtcTime, new_id
from app.imports.rules import BatchSource, BatchState, RowOutcome


class ImportBatch(Base):
    """``done`` counts the rows that are dealt with: after a crash the work goes on behind them. ``dry_only``: it came
    from the sandbox and is never filed, whoever starts it.
    """

    __tablename__ = "import_batch"
    __table_args__ = (Index("ix_import_batch_created", "created_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    key_bidx: Mapped[bytes | None] = mapped_column(LargeBinary, unique=True)
    content_bidx: Mapped[bytes | None] = mapped_column(LargeBinary)
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("import_batch.id"))
    source: Mapped[BatchSource] = mapped_column(EnumText(BatchSource, 12))
    state: Mapped[BatchState] = mapped_column(EnumText(BatchState, 12), default=BatchState.RECEIVING)
    sealed_name: Mapped[bytes] = mapped_column(LargeBinary)
    size: Mapped[int] = mapped_column(BigInteger, default=0)
    mapping: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    headers: Mapped[list[str]] = mapped_column(JSONB, default=list)
    problems: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    trouble: Mapped[str] = mapped_column(String(40), default="")
    rows: Mapped[int] = mapped_column(Integer, default=0)
    done: Mapped[int] = mapped_column(Integer, default=0)
    filed: Mapped[int] = mapped_column(Integer, default=0)
    refused: Mapped[int] = mapped_column(Integer, default=0)
    skipped: Mapped[int] = mapped_column(Integer, default=0)
    staged: Mapped[bool] = mapped_column(default=False)
    dry_only: Mapped[bool] = mapped_column(default=False)
    created_by_kind: Mapped[ActorKind] = mapped_column(EnumText(ActorKind, 12))
    created_by: Mapped[UUID]
    run_by_kind: Mapped[ActorKind | None] = mapped_column(EnumText(ActorKind, 12))
    run_by: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    started_at: Mapped[datetime | None] = mapped_column(UtcTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcTime)
    purged_at: Mapped[datetime | None] = mapped_column(UtcTime)
    version: Mapped[int] = mapped_column(Integer, default=1)


class ImportSegment(Base):
    """One piece of the uploaded source, sealed under the house key in the file store."""

    __tablename__ = "import_segment"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("import_batch.id"), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True)
    file_name: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(Integer)


class ImportRow(Base):
    """``faults`` are {column, code, cell} only; ``sealed_cells`` what stood in a refused row, for the error file."""

    __tablename__ = "import_row"
    __table_args__ = (Index("ix_import_row_graduate", "graduate_id"),)

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("import_batch.id"), primary_key=True)
    sheet: Mapped[str] = mapped_column(String(12), primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    outcome: Mapped[RowOutcome] = mapped_column(EnumText(RowOutcome, 8))
    faults: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    graduate_id: Mapped[UUID | None]
    row_bidx: Mapped[bytes | None] = mapped_column(LargeBinary)
    sealed_cells: Mapped[bytes | None] = mapped_column(LargeBinary)


class ImportStage(Base):
    """Rows of the further tables of a bundle, waiting for their graduate; gone when the batch ends."""

    __tablename__ = "import_stage"
    __table_args__ = (Index("ix_import_stage_student", "batch_id", "student_bidx"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("import_batch.id"))
    student_bidx: Mapped[bytes] = mapped_column(LargeBinary)
    sheet: Mapped[str] = mapped_column(String(12))
    line: Mapped[int] = mapped_column(Integer)
    taken: Mapped[bool] = mapped_column(default=False)
    sealed_rows: Mapped[bytes] = mapped_column(LargeBinary)


class ImportFile(Base):
    """A file that is about to be stored or about to be deleted: whatever stands here after a crash is an orphan."""

    __tablename__ = "import_file"

    file_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("import_batch.id"), index=True)
