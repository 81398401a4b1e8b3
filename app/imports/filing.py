"""One chunk of rows: judged against the base, sealed outside of any transaction, then written all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.dossiers.bulk import BulkFiling, Prepared
from app.dossiers.incoming import NewMaterial
from app.dossiers.materials import store_document, store_sealed
from app.dossiers.models import Dossier
from app.dossiers.places import photo_place
from app.dossiers.rows import StoredFile
from app.dossiers.rules import Section
from app.envelope import BlindIndex, DataKey, open_json, seal_bytes
from app.errors import FieldFault, Invalid, TooLarge, Unavailable
from app.file_ports import CleanDocument, DocumentCleaner, FileStore
from app.imports import columns
from app.imports.batches import AnnouncedFiles, added, fault_of, moved_on, settle, stage_place, take
from app.imports.bundle import read_whole
from app.imports.cohort import CheckedRow, Cohort, placed
from app.imports.columns import Fault, Related
from app.imports.models import ImportStage
from app.imports.rules import BatchState
from app.imports.sealing import ROW_COLUMNS, Judged, RowSealer, Sealed, row_table
from app.people.service import PeopleService


class Candidate(NamedTuple):
    """A checked row with the blind indexes of its student and identity numbers."""

    checked: CheckedRow
    indexes: tuple[bytes, bytes]


class ChunkFiler:
    """``lineage``: this batch and the one whose refused rows it mends, whose staged rows and pictures it may use."""

    def __init__(
        self,
        db: Database,
        people: PeopleService,
        bulk: BulkFiling,
        index: BlindIndex,
        files: FileStore,
        cleaner: DocumentCleaner,
        house: DataKey,
        batch_id: UUID,
        actor: Actor,
        lineage: Sequence[tuple[UUID, Cohort]],
    ) -> None:
        self._db, self._people, self._bulk, self._index = db, people, bulk, index
        self._cleaner, self._house, self._batch = cleaner, house, batch_id
        self._files, self._lineage = files, lineage
        self._staged = any(cohort.further_tables for _, cohort in lineage)
        self.sealer = RowSealer(bulk, index, house, batch_id, actor)

    # --- judging and sealing ------------------------------------------------------------------------------------------

    def judge(self, chunk: Sequence[Candidate]) -> list[Judged]:
        """Rows against the base, and with what belongs to them; the database is only read."""
        indexes = [c.indexes[0] for c in chunk]
        with self._db.transaction() as session:
            taken = self._people.taken(session, indexes)
        related = self._related(indexes)
        judged = []
        for checked, found_by in chunk:
            belonging = related.get(found_by[0])
            faults = [*checked.faults, *belonging.faults] if belonging else checked.faults
            if found_by[0] in taken and not faults:
                faults = [self._told(checked, "学号", "student_exists")]
            judged.append(Judged(checked.line, checked.cells, checked.row, found_by, belonging, faults))
        return judged

    def _told(self, checked: CheckedRow, column: str, code: str) -> Fault:
        layout = self._lineage[0][1].layout
        fault = Fault(column, code)
        return placed(layout, fault, checked.line) if layout is not None else fault

    def plain(self, chunk: Sequence[Judged]) -> bool:
        """Whether no file comes with any of these rows, so that a process without the file store can seal them."""
        return not any(
            (j.related and j.related.scans) or any(j.row.get("学号", "") in c.photos for _, c in self._lineage)
            for j in chunk
        )

    def seal(self, chunk: Sequence[Judged]) -> Sealed:
        """Files of the rows are stored by the way."""
        files = AnnouncedFiles(self._db, self._files, self._batch)
        sealed = self.sealer.seal(chunk, partial(self._file, files))
        sealed.files = files.names
        return sealed

    def check(self, chunk: Sequence[Judged]) -> Sealed:
        """Only judged: nothing is filed or stored."""
        return self.sealer.seal(chunk, self._check)

    def _check(self, _prepared: Prepared, judged: Judged) -> None:
        self._photo(judged.row["学号"])
        self._scans(judged)

    def _scans(self, judged: Judged) -> dict[int, CleanDocument]:
        return {i: self._scan(name) for i, name in judged.related.scans.items()} if judged.related else {}

    def _file(self, files: AnnouncedFiles, prepared: Prepared, judged: Judged) -> UUID:
        photo, documents = self._photo(judged.row["学号"]), self._scans(judged)
        begun = self.sealer.begin(prepared, judged)
        key, photo_name = begun.key, None
        if photo is not None:
            place = photo_place(Dossier(id=begun.dossier_id))
            photo_name = store_sealed(files, seal_bytes(key, place, photo))
        materials: list[tuple[NewMaterial, tuple[UUID, UUID], StoredFile | None]] = []
        for i, material in enumerate(begun.new.materials):
            new, ids = replace(material, document=documents.get(i)), (new_id(), new_id())
            materials.append((new, ids, store_document(files, self._index, key, new, ids[1])))
        self._bulk.add(prepared, begun, photo_name, materials)
        return begun.graduate_id

    # --- what belongs to a row ----------------------------------------------------------------------------------------

    def _related(self, indexes: Sequence[bytes]) -> dict[bytes, Related]:
        """Staged rows by student; the batch's own rows of a table go before those of the batch it mends."""
        batches = [b for b, _ in self._lineage]
        if not self._staged:
            return {}
        with self._db.transaction() as session:
            rows = session.scalars(
                select(ImportStage)
                .where(ImportStage.batch_id.in_(batches), ImportStage.student_bidx.in_(indexes))
                .order_by(ImportStage.sheet, ImportStage.line)
            ).all()
        owned: dict[tuple[bytes, str], UUID] = {}
        for row in rows:
            place = (row.student_bidx, row.sheet)
            if place not in owned or batches.index(row.batch_id) < batches.index(owned[place]):
                owned[place] = row.batch_id
        found: dict[bytes, list[ImportStage]] = {}
        for row in rows:
            if owned[row.student_bidx, row.sheet] == row.batch_id:
                found.setdefault(row.student_bidx, []).append(row)
        return {student: self._gathered(staged) for student, staged in found.items()}

    def _gathered(self, staged: Sequence[ImportStage]) -> Related:
        sections: dict[Section, list[Mapping[str, str]]] = {}
        materials: list[NewMaterial] = []
        scans: dict[int, str] = {}
        faults: list[Fault] = []
        for row in staged:
            held = open_json(self._house, stage_place(row.id), row.sealed_rows)["rows"]
            for _, cells, wrong in held:
                faults += [fault_of(f) for f in wrong]
                if wrong:
                    continue
                if row.sheet == "materials":
                    if cells.get("文件"):
                        scans[len(materials)] = cells["文件"]
                    materials.append(columns.new_material(cells))
                else:
                    section, fields = columns.SECTION_TABLES[row.sheet]
                    sections.setdefault(section, []).append(columns.section_body(fields, cells))
        return Related(sections, materials, faults, scans)

    def _photo(self, number: str) -> bytes | None:
        for _, cohort in self._lineage:
            name = cohort.photos.get(number)
            if name is not None:
                return clean_photo(self._cleaner, read_whole(cohort.bundle, name) or b"")
        return None

    def _scan(self, name: str) -> CleanDocument:
        """By the name the materials table gives it; never from outside its folder."""
        if "/" in name or "\\" in name or ".." in name:
            raise Invalid("invalid_input", faults=[scan_fault("scan_missing")])
        for _, cohort in self._lineage:
            data = read_whole(cohort.bundle, f"materials/{name}")
            if data is not None:
                try:
                    return self._cleaner.clean(data)
                except Unavailable:
                    raise
                except (Invalid, TooLarge):
                    raise Invalid("invalid_input", faults=[scan_fault("scan_refused")]) from None
        raise Invalid("invalid_input", faults=[scan_fault("scan_missing")])

    # --- writing ------------------------------------------------------------------------------------------------------

    def write(self, sealed: Sealed, done: int, count: int) -> None:
        """Everything of the chunk in one transaction. Raises Stopped when the batch is no longer ours, Conflict
        ('taken') when somebody filed one of these graduates meanwhile: judge the chunk again then.
        """
        with self._db.transaction() as session:
            filed, refused = len(sealed.filed), len(sealed.refused)
            moved_on(
                session, self._batch, BatchState.IMPORTING, done, done=done + count, trouble="",
                **added(filed=filed, refused=refused),
            )  # fmt: skip
            self._bulk.write(session, sealed.filing)
            self._db.copy_packed(session, row_table(), ROW_COLUMNS, sealed.rows)
            if self._staged:
                self._unstage(session, sealed)
            settle(session, sealed.files)

    def _unstage(self, session: Session, sealed: Sealed) -> None:
        batches = [b for b, _ in self._lineage]
        mine = (ImportStage.batch_id.in_(batches), ImportStage.student_bidx.in_(sealed.filed))
        session.execute(delete(ImportStage).where(*mine))
        take(session, self._batch, sealed.refused)


def scan_fault(code: str) -> FieldFault:
    return FieldFault("文件", code)


def clean_photo(cleaner: DocumentCleaner, data: bytes) -> bytes:
    """Raises Invalid, TooLarge for what is no picture."""
    clean = cleaner.clean(data)
    if clean.media_type not in ("image/jpeg", "image/png"):
        raise Invalid("document_type_refused")
    return clean.data
