"""The launcher with substitute programs: order, revival, and above all that nothing is left running."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deploy.programs import Program, next_free_port, supervisor_file
from providers.embedded.records import read_services

LIMIT_S = 60.0
PROJECT = Path(__file__).resolve().parents[2]
MARK = "LANTAI_TEST_LAUNCH"
SLEEPER = "import time; time.sleep(600)"
# Starts a grandchild in a session of its own that ignores SIGTERM: the hardest to find and to end.
STRAY = (
    "import subprocess, sys, time;"
    "subprocess.Popen([sys.executable, '-c', 'import signal, time; signal.signal(15, 1); time.sleep(600)'],"
    " start_new_session=True); time.sleep(600)"
)


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


class Launched:
    """A launcher process; its plan's processes are found by an environment variable they all inherit."""

    def __init__(self, folder: Path, plan: list[dict[str, object]]) -> None:
        self.mark = uuid.uuid4().hex
        self.folder = folder
        file = folder / "plan.json"
        file.write_text(json.dumps(plan))
        self.out = folder / "out.txt"
        with self.out.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.deploy.launched", str(file)],
                cwd=PROJECT,
                env={**os.environ, MARK: self.mark},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def text(self) -> str:
        return self.out.read_text("utf-8")

    def ready(self) -> Launched:
        until(lambda: "READY" in self.text() or self.process.poll() is not None, "ready")
        assert "READY" in self.text(), self.text()
        return self

    def others(self) -> list[psutil.Process]:
        """All living processes of this launch, wherever they hang, but for the launcher."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                marked = process.environ().get(MARK) == self.mark
                if marked and process.pid != self.process.pid and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def having(self, word: str) -> list[psutil.Process]:
        found = []
        for process in self.others():
            with contextlib.suppress(psutil.Error):
                if any(word in part for part in process.cmdline()) and "exec_as" not in " ".join(process.cmdline()):
                    found.append(process)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(LIMIT_S)


def program(name: str, code: str, **more: object) -> dict[str, object]:
    return {"kind": "program", "name": name, "argv": [sys.executable, "-c", code, name], **more}


def step(name: str, code: str) -> dict[str, object]:
    return {"kind": "step", "name": name, "argv": [sys.executable, "-c", code]}


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Callable[..., Launched]]:
    started: list[Launched] = []

    def start(*plan: dict[str, object]) -> Launched:
        started.append(Launched(tmp_path, list(plan)))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()
        for left in each.others():
            with contextlib.suppress(psutil.NoSuchProcess):
                left.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_every_process(launched: Callable[..., Launched], number: int) -> None:
    running = launched(program("first", SLEEPER), program("stray", STRAY)).ready()
    assert len(running.others()) == 4  # supervisor, two programs, one grandchild
    assert running.stop(number) == 0
    assert running.others() == []
    assert "nothing is left running" in running.text()


def test_a_killed_program_is_started_again(launched: Callable[..., Launched]) -> None:
    running = launched(program("first", SLEEPER)).ready()
    [victim] = running.having("first")
    victim.kill()
    until(lambda: [p.pid for p in running.having("first")] not in ([], [victim.pid]), "started again")
    assert running.stop() == 0
    assert running.others() == []


def test_the_parts_start_in_order_each_after_the_one_before_is_ready(
    launched: Callable[..., Launched], tmp_path: Path
) -> None:
    port = next_free_port(23_000)
    listen = f"import socket, time; time.sleep(1); s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
    connect = f"import socket; socket.create_connection(('127.0.0.1', {port})).close(); open(r'{tmp_path}/met', 'w')"
    running = launched(
        program("listener", listen, ready=f"tcp://127.0.0.1:{port}"), step("meet", connect), program("last", SLEEPER)
    ).ready()
    assert (tmp_path / "met").exists()
    assert running.stop() == 0


def test_a_failing_step_stops_the_launch_and_shows_its_output(launched: Callable[..., Launched]) -> None:
    running = launched(program("first", SLEEPER), step("migrate", "raise SystemExit('no such table')"))
    assert running.process.wait(LIMIT_S) == 1
    assert "migrate failed" in running.text()
    assert "no such table" in running.text()
    assert running.others() == []


def test_a_program_that_never_starts_stops_the_launch(launched: Callable[..., Launched]) -> None:
    running = launched(program("broken", "raise SystemExit('bad settings')"))
    assert running.process.wait(LIMIT_S) == 1
    assert "broken does not start" in running.text()
    assert "bad settings" in running.text()
    assert running.others() == []


def test_a_signal_while_still_starting_leaves_nothing(launched: Callable[..., Launched]) -> None:
    running = launched(program("first", SLEEPER), step("long", STRAY))
    until(lambda: len(running.others()) >= 4, "the long step and its grandchild")
    assert running.stop() == 0
    assert running.others() == []
    assert "READY" not in running.text()


def test_when_the_supervisor_is_killed_the_launcher_ends_its_programs(launched: Callable[..., Launched]) -> None:
    running = launched(program("first", SLEEPER), program("stray", STRAY)).ready()
    [supervisor] = running.having("supervisor.supervisord")
    supervisor.kill()
    assert running.process.wait(LIMIT_S) == 1
    assert running.others() == []


def test_when_the_launcher_is_killed_the_supervisor_stops_its_programs(launched: Callable[..., Launched]) -> None:
    running = launched(program("first", SLEEPER)).ready()
    running.process.kill()
    running.process.wait()
    until(lambda: running.others() == [], "the supervisor follows its launcher")


def test_embedded_servers_go_with_the_launch(launched: Callable[..., Launched], tmp_path: Path) -> None:
    data = tmp_path / "data"
    argv = [sys.executable, "-m", "providers.embedded", "--data-dir", str(data), "--no-fsync"]
    services = {"kind": "program", "name": "services", "argv": argv, "ready": f"services:{data}", "stop_wait_s": 30}
    running = launched(services).ready()
    assert read_services(data) is not None
    servers = [p for p in psutil.process_iter(["name", "cwd"]) if str(p.info["cwd"]).startswith(str(data))]
    assert {p.info["name"] for p in servers} == {"postgres", "redis-server"}
    assert running.stop() == 0
    assert not any(p.is_running() for p in servers)


def test_the_supervisor_file_survives_odd_paths() -> None:
    text = supervisor_file([Program("a", ("/x y/100%", "it's"))], folder=Path("/f 5%"), port=1, password="pw")
    assert "command='/x y/100%%' 'it'\"'\"'s'" in text
    assert "stdout_logfile=/f 5%%/log/a.log" in text


def test_a_taken_port_is_passed_over() -> None:
    first = next_free_port(24_000)
    with socket.create_server(("127.0.0.1", first)):
        assert next_free_port(first) > first
    assert next_free_port(first, but_not=(first,)) > first
