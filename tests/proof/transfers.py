"""Drawn lives of transfers (a Hypothesis state machine) against a rule book written a second time: after every step
both must say the same, and what diverges is shrunk and printed as a program.

Planted at the end: edges are taken out of the second book, and the same machine must find each of them missing.
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
from tests.transfer_book import Edges, edges
from tests.transfer_life import Diverged
from tests.transfer_machine import STEPS, live
from tests.transfer_sight import Ground, Tally

SEQUENCES, SHORT_SEQUENCES = 2000, 25
# rounds are of twenty lives
PLANTED, SHORT_PLANTED, PLANTED_ROUNDS = 12, 3, 10
MATERIALS = (NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2), NewMaterial("3", "", "学年鉴定表", "", 1))


def _people(home: House) -> Callable[[], UUID]:
    return lambda: home.graduate(*MATERIALS).id


def _divergence(ground: Ground, seed: int, book: Edges | None = None, *, shrink: bool = True) -> str:
    """What a round of lives found, with the program that leads there; '' for nothing."""
    try:
        live(ground, seed, book, shrink=shrink)
    except Exception as fault:
        return "\n      ".join([f"{type(fault).__name__}: {fault}", *getattr(fault, "__notes__", ())])
    return ""


def _plant(ground: Ground, often: list[tuple[str, str]], budget: Budget) -> list[str]:
    """Takes edges away that were walked often; gives those nobody missed."""
    missed, number = [], SHORT_PLANTED if budget.short else PLANTED
    for source, target in Random(budget.seed).sample(often, min(number, len(often))):
        book = edges()
        del book[source, target]
        found = (_divergence(ground, budget.seed + n, book, shrink=False) for n in range(PLANTED_ROUNDS))
        first = next(filter(None, found), "")
        if not first.startswith(Diverged.__name__):
            missed.append(f"void: nobody missed the edge {source}->{target}{first and ', but '}{first}")
    return missed


def run(budget: Budget) -> Outcome:
    clock, faults = FakeClock(), list[str]()
    number, rounds = SHORT_SEQUENCES if budget.short else SEQUENCES, 0
    with house(clock) as home:
        ground = Ground(home.parts, clock, _people(home))
        started = time.monotonic()
        while ground.tally.distinct(STEPS) < number and rounds < number and not faults:
            if difference := _divergence(ground, budget.seed + rounds):
                faults.append(f"seed {budget.seed + rounds}: {difference}")
            rounds += 1
        seconds = time.monotonic() - started
        tally, ground.tally = ground.tally, Tally()
        faults += _plant(ground, [pair for pair, _ in tally.walked.most_common(len(edges()) // 2)], budget)
    least = len(edges()) // 4 if budget.short else len(edges()) * 4 // 5
    whole, shorter = tally.distinct(STEPS), sum(tally.lengths.values()) - tally.lengths[STEPS]
    if whole < number and not faults:
        faults.append(f"void: only {whole} of {number} sequences had {STEPS} steps")
    if len(tally.walked) < least:
        faults.append(f"void: only {len(tally.walked)} of {len(edges())} edges were walked")
    return Outcome(
        f"{whole} different sequences of {STEPS} steps and {shorter} shorter ones in {rounds} rounds,"
        f" {tally.steps} steps compared, {tally.refused} refusals foretold,"
        f" {len(tally.walked)} of {len(edges())} edges walked,"
        f" {1000 * seconds / max(tally.steps, 1):.1f} ms a step",
        faults,
    )
