"""Noise at every door: schemathesis over HTTP, hypothesis on each parser. What is not declared is a fault."""

from __future__ import annotations

from bench.stand import file_graduate, gunicorn, stand
from tests.proof import api_fuzz, parsers
from tests.proof.outcome import Budget, Outcome

SHORT_EXAMPLES, SHORT_PARSER_EXAMPLES = 6, 250


def over_http(budget: Budget) -> tuple[int, list[str]]:
    """(requests, faults): signed in and stepped up, then as nobody."""
    examples = SHORT_EXAMPLES if budget.short else int(40 * budget.minutes)
    seconds = 240 if budget.short else int(300 * budget.minutes) + 240
    requests, faults = 0, list[str]()
    with stand(fsync=False) as on:
        token = file_graduate(on.parts, 1)
        with gunicorn(on, "wsgi:create_app()", "/readyz") as (port, _):
            for who in (api_fuzz.step_up(on, token), ""):
                ran = api_fuzz.st_run(port, on.folder, seed=budget.seed, examples=examples, token=who, seconds=seconds)
                requests += ran.cases
                faults += ran.faults
    if requests < 100:
        faults.append(f"void: schemathesis sent {requests} requests")
    return requests, faults


def run(budget: Budget) -> Outcome:
    requests, faults = over_http(budget)
    examples = SHORT_PARSER_EXAMPLES if budget.short else int(2000 * budget.minutes)
    tried = 0
    found = parsers.targets()
    for target in found:
        number, fault = parsers.feed(target, budget.seed, examples)
        tried += number
        faults += [fault] if fault else []
    if not parsers.planted_is_found(budget.seed):
        faults.append("void: a planted KeyError was not found")
    return Outcome(f"{requests} generated requests, {tried} inputs to {len(found)} parsers", faults)
