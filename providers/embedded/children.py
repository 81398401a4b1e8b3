"""Starting and ending a server process that cannot outlive its owner, and finding it an account and a port."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from providers.embedded import exec_as
from providers.embedded.exec_as import Plan
from providers.embedded.records import EmbeddedError

LOWEST_PORT, HIGHEST_PORT = 20_000, 31_999  # below Linux's range for outgoing connections
NOBODY = 65534
LOG_LIMIT_BYTES = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Account:
    """Whom the servers run as. ``plan`` is what exec_as has to become, None when that is who we are already."""

    uid: int
    gid: int

    @property
    def plan(self) -> list[int] | None:
        return [self.uid, self.gid] if os.geteuid() == 0 else None

    def give(self, path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, self.uid, self.gid)


def choose_account(existing: Path) -> Account:
    """PostgreSQL refuses to run as root: then the folder's present owner, else ``postgres``, else nobody.

    Raises EmbeddedError when the folder belongs to another account and we are not root.
    """
    owner = existing.stat() if existing.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise EmbeddedError(
                f"{existing} belongs to account {owner.st_uid}: use that account, or another data folder"
            )
        return Account(os.geteuid(), os.getegid())
    if owner is not None and owner.st_uid != 0:
        return Account(owner.st_uid, owner.st_gid)
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        return Account(NOBODY, NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)


def free_port(preferred: int = 0, *, but_not: int = 0) -> int:
    """A loopback port nobody listens on, ``preferred`` if that is one, and never ``but_not``."""
    for _ in range(200):
        port = preferred or LOWEST_PORT + secrets.randbelow(HIGHEST_PORT - LOWEST_PORT)
        if port == but_not:
            preferred = 0
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                preferred = 0
            else:
                return port
    raise EmbeddedError(f"no free port on 127.0.0.1 between {LOWEST_PORT} and {HIGHEST_PORT}")


def open_log(path: Path) -> IO[bytes]:
    """Append to ``path``; the file before is kept as .1 once it is large."""
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return os.fdopen(descriptor, "ab")


def log_tail(path: Path, lines: int = 8) -> str:
    text = path.read_bytes()[-4000:].decode("utf-8", "replace") if path.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def spawn(
    argv: list[str],
    *,
    account: Account,
    folder: Path,
    death_signal: int,
    output: IO[bytes] | int,
    stdin: int = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Run ``argv`` as ``account`` in ``folder``; the kernel sends it ``death_signal`` if the calling *thread* ends.

    The program inherits nothing of our environment.
    """
    plan: Plan = {
        "account": account.plan,
        "reach": [argv[0], str(folder)],
        "folder": str(folder),
        "owner_pid": os.getpid(),
        "death_signal": death_signal,
    }
    return subprocess.Popen(  # noqa: S603 - argv is built here, from our own wheel's binaries
        [sys.executable, "-I", "-S", str(Path(exec_as.__file__).resolve()), json.dumps(plan), *argv],
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"},
    )


def end(process: subprocess.Popen[bytes], steps: tuple[tuple[int, float], ...]) -> None:
    """Send each signal in turn until the process is gone, waiting that many seconds after each; last of all, kill."""
    for number, seconds in steps:
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    if process.poll() is None:
        process.kill()
        process.wait()


__all__ = ["Account", "choose_account", "end", "free_port", "log_tail", "open_log", "spawn"]
