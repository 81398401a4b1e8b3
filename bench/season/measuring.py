"""Seasons as a measurement: the cost of a transfer, small against large, and with years of transfers behind it."""

from __future__ import annotations

import time
from random import Random

from bench.season.people import desk_of
from bench.season.season import Season, SeasonOutside, SeasonResult, Simulation
from bench.season.years import file_years
from bench.stand import stand

SMALL, LARGE, BEHIND = 1000, 5000, 100_000
RATIO_MOST, MANY = 1.25, 10_000


def one(graduates: int, behind: int, seed: int) -> SeasonResult:
    """Raises bench.season.book.Broken."""
    outside = SeasonOutside(seed)
    with stand(outside=outside.build) as on:
        if behind:
            began = time.monotonic()
            file_years(on.parts, desk_of(on.parts, "former-"), behind)
            print(f"season: {behind} transfers of earlier years filed in {time.monotonic() - began:.0f} s")
        print(f"season: {graduates} graduates, seed {seed}")
        # the checks read whole tables; with years of transfers in them, daily ones would be most of the run
        wanted = Season(graduates, seed, lambda line: print(line, flush=True), weekly=behind > MANY)
        result = Simulation(on, outside, wanted).run()
    print(
        f"season: {result.transfers} transfers, {result.steps} steps and {result.polls} questions to the carrier in"
        f" {result.seconds:.0f} s: {result.per_transfer:.1f} ms a transfer,"
        f" {(result.steps + result.polls) / result.seconds:.0f} events/s; {result.refused} mistakes refused;"
        f" {result.compared} comparisons, no difference ({result.checking:.0f} s)"
    )
    return result


def run(seed: int | None = None) -> bool:
    drawn = Random().randrange(10**6) if seed is None else seed
    small, large, late = one(SMALL, 0, drawn), one(LARGE, 0, drawn), one(SMALL, BEHIND, drawn)
    grown, behind = large.per_transfer / small.per_transfer, late.per_transfer / small.per_transfer
    print(f"season: cost per transfer, {LARGE} to {SMALL} graduates: {grown:.2f} (target at most {RATIO_MOST})")
    print(f"season: the same {SMALL}, with {BEHIND} transfers behind them: {behind:.2f} (target at most {RATIO_MOST})")
    return max(grown, behind) <= RATIO_MOST
