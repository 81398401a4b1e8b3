"""The batch's own rows in the database: reading them, moving them on, and remembering files before they are stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CursorResult, delete, insert, select, update
from sqlalchemy.orm import Session

from app.db import Database
from app.envelope import DataKey, Place, open_json
from app.errors import NotFound, VersionMismatch
from app.file_ports import FileStore
from app.imports.columns import FAULT_WORDS, Fault
from app.imports.models import ImportBatch, ImportFile, ImportRow, ImportSegment, ImportStage
from app.imports.rules import BatchState
from app.imports.segments import Segment
from app.imports.views import BatchView, Problem


class Stopped(Exception):
    """The batch is no longer ours to work on: cancelled, or taken over by another process."""


def name_place(batch_id: UUID) -> Place:
    return Place("import_batch", "sealed_name", batch_id)


def cells_place(batch_id: UUID, line: int) -> Place:
    return Place("import_row", "sealed_cells", batch_id, line)


def stage_place(stage_id: UUID) -> Place:
    return Place("import_stage", "sealed_rows", stage_id)


def batch_view(batch: ImportBatch, key: DataKey) -> BatchView:
    return BatchView(
        id=batch.id,
        name=open_json(key, name_place(batch.id), batch.sealed_name)["name"],
        source=batch.source,
        state=batch.state,
        parent_id=batch.parent_id,
        size=batch.size,
        mapping=dict(batch.mapping),
        problems=tuple(Problem(p["pointer"], p["code"], p["words"]) for p in batch.problems),
        trouble=batch.trouble,
        rows=batch.rows,
        done=batch.done,
        filed=batch.filed,
        refused=batch.refused,
        skipped=batch.skipped,
        created_by=batch.created_by,
        created_at=batch.created_at,
        started_at=batch.started_at,
        finished_at=batch.finished_at,
        source_kept=batch.purged_at is None,
        dry_only=batch.dry_only,
        version=batch.version,
    )


def fault_of(kept: dict[str, Any]) -> Fault:
    return Fault(kept["column"], kept["code"], kept.get("cell", ""), kept.get("sheet", ""), int(kept.get("line", 0)))


def words_of(code: str) -> str:
    return FAULT_WORDS.get(code, "")


def locked(session: Session, batch_id: UUID, version: int | None = None) -> ImportBatch:
    """Raises NotFound, VersionMismatch."""
    batch = session.get(ImportBatch, batch_id, with_for_update=True)
    if batch is None or batch.state is BatchState.RECEIVING:
        raise NotFound("batch_not_found")
    if version is not None and batch.version != version:
        raise VersionMismatch("version_mismatch", extra={"current_version": batch.version})
    return batch


def moved_on(session: Session, batch_id: UUID, state: BatchState, done: int, /, **values: Any) -> None:
    """Change a batch under way, if it still stands where we left it. Raises Stopped."""
    result = session.execute(
        update(ImportBatch)
        .where(ImportBatch.id == batch_id, ImportBatch.state == state, ImportBatch.done == done)
        .values(version=ImportBatch.version + 1, **values)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise Stopped


def added(**counts: int) -> dict[str, Any]:
    """Column expressions that count up."""
    return {name: getattr(ImportBatch, name) + n for name, n in counts.items() if n}


def segments_of(session: Session, batch_id: UUID) -> list[Segment]:
    rows = session.scalars(
        select(ImportSegment).where(ImportSegment.batch_id == batch_id).order_by(ImportSegment.position)
    )
    return [Segment(r.position, r.file_name, r.size) for r in rows]


def take(session: Session, batch_id: UUID, students: Sequence[bytes]) -> None:
    """These students' staged rows have their graduate in the table."""
    session.execute(
        update(ImportStage)
        .where(ImportStage.batch_id == batch_id, ImportStage.student_bidx.in_(students))
        .values(taken=True)
    )


class AnnouncedFiles:
    """A file store that remembers each file in the database before it is stored, so that a crash leaves nothing that
    nobody knows: app.file_ports.FileStore for one batch.
    """

    def __init__(self, db: Database, files: FileStore, batch_id: UUID) -> None:
        self._db, self._files, self._batch = db, files, batch_id
        self.names: list[str] = []

    def put(self, name: str, data: bytes) -> None:
        with self._db.transaction() as session:
            session.execute(insert(ImportFile).values(file_name=name, batch_id=self._batch))
        self.names.append(name)
        self._files.put(name, data)

    def get(self, name: str) -> bytes:
        return self._files.get(name)

    def delete(self, name: str) -> None:
        self._files.delete(name)


def settle(session: Session, names: Sequence[str]) -> None:
    """These files belong to somebody now."""
    if names:
        session.execute(delete(ImportFile).where(ImportFile.file_name.in_(names)))


def delete_announced(db: Database, files: FileStore, batch_id: UUID) -> int:
    """Delete what a crash left: files that were announced and never settled. Safe at any time for a batch that nobody
    works on; how many there were.
    """
    with db.transaction() as session:
        names = list(session.scalars(select(ImportFile.file_name).where(ImportFile.batch_id == batch_id)))
    return delete_files(db, files, names)


def delete_files(db: Database, files: FileStore, names: Iterable[str]) -> int:
    held = list(names)
    for start in range(0, len(held), 500):
        part = held[start : start + 500]
        for name in part:
            files.delete(name)
        with db.transaction() as session:
            settle(session, part)
    return len(held)


def purge_source(db: Database, files: FileStore, batch_id: UUID, now: datetime) -> None:
    """Delete the sealed source and what was staged; a refused row keeps its reason and loses its cells."""
    with db.transaction() as session:
        segments = segments_of(session, batch_id)
    for segment in segments:
        files.delete(segment.file_name)
    with db.transaction() as session:
        session.execute(delete(ImportSegment).where(ImportSegment.batch_id == batch_id))
        session.execute(delete(ImportStage).where(ImportStage.batch_id == batch_id))
        session.execute(
            update(ImportRow)
            .where(ImportRow.batch_id == batch_id, ImportRow.sealed_cells.is_not(None))
            .values(sealed_cells=None)
        )
        session.execute(update(ImportBatch).where(ImportBatch.id == batch_id).values(purged_at=now))
