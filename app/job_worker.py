"""Running jobs: registers handlers by payload type, and sweeps up after workers that died."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from typing import Any, TypeVar
from uuid import UUID

import procrastinate
import structlog

from app import logs
from app.job_endings import JobEndings, PatientRetry
from app.jobs import Job

log = structlog.get_logger(__name__)
J = TypeVar("J", bound=Job)

HEARTBEAT_S = 2.0
STALLED_AFTER_S = 10.0
SWEEP_S = 4.0
RETRY = PatientRetry()


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


async def _sweep(endings: JobEndings) -> None:
    """Write the ends that this worker still owes, and give the jobs of a killed one back to the queue. Defaults would
    leave those for half a minute and more.
    """
    while True:
        try:
            await endings.settle()
            for job in await endings.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER_S):
                log.warning("stalled_job_retried", job_id=job.id, task=job.task_name)
                await endings.give_back(job)
        except procrastinate.exceptions.ProcrastinateException as error:
            log.warning("sweep_failed", error_type=type(error).__name__)
        await asyncio.sleep(SWEEP_S)


async def _beat(tick: Callable[[], object], every_s: float) -> None:
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
    apart: Mapping[str, int] | None = None,
    tick: Callable[[], None] | None = None,
    tick_s: float = 3.0,
    beats: Mapping[Callable[[], object], float] | None = None,
    wait: bool = True,
) -> None:
    """Work until SIGTERM or SIGINT (or, with ``wait=False``, until the queues are empty).

    ``apart``: further queues, each with so many jobs at once of its own, so that slow ones hold up no others.
    ``beats``: what is called again and again beside ``tick``, each after so many seconds.
    """
    shares = [(queues, concurrency), *(([queue], jobs) for queue, jobs in (apart or {}).items())]
    beating: dict[Callable[[], object], float] = dict(beats or {})
    if tick is not None:
        beating[tick] = tick_s
    # by default there are as many threads as the machine has cores and four: slow calls would take them all
    threads = sum(jobs for _, jobs in shares) + len(beating) + 4
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
    endings = JobEndings.of(app)
    async with app.open_async():
        beside = [asyncio.create_task(_sweep(endings))]
        beside += [asyncio.create_task(_beat(each, every_s)) for each, every_s in beating.items()]
        try:
            await _together([asyncio.create_task(_worker(app, names, jobs, wait)) for names, jobs in shares], wait)
        finally:
            for task in beside:
                task.cancel()


async def _worker(app: procrastinate.App, queues: list[str], concurrency: int, wait: bool) -> None:
    await app.run_worker_async(
        queues=queues,
        concurrency=concurrency,
        wait=wait,
        fetch_job_polling_interval=1.0,
        update_heartbeat_interval=HEARTBEAT_S,
        stalled_worker_timeout=STALLED_AFTER_S,
        shutdown_graceful_timeout=10.0,
        delete_jobs="successful",
        install_signal_handlers=False,
    )


async def _together(workers: list[asyncio.Task[None]], wait: bool) -> None:
    """One signal, and the end of one that fails, ends them all, each with what it has in hand done."""
    loop, ends = asyncio.get_running_loop(), (signal.SIGTERM, signal.SIGINT) if wait else ()

    def stop() -> None:
        for each in workers:
            each.cancel()

    for each in ends:
        loop.add_signal_handler(each, stop)
    try:
        await asyncio.wait(workers, return_when=asyncio.FIRST_EXCEPTION)
        stop()
        ended = await asyncio.gather(*workers, return_exceptions=True)
    finally:
        for each in ends:
            loop.remove_signal_handler(each)
    for result in ended:
        if isinstance(result, Exception):
            raise result
