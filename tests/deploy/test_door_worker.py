"""What gunicorn refuses before it is a request is answered like everything else, and its log names nobody."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from deploy import door_worker
from deploy.programs import next_free_port

PROJECT = Path(__file__).resolve().parents[2]
LIMIT_S = 60.0
SECRET = "13800138000"
MANY = "".join(f"A{n}: {SECRET}\r\n" for n in range(80))


@dataclass(frozen=True, slots=True)
class Door:
    port: int
    log: Path

    def say(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT_S) as line:
            line.sendall(request)
            parts = list[bytes]()
            with contextlib.suppress(ConnectionResetError):
                while piece := line.recv(65536):
                    parts.append(piece)
        head, _, body = b"".join(parts).partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        return int(first.split()[1]), {k.lower(): v for k, v in (r.split(": ", 1) for r in rest)}, body


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    port, log = next_free_port(20000), tmp_path_factory.mktemp("door") / "log"
    argv = [sys.executable, "-m", "gunicorn", "--config", "deploy/gunicorn.conf.py", "--bind", f"127.0.0.1:{port}"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*argv, "bench.hello:app"],
            cwd=PROJECT,
            env={**os.environ, "LANTAI_WEB_WORKERS": "1"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + LIMIT_S
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        yield Door(port, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(LIMIT_S)


@pytest.mark.parametrize(
    ("request_bytes", "status", "code"),
    [
        (f"GET /?phone={SECRET}&{'a' * 5000} HTTP/1.1\r\nHost: x\r\n\r\n", 414, "address_too_long"),
        (f"GET / HTTP/1.1\r\nHost: x\r\nA: {SECRET}{'a' * 9000}\r\n\r\n", 431, "headers_too_large"),
        (f"GET / HTTP/1.1\r\nHost: x\r\n{MANY}\r\n", 431, "headers_too_large"),
        (f"{SECRET}\r\n\r\n", 400, "malformed"),
        (f"GET / HTTP/1.1\r\nHost: x\r\n{SECRET} : a\r\n\r\n", 400, "malformed"),
        (f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: {SECRET}\r\n\r\n", 501, "malformed"),
    ],
    ids=["line", "header", "headers", "no-request", "header-name", "coding"],
)
def test_unreadable_requests(door: Door, request_bytes: str, status: int, code: str) -> None:
    found, headers, body = door.say(request_bytes.encode())
    assert found == status
    assert headers["content-type"] == "application/problem+json"
    problem = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == headers["x-request-id"]
    deadline = time.monotonic() + LIMIT_S
    while problem["request_id"] not in (text := door.log.read_text()):
        assert time.monotonic() < deadline, "the refusal is not in the log"
        time.sleep(0.05)
    assert SECRET not in text
    assert "from ip" not in text


def test_a_readable_request_still_reaches_the_application(door: Door) -> None:
    assert door.say(b"GET /hello HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[0] == 200


def test_a_fault_of_our_own_is_logged_with_its_lines_and_without_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    logged = list[dict[str, object]]()
    monkeypatch.setattr(door_worker, "log", SimpleNamespace(warning=lambda _, **said: logged.append(said)))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            raise RuntimeError(SECRET)
        except RuntimeError as error:
            door_worker.answer(ours, error)
        told = theirs.recv(65536)
    assert told.startswith(b"HTTP/1.1 500 ")
    assert [str(place).split(":")[0] for place in cast(list[str], logged[0]["places"])] == ["test_door_worker.py"]
    assert SECRET not in f"{logged} {told.decode()}"
