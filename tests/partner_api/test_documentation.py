"""docs/partner-api.md does what it says: its curl examples are run as they stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app.problems import WORDING
from tests.partner_api.conftest import Machine
from tests.partner_api.test_ingest import BAD_ID, line, table

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "partner-api.md").read_text("utf-8")
EXAMPLES = re.findall(r"```sh\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl on this machine")
def test_the_examples_run(site: str, campus: Machine, tmp_path: Path, run_jobs: Callable[[], None]) -> None:
    body = re.search(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    assert body is not None
    (tmp_path / "graduate.json").write_text(body[1], "utf-8")
    (tmp_path / "graduates.csv").write_bytes(table(line(1), line(2, BAD_ID)))
    variables = {"BASE": site, "CREDENTIAL": campus.credential, "BATCH": "", "PATH": os.environ["PATH"]}
    assert len(EXAMPLES) >= 8
    said = []
    for example in EXAMPLES:
        ran = subprocess.run(
            ["sh", "-ec", example], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False
        )
        assert ran.returncode == 0, ran.stderr
        reply = json.loads(ran.stdout) if ran.stdout else {}
        assert reply.get("status", 200) == 200, (example, reply)
        if not variables["BATCH"]:
            variables["BATCH"] = reply["id"]
            run_jobs()
        said.append(reply)
    assert said[0]["id"] == said[1]["id"] == said[2]["id"]
    assert any(r.get("counts") == {"filed": 1, "refused": 1, "skipped": 0} for r in said)
    assert "身份证号校验码不正确" in (tmp_path / "errors.csv").read_text("utf-8-sig")
    assert any(set(r) == {"id", "batch"} for r in said)


def test_every_code_in_the_table_is_one_the_product_has() -> None:
    codes = re.findall(r"`([a-z]+_[a-z_]+)`", DOCUMENT.partition("| status |")[2])
    assert len(codes) > 12
    assert [c for c in codes if c not in WORDING] == []
