"""``make proof``: failure and attack drills. Each part prints its seed, its duration and a number.

    python -m tests.proof [--short] [--seed N] [--minutes M] [part …]

``--short`` is CI's form; otherwise ``--minutes`` is the time each open-ended part takes.
"""

from __future__ import annotations

import argparse
import os
import secrets
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.proof import (
    approvals,
    callbacks,
    delivery,
    dependencies,
    dispatch,
    electronic,
    faces,
    fuzz,
    ingest,
    kills,
    notices,
    package,
    races,
    season,
    tamper,
    transfers,
)
from tests.proof.outcome import Budget, Outcome

PROJECT = Path(__file__).resolve().parents[2]
PARTS: Mapping[str, Callable[[Budget], Outcome]] = {
    "races": races.run,
    "approvals": approvals.run,
    "tamper": tamper.run,
    "fuzz": fuzz.run,
    "callbacks": callbacks.run,
    "dependencies": dependencies.run,
    "kills": kills.run,
    "faces": faces.run,
    "package": package.run,
    "ingest": ingest.run,
    "electronic": electronic.run,
    "transfers": transfers.run,
    "dispatch": dispatch.run,
    "delivery": delivery.run,
    "notices": notices.run,
    "season": season.run,
}


def prove(name: str, budget: Budget) -> Sequence[str]:
    """What went wrong."""
    started = time.monotonic()
    print(f"\n--- {name}: seed {budget.seed}, {'short' if budget.short else f'{budget.minutes:g} min'}", flush=True)
    try:
        outcome = PARTS[name](budget)
    except Exception:
        traceback.print_exc()
        outcome = Outcome("ended by an exception", ["the drill itself failed"])
    for fault in outcome.faults:
        print(f"    FAULT {fault}")
    verdict = "held" if not outcome.faults else f"BROKEN, {len(outcome.faults)} faults"
    print(
        f"--- {name}: {verdict} · {outcome.number} · seed {budget.seed} · {time.monotonic() - started:.0f} s",
        flush=True,
    )
    return outcome.faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[], help="all of them by default")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--seed", type=int, default=None, help="drawn and printed when not given")
    parser.add_argument("--minutes", type=float, default=5.0)
    arguments = parser.parse_args()
    os.chdir(PROJECT)
    seed = arguments.seed if arguments.seed is not None else secrets.randbelow(10**6)
    budget = Budget(seed, arguments.minutes, arguments.short)
    results = {name: prove(name, budget) for name in arguments.parts or PARTS}
    # once more at the end, where whoever reads only the last lines of a long run finds them
    for name, faults in results.items():
        for fault in faults:
            print(f"\n{name}: FAULT {fault}", end="")
    print("\n" + "   ".join(f"{name} {'BROKEN' if faults else 'held'}" for name, faults in results.items()))
    return 1 if any(results.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main())
