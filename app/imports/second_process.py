"""One more process for work that fills a processor: it calls a function on what it is sent and sends back the result.

It is forked, so keys are inherited and never sent; and it keeps no descriptor but its pipe, so that whatever the
database or the queue holds for our connections ends when we end, however we end. It must not use a connection.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

import structlog

from app.errors import Unavailable

log = structlog.get_logger(__name__)
A = TypeVar("A")
B = TypeVar("B")


class SecondProcess(Generic[A, B]):
    """Made before threads that may hold a lock ``work`` needs. Close it; it also ends with the process that made it."""

    def __init__(self, work: Callable[[A], B]) -> None:
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, work), name="sealing", daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def call(self, request: A) -> B:
        """One at a time. Raises Unavailable when the process is gone or its work failed."""
        try:
            self._pipe.send(request)
            good, result = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise Unavailable("worker_lost") from error
        if not good:
            log.error("second_process_failed", error_type=result)
            raise Unavailable("worker_lost")
        answer: B = result
        return answer

    def close(self) -> None:
        self._pipe.close()
        self._process.join(5)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    signal.set_wakeup_fd(-1)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.SIG_IGN)  # whoever made us decides when we end
    for entry in list(Path("/proc/self/fd").iterdir()):
        if int(entry.name) not in (0, 1, 2, pipe.fileno()):
            with suppress(OSError):
                os.close(int(entry.name))
    gc.disable()  # what a request leaves behind has no cycles, and looking for them costs a tenth
    while True:
        try:
            request = pipe.recv()
        except EOFError:
            return
        try:
            answer = (True, work(request))
        except Exception as error:  # told by its type alone: its words may hold personal data
            answer = (False, type(error).__name__)
        try:
            pipe.send(answer)
        except OSError:
            return
