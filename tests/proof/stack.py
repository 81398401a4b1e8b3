"""The whole of Lantai in a folder of its own, as the demo runs it: ``python -m tests.proof.stack FOLDER WEB SANDBOX``.

The launcher ends every child of its process, so it has one for itself; ``Stack`` starts it and kills its parts.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests

from app.settings import load_settings
from deploy.demo import OURS, Demo, environment, plan
from deploy.launcher import launch
from deploy.programs import answers, next_free_port
from parts import Lantai
from providers.embedded.records import ServiceUrls, read_services
from providers.sandbox.setup import write_demo_environment
from wiring import build, libpq_url

PROJECT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
READY = "ready"
START_LIMIT_S, STOP_LIMIT_S = 180.0, 90.0
VICTIMS = ("web worker", "web master", "job worker", "face worker", "sandbox", "postgres", "redis")


def variables_of(demo: Demo) -> dict[str, str]:
    """The demo's environment; one trusted proxy, so that each client has an address of its own."""
    env_file = write_demo_environment(demo.folder / "sandbox", demo.sandbox_port, demo.public_url)
    return environment(demo, env_file, os.environ) | {"LANTAI_TRUSTED_PROXIES": "1"}


def main() -> int:
    folder, web, sandbox = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    # should the drill be killed, its stack must not outlive it
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.chdir(PROJECT)
    demo = Demo(folder, web, sandbox)
    variables = variables_of(demo)
    parts = plan(demo, folder / "sandbox" / "sandbox.env")
    return launch(parts, folder=folder, environment=variables, when_ready=lambda: (folder / READY).touch())


class Stack:
    """A running stack. ``web`` and ``sandbox`` are addresses."""

    def __init__(self, folder: Path) -> None:
        web = next_free_port(18200)
        self.folder, self.demo = folder, Demo(folder, web, next_free_port(web + 1))
        self._ports = (self.demo.web_port, self.demo.sandbox_port)
        self.web, self.sandbox = self.demo.public_url, self.demo.sandbox_url
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when all parts answer. Raises RuntimeError with the end of what was printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        console = self.folder / "launcher.out"
        with console.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.proof.stack", *map(str, (self.folder, *self._ports))],
                cwd=PROJECT,
                env=kept,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not (self.folder / READY).exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the stack did not start:\n{console.read_text()[-3000:]}")
            time.sleep(0.2)

    def stop(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    # --- its processes ------------------------------------------------------------------------------------------------

    def processes(self, victim: str) -> list[psutil.Process]:
        """Those of our own stack and no other: found among the children of the process we started."""
        assert self._process is not None
        found = []
        for child in psutil.Process(self._process.pid).children(recursive=True):
            with suppress(psutil.Error):
                if self._is(victim, child):
                    found.append(child)
        return found

    @staticmethod
    def _is(victim: str, process: psutil.Process) -> bool:
        words = process.cmdline() or [""]  # a dead one that nobody has collected yet has none
        line = " ".join(words)
        if victim in ("web worker", "web master"):
            parent = process.parent()
            below = parent is not None and "gunicorn" in " ".join(parent.cmdline())
            return "gunicorn" in line and below == (victim == "web worker")
        if victim == "postgres":
            parent = process.parent()
            return process.name() == "postgres" and (parent is None or parent.name() != "postgres")
        if victim == "redis":
            return process.name() == "redis-server"
        ends = {"job worker": "worker.py", "face worker": "face_worker.py"}
        return words[-1] == ends[victim] if victim in ends else "providers.sandbox" in words

    def kill(self, victim: str, pick: int) -> bool:
        """kill -9 of one such process; False if none is there just now."""
        found = self.processes(victim)
        if not found:
            return False
        with suppress(psutil.NoSuchProcess):
            found[pick % len(found)].kill()
        return True

    # --- looking in ---------------------------------------------------------------------------------------------------

    def urls(self) -> ServiceUrls:
        found = read_services(self.demo.data)
        if found is None:
            raise RuntimeError("the embedded servers have not said where they are")
        return found

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with psycopg.connect(libpq_url(self.urls().database_owner_url), autocommit=True) as connection:
            yield connection

    @contextmanager
    def wired(self) -> Iterator[Lantai]:
        """The same application in this process, for what staff do by hand and for opening sealed values."""
        settings = load_settings(
            self.folder / "sandbox" / "sandbox.env",
            environment="demo",
            data_dir=self.demo.data,
            key_dir=self.demo.keys,
        )
        parts = build(settings, self.urls())
        try:
            yield parts
        finally:
            parts.close()

    def logins(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "demo-logins.json").read_text("utf-8"))
        return found

    def logged(self, request_id: str) -> list[str]:
        """What the processes' logs say of a request."""
        files = sorted((self.folder / "log").glob("*.log"))
        lines = [line for file in files for line in file.read_text("utf-8", "replace").splitlines()]
        return [line for line in lines if request_id in line]

    def play(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The sandbox's control API. Raises requests' errors."""
        reply = requests.post(f"{self.sandbox}/control{path}", json=body or {}, timeout=10)
        reply.raise_for_status()
        value: dict[str, Any] = reply.json()
        return value

    def ready(self) -> bool:
        return answers(f"{self.web}/readyz")


@contextmanager
def stack() -> Iterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="lantai-proof-", ignore_cleanup_errors=True) as name:
        running = Stack(Path(name))
        try:
            running.start()
            yield running
        finally:
            running.stop()


if __name__ == "__main__":
    sys.exit(main())
