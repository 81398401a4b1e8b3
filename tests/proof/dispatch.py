"""kill -9 of the process that hands a batch over, at random points: each dossier is handed over once, none is lost.

Planted at the end: one hand-over is taken away by the owner's hand, and the comparison must find it.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from random import Random
from uuid import UUID

from app.actors import Role
from app.jobs import DispatchWork
from app.transfers import batches
from bench.bulk_transfers import sealed_batch
from providers.embedded.services import ServiceUrls
from tests.proof.forked import LIMIT_S, Forked
from tests.proof.house import House, house, wired
from tests.proof.outcome import Budget, Outcome

DOSSIERS, SHORT_DOSSIERS = 600, 60
KILLS, SHORT_KILLS = 200, 6
SLICE = 2  # many commits, so that there are many points between them
ITEMS = (
    "select count(*) from dispatch_item i join transfer t on t.id = i.transfer_id"
    " where i.batch_id = %s and (i.state <> 'done' or t.state <> 'handed_to_carrier')"
)
# the number of the hand-over is the scanned one, and there is one of each
HANDED = (
    "select count(*) from dispatch_item i where i.batch_id = %s and (select count(*) from dispatch d"
    " where d.transfer_id = i.transfer_id and d.tracking_bidx = i.tracking_bidx and d.number = 1) <> 1"
)
TWICE = (
    "select count(*) from (select d.transfer_id from dispatch d join dispatch_item i on i.transfer_id = d.transfer_id"
    " where i.batch_id = %s group by d.transfer_id having count(*) > 1) t"
)
TOLD = (
    "select count(*) from dispatch_item i where i.batch_id = %s and (select count(*) from event e"
    " where e.object_id = i.transfer_id and e.type = 'transfer.moved') <> 1"
)
UNDONE = "select count(*) from dispatch_batch where id = %s and state <> 'done'"
CHECKS = {
    "items or transfers not handed over": ITEMS,
    "transfers without the scanned hand-over": HANDED,
    "transfers handed over twice": TWICE,
    "transfers whose move was not told once": TOLD,
    "batch not done": UNDONE,
}


def _work(urls: ServiceUrls, folder: Path, batch: UUID) -> None:
    parts, _ = wired(urls, folder)
    (folder / "working").touch()
    parts.dispatching.work(DispatchWork(batch))
    parts.close()


def _begun(home: House, dossiers: int, first: int) -> UUID:
    desk = home.staff(Role.DISPATCHER)
    batch = sealed_batch(home.parts, desk, dossiers, first)
    home.parts.dispatching.hand_over(desk, batch)
    return batch


def _start(home: House, batch: UUID) -> Forked:
    """Gives it when it has begun on the batch: most of a process's life is its start."""
    (home.folder / "working").unlink(missing_ok=True)
    process = Forked(partial(_work, home.urls, home.folder, batch))
    deadline = time.monotonic() + LIMIT_S
    while not (home.folder / "working").exists() and not process.ended() and time.monotonic() < deadline:
        time.sleep(0.005)
    return process


def _faults(home: House, batch: UUID) -> list[str]:
    found = {what: home.count(query, batch) for what, query in CHECKS.items()}
    return [f"{number} {what}" for what, number in found.items() if number]


def _undisturbed(home: House, dossiers: int) -> tuple[float, int]:
    """(seconds of work, exit code)."""
    process = _start(home, _begun(home, dossiers, 1))
    started = time.monotonic()
    code = process.wait()
    return time.monotonic() - started, code


def _planted(home: House, batch: UUID) -> list[str]:
    with home.owner() as owner:
        owner.execute("alter table dispatch disable trigger user")
        owner.execute(
            "delete from dispatch where id = (select d.id from dispatch d join dispatch_item i"
            " on i.transfer_id = d.transfer_id where i.batch_id = %s limit 1)",
            (batch,),
        )
    return [] if _faults(home, batch) else ["void: the comparison did not notice a deleted hand-over"]


def run(budget: Budget) -> Outcome:
    rng = Random(budget.seed)
    dossiers, kills = (SHORT_DOSSIERS, SHORT_KILLS) if budget.short else (DOSSIERS, KILLS)
    batches.SLICE = SLICE
    with house() as home:
        seconds, code = _undisturbed(home, dossiers)
        if code:
            return Outcome("the undisturbed run failed", ["void"])
        batch, hit = _begun(home, dossiers, dossiers + 1), 0
        for _ in range(kills):
            process = _start(home, batch)
            # short enough that all kills fall into the work of one batch
            time.sleep(rng.uniform(0.0, max(1.6 * seconds / kills, 0.02)))
            if not process.ended():
                process.kill()
                hit += 1
            process.wait()
        between = home.count("select count(*) from dispatch_item where batch_id = %s and state = 'done'", batch)
        faults = [] if (code := _start(home, batch).wait()) == 0 else [f"the last run ended with {code}"]
        faults += _faults(home, batch)
        if hit < kills // 2:
            faults.append(f"void: only {hit} of {kills} kills met a working process")
        faults += _planted(home, batch)
    return Outcome(
        f"{hit} kills in the work of {kills} tries, {dossiers} dossiers, {between} handed over between the kills;"
        f" undisturbed {seconds:.1f} s",
        faults,
    )
