"""Job names and typed payloads. Enqueueing joins the caller's transaction.

Handlers live in the room that owns the work.
Payloads hold ids only: they stand in the clear in the queue's tables and in the worker's log.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

import procrastinate
import procrastinate.exceptions
import psycopg
from sqlalchemy.orm import Session

from app.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Job:
    """Base of all payloads."""

    name: ClassVar[str] = ""
    queue: ClassVar[str] = "default"


@dataclass(frozen=True, slots=True)
class Announce(Job):
    """Tell the graduate an event is about: writes the inbox, then pushes."""

    name: ClassVar[str] = "notifications.announce"
    event_id: UUID


@dataclass(frozen=True, slots=True)
class DeliverNotice(Job):
    name: ClassVar[str] = "notifications.deliver"
    notice_id: UUID
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class VerifyFace(Job):
    name: ClassVar[str] = "auth.verify_face"
    queue: ClassVar[str] = "face"
    verification_id: UUID


@dataclass(frozen=True, slots=True)
class HandlePush(Job):
    name: ClassVar[str] = "notifications.handle_push"
    push_id: UUID


@dataclass(frozen=True, slots=True)
class FixitySlice(Job):
    """The next slice of a round of fixity."""

    name: ClassVar[str] = "materials.fixity_slice"
    run_id: UUID


@dataclass(frozen=True, slots=True)
class RecheckDossier(Job):
    """A dossier changed: find anew what it lacks."""

    name: ClassVar[str] = "completeness.recheck"
    graduate_id: UUID


@dataclass(frozen=True, slots=True)
class SweepCompleteness(Job):
    """Some of the dossiers whose completeness is not known or out of date."""

    name: ClassVar[str] = "completeness.sweep"


@dataclass(frozen=True, slots=True)
class ImportWork(Job):
    """Go on with an import batch: check, import or undo, as its state says."""

    name: ClassVar[str] = "imports.work"
    batch_id: UUID


@dataclass(frozen=True, slots=True)
class DispatchWork(Job):
    """Go on handing a batch of sealed dossiers over to the carrier."""

    name: ClassVar[str] = "transfers.dispatch"
    batch_id: UUID


@dataclass(frozen=True, slots=True)
class CheckDossier(Job):
    """A four-property check of one dossier as it stands when the job runs."""

    name: ClassVar[str] = "checks.run"
    graduate_id: UUID


@dataclass(frozen=True, slots=True)
class TrackCarriers(Job):
    """Ask the carriers for the hand-overs that are due."""

    name: ClassVar[str] = "transfers.track"


@dataclass(frozen=True, slots=True)
class PackElectronic(Job):
    """Make, encrypt and submit the package of one attempt of an electronic leg."""

    name: ClassVar[str] = "transfers.pack_electronic"
    leg_id: UUID


@dataclass(frozen=True, slots=True)
class PushElectronic(Job):
    """Push a submitted package to its receiver's own address."""

    name: ClassVar[str] = "transfers.push_electronic"
    leg_id: UUID


ALL_JOBS: tuple[type[Job], ...] = (
    CheckDossier,
    Announce,
    DeliverNotice,
    VerifyFace,
    HandlePush,
    FixitySlice,
    RecheckDossier,
    SweepCompleteness,
    ImportWork,
    DispatchWork,
    TrackCarriers,
    PackElectronic,
    PushElectronic,
)


class JobQueue(Protocol):
    def enqueue(self, session: Session, job: Job, *, at: datetime | None = None) -> None: ...


class ProcrastinateQueue:
    """Writes the job row on the caller's own connection: committed with the change or not at all."""

    def __init__(self, app: procrastinate.App) -> None:
        self._app = app

    def enqueue(self, session: Session, job: Job, *, at: datetime | None = None) -> None:
        """Raises Unavailable when PostgreSQL is away."""
        connection = session.connection().connection.driver_connection
        payload = {k: str(v) if isinstance(v, UUID) else v for k, v in asdict(job).items()}
        task = self._app.configure_task(job.name, queue=job.queue, schedule_at=at, connection=connection)
        try:
            task.defer(**payload)
        except (procrastinate.exceptions.ConnectorException, psycopg.OperationalError) as error:
            # past SQLAlchemy, so nobody else would translate a server that died in the middle
            raise Unavailable("database_unavailable") from error
