"""The face attacks of bench.face_attacks, with camera parameters nobody tuned for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.proof.outcome import Budget, Outcome

PROJECT = Path(__file__).resolve().parents[2]
TALLY = re.compile(r"refused (\d+)/(\d+)")


def run(budget: Budget) -> Outcome:
    """In a process of its own: the face stack must not come near the others. One round in CI's form."""
    rounds = ["--rounds", "1"] if budget.short else ["--minutes", f"{budget.minutes:g}"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.face_attacks", "--seed", str(budget.seed), *rounds],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout.replace("\r", "\n"))
    tallies = [(int(refused), int(tried)) for refused, tried in TALLY.findall(done.stdout)]
    refused, tried = sum(r for r, _ in tallies), sum(t for _, t in tallies)
    faults = [] if done.returncode == 0 else [f"exit status {done.returncode}: {done.stderr[-800:]}"]
    if tried == 0:
        faults.append("void: no attack was tried")
    return Outcome(f"{refused}/{tried} attacks refused, {len(tallies)} kinds", faults)
