"""How a job ends: what the database did not take down is written later, and trouble of the database's is not the job's.

Procrastinate writes the end of a job once. Where the connection breaks in that moment the job stands as being worked by
a worker that lives, and nobody ever takes it up again. What is written late must not touch a job that another worker
has by then, so every end is written only while the job is still that of the worker who ran it, or nobody's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime
from functools import partial
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.retry import BaseRetryStrategy, RetryDecision

from app.errors import Unavailable

log = structlog.get_logger(__name__)

MAX_ATTEMPTS, EXPONENT = 6, 3
DATABASE_WAIT_S = 5


# Procrastinate hands the decision on without its reason. Each job runs in a task, and so in a context, of its own.
_waits: ContextVar[bool] = ContextVar("lantai_job_waits", default=False)

_FINISH = """
with ours as materialized (
    select id from procrastinate_jobs
    where id = %(job_id)s and status in ('todo', 'doing')
    and (worker_id is null or worker_id is not distinct from %(worker_id)s::bigint)
    for update
)
select procrastinate_finish_job_v1(id, %(status)s, %(delete_job)s) from ours
"""
_BACK = """
update procrastinate_jobs
set status = (case when abort_requested then 'failed' else 'todo' end)::procrastinate_job_status,
    attempts = attempts + %(tries)s,
    scheduled_at = coalesce(%(retry_at)s::timestamptz, now()),
    priority = coalesce(%(priority)s::integer, priority),
    queue_name = coalesce(%(queue)s::varchar, queue_name),
    lock = coalesce(%(lock)s::varchar, lock)
where id = %(job_id)s and status = 'doing'
and (worker_id is null or worker_id is not distinct from %(worker_id)s::bigint)
returning id
"""


class PatientRetry(BaseRetryStrategy):
    """Waits of 3, 9, 27 … seconds, six times; while the database is away, of five seconds for as long as it takes,
    which uses up none of the six.
    """

    _usual = procrastinate.RetryStrategy(max_attempts=MAX_ATTEMPTS, exponential_wait=EXPONENT)

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        waits = isinstance(exception, Unavailable) and exception.code == "database_unavailable"
        _waits.set(waits)
        if waits:
            return RetryDecision(retry_in={"seconds": DATABASE_WAIT_S})
        return self._usual.get_retry_decision(exception=exception, job=job)


class JobEndings(JobManager):
    """Procrastinate's manager, which keeps the ends it could not write until ``settle`` has written them."""

    _owed: dict[int, Callable[[], Awaitable[None]]]

    @classmethod
    def of(cls, app: procrastinate.App) -> JobEndings:
        """In the place of the app's own manager."""
        made = cls(app.job_manager.connector)
        made._owed = {}
        app.job_manager = made
        return made

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        await self._end(job, partial(self._write, job, _FINISH, status=status.value, delete_job=delete_job))

    async def retry_job(
        self,
        job: Job,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        """One of the job's tries is used up, unless it only waits for the database."""
        await self._end(job, partial(self._back, job, 0 if _waits.get() else 1, retry_at, priority, queue, lock))

    async def give_back(self, job: Job) -> None:
        """A dead worker's job, which loses no try by that. Raises ConnectorException, and owes nothing: the next round
        finds it again.
        """
        await self._back(job, 0)

    async def settle(self) -> None:
        """Write what is owed. Raises ConnectorException while the database is still away; what it does not take for
        another reason stays owed and holds up no other.
        """
        for job_id, write in list(self._owed.items()):
            try:
                await write()
            except ConnectorException as error:
                if isinstance(error.__cause__, psycopg.OperationalError):
                    raise
                log.error("job_ending_refused", job_id=job_id, error_type=type(error.__cause__).__name__)
                continue
            del self._owed[job_id]

    async def _end(self, job: Job, write: Callable[[], Awaitable[None]]) -> None:
        try:
            await write()
        except ConnectorException:
            if job.id is None:
                raise
            log.warning("job_ending_owed", job_id=job.id, task=job.task_name)
            self._owed[job.id] = write

    async def _back(
        self,
        job: Job,
        tries: int,
        retry_at: datetime | None = None,
        priority: int | None = None,
        queue: str | None = None,
        lock: str | None = None,
    ) -> None:
        given = {"tries": tries, "retry_at": retry_at, "priority": priority, "queue": queue, "lock": lock}
        await self._write(job, _BACK, **given)

    async def _write(self, job: Job, query: str, **given: Any) -> None:
        rows = await self.connector.execute_query_all_async(query, job_id=job.id, worker_id=job.worker_id, **given)
        if not rows:
            # it had been written before the connection broke, or somebody else has the job by now
            log.info("job_ended_already", job_id=job.id)
