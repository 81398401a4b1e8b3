"""Fuzzed call-backs (atheris, which follows the branches taken): WeChat's with valid signatures and without, Alipay's
with valid ones and altered ones. Nothing but a declared refusal may come out, and nothing that was not signed.

Planted: a fault in each lane's parser; a lane that does not find its own has shown nothing.
"""

from __future__ import annotations

import base64
import os
import re
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.proof import callback_samples as samples
from tests.proof.outcome import Budget, Outcome

# the executions of each lane; those of the first two open an envelope every time, all but "forged" are rightly signed
RUNS: Mapping[str, int] = {
    "sealed": 700_000,
    "members": 150_000,
    "envelope": 150_000,
    "forged": 80_000,
    "alipay": 40_000,
}
LEAST, SHORT_SHARE = 1_000_000, 16
PLANTED_RUNS = 200_000
TALLY = struct.Struct("<QQ")  # executions, and those in which a message lay open
LIMIT_S = 3600.0
ERROR = re.compile(r"^\s*=== Uncaught Python exception: ===\s*\n(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Ran:
    lane: str
    executions: int
    opened: int
    seconds: float
    fault: str


def _fault(code: int, told: str, folder: Path) -> str:
    """'' for an ordinary end; otherwise what was raised, and the input that did it."""
    if code == 0:
        return ""
    found = ERROR.search(told)
    inputs = [base64.b64encode(each.read_bytes()).decode() for each in sorted(folder.glob("found-*"))]
    return f"{found[1] if found else told[-400:]}; input in base64: {' '.join(inputs)[:2000]}"


def _run(lane: str, parser: str, runs: int, seed: int) -> Ran:
    started = time.monotonic()
    with TemporaryDirectory(prefix="lantai-callbacks-") as name:
        folder = Path(name)
        (folder / "words").write_text(samples.dictionary())
        options = [
            f"-runs={runs}",
            f"-seed={seed + 1}",  # 0 would let libFuzzer draw one
            "-max_len=4096",
            "-timeout=10",
            "-rss_limit_mb=1024",
            "-verbosity=0",
            f"-dict={folder / 'words'}",
            f"-artifact_prefix={folder}/found-",
        ]
        done = subprocess.run(
            [sys.executable, "-m", "tests.proof.callback_fuzzer", lane, parser, name, *options],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=LIMIT_S,
            env={**os.environ, "PYTHONHASHSEED": "0"},
            check=False,
        )
        tally = folder / "tally"
        executions, opened = TALLY.unpack(tally.read_bytes()) if tally.is_file() else (0, 0)
        fault = _fault(done.returncode, done.stdout + done.stderr, folder)
    return Ran(lane, executions, opened, time.monotonic() - started, fault)


def _all(parser: str, runs: Mapping[str, int], seed: int) -> Sequence[Ran]:
    with ThreadPoolExecutor(os.cpu_count() or 1) as several:
        return list(several.map(lambda lane: _run(lane, parser, runs[lane], seed), runs))


def _judged(ran: Sequence[Ran], least: int) -> Iterator[str]:
    executions, opened = sum(r.executions for r in ran), sum(r.opened for r in ran)
    signed = sum(r.executions for r in ran if r.lane != "forged")
    for each in ran:
        if each.fault:
            yield f"{each.lane}: {each.fault}"
        elif not each.opened:
            yield f"void: nothing of {each.lane} was ever read"
    if signed < least:
        yield f"void: only {signed} of {least} executions with valid signatures"
    if opened * 2 < executions:
        yield f"void: only {opened} of {executions} executions came past signature and decryption"


def run(budget: Budget) -> Outcome:
    if find_spec("atheris") is None:
        return Outcome("not run", ["void: atheris is built for x86-64 and Python 3.11 to 3.13 only"])
    share = SHORT_SHARE if budget.short else 1
    started = time.monotonic()
    ran = _all("real", {lane: number // share for lane, number in RUNS.items()}, budget.seed)
    seconds = time.monotonic() - started
    faults = list(_judged(ran, LEAST // share))
    planted = _all("planted", dict.fromkeys(RUNS, PLANTED_RUNS), budget.seed)
    faults += [
        f"void: {p.lane} did not find its planted fault in {p.executions} executions" for p in planted if not p.fault
    ]
    executions, opened = sum(r.executions for r in ran), sum(r.opened for r in ran)
    lanes = ", ".join(f"{r.lane} {r.executions} ({r.opened} open, {r.executions / r.seconds:.0f}/s)" for r in ran)
    found = max((p.executions for p in planted), default=0)
    return Outcome(
        f"{executions} executions in {seconds:.0f} s ({executions / seconds:.0f}/s), {opened} past signature and"
        f" decryption: {lanes}; {len(planted)} planted faults, each found within {found} executions",
        faults,
    )
