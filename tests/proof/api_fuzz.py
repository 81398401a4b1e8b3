"""schemathesis, all its checks, over a running web: on both OpenAPI documents, and on one of the page without."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from sqlalchemy import func, select

from app.actors import Purpose
from app.imports.models import ImportBatch
from app.imports.rules import BatchState
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import Leg
from app.transfers.models import Transfer
from auth.rules import Factor, Proof
from bench.stand import Stand
from notifications.partner_models import PartnerNotice
from notifications.webhook_models import WebhookSubscription
from tests.proof.fuzz_cast import Alive

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
# the version that stands there, until the first change
SEEN = """
[[operations]]
include-operation-id = "change_destination"
parameters = { "header.If-Match" = "1" }
"""
# what is removed is another than the rest of the run needs
REMOVED = """
[[operations]]
include-operation-id = "remove_webhook"
parameters = {{ "path.webhook_id" = "{spare}" }}
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


@dataclass(frozen=True, slots=True)
class Noise:
    """One run: ``token`` empty is nobody; ``ids`` are path parameters by name, set to what is there, and ``special``
    lines of the tool's configuration for single operations. ``tag``: only operations that have it.
    """

    name: str
    token: str = field(repr=False)
    target: Sequence[str]
    ids: Mapping[str, object] = field(default_factory=dict)
    without: Sequence[str] = ()
    special: str = ""
    tag: str = ""


def graduates(port: int, token: str, transfer: UUID) -> Noise:
    target = [f"http://127.0.0.1:{port}/api/v1/openapi.json"]
    ids = {"transfer_id": transfer} if token else {}
    return Noise("graduate" if token else "nobody", token, target, ids, ENDING if token else (), SEEN)


def machines(target: Sequence[str], them: Alive, short: bool) -> list[Noise]:
    """Clients with one scope each, and nobody. The short form leaves out what a client has no scope for."""
    cast: tuple[tuple[str, str, dict[str, object], str], ...] = (
        ("dossiers:push", them.pusher, {"batch_id": them.batch}, ""),
        ("dossiers:receive", them.credential, {"package_id": them.package}, ""),
        ("events:subscribe", them.listener, {"webhook_id": them.webhook}, REMOVED.format(spare=them.spare)),
        ("notices:send", them.sender, {"notice_id": them.notice}, ""),
        ("description", "", {}, ""),
    )
    return [
        Noise(scope.replace(":", "-"), credential, target, ids, (), special, scope if short else "")
        for scope, credential, ids, special in cast
    ]


def st_run(noise: Noise, folder: Path, *, seed: int, examples: int, seconds: int, again: bool = True) -> Ran:
    """One run of the command line; each distinct failure is one fault."""
    config, report = folder / "schemathesis.toml", folder / f"report-{noise.name}.json"
    ids = "".join(f'"path.{name}" = "{value}"\n' for name, value in noise.ids.items())
    config.write_text(f"[parameters]\n{ids}{CONFIG}{noise.special}")
    argv = ["st", "--config-file", str(config), "run", *noise.target]
    argv += ["--phases", "examples,coverage,fuzzing", "--max-examples", str(examples), "--seed", str(seed)]
    argv += ["--no-shrink", "--continue-on-failure", "--workers", "1", "--request-timeout", "10", "--checks", "all"]
    argv += ["--warnings", "off", "--report-json-path", str(report), "--generation-database", "none"]
    if noise.token:
        argv += ["-H", f"Authorization: Bearer {noise.token}"]
    if noise.tag:
        argv += ["--include-tag", noise.tag]
    for operation in noise.without:
        argv += ["--exclude-operation-id", operation]
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
        return st_run(noise, folder, seed=seed + 1, examples=examples, seconds=seconds, again=False)
    return read(done.returncode, output)


def read(code: int, output: str) -> Ran:
    cases = re.search(r"(\d[\d,]*) generated", output)
    number = int(cases.group(1).replace(",", "")) if cases else 0
    return Ran(number, [] if code == 0 else [output[-6000:]])


def untouched(on: Stand, them: Alive) -> list[str]:
    """What the noise did not reach: noise that ends at *not found* shows little."""
    with on.parts.db.transaction() as session:
        leg, row = session.get_one(ElectronicLeg, them.package), session.get_one(Transfer, them.transfer)
        hook, batch = session.get_one(WebhookSubscription, them.webhook), session.get_one(ImportBatch, them.batch)
        notices = session.scalar(select(func.count(PartnerNotice.id))) or 0
        missed = {
            "package": leg.state is Leg.SUBMITTED,
            "destination": row.version == 1,
            "webhook": hook.secret_version == 1,
            "other webhook": session.get(WebhookSubscription, them.spare) is not None,
            "batch": batch.state is BatchState.UPLOADED,
            "notices": notices == 1,
        }
    return [f"void: no noise reached the live {what}" for what, still in missed.items() if still]
