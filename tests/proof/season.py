"""A small season of simulated graduates (bench/season): what must hold is asked after each day.

Planted at the end, each by the owner's hand: a state, a due day, a hand-over; the season's own checks must find them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import psycopg

from bench.season.book import Broken
from bench.season.odds import SEASON_ENDS, TROUBLED
from bench.season.season import Season, SeasonOutside, Simulation
from bench.stand import Stand, stand
from tests.proof.outcome import Budget, Outcome
from wiring import libpq_url

GRADUATES, SHORT_GRADUATES = 1000, 24
SHORT_UNTIL = date(2026, 9, 7)
PLANTED: Mapping[str, str] = {
    "in the book and in_transit in the database": (
        "update transfer set state = 'in_transit' where id = (select id from transfer where state = 'closed' limit 1)"
    ),
    "stored days differ": "update transfer set due_on = '2020-01-01' where state in ('closed', 'in_transit')",
    "dossiers that may be edited": "update dossier set state = 'open' where state <> 'open'",
    "steps stand in the log": (
        "insert into event (public_id, at, type, actor_kind, actor_id, object_kind, data, request_id)"
        " values (gen_random_uuid(), now(), 'transfer.moved', 'system', gen_random_uuid(), 'transfer', '{}', '')"
    ),
}
"""What the checks must say of it, and the statement."""


def _missed(on: Stand, season: Simulation) -> list[str]:
    with psycopg.connect(libpq_url(on.urls.database_owner_url), autocommit=True) as owner:
        for statement in PLANTED.values():
            owner.execute(statement.encode())
    said = "; ".join([*season.checks.daily(), *season.checks.weekly()])
    return [f"void: the checks did not say '{words}'" for words in PLANTED if words not in said]


def run(budget: Budget) -> Outcome:
    outside = SeasonOutside(budget.seed)
    lines: list[str] = []
    number, until = (SHORT_GRADUATES, SHORT_UNTIL) if budget.short else (GRADUATES, SEASON_ENDS)
    with stand(fsync=False, outside=outside.build) as on:
        season = Simulation(on, outside, Season(number, budget.seed, lines.append, until, TROUBLED))
        try:
            result = season.run()
        except Broken as broken:
            return Outcome(f"{number} graduates", [str(broken), *lines[-3:]])
        faults = _missed(on, season)
    return Outcome(
        f"{number} graduates until {until}, {result.steps} steps, {result.polls} questions to the carrier,"
        f" {result.refused} mistakes refused, {result.compared} comparisons",
        faults,
    )
