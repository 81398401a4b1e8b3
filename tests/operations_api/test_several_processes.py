"""Under gunicorn's own configuration whichever process is asked tells what all of them counted, and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from deploy.programs import next_free_port

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
WHO = re.compile(rb'lantai_http_requests_total\{[^}]*route="/who"[^}]*\} ([0-9.]+)')


def ask(url: str) -> tuple[bytes, str]:
    with urlopen(url, timeout=LIMIT_S) as reply:
        return reply.read(), reply.headers.get("X-Process", "")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    base = f"http://127.0.0.1:{next_free_port(21000)}"
    argv = ["-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", base.removeprefix("http://")]
    process = subprocess.Popen(
        [sys.executable, *argv, "tests.operations_api.counting_app:create_app()"],
        cwd=PROJECT,
        env={**os.environ, "LANTAI_WEB_WORKERS": "2", "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + LIMIT_S
        while True:
            with contextlib.suppress(URLError, ConnectionError):
                ask(f"{base}/all")
                break
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield base, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(LIMIT_S)


def test_all_processes_are_added_up(server: tuple[str, subprocess.Popen[bytes]], tmp_path: Path) -> None:
    base, process = server
    served, told, asked = set[bytes](), set[str](), 0
    deadline = time.monotonic() + LIMIT_S
    while (len(served) < 2 or len(told) < 2) and time.monotonic() < deadline:
        served.add(ask(f"{base}/who")[0])
        asked += 1
        page, process_id = ask(f"{base}/all")
        told.add(process_id)
        assert [float(n) for n in WHO.findall(page)] == [asked]
    assert (len(served), len(told)) == (2, 2)
    # the counts of a process that died stay, and its successor goes on from there
    os.kill(int(served.pop()), signal.SIGKILL)
    ask(f"{base}/who")
    assert [float(n) for n in WHO.findall(ask(f"{base}/all")[0])] == [asked + 1]
    assert list(tmp_path.glob("lantai-counts-*"))
    process.terminate()
    process.wait(LIMIT_S)
    assert not list(tmp_path.glob("lantai-counts-*"))
