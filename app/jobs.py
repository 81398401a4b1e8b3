"""Job names and typed payloads. Enqueueing joins the caller's transaction.

Handlers live in the room that owns the work.
Payloads hold ids only: they stand in the clear in the queue's tables and in the worker's log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import ClassVar, Protocol
from uuid import UUID

import procrastinate
import procrastinate.exceptions
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import Unavailable

BULK = -10
HASTENED_AT_ONCE = 2000
_HASTEN = text(
    "with waiting as (select id from procrastinate_jobs where status = 'todo' and task_name = :name"
    " and scheduled_at between :begins and :ends and id > :after order by id limit :most for update)"
    " update procrastinate_jobs set scheduled_at = now() from waiting where procrastinate_jobs.id = waiting.id"
    " returning procrastinate_jobs.id"
)


@dataclass(frozen=True, slots=True)
class Job:
    """Base of all payloads."""

    name: ClassVar[str] = ""
    queue: ClassVar[str] = "default"

    @property
    def priority(self) -> int:
        """Of the jobs that are due a higher one goes first; the rest as they came."""
        return 0


@dataclass(frozen=True, slots=True)
class Announce(Job):
    """Tell the graduate an event is about: writes the inbox, then pushes."""

    name: ClassVar[str] = "notifications.announce"
    event_id: UUID


@dataclass(frozen=True, slots=True)
class DeliverNotice(Job):
    """``bulk``: one of very many, which keep nobody else waiting, wherever the job goes."""

    name: ClassVar[str] = "notifications.deliver"
    notice_id: UUID
    attempt: int = 1
    bulk: bool = False

    @property
    def priority(self) -> int:
        return BULK if self.bulk else 0


@dataclass(frozen=True, slots=True)
class DeliverByContact(Job):
    """Tell of a notice by e-mail or SMS, where no push arrived. ``bulk`` as of ``DeliverNotice``."""

    name: ClassVar[str] = "notifications.deliver_by_contact"
    notice_id: UUID
    contact_id: UUID
    attempt: int = 1
    bulk: bool = False

    @property
    def priority(self) -> int:
        return BULK if self.bulk else 0


@dataclass(frozen=True, slots=True)
class SendPartnerNotice(Job):
    """Look for whom an outside system means, and tell them."""

    name: ClassVar[str] = "notifications.send_partner_notice"
    notice_id: UUID


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


@dataclass(frozen=True, slots=True)
class AnswerChat(Job):
    """Understand what somebody wrote in the chat, and reply or hand over to staff."""

    name: ClassVar[str] = "notifications.answer_chat"
    message_id: UUID


@dataclass(frozen=True, slots=True)
class DeliverChat(Job):
    """Send a reply through WeChat's customer-service messages, or leave it in the app with a notice."""

    name: ClassVar[str] = "notifications.deliver_chat"
    message_id: UUID
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class DeliverWebhooks(Job):
    """Deliver what is due to one subscription; ``lease`` says for whom it is kept."""

    name: ClassVar[str] = "notifications.deliver_webhooks"
    queue: ClassVar[str] = "webhooks"
    subscription_id: UUID
    lease: UUID


ALL_JOBS: tuple[type[Job], ...] = (
    CheckDossier,
    Announce,
    DeliverNotice,
    DeliverByContact,
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
    AnswerChat,
    DeliverChat,
    DeliverWebhooks,
)


class JobQueue(Protocol):
    def enqueue(self, session: Session, job: Job, *, at: datetime | None = None) -> None: ...
    def enqueue_many(self, session: Session, jobs: Sequence[Job]) -> None: ...
    def hasten(self, session: Session, kind: type[Job], begins: datetime, ends: datetime) -> None: ...


class ProcrastinateQueue:
    """Writes the job row on the caller's own connection: committed with the change or not at all."""

    def __init__(self, app: procrastinate.App) -> None:
        self._app = app

    def enqueue(self, session: Session, job: Job, *, at: datetime | None = None) -> None:
        """Raises Unavailable when PostgreSQL is away."""
        self._defer(session, [job], at)

    def enqueue_many(self, session: Session, jobs: Sequence[Job]) -> None:
        """The same for jobs of one kind and priority that are due at once, in one statement."""
        if jobs:
            self._defer(session, jobs, None)

    def hasten(self, session: Session, kind: type[Job], begins: datetime, ends: datetime) -> None:
        """What waits to be due between these two times is due now: in slices, for a statement's time is limited."""
        wanted = {"name": kind.name, "begins": begins, "ends": ends, "most": HASTENED_AT_ONCE}
        after = 0
        while woken := session.scalars(_HASTEN, {**wanted, "after": after}).all():
            after = max(woken)

    def _defer(self, session: Session, jobs: Sequence[Job], at: datetime | None) -> None:
        connection, kind = session.connection().connection.driver_connection, jobs[0]
        task = self._app.configure_task(
            kind.name, queue=kind.queue, priority=kind.priority, schedule_at=at, connection=connection
        )
        payloads = [{k: str(v) if isinstance(v, UUID) else v for k, v in asdict(job).items()} for job in jobs]
        try:
            task.batch_defer(*payloads)
        except (procrastinate.exceptions.ConnectorException, psycopg.OperationalError) as error:
            # past SQLAlchemy, so nobody else would translate a server that died in the middle
            raise Unavailable("database_unavailable") from error
