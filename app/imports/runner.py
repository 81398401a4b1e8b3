"""Working through a batch: check or import, chunk by chunk, so that a crash at any point loses nothing and doubles
nothing. While one chunk is being written, the next one is read, judged and sealed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, select, update
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id, packed_json
from app.dossiers.bulk import BulkFiling
from app.envelope import BlindIndex, open_json, seal_json
from app.errors import Conflict, Invalid, TooLarge, Unavailable
from app.events import EventLog
from app.file_ports import DocumentCleaner, FileStore
from app.imports import batches
from app.imports.batches import Stopped, added, cells_place, delete_announced, moved_on, stage_place
from app.imports.bundle import open_upload
from app.imports.cohort import CheckedRow, Cohort, placed
from app.imports.columns import GRADUATE_TABLE, Fault
from app.imports.filing import Candidate, ChunkFiler
from app.imports.models import ImportBatch, ImportRow, ImportStage
from app.imports.photos import PhotoFiler
from app.imports.pipeline import Pipeline, Written
from app.imports.problems import problems_of
from app.imports.rules import CHUNK_ROWS, FILE_CHUNK_ROWS, BatchState, RowOutcome
from app.imports.sealing import ROW_COLUMNS, Judged, Sealed, row_table
from app.imports.segments import SegmentReader, buffered
from app.imports.views import RowReport
from app.keyring import Keyring
from app.office_time import office_date
from app.people.rules import mask_student_number
from app.people.service import PeopleService
from app.ports import Clock

Observer = Callable[[int, int, Sequence[RowReport]], None]
"""(rows done, rows in all, what came of the rows since the last call)."""
_STAGE_COLUMNS = ("id", "batch_id", "student_bidx", "sheet", "line", "taken", "sealed_rows")
_TRIES = 3


def _unobserved(_done: int, _rows: int, _reports: Sequence[RowReport]) -> None:
    return None


class Runner:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        index: BlindIndex,
        people: PeopleService,
        bulk: BulkFiling,
        files: FileStore,
        cleaner: DocumentCleaner,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._index, self._people, self._bulk = db, keys, index, people, bulk
        self._files, self._cleaner, self._log, self._clock = files, cleaner, log, clock
        self.chunk_rows = CHUNK_ROWS

    def check(self, batch_id: UUID, observe: Observer = _unobserved) -> None:
        """Judge every row and write what is wrong; nothing is filed. Raises Conflict('import_running')."""
        self._alone(batch_id, BatchState.CHECKING, observe)

    def run(self, batch_id: UUID, observe: Observer = _unobserved) -> None:
        """File what can be filed, going on behind what is done already. Raises Conflict('import_running'),
        Unavailable with the batch left to be taken up again.
        """
        self._alone(batch_id, BatchState.IMPORTING, observe)

    def student_index(self, number: str) -> bytes:
        """By which staged rows of a student are found."""
        return self._people.student_number_index(number)

    def _alone(self, batch_id: UUID, state: BatchState, observe: Observer) -> None:
        with self._db.alone(batch_id) as held:
            if not held:
                raise Conflict("import_running")
            with self._db.transaction() as session:
                batch = session.get(ImportBatch, batch_id)
            if batch is None or batch.state is not state:
                return
            delete_announced(self._db, self._files, batch_id)
            try:
                work = Work(self, batch, observe)
                (work.check if state is BatchState.CHECKING else work.run)()
            except Stopped:
                return
            except (Invalid, TooLarge) as error:
                self._fail(batch_id, state, error)
            except Unavailable as error:
                self._note_trouble(batch_id, state, error.code)
                raise

    def _fail(self, batch_id: UUID, state: BatchState, error: Invalid | TooLarge) -> None:
        with self._db.transaction() as session:
            batch = batches.locked(session, batch_id)
            if batch.state is state:
                batch.state, batch.problems, batch.finished_at = (
                    BatchState.FAILED,
                    problems_of(error),
                    self._clock.now(),
                )
                batch.version += 1

    def _note_trouble(self, batch_id: UUID, state: BatchState, code: str) -> None:
        """Best effort: the database itself may be what is away."""
        with suppress(Unavailable), self._db.transaction() as session:
            session.execute(
                update(ImportBatch)
                .where(ImportBatch.id == batch_id, ImportBatch.state == state)
                .values(trouble=code, version=ImportBatch.version + 1)
            )


class Work:
    """One batch in hand."""

    def __init__(self, runner: Runner, batch: ImportBatch, observe: Observer) -> None:
        self._r, self._batch, self._observe = runner, batch, observe
        self._id, self._done, self._rows = batch.id, batch.done, batch.rows
        self._house = runner._keys.house()
        self._lineage = self._opened()
        self._cohort = self._lineage[0][1]
        assert batch.run_by_kind is not None
        assert batch.run_by is not None
        self._actor = Actor(batch.run_by_kind, batch.run_by)
        self._filer = ChunkFiler(
            runner._db,
            runner._people,
            runner._bulk,
            runner._index,
            runner._files,
            runner._cleaner,
            self._house,
            self._id,
            self._actor,
            self._lineage,
        )

    def _opened(self) -> list[tuple[UUID, Cohort]]:
        """This batch's source and, where it mends another, that one's too while it is kept."""
        lineage, batch = list[tuple[UUID, Cohort]](), self._batch
        today = office_date(self._r._clock.now())
        while True:
            with self._r._db.transaction() as session:
                segments = batches.segments_of(session, batch.id)
                parent = session.get(ImportBatch, batch.parent_id) if batch.parent_id else None
            if segments:
                reader = buffered(SegmentReader(batch.id, segments, self._house, self._r._files))
                name = open_json(self._house, batches.name_place(batch.id), batch.sealed_name)["name"]
                mapping = {GRADUATE_TABLE: batch.mapping}
                lineage.append((batch.id, Cohort(open_upload(name, reader), mapping, today)))
            elif not lineage:
                raise Invalid("import_source_gone")
            if parent is None:
                return lineage
            batch = parent

    # --- check --------------------------------------------------------------------------------------------------------

    def check(self) -> None:
        self._rows = self._cohort.survey()
        self._begin(BatchState.CHECKING)
        self._stage(BatchState.CHECKING)
        if not self._cohort.photos_alone:
            for chunk in self._chunks(0):
                judged = self._filer.judge(chunk)
                self._write_checked(judged, self._filer.check(judged))
        self._strays(BatchState.CHECKING)
        self._finish(BatchState.CHECKING, BatchState.CHECKED)

    def _write_checked(self, judged: list[Judged], sealed: Sealed) -> None:
        with self._r._db.transaction() as session:
            moved_on(
                session,
                self._id,
                BatchState.CHECKING,
                self._done,
                done=self._done + len(judged),
                **added(filed=len(sealed.filed), refused=len(sealed.refused)),
            )
            self._r._db.copy_packed(session, row_table(), ROW_COLUMNS, self._filer.sealer.refused_rows(judged, sealed))
            if self._cohort.further_tables:
                batches.take(session, self._id, [*sealed.filed, *sealed.refused])
        self._settled([Written(judged, sealed)])

    def _begin(self, state: BatchState) -> None:
        """From the start: whatever an earlier check said is forgotten."""
        with self._r._db.transaction() as session:
            moved_on(
                session,
                self._id,
                state,
                self._done,
                rows=self._rows,
                done=0,
                filed=0,
                refused=0,
                skipped=0,
                staged=False,
                problems=[],
                trouble="",
                headers=self._headers(),
                started_at=self._r._clock.now(),
            )
            session.execute(delete(ImportRow).where(ImportRow.batch_id == self._id))
        self._done = 0

    def _headers(self) -> list[str]:
        return [] if self._cohort.photos_alone else list(self._cohort.laid_out(GRADUATE_TABLE)[0].headers)

    # --- import -------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        if not self._done:
            # read to the end once, so that a source that breaks off is refused before anything of it is filed
            self._rows = self._cohort.survey()
            self._begin(BatchState.IMPORTING)
        if self._cohort.photos_alone:
            self._run_photos()
        else:
            self._stage(BatchState.IMPORTING)
            self._run_rows()
        self._strays(BatchState.IMPORTING)
        self._finish(BatchState.IMPORTING, BatchState.DONE)

    def _run_rows(self) -> None:
        """Three at work: this thread reads and judges, a second process seals, a thread writes what was sealed."""
        with Pipeline(
            self._filer, self._write, self._done, second=self._rows - self._done > 2 * self._r.chunk_rows
        ) as line:
            for chunk in self._chunks(self._done):
                self._settled(line.put(chunk))
            self._settled(line.end())

    def _write(self, chunk: list[Candidate], judged: list[Judged], sealed: Sealed, done: int) -> Written:
        """Somebody else may file one of these graduates between judging and writing: judge again then."""
        for attempt in range(_TRIES):
            try:
                self._filer.write(sealed, done, len(chunk))
            except Conflict as error:
                if error.code != "taken" or attempt + 1 == _TRIES:
                    raise Unavailable("database_unavailable") from error
                judged = self._filer.judge(chunk)
                sealed = self._filer.seal(judged)
                continue
            break
        return Written(judged, sealed)

    def _settled(self, written: Iterable[Written]) -> None:
        for judged, sealed in written:
            self._done += len(judged)
            self._observe(self._done, self._rows, sealed.reports(judged))

    def _run_photos(self) -> None:
        filer = PhotoFiler(
            self._r._db, self._r._keys, self._r._people, self._r._files, self._r._cleaner, self._r._log, self._house
        )
        names = sorted(self._cohort.photos.items())
        for position in range(self._done, len(names)):
            report = filer.file(self._actor, self._id, self._cohort, names[position], position)
            self._done += 1
            self._observe(self._done, self._rows, [report])

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _chunks(self, done: int) -> Iterator[list[Candidate]]:
        """Candidates in chunks, without the first ``done`` rows; numbers met before in the file are refused.

        Kept of each row is sixteen bytes of blind index: the file may be long.
        """
        files = any(cohort.brings_files for _, cohort in self._lineage)
        size = min(self._r.chunk_rows, FILE_CHUNK_ROWS) if files else self._r.chunk_rows
        students: set[bytes] = set()
        persons: set[bytes] = set()
        chunk: list[Candidate] = []
        for position, checked in enumerate(self._cohort.graduates()):
            candidate = self._candidate(checked, students, persons)
            if position < done:
                continue
            chunk.append(candidate)
            if len(chunk) >= size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    def _candidate(self, checked: CheckedRow, students: set[bytes], persons: set[bytes]) -> Candidate:
        number, person = checked.row.get("学号", ""), checked.row.get("身份证号", "")
        indexes = self._r._people.card_indexes(number, person)
        index, other = indexes[0], indexes[1][:8]
        layout = self._cohort.layout
        assert layout is not None
        if number:
            if index[:8] in students:
                checked.faults.append(placed(layout, Fault("学号", "duplicate_in_file"), checked.line))
            students.add(index[:8])
        if person:
            if other in persons and not checked.faults:
                checked.faults.append(placed(layout, Fault("身份证号", "duplicate_id_in_file"), checked.line))
            persons.add(other)
        return Candidate(checked, indexes)

    # --- further tables -----------------------------------------------------------------------------------------------

    def _stage(self, state: BatchState) -> None:
        """Bring the further tables in, sealed, by student: they may stand in any order and be of any length."""
        with self._r._db.transaction() as session:
            if session.scalar(select(ImportBatch.staged).where(ImportBatch.id == self._id)):
                return
            session.execute(delete(ImportStage).where(ImportStage.batch_id == self._id))
        held: list[tuple[Any, ...]] = []
        for sheet in self._cohort.further_tables:
            for group in self._cohort.further(sheet):
                stage_id = new_id()
                rows = [[line, row, [f.stored() for f in faults]] for line, row, faults in group.rows]
                sealed = seal_json(self._house, stage_place(stage_id), {"number": group.number, "rows": rows})
                student = self._r._people.student_number_index(group.number)
                held.append((stage_id, self._id, student, sheet, group.rows[0][0], False, sealed))
                if len(held) >= CHUNK_ROWS:
                    self._store_stage(held)
                    held = []
        self._store_stage(held)
        with self._r._db.transaction() as session:
            moved_on(session, self._id, state, self._done, staged=True)

    def _store_stage(self, rows: list[tuple[Any, ...]]) -> None:
        table = ImportStage.__table__
        assert isinstance(table, Table)
        with self._r._db.transaction() as session:
            self._r._db.copy_in(session, table, _STAGE_COLUMNS, rows)

    def _strays(self, state: BatchState) -> None:
        """Rows of the further tables that belong to nobody here are told, not dropped in silence."""
        if not self._cohort.further_tables:
            return
        while True:
            with self._r._db.transaction() as session:
                left = self._untaken(session)
                if not left:
                    return
                reports = [self._stray(session, row) for row in left]
                session.execute(delete(ImportStage).where(ImportStage.id.in_([r.id for r in left])))
                moved_on(session, self._id, state, self._done, **added(refused=len(left)))
            self._observe(self._done, self._rows, reports)

    def _untaken(self, session: Session) -> list[ImportStage]:
        query = select(ImportStage).where(ImportStage.batch_id == self._id, ImportStage.taken.is_(False))
        return list(session.scalars(query.order_by(ImportStage.sheet, ImportStage.line).limit(CHUNK_ROWS)))

    def _stray(self, session: Session, row: ImportStage) -> RowReport:
        held = open_json(self._house, stage_place(row.id), row.sealed_rows)
        number = held["number"]
        fault = Fault("学号", "student_unknown", sheet=row.sheet, line=row.line)
        sealed = seal_json(
            self._house, cells_place(self._id, row.line), {"number": number, "cells": [], "rows": held["rows"]}
        )
        values = (
            self._id,
            row.sheet,
            row.line,
            RowOutcome.REFUSED.value,
            packed_json([fault.stored()]),
            None,
            None,
            sealed,
        )
        self._r._db.copy_in(session, row_table(), ROW_COLUMNS, [values])
        return RowReport(row.line, mask_student_number(number), "refused", (fault,), row.sheet)

    # --- the end ------------------------------------------------------------------------------------------------------

    def _finish(self, state: BatchState, end: BatchState) -> None:
        kind = "import.checked" if end is BatchState.CHECKED else "import.finished"
        with self._r._db.transaction() as session:
            moved_on(session, self._id, state, self._done, state=end, trouble="", finished_at=self._r._clock.now())
            batch = session.get(ImportBatch, self._id, populate_existing=True)
            assert batch is not None
            counts = {"rows": batch.rows, "filed": batch.filed, "refused": batch.refused, "skipped": batch.skipped}
            self._r._log.record(session, self._actor, kind, object_kind="import_batch", object_id=self._id, data=counts)
        delete_announced(self._r._db, self._r._files, self._id)
