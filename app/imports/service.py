"""Importing cohorts: a source is received sealed, checked, imported in the background, reported row by row, undone.

Every public method is one use case; the work itself is done by app/imports/runner.py, in a worker or at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.dossiers.views import FileView
from app.envelope import DataKey, open_json
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.file_ports import FileStore
from app.imports import batches, reports
from app.imports.batches import batch_view, cells_place, delete_announced, fault_of, locked, purge_source
from app.imports.columns import FIELDS, GRADUATE_TABLE
from app.imports.models import ImportBatch, ImportFile, ImportRow
from app.imports.paging import BatchPage, Wanted, cut_page, found_batches
from app.imports.previews import preview_of
from app.imports.receiving import Receiver
from app.imports.rules import (
    ENDED,
    KEEP_SOURCE,
    RECEIVING_LIMIT,
    REOPENED,
    STATE_WORDS,
    BatchSource,
    BatchState,
    RowOutcome,
)
from app.imports.rules import may_start as may
from app.imports.runner import Observer, Runner
from app.imports.segments import SegmentReader, buffered
from app.imports.templates import template_file
from app.imports.undoing import Undoing
from app.imports.views import BatchView, Hindrance, ImportReport, Preview, RowReport, RowView
from app.jobs import ImportWork, JobQueue
from app.keyring import Keyring
from app.office_time import office_date
from app.people.rules import mask_student_number
from app.ports import Clock


class ImportService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
        receiver: Receiver,
        runner: Runner,
        undoing: Undoing,
    ) -> None:
        self._db, self._keys, self._files = db, keys, files
        self._queue, self._log, self._clock = queue, log, clock
        self.receiver, self.runner, self.undoing = receiver, runner, undoing

    def receive(
        self,
        actor: Actor,
        *,
        name: str,
        stream: BinaryIO,
        source: BatchSource | str,
        batch_key: str | None = None,
        parent: UUID | None = None,
        dry_only: bool = False,
    ) -> BatchView:
        """Keep the source sealed and give its batch. The same key and content give the same batch again; without a
        key the content is its own. Raises Conflict('batch_key_reused') for another content, Invalid for an empty one.
        A ``dry_only`` batch is checked and never imported.
        """
        self._require(actor)
        if parent is not None:
            self.batch(actor, parent)
        return self.batch(
            actor,
            self.receiver.receive(actor, name, stream, BatchSource(source), batch_key, parent, dry_only=dry_only),
        )

    # --- mapping ------------------------------------------------------------------------------------------------------

    def preview(self, actor: Actor, batch_id: UUID) -> Preview:
        """What the columns are taken for, with masked samples. What is wrong with the file is among it."""
        view = self.batch(actor, batch_id)
        house = self._keys.house()
        with self._db.transaction() as session:
            segments = batches.segments_of(session, batch_id)
        if not segments:
            raise Conflict("import_source_gone")
        stream = buffered(SegmentReader(batch_id, segments, house, self._files))
        return preview_of(view.name, stream, view.mapping, office_date(self._clock.now()))

    def set_mapping(self, actor: Actor, batch_id: UUID, mapping: Mapping[str, str], version: int) -> BatchView:
        """Header -> field ('' leaves a column out); goes before the names. Raises Invalid, VersionMismatch."""
        self.batch(actor, batch_id)
        faults = [FieldFault(h, "unknown_field") for h, f in mapping.items() if f and f not in FIELDS[GRADUATE_TABLE]]
        chosen = [f for f in mapping.values() if f]
        faults += [
            FieldFault(h, "duplicate_column", f"有两列都对应“{f}”") for h, f in mapping.items() if chosen.count(f) > 1
        ]
        if faults:
            raise Invalid("mapping_wrong", faults=faults)
        with self._db.transaction() as session:
            batch = self._may(session, batch_id, version, "mapping")
            batch.mapping, batch.state, batch.problems = dict(mapping), BatchState.UPLOADED, []
            batch.version += 1
        return self.batch(actor, batch_id)

    # --- work ---------------------------------------------------------------------------------------------------------

    def start_check(self, actor: Actor, batch_id: UUID, version: int | None = None) -> BatchView:
        """A worker judges every row; nothing is filed."""
        return self._start(actor, batch_id, version, "check", BatchState.CHECKING)

    def start_import(self, actor: Actor, batch_id: UUID, version: int | None = None) -> BatchView:
        """A worker files what can be filed. A batch whose worker died goes on where it was. Raises
        Conflict('import_dry_only') for what came from the sandbox.
        """
        return self._start(actor, batch_id, version, "import", BatchState.IMPORTING)

    def _start(
        self, actor: Actor, batch_id: UUID, version: int | None, what: str, state: BatchState, *, enqueue: bool = True
    ) -> BatchView:
        self.batch(actor, batch_id)
        with self._db.transaction() as session:
            batch = self._may(session, batch_id, version, what)
            if batch.state is not state:
                batch.done = batch.filed = batch.refused = batch.skipped = 0
            batch.state, batch.trouble, batch.problems, batch.finished_at = state, "", [], None
            batch.run_by_kind, batch.run_by = actor.kind, actor.id
            batch.version += 1
            self._log.record(session, actor, f"import.{what}_started", object_kind="import_batch", object_id=batch_id)
            if enqueue:
                self._queue.enqueue(session, ImportWork(batch_id))
        return self.batch(actor, batch_id)

    def check_now(self, actor: Actor, batch_id: UUID, observe: Observer | None = None) -> BatchView:
        """The same at once, for the command line."""
        self._start(actor, batch_id, None, "check", BatchState.CHECKING, enqueue=False)
        self.runner.check(batch_id, *([observe] if observe else []))
        return self.batch(actor, batch_id)

    def import_now(self, actor: Actor, batch_id: UUID, observe: Observer | None = None) -> BatchView:
        self._start(actor, batch_id, None, "import", BatchState.IMPORTING, enqueue=False)
        self.runner.run(batch_id, *([observe] if observe else []))
        return self.batch(actor, batch_id)

    def work(self, job: ImportWork) -> None:
        """What the worker does: whatever the batch waits for. Nothing when another process is at it."""
        with self._db.transaction() as session:
            batch = session.get(ImportBatch, job.batch_id)
        if batch is None:
            return
        try:
            if batch.state is BatchState.CHECKING:
                self.runner.check(batch.id)
            elif batch.state is BatchState.IMPORTING:
                self.runner.run(batch.id)
            elif batch.state is BatchState.UNDOING:
                self.undoing.run(batch.id)
        except Conflict as error:
            if error.code != "import_running":
                raise

    def cancel(self, actor: Actor, batch_id: UUID, version: int | None = None) -> BatchView:
        """Stop; what is filed stays filed and can be undone. The source is deleted."""
        self.batch(actor, batch_id)
        with self._db.transaction() as session:
            batch = self._may(session, batch_id, version, "cancel")
            batch.state, batch.finished_at = BatchState.CANCELLED, self._clock.now()
            batch.version += 1
            self._log.record(session, actor, "import.cancelled", object_kind="import_batch", object_id=batch_id)
        with self._db.alone(batch_id) as held:
            if held:  # otherwise the worker is at its last chunk still; the sweep deletes what it leaves
                delete_announced(self._db, self._files, batch_id)
                purge_source(self._db, self._files, batch_id, self._clock.now())
        return self.batch(actor, batch_id)

    def run(self, actor: Actor, name: str, stream: BinaryIO, observe: Observer | None = None) -> ImportReport:
        """Receive and import at once, as a batch of its own however often the same comes, and tell every row. Raises
        Invalid, TooLarge for a source that cannot be used.
        """
        told: list[RowReport] = []

        def listen(done: int, rows: int, reports: Sequence[RowReport]) -> None:
            told.extend(reports)
            if observe is not None:
                observe(done, rows, reports)

        key = f"run-{new_id().hex}"
        view = self.receive(actor, name=name, stream=stream, source=BatchSource.COMMAND, batch_key=key)
        view = self.import_now(actor, view.id, listen)
        if view.state is BatchState.FAILED:
            code = view.problems[0].code
            faults = [FieldFault(p.pointer, p.code, p.words) for p in view.problems if p.pointer]
            raise Invalid("invalid_input" if faults else code, faults=faults)
        return ImportReport(tuple(told))

    # --- undo ---------------------------------------------------------------------------------------------------------

    def hindrances(self, actor: Actor, batch_id: UUID, *, limit: int = 100) -> Sequence[Hindrance]:
        """Why the batch cannot be undone; empty when it can."""
        self._require_undoer(actor)
        self.batch(actor, batch_id)
        return self.undoing.hindrances(batch_id, limit)

    def undo(self, actor: Actor, batch_id: UUID, version: int | None = None, *, at_once: bool = False) -> BatchView:
        """Take back everything the batch filed, all of it or nothing. Raises Conflict('import_not_undoable')."""
        self._require_undoer(actor)
        self.batch(actor, batch_id)
        self.undoing.require_free(batch_id)
        with self._db.transaction() as session:
            batch = self._may(session, batch_id, version, "undo")
            batch.state, batch.run_by_kind, batch.run_by = BatchState.UNDOING, actor.kind, actor.id
            batch.version += 1
            if not at_once:
                self._queue.enqueue(session, ImportWork(batch_id))
        if at_once:
            self.undoing.run(batch_id)
        return self.batch(actor, batch_id)

    # --- reading ------------------------------------------------------------------------------------------------------

    def batch(self, actor: Actor, batch_id: UUID) -> BatchView:
        """Raises NotFound, also for a partner that did not send it."""
        self._require(actor)
        house = self._keys.house()
        with self._db.transaction() as session:
            batch = session.get(ImportBatch, batch_id)
        if batch is None or batch.state is BatchState.RECEIVING or not _visible(actor, batch):
            raise NotFound("batch_not_found")
        return batch_view(batch, house)

    def batches(self, actor: Actor, wanted: Wanted = Wanted(), *, limit: int = 20) -> BatchPage:  # noqa: B008 - frozen
        """Newest first, with the ways to newer and older ones. Raises Forbidden."""
        self._require(actor)
        house, query = self._keys.house(), select(ImportBatch)
        if actor.kind is ActorKind.PARTNER:
            query = query.where(ImportBatch.created_by == actor.id)
        with self._db.transaction() as session:
            rows = found_batches(session, query, wanted, limit + 1)
        return cut_page([batch_view(row, house) for row in rows], wanted, limit)

    def rows(
        self,
        actor: Actor,
        batch_id: UUID,
        *,
        outcome: RowOutcome | str | None = None,
        limit: int = 50,
        after_line: int = 0,
    ) -> Sequence[RowView]:
        """In the order of the file; rows of further tables that belong to nobody come beside those of their line."""
        self.batch(actor, batch_id)
        house = self._keys.house()
        with self._db.transaction() as session:
            query = select(ImportRow).where(ImportRow.batch_id == batch_id, ImportRow.line > after_line)
            if outcome is not None:
                query = query.where(ImportRow.outcome == RowOutcome(outcome))
            found = session.scalars(query.order_by(ImportRow.line, ImportRow.sheet).limit(limit)).all()
        return [_row_view(row, house) for row in found]

    def error_file(self, actor: Actor, batch_id: UUID) -> FileView:
        """The refused rows with their cells and reasons, to be mended and sent again as a child of this batch: a CSV of
        graduates, or a ZIP with a CSV of every table where rows of further tables are refused.
        Raises Conflict('import_nothing_refused'), Conflict('import_source_gone') once the cells are deleted.
        """
        view = self.batch(actor, batch_id)
        if not view.source_kept:
            raise Conflict("import_source_gone")
        house = self._keys.house()
        with self._db.transaction() as session:
            batch = session.get_one(ImportBatch, batch_id)
            rows = session.scalars(
                select(ImportRow)
                .where(ImportRow.batch_id == batch_id, ImportRow.outcome == RowOutcome.REFUSED)
                .order_by(ImportRow.sheet, ImportRow.line)
            ).all()
            refused = reports.opened(rows, house)
            further = reports.further_rows(session, batch_id, refused, house, self.runner.student_index)
            self._log.record(session, actor, "import.errors_read", object_kind="import_batch", object_id=batch_id)
        if not rows:
            raise Conflict("import_nothing_refused")
        return reports.error_file(view, batch.headers, refused, further)

    def template(self, kind: str, form: str) -> FileView:
        """An empty table of this kind (graduates, courses …) as ``csv`` or ``xlsx``. Raises NotFound."""
        return template_file(kind, form)

    def file_one(self, actor: Actor, batch_key: str, row: Mapping[str, str]) -> tuple[BatchView, RowView]:
        """One graduate at once: a batch of one row, as idempotent as any. ``row`` is field -> text."""
        unknown = [FieldFault(name, "unknown_field") for name in row if name not in FIELDS[GRADUATE_TABLE]]
        if unknown:
            raise Invalid("invalid_input", faults=unknown)
        source = BatchSource.PARTNER if actor.kind is ActorKind.PARTNER else BatchSource.CONSOLE
        view = self.receive(actor, name="record.csv", stream=reports.one_row(row), source=source, batch_key=batch_key)
        if view.state not in (BatchState.DONE, BatchState.FAILED):
            view = self.import_now(actor, view.id)
        if view.state is BatchState.FAILED:
            raise Invalid("invalid_input", faults=[FieldFault(p.pointer, p.code, p.words) for p in view.problems])
        return view, self.rows(actor, view.id, limit=1)[0]

    # --- keeping house ------------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Delete sources that have had their time, and what interrupted uploads and stopped batches left."""
        now = self._clock.now()
        with self._db.transaction() as session:
            over = ImportBatch.state.in_(ENDED) & (ImportBatch.finished_at < now - KEEP_SOURCE)
            gone = ImportBatch.state.in_(REOPENED)
            old = session.scalars(select(ImportBatch.id).where(ImportBatch.purged_at.is_(None), over | gone)).all()
            broken = session.scalars(
                select(ImportBatch.id).where(
                    ImportBatch.state == BatchState.RECEIVING, ImportBatch.created_at < now - RECEIVING_LIMIT
                )
            ).all()
            orphaned = session.scalars(
                select(ImportFile.batch_id)
                .join(ImportBatch, ImportBatch.id == ImportFile.batch_id)
                .where(ImportBatch.state.in_(ENDED))
                .distinct()
            ).all()
        for batch_id in {*old, *orphaned}:
            with self._db.alone(batch_id) as held:
                if held:
                    delete_announced(self._db, self._files, batch_id)
        for batch_id in old:
            purge_source(self._db, self._files, batch_id, now)
        for batch_id in broken:
            self.receiver.forget(batch_id)
        return len(old) + len(broken)

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _require(actor: Actor) -> None:
        if actor.kind in (ActorKind.SYSTEM, ActorKind.PARTNER):
            return
        if not actor.has_role(Role.ARCHIVIST):
            raise Forbidden("role_required")

    @staticmethod
    def _require_undoer(actor: Actor) -> None:
        if actor.kind is not ActorKind.SYSTEM and not actor.has_role(Role.ARCHIVIST):
            raise Forbidden("role_required")

    @staticmethod
    def _may(session: Session, batch_id: UUID, version: int | None, what: str) -> ImportBatch:
        batch = locked(session, batch_id, version)
        if what == "import" and batch.dry_only:
            raise Conflict("import_dry_only")
        if not may(what, batch.state):
            raise Conflict("import_state", params={"state": STATE_WORDS[batch.state]})
        if batch.purged_at is not None and what != "undo":
            raise Conflict("import_source_gone")
        if batch.state is BatchState.FAILED and what in ("mapping", "check", "import"):
            filed = (ImportRow.batch_id == batch_id, ImportRow.outcome == RowOutcome.FILED)
            if session.scalar(select(ImportRow.line).where(*filed).limit(1)) is not None:
                # beginning anew would forget what was filed, and the batch could never be undone
                raise Conflict("import_state", params={"state": STATE_WORDS[batch.state]})
        return batch


def _visible(actor: Actor, batch: ImportBatch) -> bool:
    return actor.kind is not ActorKind.PARTNER or batch.created_by == actor.id


def _row_view(row: ImportRow, house: DataKey) -> RowView:
    student = ""
    if row.sealed_cells is not None:
        number = open_json(house, cells_place(row.batch_id, row.line), row.sealed_cells)["number"]
        student = mask_student_number(number)
    faults = tuple(fault_of(f) for f in row.faults)
    return RowView(row.sheet, row.line, row.outcome, faults, student, row.graduate_id)
