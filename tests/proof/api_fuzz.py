"""schemathesis, all its checks, on our own OpenAPI document over a running web: once signed in, once as nobody."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from app.actors import Purpose
from auth.rules import Factor, Proof
from bench.stand import Stand

# what a request that fits the document may still meet: other people's ids, a lack of assurance, a rule of the domain
EXPECTED = ["2xx", "401", "403", "404", "409", "412", "422", "429", "503"]
REFUSALS = ["400", "401", "403", "404", "405", "406", "409", "412", "413", "414", "415", "422", "428", "429"]
REFUSALS += ["431", "503"]
HEADERLESS = ["400", "401", "403", "404", "412", "413", "415", "422", "428", "429"]
CONFIG = f"""
[checks.positive_data_acceptance]
expected-statuses = {json.dumps(EXPECTED)}

[checks.negative_data_rejection]
expected-statuses = {json.dumps(REFUSALS)}

[checks.missing_required_header]
expected-statuses = {json.dumps(HEADERLESS)}
"""
INTERPRETER_FAULT = "AST constructor recursion depth mismatch"  # CPython 3.11's own, deep in the tool: tried again once
# these end the session that the rest of the run needs; they are fuzzed as nobody, and by the other tests
ENDING = ("end_session", "end_all_sessions")


@dataclass(frozen=True, slots=True)
class Ran:
    cases: int
    faults: list[str]


def step_up(on: Stand, token: str) -> str:
    """A new token with a fresh proof for every purpose."""
    view = on.parts.sessions.resolve(token)
    now = on.parts.clock.now()
    with on.parts.db.transaction() as session:
        for purpose in Purpose:
            for factor in (Factor.WECHAT_FACE, Factor.PHONE):
                issued = on.parts.sessions.add_proof(session, view.id, Proof(factor, purpose, now), view.actor.id)
    return issued.token


def st_run(port: int, folder: Path, *, seed: int, examples: int, token: str, seconds: int, again: bool = True) -> Ran:
    """One run of the command line; each distinct failure is one fault."""
    config, report = folder / "schemathesis.toml", folder / f"report-{bool(token)}.json"
    config.write_text(CONFIG)
    argv = ["st", "--config-file", str(config), "run", f"http://127.0.0.1:{port}/api/v1/openapi.json"]
    argv += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", str(seed)]
    argv += ["--no-shrink", "--continue-on-failure", "--workers", "1", "--request-timeout", "10", "--checks", "all"]
    argv += ["--warnings", "off", "--report-json-path", str(report), "--generation-database", "none"]
    if token:
        argv += ["-H", f"Authorization: Bearer {token}"]
        for name in ENDING:
            argv += ["--exclude-operation-id", name]
    done = subprocess.run(
        [str(Path(sys.executable).parent / argv[0]), *argv[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    output = done.stdout + done.stderr
    if INTERPRETER_FAULT in output and again:
        return st_run(port, folder, seed=seed + 1, examples=examples, token=token, seconds=seconds, again=False)
    return read(done.returncode, output)


def read(code: int, output: str) -> Ran:
    cases = re.search(r"(\d[\d,]*) generated", output)
    number = int(cases.group(1).replace(",", "")) if cases else 0
    return Ran(number, [] if code == 0 else [output[-6000:]])
