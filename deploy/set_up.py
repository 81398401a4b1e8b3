"""Makes .venv from the lock files. Standard library only: it runs before anything is installed.

``python3 deploy/set_up.py [--dev]``; a second call finds the stamps and does nothing.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = {"runtime": "requirements.txt", "dev": "requirements-dev.txt"}
PORTRAITS = PROJECT / "var" / "portraits"
PORTRAITS_SCRIPT = PROJECT / "deploy" / "fetch_portraits.py"


class SetUpError(Exception):
    """Set-up cannot go on; the message says what to do."""


def say(line: str) -> None:
    sys.stdout.write(f"set-up: {line}\n")
    sys.stdout.flush()


def run(argv: list[str], *, on_failure: str) -> None:
    if subprocess.run(argv, cwd=PROJECT, check=False).returncode != 0:  # noqa: S603 - argv is built in this file
        raise SetUpError(on_failure)


def require_python() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - an older Python can start this script
        raise SetUpError(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")


def make_venv() -> None:
    """Create it if it is missing or its pip no longer runs."""
    if PYTHON.exists() and subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True).returncode == 0:  # noqa: S603
        return
    say("making .venv")
    run(
        [sys.executable, "-m", "venv", "--clear", str(VENV)],
        on_failure="no virtual environment could be made. On Debian and Ubuntu: apt-get install python3-venv",
    )


def fingerprint(lock: Path) -> str:
    """Of the lock and the interpreter: the stamp is void when either changes."""
    version = ".".join(map(str, sys.version_info[:3]))
    return hashlib.sha256(lock.read_bytes() + version.encode()).hexdigest()


def install(kind: str) -> None:
    """The whole lock, hashes checked, resolving nothing; skipped when its stamp is in place."""
    lock = PROJECT / LOCKS[kind]
    stamp = VENV / f".lantai-{kind}"
    wanted = fingerprint(lock)
    if PYTHON.exists() and stamp.exists() and stamp.read_text() == wanted:
        return
    make_venv()
    say(f"installing {lock.name} (the first time takes a few minutes)")
    quiet = ["-qq", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
    run(
        [str(PYTHON), "-m", "pip", "install", *quiet, "--no-deps", "--require-hashes", "-r", str(lock)],
        on_failure=f"pip could not install {lock.name}: see its words above; run the same command again to go on",
    )
    stamp.write_text(wanted)


def refuse_dlib() -> None:
    """It compiles for a quarter of an hour and shadows the prebuilt dlib-bin that the lock asks for."""
    if any(VENV.glob("lib/python*/site-packages/dlib-*.dist-info")):
        raise SetUpError(
            "a distribution named 'dlib' is in .venv; only 'dlib-bin' may be: .venv/bin/pip uninstall dlib"
        )


def fetch_portraits() -> None:
    """Sample faces for the demo and the face tests. Without them all else works, so a failure only warns."""
    stamp = PORTRAITS / ".complete"
    if not PORTRAITS_SCRIPT.exists():
        return
    wanted = hashlib.sha256(PORTRAITS_SCRIPT.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("fetching sample portraits")
    if subprocess.run([str(PYTHON), str(PORTRAITS_SCRIPT)], cwd=PROJECT, check=False).returncode != 0:  # noqa: S603
        say("WARNING: no sample portraits; the sandbox camera has no faces to show until this succeeds")
        return
    PORTRAITS.mkdir(parents=True, exist_ok=True)
    stamp.write_text(wanted)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what tests and lint need")
    options = parser.parse_args(arguments)
    os.umask(0o022)  # the embedded servers' account must be able to run the installed programs
    (PROJECT / "var").mkdir(exist_ok=True)
    try:
        require_python()
        with (PROJECT / "var" / "set-up.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # two makes at once: the second finds the stamps
            install("dev" if options.dev else "runtime")
            refuse_dlib()
            fetch_portraits()
    except SetUpError as error:
        sys.stderr.write(f"set-up failed: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
