"""The importer put together from the shared parts: what wiring needs to know of this room."""

from __future__ import annotations

from collections.abc import Sequence

from app.db import Database
from app.dossiers.bulk import BulkFiling
from app.dossiers.indexing import UnitIndex
from app.envelope import BlindIndex
from app.events import EventLog
from app.file_ports import DocumentCleaner, FileStore
from app.imports.receiving import Receiver
from app.imports.runner import Runner
from app.imports.service import ImportService
from app.imports.undoing import Undoing
from app.jobs import JobQueue
from app.keyring import Keyring
from app.people.service import PeopleService
from app.ports import Clock


def build_importer(
    db: Database,
    keys: Keyring,
    index: BlindIndex,
    people: PeopleService,
    files: FileStore,
    cleaner: DocumentCleaner,
    queue: JobQueue,
    log: EventLog,
    clock: Clock,
    indexes: Sequence[UnitIndex] = (),
) -> ImportService:
    bulk = BulkFiling(db, people, log, clock, indexes)
    return ImportService(
        db,
        keys,
        files,
        queue,
        log,
        clock,
        Receiver(db, keys, index, files, log, clock),
        Runner(db, keys, index, people, bulk, files, cleaner, log, clock),
        Undoing(db, keys, files, log, clock, indexes),
    )
