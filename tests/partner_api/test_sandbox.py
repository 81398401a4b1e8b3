"""What the sandbox leaves undone: a client of it is judged like any other, and nobody is affected."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import new_id
from app.errors import Conflict, Invalid
from app.imports.rules import BatchSource
from parts import Lantai
from tests.fakes import FakeClock
from tests.partner_api.signing import API, Signer, code, ed25519_signer
from tests.partner_api.test_ingest import BAD_ID, line, on_file, record, table

KEY = "a-key-0001"


@pytest.fixture
def sandboxed(lantai: Lantai, clock: FakeClock) -> Signer:
    _, credential = lantai.partners.add("测试系统", ["dossiers:push", "notices:send"], sandbox=True)
    assert credential.startswith("lantai_sandbox_")
    return ed25519_signer(lantai, clock, "测试系统")


def test_the_sandbox_judges_and_files_nothing(
    client: FlaskClient, sandboxed: Signer, lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    assert sandboxed.key_id.startswith("lantai_sandbox_")
    for _ in range(2):
        reply = sandboxed.call(client, "POST", "/graduates", record(1), KEY)
        assert (reply.status_code, reply.json["id"], reply.headers["Lantai-Sandbox"]) == (200, None, "true")
    wrong = sandboxed.call(client, "POST", "/graduates", record(2, id_number=BAD_ID), "a-key-0002")
    assert (code(wrong), wrong.json["errors"][0]["pointer"]) == ((422, "invalid_input"), "/id_number")
    data = table(line(3), line(4, BAD_ID))
    path = f"{API}/batches?start=import&name=a.csv"
    headers = sandboxed.headers("POST", path, data, **{"Idempotency-Key": "a-key-0003", "Content-Type": "text/csv"})
    taken: Any = client.post(path, data=data, headers=headers, content_type="text/csv")
    assert (taken.status_code, taken.json["state"]) == (202, "checking")
    run_jobs()
    batch = taken.json["links"]["self"].removeprefix(API)
    again = sandboxed.call(client, "POST", f"{batch}/start")
    assert (again.status_code, again.json["state"]) == (202, "checked")
    assert not any(on_file(lantai, n) for n in range(1, 5))


def test_nobody_makes_a_batch_of_the_sandbox_real(
    client: FlaskClient, sandboxed: Signer, lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    archivist = Actor(ActorKind.STAFF, new_id(), roles=frozenset({Role.ARCHIVIST}))
    sandboxed.call(client, "POST", "/graduates", record(1), KEY)
    path = f"{API}/batches?start=check&name=a.csv"
    data = table(line(2), line(3, BAD_ID))
    client.post(
        path,
        data=data,
        headers=sandboxed.headers("POST", path, data, **{"Idempotency-Key": "a-key-0002", "Content-Type": "text/csv"}),
    )
    run_jobs()
    of_sandbox = lantai.importer.batches(archivist).batches
    assert [b.state.value for b in of_sandbox] == ["checked", "checked"]
    mended = lantai.importer.receive(
        archivist,
        name="errors.csv",
        stream=io.BytesIO(table(line(3))),
        source=BatchSource.CONSOLE,
        parent=of_sandbox[0].id,
    )
    for batch in (*of_sandbox, mended):
        for actor in (archivist, SYSTEM):
            for start in (lantai.importer.start_import, lantai.importer.import_now):
                with pytest.raises(Conflict, match="import_dry_only"):
                    start(actor, batch.id)
    run_jobs()
    assert not any(on_file(lantai, n) for n in (1, 2, 3))
    own = lantai.importer.receive(
        archivist, name="a.csv", stream=io.BytesIO(data), source=BatchSource.CONSOLE, batch_key="own-key-0001"
    )
    lantai.importer.import_now(archivist, own.id)
    assert on_file(lantai, 2)


def test_what_is_refused_tells_of_the_sandbox_too(
    client: FlaskClient, lantai: Lantai, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    lantai.partners.add("测试系统", ["notices:send"], sandbox=True)
    signer = ed25519_signer(lantai, clock, "测试系统")
    batch = "/batches/00000000-0000-0000-0000-000000000000"
    monkeypatch.setattr("auth.partners.REQUESTS_PER_MINUTE", 1)
    for wanted in ((403, "scope_required"), (429, "rate_limited")):
        reply = signer.call(client, "GET", batch)
        assert (code(reply), reply.headers.get("Lantai-Sandbox")) == (wanted, "true")
        assert reply.headers["RateLimit"].startswith('"client";r=0;')


def test_the_sandbox_has_no_scope_by_which_it_would_read(lantai: Lantai) -> None:
    for scope, receiver in (("events:subscribe", ""), ("dossiers:receive", "HR-1")):
        with pytest.raises(Invalid, match="sandbox_scope"):
            lantai.partners.add("测试系统", [scope], receiver, sandbox=True)
    _, credential = lantai.partners.add("真实系统", ["dossiers:push"])
    assert not credential.startswith("lantai_")
