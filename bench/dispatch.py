"""A batch of sealed dossiers handed over in one act: cost per dossier, small against large, and on after a kill."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from uuid import UUID

from sqlalchemy import func, select

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.jobs import DispatchWork
from app.transfers.batch_models import BatchState, DispatchItem
from app.transfers.models import Dispatch
from bench.bulk_transfers import sealed_batch
from bench.stand import PROJECT, Stand, stand

SMALL, LARGE, RATIO_MOST = 500, 5000, 1.25
LIMIT_S = 900.0


def run(small: int = SMALL, large: int = LARGE) -> bool:
    with stand() as on:
        made = on.parts.staff.add(SYSTEM, "dispatch", "转递员", [Role.DISPATCHER])
        actor = Actor(ActorKind.STAFF, made.staff_id, frozenset({Role.DISPATCHER}))
        warm = sealed_batch(on.parts, actor, 50, 1)
        _handed(on, actor, warm)
        few = sealed_batch(on.parts, actor, small, 51)
        many = sealed_batch(on.parts, actor, large, 51 + small)
        spent = {number: _handed(on, actor, batch) for number, batch in ((small, few), (large, many))}
        each = {number: 1000 * seconds / number for number, seconds in spent.items()}
        ratio = each[large] / each[small]
        for number, seconds in spent.items():
            print(f"dispatch: {number} dossiers in one act {seconds:.1f} s, {each[number]:.2f} ms each")
        print(f"dispatch: cost per dossier {large} to {small}: {ratio:.2f} (target at most {RATIO_MOST})")
        whole = _resumed(on, actor, sealed_batch(on.parts, actor, small, 51 + small + large), small)
    return ratio <= RATIO_MOST and whole


def _handed(on: Stand, actor: Actor, batch: UUID) -> float:
    """From the press of the button to the end, by one worker."""
    started = time.monotonic()
    on.parts.dispatching.hand_over(actor, batch)
    on.parts.dispatching.work(DispatchWork(batch))
    return time.monotonic() - started


def _resumed(on: Stand, actor: Actor, batch: UUID, count: int) -> bool:
    """The job worker is killed in the midst of the batch; another goes on. Every dossier is handed over once."""
    desk = on.parts.dispatching
    log = (on.folder / "worker.log").open("wb")
    with log:
        worker = subprocess.Popen(
            [sys.executable, "worker.py"], cwd=PROJECT, env=dict(on.environment), stdout=log, stderr=log
        )
        desk.hand_over(actor, batch)
        _until(lambda: desk.batch(actor, batch).done > 0)
        worker.kill()
        worker.wait()
    before, started = desk.batch(actor, batch).done, time.monotonic()

    def finished() -> bool:
        desk.work(DispatchWork(batch))
        return desk.batch(actor, batch).state is BatchState.DONE

    _until(finished)
    seconds, view, sent = time.monotonic() - started, desk.batch(actor, batch), _sent(on, batch)
    left = max(count - before, 1)
    print(
        f"dispatch: worker killed after {before} of {count}; the others by the next in {seconds:.1f} s,"
        f" {1000 * seconds / left:.2f} ms each; {view.done} done, {view.failed} failed, {sent} hand-overs"
    )
    return (view.done, view.failed, sent) == (count, 0, count) and 0 < before < count


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        if time.monotonic() > deadline:
            raise SystemExit("the batch does not go on")
        time.sleep(0.05)


def _sent(on: Stand, batch: UUID) -> int:
    query = (
        select(func.count(Dispatch.id))
        .join(DispatchItem, DispatchItem.transfer_id == Dispatch.transfer_id)
        .where(DispatchItem.batch_id == batch)
    )
    with on.parts.db.transaction() as session:
        return session.scalar(query) or 0
