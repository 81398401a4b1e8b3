"""docs/partner-api.md does what it says: its curl examples are run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from werkzeug.serving import make_server

from app.problems import WORDING
from auth.machine_keys import NewKey
from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.fakes import FakeClock
from tests.partner_api.test_ingest import BAD_ID, line, table

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "partner-api.md").read_text("utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)
BODIES = sorted(re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL), key=lambda body: '"kind"' in body[:20])
SIGN = Path(__file__).resolve().parents[2] / "docs" / "examples" / "signing" / "sign.py"


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Keyed:
    """A client as the page describes it: a credential, and a key of each algorithm."""

    credential: str
    key_id: str
    secret_id: str


@pytest.fixture
def keyed(lantai: Lantai, clock: FakeClock, tmp_path: Path) -> Keyed:
    """``key.pem`` and ``secret.txt`` lie in ``tmp_path``. The signers go by the true time, and so must the door."""
    clock.advance(seconds=(datetime.now(UTC) - clock.now()).total_seconds())
    _, credential = lantai.partners.add("教务系统", ["dossiers:push", "notices:send"])
    private = Ed25519PrivateKey.generate()
    (tmp_path / "key.pem").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    made = lantai.machine_keys.add("教务系统", NewKey(private.public_key().public_bytes_raw()))
    shared = lantai.machine_keys.add("教务系统", NewKey())
    (tmp_path / "secret.txt").write_text(f"{shared.secret}\n")
    body, notice = BODIES
    (tmp_path / "graduate.json").write_text(body, "utf-8")
    soon = f"{clock.now() + timedelta(days=30):%Y-%m-%d}"
    (tmp_path / "notice.json").write_text(notice.replace("2026-06-30", soon), "utf-8")
    (tmp_path / "graduates.csv").write_bytes(table(line(1), line(2, BAD_ID)))
    return Keyed(credential, made.key_id, shared.key_id)


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl on this machine")
def test_the_examples_run(site: str, keyed: Keyed, tmp_path: Path, run_jobs: Callable[[], None]) -> None:
    variables = {
        "BASE": site,
        "CREDENTIAL": keyed.credential,
        "KEYID": keyed.key_id,
        "BATCH": "",
        "PATH": os.environ["PATH"],
    }
    assert len(EXAMPLES) >= 10
    said = []
    for example in EXAMPLES:
        ran = subprocess.run(
            ["sh", "-ec", example], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 0, ran.stderr
        reply = json.loads(ran.stdout) if ran.stdout else {}
        assert reply.get("status", 200) == 200, (example, reply)
        if "/batches?" in example and not variables["BATCH"]:
            variables["BATCH"] = reply["id"]
            run_jobs()
        said.append(reply)
    assert [r["id"] for r in said if r.get("preview")]
    batches = [r["id"] for r in said if r.get("counts")]
    assert len(batches) >= 3
    assert len(set(batches)) == 1
    assert any(r.get("counts") == {"filed": 1, "refused": 1, "skipped": 0} for r in said)
    assert "身份证号校验码不正确" in (tmp_path / "errors.csv").read_text("utf-8-sig")
    assert any(set(r) == {"id", "batch"} for r in said)


def test_the_signing_example_sends_a_notice_once(
    site: str,
    keyed: Keyed,
    tmp_path: Path,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
) -> None:
    person = graduate_factory()
    http = signed_in(person, 2)
    notice = json.loads((tmp_path / "notice.json").read_text("utf-8"))
    notice["recipient"]["student_number"] = person.card.student_number
    (tmp_path / "notice.json").write_text(json.dumps(notice), "utf-8")

    def call(*words: str) -> tuple[int, dict[str, object]]:
        run = [sys.executable, str(SIGN), *words]
        ran = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
        return ran.returncode, json.loads(ran.stdout)

    address = f"{site}/partner/api/v1/notices"
    told = []
    for key_id, key in ((keyed.key_id, "key.pem"), (keyed.secret_id, "secret.txt")):
        code, reply = call(key_id, key, "POST", address, "notice.json", "notice-2026-0002")
        assert code == 0, reply
        told.append(reply["id"])
    # a retry by another key of the client is the same request
    assert told[0] == told[1]
    assert call(keyed.key_id, "key.pem", "GET", f"{address}/{told[0]}")[0] == 0
    code, refused = call(keyed.secret_id, "key.pem", "GET", f"{address}/{told[0]}")
    assert (code, refused["code"]) == (1, "signature_wrong")
    run_jobs()
    assert [n["title"] for n in http.get("/notices").json["items"]].count("请到校办理") == 1


def test_every_code_in_the_table_is_one_the_product_has() -> None:
    codes = re.findall(r"`([a-z]+_[a-z_]+)`", DOCUMENT.partition("| status |")[2])
    assert len(codes) > 12
    assert [c for c in codes if c not in WORDING] == []
