"""Running jobs: registers handlers by payload type, and sweeps up after workers that died."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import fields
from typing import Any, TypeVar
from uuid import UUID

import procrastinate
import structlog
from procrastinate import RetryStrategy

from app import logs
from app.jobs import Job

log = structlog.get_logger(__name__)
J = TypeVar("J", bound=Job)

HEARTBEAT_S = 2.0
STALLED_AFTER_S = 10.0
SWEEP_S = 4.0
RETRY = RetryStrategy(max_attempts=6, exponential_wait=3)


def payload(kind: type[J], values: dict[str, Any]) -> J:
    """Ids come back from the queue as text."""
    typed = {
        f.name: UUID(values[f.name]) if f.type == "UUID" else values[f.name] for f in fields(kind) if f.name in values
    }
    return kind(**typed)


def register(app: procrastinate.App, kind: type[J], handle: Callable[[J], None], *, inline: bool = False) -> None:
    """``inline`` runs the handler in the worker's one thread: for code that must never see another."""
    if inline:

        async def run_inline(**values: Any) -> None:
            handle(payload(kind, values))

        app.task(name=kind.name, queue=kind.queue, retry=RETRY)(run_inline)
        return

    def run(**values: Any) -> None:
        handle(payload(kind, values))

    app.task(name=kind.name, queue=kind.queue, retry=RETRY)(run)


async def _sweep(app: procrastinate.App) -> None:
    """Give the jobs of a killed worker back to the queue. Defaults would leave them for half a minute and more."""
    while True:
        try:
            for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
                log.warning("stalled_job_retried", job_id=job.id, task=job.task_name)
                await app.job_manager.retry_job(job)
        except procrastinate.exceptions.ProcrastinateException as error:
            log.warning("sweep_failed", error_type=type(error).__name__)
        await asyncio.sleep(SWEEP_S)


async def _beat(tick: Callable[[], None], every_s: float) -> None:
    while True:
        try:
            await asyncio.to_thread(tick)
        except Exception as error:
            # whatever it was, the next round is due all the same
            log.error("tick_failed", error_type=type(error).__name__, places=logs.places(error))
        await asyncio.sleep(every_s)


async def work(
    app: procrastinate.App,
    queues: list[str],
    *,
    concurrency: int,
    tick: Callable[[], None] | None = None,
    tick_s: float = 3.0,
    wait: bool = True,
) -> None:
    """Work until SIGTERM or SIGINT (or, with ``wait=False``, until the queue is empty)."""
    async with app.open_async():
        beside = [asyncio.create_task(_sweep(app))]
        if tick is not None:
            beside.append(asyncio.create_task(_beat(tick, tick_s)))
        try:
            await app.run_worker_async(
                queues=queues,
                concurrency=concurrency,
                wait=wait,
                fetch_job_polling_interval=1.0,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=STALLED_AFTER_S,
                shutdown_graceful_timeout=10.0,
                delete_jobs="successful",
                install_signal_handlers=wait,
            )
        finally:
            for task in beside:
                task.cancel()
