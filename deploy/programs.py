"""What a supervised run consists of, as data: programs, one-off steps, and the supervisor's file for them."""

from __future__ import annotations

import os
import shlex
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from providers.embedded.records import read_services

LOG_BYTES = 5 * 1024 * 1024
LOG_BACKUPS = 3
QUICK_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Program:
    """Kept running. ``ready`` tells when the next thing may start: ``http://…`` answers 200, ``tcp://host:port`` takes
    connections, ``services:FOLDER`` has both embedded servers up, empty means that it merely stays alive."""

    name: str
    argv: tuple[str, ...]
    ready: str = ""
    stop_wait_s: int = 15

    def is_ready(self) -> bool:
        kind, _, rest = self.ready.partition(":")
        if kind == "services":
            return read_services(Path(rest)) is not None
        if kind == "http":
            return answers(self.ready)
        return listens(self.ready) if kind == "tcp" else True


@dataclass(frozen=True, slots=True)
class Step:
    """Run once to its end; anything but exit code 0 stops the launch."""

    name: str
    argv: tuple[str, ...]
    limit_s: float = 240.0


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=3.0) as reply:  # noqa: S310 - an http address from our own table
            return bool(reply.status == 200)
    except (HTTPError, URLError, OSError):
        return False


def listens(address: str) -> bool:
    parts = urlsplit(address)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=1.0):
            return True
    except OSError:
        return False


def next_free_port(first: int, *, but_not: Collection[int] = ()) -> int:
    """``first`` or the next port on loopback that nobody listens on. Raises OSError when a hundred are taken."""
    for port in range(first, first + 100):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in but_not:
                return port
    raise OSError(f"no free port between {first} and {first + 99}")


def supervisor_file(programs: list[Program], *, folder: Path, port: int, password: str) -> str:
    """The supervisor's configuration: nothing starts by itself, the first program stops last."""
    logs, run = folder / "log", folder / "run"
    head = [
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        "umask=077",
        f"logfile={_escaped(str(logs / 'supervisord.log'))}",
        f"logfile_maxbytes={LOG_BYTES}",
        f"logfile_backups={LOG_BACKUPS}",
        f"pidfile={_escaped(str(run / 'supervisord.pid'))}",
        f"childlogdir={_escaped(str(logs))}",
        *(["user=root"] if os.geteuid() == 0 else []),
        "",
        "[inet_http_server]",
        f"port=127.0.0.1:{port}",
        "username=launcher",
        f"password={password}",
        "",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
        "",
    ]
    return "\n".join(head + [line for rank, each in enumerate(programs, 1) for line in _section(each, rank, logs)])


def _section(program: Program, rank: int, logs: Path) -> list[str]:
    return [
        f"[program:{program.name}]",
        f"command={_escaped(shlex.join(program.argv))}",
        f"priority={rank * 10}",
        "autostart=false",
        "autorestart=true",
        "startsecs=1",
        f"startretries={QUICK_FAILURES}",
        "stopsignal=TERM",
        f"stopwaitsecs={program.stop_wait_s}",
        "killasgroup=true",
        "redirect_stderr=true",
        f"stdout_logfile={_escaped(str(logs / (program.name + '.log')))}",
        f"stdout_logfile_maxbytes={LOG_BYTES}",
        f"stdout_logfile_backups={LOG_BACKUPS}",
        "",
    ]


def _escaped(value: str) -> str:
    return value.replace("%", "%%")


__all__ = ["Program", "Step", "next_free_port", "supervisor_file"]
