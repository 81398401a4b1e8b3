"""Random lives of transfers against a rule book written a second time: after every step both must say the same.

Planted at the end: edges are taken out of the second book, and the same walks must find each of them missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from random import Random
from uuid import UUID

from app.dossiers.incoming import NewMaterial
from tests.fakes import FakeClock
from tests.proof.house import House, house
from tests.proof.outcome import Budget, Outcome
from tests.transfer_book import edges
from tests.transfer_walk import Diverged, Walk

SEQUENCES, SHORT_SEQUENCES, LENGTH = 2000, 20, 30
PLANTED, PLANTED_MOST = 3, 60
MATERIALS = (NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2), NewMaterial("3", "", "学年鉴定表", "", 1))


def _people(home: House) -> Callable[[], UUID]:
    return lambda: home.graduate(*MATERIALS).id


def _divergence(walk: Walk, seed: int) -> str:
    try:
        walk.sequence(seed, LENGTH)
    except Diverged as difference:
        return str(difference)
    return ""


def _plant(home: House, clock: FakeClock, walk: Walk, budget: Budget) -> list[str]:
    """Takes edges away that were walked often; gives those nobody missed."""
    missed = []
    often = [pair for pair, _ in walk.walked.most_common(12)]
    for pair in Random(budget.seed).sample(often, min(PLANTED, len(often))):
        table = edges()
        del table[pair]
        blind = Walk(home.parts, clock, _people(home), table)
        blind.book.used |= walk.book.used
        if not any(_divergence(blind, budget.seed + n) for n in range(PLANTED_MOST)):
            missed.append(f"void: nobody missed the edge {pair[0]}->{pair[1]}")
        walk.book.used |= blind.book.used
    return missed


def run(budget: Budget) -> Outcome:
    clock, faults = FakeClock(), list[str]()
    number = SHORT_SEQUENCES if budget.short else SEQUENCES
    with house(clock) as home:
        walk = Walk(home.parts, clock, _people(home))
        started = time.monotonic()
        for n in range(number):
            if difference := _divergence(walk, budget.seed + n):
                faults.append(f"sequence {budget.seed + n}: {difference}")
            if len(faults) > 4:
                break
        seconds = time.monotonic() - started
        faults += _plant(home, clock, walk, budget)
        least = len(edges()) // 4 if budget.short else len(edges()) * 4 // 5
        if len(walk.walked) < least:
            faults.append(f"void: only {len(walk.walked)} of {len(edges())} edges were walked")
    return Outcome(
        f"{n + 1} sequences, {walk.steps} steps compared, {walk.refused} refusals foretold,"
        f" {len(walk.walked)} of {len(edges())} edges walked, {1000 * seconds / max(walk.steps, 1):.1f} ms a step",
        faults,
    )
