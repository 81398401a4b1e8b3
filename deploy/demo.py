"""``make demo``: the whole of Lantai with sandboxes and sample people, on loopback, until Ctrl-C.

Run as ``python -m deploy.demo`` from the project's folder. LANTAI_DEMO_PORT moves the web address (8000) and
LANTAI_DEMO_SANDBOX_PORT the sandbox (8100), LANTAI_DEMO_HR_PORT its HR office (8200), LANTAI_DEMO_MAIL_PORT its
e-mail server (8025); taken ports are passed over.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.launcher import LaunchError, launch, run_step, say
from deploy.programs import Program, Step, next_free_port
from providers.sandbox.hr_files import HR_CODE, hr_files
from providers.sandbox.setup import write_demo_environment

PROJECT = Path(__file__).resolve().parents[1]
OURS = ("LANTAI_", "SANDBOX_", "DATABASE_", "REDIS_")


@dataclass(frozen=True, slots=True)
class Demo:
    """Where this demo lives: ``folder`` is var/, ports are on loopback. Without ``hr_port`` no HR office is started,
    without ``mail_port`` no e-mail server."""

    folder: Path
    web_port: int
    sandbox_port: int
    hr_port: int | None = None
    mail_port: int = 0

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def named_url(self) -> str:
        """The same by name: browsers offer passkeys at http://localhost and never at a bare IP address."""
        return f"http://localhost:{self.web_port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def hr_url(self) -> str:
        return f"http://127.0.0.1:{self.hr_port}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def keys(self) -> Path:
        return self.folder / "keys"


def plan(demo: Demo, env_file: Path, python: str = sys.executable) -> list[Program | Step]:
    """In this order; each waits for the one before. The first program, the servers, is stopped last."""

    def module(*words: str) -> tuple[str, ...]:
        return (python, "-m", *words)

    web = (
        "gunicorn",
        "--config",
        "deploy/gunicorn.conf.py",
        "--bind",
        f"127.0.0.1:{demo.web_port}",
        "wsgi:create_app()",
    )
    sandbox = ("providers.sandbox", "--port", str(demo.sandbox_port), "--env-file", str(env_file))
    office: tuple[Program, ...] = ()
    if demo.hr_port is not None:
        office = (Program("hr-office", module(*hr_office(demo)), f"tcp://127.0.0.1:{demo.hr_port}"),)
    return [
        Step("keys", module("cli", "keys", "init")),
        Program(
            "services",
            module("providers.embedded", "--data-dir", str(demo.data)),
            f"services:{demo.data}",
            stop_wait_s=40,
        ),
        Step("migrations", module("cli", "db", "upgrade")),
        Step("sample people", module("cli", "demo", "load")),
        Program("sandbox", module(*sandbox), f"tcp://127.0.0.1:{demo.sandbox_port}"),
        Program("worker", (python, "worker.py"), stop_wait_s=20),
        Program("face-worker", (python, "face_worker.py"), stop_wait_s=20),
        Program("web", module(*web), f"{demo.public_url}/readyz", stop_wait_s=20),
        # fetches from the web's partner door, so it comes after it
        *office,
    ]


def hr_office(demo: Demo) -> tuple[str, ...]:
    """The sandbox's receiving office; `lantai demo load` has laid its files."""
    files = hr_files(demo.folder / "sandbox")
    where = ("--base", demo.public_url, "--code", HR_CODE, "--port", str(demo.hr_port))
    own = ("--identity-file", str(files.identity), "--credential-file", str(files.credential))
    return ("providers.sandbox.hr_desk", *where, *own, "--keys", str(files.keys), "--folder", str(files.inbox))


def environment(demo: Demo, env_file: Path, inherited: Mapping[str, str]) -> dict[str, str]:
    """What all parts get. Settings of another installation in the caller's environment stay out, so that the demo can
    never write to a real database."""
    kept = {name: value for name, value in inherited.items() if not name.startswith(OURS)}
    return kept | {
        "LANTAI_ENVIRONMENT": "demo",
        "LANTAI_ENV_FILE": str(env_file),
        "LANTAI_PUBLIC_URL": demo.named_url,
        "LANTAI_DATA_DIR": str(demo.data),
        "LANTAI_KEY_DIR": str(demo.keys),
        # the face encoder's small matrices lose time to threads: one clip costs 2.5 times the CPU without this
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "1",
    }


def welcome(demo: Demo, logins: str, seconds: float) -> str:
    """The box: where to go, who to be, what to do next."""
    rule = "=" * 78
    lines = [
        rule,
        f"  兰台 Lantai is up after {seconds:.0f} s",
        "",
        f"  sandbox phones   {demo.sandbox_url}/",
        f"  mail and SMS     {demo.sandbox_url}/letters",
        f"  HR office        {demo.hr_url}/",
        f"  staff console    {demo.named_url}/console/",
        f"  API reference    {demo.public_url}/api/v1/reference",
        "",
        "  sample logins",
        *(f"    {line}" for line in logins.strip().splitlines()),
        "",
        "  next: sign in to the console as archivist and decide one of the waiting corrections;",
        "        see on the sandbox phones what a phone would show, and read the API reference;",
        "        'make journey' in another terminal plays the whole story, step by step.",
        f"  logs: {demo.folder / 'log'}",
        "",
        "  Ctrl-C stops everything.",
        rule,
    ]
    return "\n".join(lines)


def only_one(folder: Path) -> IO[str] | None:
    """The demo's lock, held as long as the file is open; None when another demo of this checkout has it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "demo.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def choose(folder: Path, inherited: Mapping[str, str]) -> Demo:
    """The wished ports, or the next free ones, said aloud. Raises ValueError when a wish is no number."""
    wish = int(inherited.get("LANTAI_DEMO_PORT", "8000"))
    sandbox_wish = int(inherited.get("LANTAI_DEMO_SANDBOX_PORT", "8100"))
    hr_wish = int(inherited.get("LANTAI_DEMO_HR_PORT", "8200"))
    web_port = next_free_port(wish)
    sandbox_port = next_free_port(sandbox_wish, but_not=(web_port,))
    hr_port = next_free_port(hr_wish, but_not=(web_port, sandbox_port))
    mail_wish = int(inherited.get("LANTAI_DEMO_MAIL_PORT", "8025"))
    mail_port = next_free_port(mail_wish, but_not=(web_port, sandbox_port, hr_port))
    demo = Demo(folder, web_port, sandbox_port, hr_port, mail_port)
    for wished, got in ((wish, demo.web_port), (sandbox_wish, demo.sandbox_port), (hr_wish, demo.hr_port)):
        if wished != got:
            say(f"port {wished} is taken, using {got}")
    return demo


def main() -> int:
    started = time.monotonic()
    os.chdir(PROJECT)
    folder = PROJECT / "var"
    lock = only_one(folder)
    if lock is None:
        sys.stderr.write("a demo of this checkout is running already\n")
        return 1
    with lock:
        demo = choose(folder, os.environ)
        env_file = write_demo_environment(folder / "sandbox", demo.sandbox_port, demo.public_url, demo.mail_port)
        variables = environment(demo, env_file, os.environ)

        def when_ready() -> None:
            logins = run_step(Step("sample logins", (sys.executable, "-m", "cli", "demo", "logins")), variables)
            say(welcome(demo, logins, time.monotonic() - started))

        say("starting Lantai")
        return launch(plan(demo, env_file), folder=folder, environment=variables, when_ready=when_ready)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (LaunchError, OSError, ValueError) as failure:
        sys.stderr.write(f"the demo cannot start: {failure}\n")
        sys.exit(1)
