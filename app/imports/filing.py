"""One chunk of rows: judged against the base, sealed outside of any transaction, then written all of it or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id, packed_json
from app.dossiers.bulk import BulkFiling, Prepared
from app.dossiers.incoming import NewMaterial
from app.dossiers.materials import store_document, store_sealed
from app.dossiers.models import Dossier
from app.dossiers.places import photo_place
from app.dossiers.rows import StoredFile
from app.dossiers.rules import Section
from app.envelope import BlindIndex, DataKey, open_json, seal_bytes, seal_json
from app.errors import FieldFault, Invalid, TooLarge, Unavailable
from app.file_ports import CleanDocument, DocumentCleaner, FileStore
from app.imports import columns
from app.imports.batches import AnnouncedFiles, added, cells_place, fault_of, moved_on, settle, stage_place, take
from app.imports.bundle import read_whole
from app.imports.cohort import CheckedRow, Cohort, placed
from app.imports.columns import GRADUATE_TABLE, Fault, Related
from app.imports.models import ImportRow, ImportStage
from app.imports.rules import BatchState, RowOutcome
from app.imports.views import RowReport
from app.people.rules import mask_student_number
from app.people.service import PeopleService

ROW_COLUMNS = ("batch_id", "sheet", "line", "outcome", "faults", "graduate_id", "row_bidx", "sealed_cells")
_NOTHING = Related()
_NO_FAULTS = packed_json([])


@dataclass(slots=True)
class ChunkPlan:
    """What a chunk comes to: rows ready to be copied, and what is told of them."""

    prepared: Prepared = field(default_factory=Prepared)
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    reports: list[RowReport] = field(default_factory=list)
    filed: list[bytes] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Candidate:
    """A checked row with its student number's blind index."""

    checked: CheckedRow
    index: bytes


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
        lineage: Sequence[tuple[UUID, Cohort]],
    ) -> None:
        self._db, self._people, self._bulk, self._index = db, people, bulk, index
        self._cleaner, self._house, self._batch = cleaner, house, batch_id
        self._files, self._lineage = files, lineage
        self._staged = any(cohort.further_tables for _, cohort in lineage)

    # --- judging and sealing ------------------------------------------------------------------------------------------

    def plan(self, chunk: Sequence[Candidate], *, dry: bool = False) -> ChunkPlan:
        """Files of the rows are stored by the way; the database is only read. ``dry``: only judged."""
        plan, files = ChunkPlan(), AnnouncedFiles(self._db, self._files, self._batch)
        indexes = [c.index for c in chunk]
        with self._db.transaction() as session:
            taken = self._people.taken(session, indexes)
        related = self._related(indexes)
        for candidate in chunk:
            belonging = related.get(candidate.index, _NOTHING)
            faults = [*candidate.checked.faults, *belonging.faults]
            if candidate.index in taken and not faults:
                faults = [self._told(candidate.checked, "学号", "student_exists")]
            graduate_id = None
            if not faults:
                try:
                    graduate_id = self._prepare(plan, files, candidate.checked, belonging, dry=dry)
                except (Invalid, TooLarge) as error:
                    faults = [Fault(f.pointer, f.code) for f in error.faults] or [Fault("照片", error.code)]
            self._note(plan, candidate, faults, graduate_id)
        plan.names = files.names
        return plan

    def _told(self, checked: CheckedRow, column: str, code: str) -> Fault:
        layout = self._lineage[0][1].layout
        fault = Fault(column, code)
        return placed(layout, fault, checked.line) if layout is not None else fault

    def _note(self, plan: ChunkPlan, candidate: Candidate, faults: Sequence[Fault], graduate_id: UUID | None) -> None:
        checked = candidate.checked
        outcome = RowOutcome.REFUSED if faults else RowOutcome.FILED
        (plan.refused if faults else plan.filed).append(candidate.index)
        digest = self._index.of("import_row", "row", "\x1f".join(checked.cells))
        cells = None
        if faults:
            kept = {"number": checked.row.get("学号", ""), "cells": list(checked.cells)}
            cells = seal_json(self._house, cells_place(self._batch, checked.line), kept)
        plan.rows.append(
            (
                self._batch,
                GRADUATE_TABLE,
                checked.line,
                outcome.value,
                packed_json([f.stored() for f in faults]) if faults else _NO_FAULTS,
                graduate_id,
                digest,
                cells,
            )
        )
        student = mask_student_number(checked.row.get("学号", ""))
        plan.reports.append(RowReport(checked.line, student, outcome.value, tuple(faults)))

    def _prepare(
        self, plan: ChunkPlan, files: AnnouncedFiles, checked: CheckedRow, belonging: Related, *, dry: bool
    ) -> UUID | None:
        photo = self._photo(checked.row["学号"])
        documents = {i: self._scan(name) for i, name in belonging.scans.items()}
        if dry:
            return None
        begun = self._bulk.begin(columns.new_dossier(checked.row, belonging, None))
        key, photo_name = begun.key, None
        if photo is not None:
            place = photo_place(Dossier(id=begun.dossier_id))
            photo_name = store_sealed(files, seal_bytes(key, place, photo))
        materials: list[tuple[NewMaterial, tuple[UUID, UUID], StoredFile | None]] = []
        for i, material in enumerate(belonging.materials):
            new, ids = replace(material, document=documents.get(i)), (new_id(), new_id())
            materials.append((new, ids, store_document(files, self._index, key, new, ids[1])))
        self._bulk.add(plan.prepared, begun, photo_name, materials)
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

    def write(self, actor: Actor, plan: ChunkPlan, done: int, count: int) -> None:
        """Everything of the chunk in one transaction. Raises Stopped when the batch is no longer ours, Conflict
        ('taken') when somebody filed one of these graduates meanwhile: plan the chunk again then.
        """
        with self._db.transaction() as session:
            filed, refused = len(plan.filed), len(plan.refused)
            moved_on(
                session, self._batch, BatchState.IMPORTING, done, done=done + count, trouble="",
                **added(filed=filed, refused=refused),
            )  # fmt: skip
            self._bulk.write(session, actor, plan.prepared, {"batch_id": str(self._batch)})
            table = ImportRow.__table__
            assert isinstance(table, Table)
            self._db.copy_in(session, table, ROW_COLUMNS, plan.rows)
            if self._staged:
                self._unstage(session, plan)
            settle(session, plan.names)

    def _unstage(self, session: Session, plan: ChunkPlan) -> None:
        batches = [b for b, _ in self._lineage]
        mine = (ImportStage.batch_id.in_(batches), ImportStage.student_bidx.in_(plan.filed))
        session.execute(delete(ImportStage).where(*mine))
        take(session, self._batch, plan.refused)


def scan_fault(code: str) -> FieldFault:
    return FieldFault("文件", code)


def clean_photo(cleaner: DocumentCleaner, data: bytes) -> bytes:
    """Raises Invalid, TooLarge for what is no picture."""
    clean = cleaner.clean(data)
    if clean.media_type not in ("image/jpeg", "image/png"):
        raise Invalid("document_type_refused")
    return clean.data
