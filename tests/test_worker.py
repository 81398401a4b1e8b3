"""Housekeeping goes on: one sweep that fails holds up no other, and a round that fails is followed by the next."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

import worker
from app import job_worker
from app.db import new_id
from app.errors import Conflict, Unavailable
from app.job_endings import JobEndings, PatientRetry
from app.jobs import Announce, DeliverWebhooks
from parts import Lantai
from providers.embedded.services import ServiceUrls
from wiring import build_queue_app


@pytest.mark.parametrize("error", [Conflict("busy"), IntegrityError("delete", {}, Exception("still used"))])
def test_one_failing_sweep_holds_up_no_other(
    error: Exception, lantai: Lantai, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []

    def fails() -> int:
        raise error

    def works() -> int:
        done.append("second")
        return 1

    sweeps = {"first": fails, "second": works}
    monkeypatch.setattr(worker, "_sweeps", lambda _: sweeps)
    worker.housekeeping(lantai)
    assert done == ["second"]
    assert "still used" not in "".join(capsys.readouterr())


def test_every_sweep_runs_on_an_empty_house(lantai: Lantai) -> None:
    assert all(sweep() >= 0 for sweep in worker._sweeps(lantai).values())


def test_a_round_that_fails_is_followed_by_the_next() -> None:
    rounds: list[int] = []

    def tick() -> None:
        rounds.append(1)
        raise KeyError("gone")

    async def some() -> None:
        beat = asyncio.create_task(job_worker._beat(tick, 0.01))
        while len(rounds) < 3 and not beat.done():
            await asyncio.sleep(0.01)
        beat.cancel()

    asyncio.run(asyncio.wait_for(some(), 20))
    assert len(rounds) >= 3


def test_slow_calls_on_a_queue_apart_hold_up_no_other_job(lantai: Lantai, urls: ServiceUrls) -> None:
    """More of them than the threads Python would give by default, and all their places taken."""
    places = (os.cpu_count() or 1) + 8
    begun, over, ended = list[float](), threading.Event(), list[bool]()
    queue = build_queue_app(urls)

    def slow(_: DeliverWebhooks) -> None:
        begun.append(time.monotonic())
        over.wait(20)

    def quick(_: Announce) -> None:
        # only once every slow one is under way
        while len(begun) < places:
            time.sleep(0.01)
        ended.append(over.is_set())
        over.set()

    job_worker.register(queue, DeliverWebhooks, slow)
    job_worker.register(queue, Announce, quick)
    with lantai.db.transaction() as session:
        for _ in range(places):
            lantai.queue.enqueue(session, DeliverWebhooks(new_id(), new_id()))
        lantai.queue.enqueue(session, Announce(new_id()))
    started = time.monotonic()
    asyncio.run(job_worker.work(queue, ["default"], concurrency=1, apart={DeliverWebhooks.queue: places}, wait=False))
    assert ended == [False]
    assert time.monotonic() - started < 15


def test_a_worker_that_fails_ends_the_others_and_says_so() -> None:
    async def fails() -> None:
        raise ValueError("the database is away")

    async def works() -> None:
        await asyncio.sleep(60)

    async def both() -> None:
        await job_worker._together([asyncio.create_task(fails()), asyncio.create_task(works())], wait=False)

    begun = time.monotonic()
    with pytest.raises(ValueError, match="away"):
        asyncio.run(both())
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("written", [False, True], ids=["before it was written", "after it was written"])
def test_a_job_whose_end_the_database_did_not_take_does_not_stay_in_hand_for_ever(
    written: bool, lantai: Lantai, urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker lives, so nobody would find the job: it writes the end later, and does the work once."""
    real, broken, done = JobEndings._write, [True], list[int]()

    async def finish(self: JobEndings, *job: Any, **given: Any) -> None:
        if written or not broken:
            await real(self, *job, **given)
        if broken:
            broken.pop()
            raise ConnectorException from psycopg.OperationalError("the connection is gone")

    monkeypatch.setattr(JobEndings, "_write", finish)
    monkeypatch.setattr(job_worker, "SWEEP_S", 0.1)
    queue = build_queue_app(urls)
    job_worker.register(queue, Announce, lambda _: done.append(1))
    with lantai.db.transaction() as session:
        lantai.queue.enqueue(session, Announce(new_id()))

    async def until_empty() -> None:
        working = asyncio.create_task(job_worker.work(queue, ["default"], concurrency=1))
        while not working.done() and (not done or _jobs(lantai)):
            await asyncio.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)
        await working

    asyncio.run(asyncio.wait_for(until_empty(), 30))
    assert (done, broken) == ([1], [])


def _jobs(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(text("select count(*) from procrastinate_jobs")) or 0


def test_a_job_outlives_any_absence_of_the_database_and_gives_up_on_its_own_faults() -> None:
    job = Job(id=1, queue="default", lock=None, queueing_lock=None, task_name="any", attempts=50)
    patient = PatientRetry()
    assert patient.get_retry_decision(exception=Unavailable("database_unavailable"), job=job) is not None
    assert patient.get_retry_decision(exception=Unavailable("platform_unavailable"), job=job) is None
    assert patient.get_retry_decision(exception=KeyError("gone"), job=job) is None


def _enqueued(lantai: Lantai) -> None:
    with lantai.db.transaction() as session:
        lantai.queue.enqueue(session, Announce(new_id()))


def _row(lantai: Lantai) -> tuple[str, int, int | None]:
    with lantai.db.transaction() as session:
        row = session.execute(text("select status::text, attempts, worker_id from procrastinate_jobs")).one()
    return row[0], row[1], row[2]


async def _taken(endings: JobEndings) -> Job:
    job = await endings.fetch_job(queues=["default"], worker_id=await endings.register_worker())
    assert job is not None
    return job


def test_waits_for_the_database_and_dead_workers_use_up_no_try(lantai: Lantai, urls: ServiceUrls) -> None:
    queue, patient = build_queue_app(urls), PatientRetry()
    _enqueued(lantai)

    async def ends() -> None:
        endings = JobEndings.of(queue)
        async with queue.open_async():
            for _ in range(4):
                job = await _taken(endings)
                assert patient.get_retry_decision(exception=Unavailable("database_unavailable"), job=job)
                await endings.retry_job(job)
                await endings.give_back(await _taken(endings))
            assert _row(lantai)[:2] == ("todo", 0)
            job = await _taken(endings)
            assert patient.get_retry_decision(exception=KeyError("gone"), job=job)
            await endings.retry_job(job)
        assert _row(lantai)[:2] == ("todo", 1)

    asyncio.run(ends())


def test_a_late_end_leaves_a_job_alone_that_another_worker_has(lantai: Lantai, urls: ServiceUrls) -> None:
    queue = build_queue_app(urls)
    _enqueued(lantai)

    async def ends() -> None:
        endings = JobEndings.of(queue)
        async with queue.open_async():
            lost = await _taken(endings)
            await endings.give_back(lost)
            theirs = await _taken(endings)
            await endings.retry_job(lost)
            await endings.give_back(lost)
            await endings.finish_job(lost, Status.FAILED, delete_job=False)
            assert _row(lantai) == ("doing", 0, theirs.worker_id)
            await endings.finish_job(theirs, Status.SUCCEEDED, delete_job=True)
        assert _jobs(lantai) == 0

    asyncio.run(ends())


def test_an_end_that_a_read_only_server_refused_is_written_when_it_takes_it(
    lantai: Lantai, urls: ServiceUrls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failover the old server may answer for a while (SQLSTATE 25006)."""
    queue, real, refuses = build_queue_app(urls), JobEndings._write, [True]
    _enqueued(lantai)

    async def write(self: JobEndings, *job: Any, **given: Any) -> None:
        if refuses:
            raise ConnectorException from psycopg.errors.ReadOnlySqlTransaction()
        await real(self, *job, **given)

    monkeypatch.setattr(JobEndings, "_write", write)

    async def ends() -> None:
        endings = JobEndings.of(queue)
        async with queue.open_async():
            await endings.finish_job(await _taken(endings), Status.SUCCEEDED, delete_job=True)
            await endings.settle()
            assert _jobs(lantai) == 1
            refuses.clear()
            await endings.settle()
        assert _jobs(lantai) == 0

    asyncio.run(ends())
