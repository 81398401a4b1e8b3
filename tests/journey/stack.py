"""The journey's own Lantai: ``python -m tests.journey.stack FOLDER WEB SANDBOX FACELESS`` runs it in FOLDER.

It is the demo's plan without the sample people, plus a second web process with face checks switched off. The launcher
ends every child of its process, so it has a process for itself; ``Stack`` starts and steers that process.
"""

from __future__ import annotations

import configparser
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xmlrpc.client import ServerProxy

import psycopg
import redis

from deploy.demo import OURS, Demo, environment, plan
from deploy.launcher import launch
from deploy.programs import Program, Step, next_free_port
from providers.embedded.records import read_services
from providers.sandbox.setup import write_demo_environment

PROJECT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
READY = "ready"
START_LIMIT_S = 150.0
STOP_LIMIT_S = 90.0
CLI_LIMIT_S = 240.0


class StackError(Exception):
    """The stack did not start; the text holds the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Ports:
    web: int
    sandbox: int
    faceless: int
    mail: int

    @classmethod
    def free(cls) -> Ports:
        web = next_free_port(18000)
        sandbox = next_free_port(web + 1)
        faceless = next_free_port(sandbox + 1)
        return cls(web, sandbox, faceless, next_free_port(faceless + 1))


def demo_of(folder: Path, ports: Ports) -> Demo:
    return Demo(folder, ports.web, ports.sandbox, mail_port=ports.mail)


def variables_of(folder: Path, ports: Ports) -> dict[str, str]:
    """The demo's environment, a temporary folder of our own, and one trusted proxy (the tester names addresses)."""
    demo = demo_of(folder, ports)
    (folder / "tmp").mkdir(parents=True, exist_ok=True)
    env_file = write_demo_environment(folder / "sandbox", ports.sandbox, demo.public_url, ports.mail)
    return environment(demo, env_file, os.environ) | {
        "TMPDIR": str(folder / "tmp"),
        "LANTAI_TRUSTED_PROXIES": "1",
        # slow enough to be paused in the middle; two persons from the second recipient on
        "LANTAI_CAMPAIGN_PER_SECOND": "4",
        "LANTAI_CAMPAIGN_TWO_ABOVE": "1",
        "SANDBOX_PUSH_RETRY_SECONDS": "1",
    }


def parts_of(folder: Path, ports: Ports) -> list[Program | Step]:
    """Keys are the operator's first deed, people come by the operator's import: both steps are left out here."""
    demo = demo_of(folder, ports)
    parts = [p for p in plan(demo, folder / "sandbox" / "sandbox.env") if p.name not in ("keys", "sample people")]
    web = next(p for p in parts if isinstance(p, Program) and p.name == "web")
    address = f"127.0.0.1:{ports.faceless}"
    argv = tuple(address if word == f"127.0.0.1:{ports.web}" else word for word in web.argv)
    switched_off = ("env", "LANTAI_FACE_ENABLED=false", "LANTAI_WEB_WORKERS=1", *argv)
    return [*parts, replace(web, name="web-without-face", argv=switched_off, ready=f"http://{address}/readyz")]


def main() -> int:
    folder, ports = Path(sys.argv[1]), Ports(*(int(word) for word in sys.argv[2:6]))
    # should the journey be killed, its stack must not outlive it
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.chdir(PROJECT)
    return launch(
        parts_of(folder, ports),
        folder=folder,
        environment=variables_of(folder, ports),
        when_ready=lambda: (folder / READY).touch(),
    )


@dataclass(frozen=True, slots=True)
class Ran:
    """One command: its exit code and all it printed."""

    code: int
    output: str = field(repr=False)


class Stack:
    """The running stack as an operator holds it: start, stop, command line, single programs, the owner's SQL."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ports = folder, Ports.free()
        self._process: subprocess.Popen[str] | None = None
        self._variables = variables_of(folder, self.ports)

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def faceless(self) -> str:
        return f"http://127.0.0.1:{self.ports.faceless}"

    @property
    def sandbox(self) -> str:
        return f"http://127.0.0.1:{self.ports.sandbox}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        """Returns when all parts answer. Raises StackError."""
        words = [str(n) for n in (self.ports.web, self.ports.sandbox, self.ports.faceless, self.ports.mail)]
        console = self.folder / "launcher.out"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        with console.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.journey.stack", str(self.folder), *words],
                cwd=PROJECT,
                env=kept | {"TMPDIR": str(self.folder / "tmp")},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_LIMIT_S
        while not (self.folder / READY).exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise StackError(f"the stack did not start:\n{console.read_text('utf-8')[-3000:]}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def cli(self, *words: str, **extra: str) -> Ran:
        """``./lantai WORDS`` with the stack's settings; ``extra`` are further environment variables."""
        done = subprocess.run(
            [sys.executable, "-m", "cli", *words],
            cwd=PROJECT,
            env=self._variables | extra,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLI_LIMIT_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout + done.stderr)

    def spawn(self, *argv: str, log: str) -> subprocess.Popen[bytes]:
        """Another process with the stack's settings; the caller ends it."""
        with (self.folder / "log" / log).open("wb") as output:
            return subprocess.Popen(
                [sys.executable, *argv],
                cwd=PROJECT,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def stop_program(self, name: str) -> None:
        self._supervisor().stopProcess(name)

    def start_program(self, name: str) -> None:
        """Waits until it is ready, as the launcher does."""
        self._supervisor().startProcess(name)
        found = next(p for p in parts_of(self.folder, self.ports) if isinstance(p, Program) and p.name == name)
        deadline = time.monotonic() + 60
        while not found.is_ready():
            if time.monotonic() > deadline:
                raise StackError(f"{name} did not come back")
            time.sleep(0.1)

    def _supervisor(self) -> Any:
        file = configparser.RawConfigParser()
        file.read(self.folder / "run" / "supervisord.conf")
        door = file["inet_http_server"]
        return ServerProxy(f"http://{door['username']}:{door['password']}@{door['port']}/RPC2").supervisor

    @contextlib.contextmanager
    def owner(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """The database as its owner, past everything the application may do; for planted faults and the canary."""
        found = read_services(self.data)
        if found is None:
            raise StackError("the embedded servers are not running")
        url = found.database_owner_url.replace("postgresql+psycopg://", "postgresql://", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            yield connection

    def redis(self) -> redis.Redis:
        found = read_services(self.data)
        if found is None:
            raise StackError("the embedded servers are not running")
        return redis.Redis.from_url(found.redis_url)


if __name__ == "__main__":
    sys.exit(main())
