"""A forked process at work: a fresh interpreter would spend most of its life on its own start."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable

LIMIT_S = 120.0


class Forked:
    def __init__(self, work: Callable[[], None]) -> None:
        self._code: int | None = None
        self._pid = os.fork()
        if self._pid == 0:
            code = 1
            try:
                work()
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)

    def ended(self) -> bool:
        if self._code is None:
            pid, status = os.waitpid(self._pid, os.WNOHANG)
            self._code = os.waitstatus_to_exitcode(status) if pid else None
        return self._code is not None

    def wait(self) -> int:
        """Its exit code; -9 for a killed one."""
        deadline = time.monotonic() + LIMIT_S
        while not self.ended():
            if time.monotonic() > deadline:
                self.kill()  # one that hangs is a finding, not a reason to wait for ever
            time.sleep(0.02)
        assert self._code is not None
        return self._code

    def kill(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
