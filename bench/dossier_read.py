"""Reading a 60-item catalogue: the whole way, without sealing and audit, and a bare Flask hello; one run, in rounds.

python -m bench dossier_read
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from statistics import median
from urllib.request import Request, urlopen

from bench.load import Load, closed_loop, get
from bench.plain_app import plainly
from bench.stand import Stand, file_graduate, gunicorn, stand

ROUTE = "/api/v1/dossier"
CLIENTS = 8
ROUNDS = int(os.environ.get("LANTAI_BENCH_ROUNDS", "5"))
SECONDS = float(os.environ.get("LANTAI_BENCH_SECONDS", "2.0"))
ITEMS = 60
TARGETS = {"without sealing and audit": 0.5, "bare Flask hello": 0.25}


def check(port: int, token: str) -> None:
    """The route really answers with the whole catalogue."""
    request = Request(f"http://127.0.0.1:{port}{ROUTE}", headers={"Authorization": f"Bearer {token}"})
    with urlopen(request, timeout=10) as reply:
        items = json.load(reply)["items"]
    if len(items) != ITEMS or not any(item["title"].startswith("课程") for item in items):
        raise SystemExit(f"the catalogue holds {len(items)} items, not {ITEMS}")


def measure(on: Stand) -> dict[str, list[Load]]:
    """Loads by variant, interleaved so that a busy minute of the machine falls on all alike."""
    token = file_graduate(on.parts, 1)
    with plainly():
        plain_token = file_graduate(on.parts, 2)
    results: dict[str, list[Load]] = {}
    with ExitStack() as running:
        full, _ = running.enter_context(gunicorn(on, "wsgi:create_app()", "/readyz"))
        plain, _ = running.enter_context(gunicorn(on, "bench.plain_app:create_plain_app()", "/readyz"))
        hello, _ = running.enter_context(gunicorn(on, "bench.hello:app", "/hello"))
        check(full, token)
        check(plain, plain_token)
        variants = {
            "the whole way": (full, get(ROUTE, token)),
            "without sealing and audit": (plain, get(ROUTE, plain_token)),
            "bare Flask hello": (hello, get("/hello")),
        }
        for port, request in variants.values():
            closed_loop(port, [request], clients=CLIENTS, seconds=1.0)
        for _ in range(ROUNDS):
            for name, (port, request) in variants.items():
                results.setdefault(name, []).append(closed_loop(port, [request], clients=CLIENTS, seconds=SECONDS))
    return results


def report(results: dict[str, list[Load]]) -> bool:
    whole = median(load.rate for load in results["the whole way"])
    print(f"dossier_read: {ITEMS} items, {CLIENTS} closed-loop clients, {ROUNDS} rounds of {SECONDS:g} s each, medians")
    print(f"  {'variant':<28}{'requests/s':>11}{'p50 ms':>8}{'p95 ms':>8}{'ratio':>8}{'target':>8}")
    kept = True
    for name, loads in results.items():
        wrong = {k: v for load in loads for k, v in load.statuses.items() if k != "200"}
        if wrong:
            raise SystemExit(f"{name}: answers other than 200: {wrong}")
        rate = median(load.rate for load in loads)
        p50, p95 = (1000 * median(load.percentile(share) for load in loads) for share in (0.5, 0.95))
        ratio, target = whole / rate, TARGETS.get(name)
        words = f"{ratio:>8.2f}{'≥ ' + format(target, '.2f') if target else '':>8}"
        if target is not None:
            words += "  kept" if ratio >= target else "  MISSED"
            kept &= ratio >= target
        print(f"  {name:<28}{rate:>11.0f}{p50:>8.1f}{p95:>8.1f}{words}")
    return kept


def run() -> bool:
    with stand() as on:
        return report(measure(on))
