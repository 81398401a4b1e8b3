"""Noise at every door: schemathesis over HTTP, hypothesis on each parser. What is not declared is a fault."""

from __future__ import annotations

from bench.stand import gunicorn, stand
from tests.proof import api_fuzz, fuzz_doors, parsers
from tests.proof.fuzz_cast import alive
from tests.proof.outcome import Budget, Outcome
from wsgi import create_app

SHORT_EXAMPLES, SHORT_PARSER_EXAMPLES = 6, 250


def over_http(budget: Budget) -> tuple[int, list[str]]:
    """(requests, faults): a graduate signed in and stepped up, nobody, machines of each scope, and who holds a slip."""
    examples = SHORT_EXAMPLES if budget.short else int(40 * budget.minutes)
    seconds = 240 if budget.short else int(300 * budget.minutes) + 240
    requests, faults = 0, list[str]()
    with stand(fsync=False) as on:
        them = alive(on)
        with gunicorn(on, "tests.proof.fuzz_web:create_app()", "/readyz") as (port, _):
            page = fuzz_doors.written(on.folder / "page.json", fuzz_doors.receipt_page(them.slip), port)
            check = fuzz_doors.written(on.folder / "check.json", fuzz_doors.check_page(them.check_code), port)
            told = fuzz_doors.machines(create_app(on.parts), str(them.package))
            machines = fuzz_doors.written(on.folder / "machines.json", told, port)
            for noise in (
                api_fuzz.graduates(port, api_fuzz.step_up(on, them.token), them.transfer),
                api_fuzz.graduates(port, "", them.transfer),
                *api_fuzz.machines(machines, them, budget.short),
                api_fuzz.Noise("receipt-page", "", page),
                api_fuzz.Noise("check-page", "", check),
            ):
                ran = api_fuzz.st_run(noise, on.folder, seed=budget.seed, examples=examples, seconds=seconds)
                requests += ran.cases
                faults += ran.faults
        faults += api_fuzz.untouched(on, them)
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
