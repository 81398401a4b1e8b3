"""A folder or archive of photos alone: each goes to the dossier of its student number, where none lies yet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.dossiers.materials import store_sealed
from app.dossiers.models import Dossier
from app.dossiers.places import photo_name_place, photo_place
from app.dossiers.rules import DossierState
from app.envelope import DataKey, seal_bytes, seal_json
from app.errors import Invalid, TooLarge
from app.events import EventLog
from app.file_ports import DocumentCleaner, FileStore
from app.imports.batches import AnnouncedFiles, added, cells_place, moved_on, settle
from app.imports.bundle import read_whole
from app.imports.cohort import Cohort
from app.imports.columns import Fault
from app.imports.filing import clean_photo
from app.imports.models import ImportRow
from app.imports.rules import BatchState, RowOutcome
from app.imports.views import RowReport
from app.keyring import Keyring
from app.people.rules import mask_student_number, normalise_student_number
from app.people.service import PeopleService

PHOTO_SHEET = "photos"


class PhotoFiler:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: PeopleService,
        files: FileStore,
        cleaner: DocumentCleaner,
        log: EventLog,
        house: DataKey,
    ) -> None:
        self._db, self._keys, self._people, self._files = db, keys, people, files
        self._cleaner, self._log, self._house = cleaner, log, house

    def file(self, actor: Actor, batch_id: UUID, cohort: Cohort, named: tuple[str, str], done: int) -> RowReport:
        """One photo in one transaction. ``named``: student number as in the file's name, and path. Raises Stopped."""
        number = normalise_student_number(named[0])
        dossier, faults = self._open_dossier(number)
        files, sealed_name, outcome = AnnouncedFiles(self._db, self._files, batch_id), None, RowOutcome.REFUSED
        if dossier is not None and dossier.sealed_photo_name is not None:
            outcome = RowOutcome.SKIPPED
        elif dossier is not None and not faults:
            try:
                photo = clean_photo(self._cleaner, read_whole(cohort.bundle, named[1]) or b"")
                key = self._keys.of(dossier.graduate_id)
                name = store_sealed(files, seal_bytes(key, photo_place(dossier), photo))
                sealed_name, outcome = seal_json(key, photo_name_place(dossier), {"name": name}), RowOutcome.FILED
            except (Invalid, TooLarge) as error:
                faults = [Fault("照片", error.code)]
        with self._db.transaction() as session:
            if dossier is not None and sealed_name is not None:
                outcome, faults = self._add(session, actor, batch_id, dossier.id, sealed_name)
            counts = {outcome.value: 1}
            moved_on(session, batch_id, BatchState.IMPORTING, done, done=done + 1, trouble="", **added(**counts))
            cells = seal_json(self._house, cells_place(batch_id, done + 1), {"number": number, "cells": [named[1]]})
            session.execute(
                insert(ImportRow).values(
                    batch_id=batch_id,
                    sheet=PHOTO_SHEET,
                    line=done + 1,
                    outcome=outcome,
                    faults=[f.stored() for f in faults],
                    graduate_id=dossier.graduate_id if dossier is not None else None,
                    sealed_cells=cells,
                )
            )
            if outcome is RowOutcome.FILED:
                settle(session, files.names)  # what was stored for nothing stays announced, and is swept
        return RowReport(done + 1, mask_student_number(number), outcome.value, tuple(faults), PHOTO_SHEET)

    def _add(
        self, session: Session, actor: Actor, batch_id: UUID, dossier_id: UUID, sealed_name: bytes
    ) -> tuple[RowOutcome, list[Fault]]:
        """Under the dossier's lock: it may have been sealed, or been given a photo, since it was looked at."""
        row = session.get_one(Dossier, dossier_id, with_for_update=True)
        if row.state is not DossierState.OPEN:
            return RowOutcome.REFUSED, [Fault("学号", "dossier_sealed")]
        if row.sealed_photo_name is not None:
            return RowOutcome.SKIPPED, []
        row.sealed_photo_name = sealed_name
        self._log.record(
            session,
            actor,
            "dossier.photo_added",
            graduate_id=row.graduate_id,
            object_kind="dossier",
            object_id=row.id,
            data={"batch_id": str(batch_id)},
        )
        return RowOutcome.FILED, []

    def _open_dossier(self, number: str) -> tuple[Dossier | None, Sequence[Fault]]:
        index = self._people.student_number_index(number)
        with self._db.transaction() as session:
            owner = self._people.taken(session, [index]).get(index)
            if owner is None:
                return None, [Fault("学号", "graduate_unknown")]
            dossier = session.scalars(select(Dossier).where(Dossier.graduate_id == owner)).one()
        if dossier.state is not DossierState.OPEN:
            return dossier, [Fault("学号", "dossier_sealed")]
        return dossier, []
