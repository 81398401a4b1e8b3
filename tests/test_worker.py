"""Housekeeping goes on: one sweep that fails holds up no other, and a round that fails is followed by the next."""

from __future__ import annotations

import asyncio

import pytest

import worker
from app import job_worker
from app.errors import Conflict
from parts import Lantai


def test_one_failing_sweep_holds_up_no_other(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def fails() -> int:
        raise Conflict("busy")

    def works() -> int:
        done.append("second")
        return 1

    sweeps = {"first": fails, "second": works}
    monkeypatch.setattr(worker, "_sweeps", lambda _: sweeps)
    worker.housekeeping(lantai)
    assert done == ["second"]


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
