"""The parent's half: keeps nests, hands each document to a fresh child of one, and kills what takes too long."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from io import RawIOBase
from pathlib import Path

from app.errors import Unavailable
from providers.document_child import Limits, Usage, read_report, write_request

_CHUNK = 1 << 16
_REPORT_MAX = 4096
_PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Outcome:
    """``status`` None: killed for time or for saying too much, and then the answer is what had come until then."""

    status: int | None
    answer: bytes = field(repr=False)
    usage: Usage | None = None


class Nest:
    """One providers.document_nest process; used by one thread at a time. It leads its own process group."""

    def __init__(self) -> None:
        """Raises OSError when no process can be started."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-E", "-s", "-B", "-m", "providers.document_nest"],
                    cwd=_PROJECT,
                    env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    start_new_session=True,
                )
            except OSError:
                self._control.close()
                raise
        self.owner = os.getpid()

    def run(self, media_type: str, limits: Limits, data: bytes, max_output: int) -> Outcome | None:
        """None when the nest itself had died and the document was not looked at. A timeout ends the nest too."""
        deadline = time.monotonic() + limits.wall_s
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        with open(ours_out, "wb", buffering=0) as feed, open(ours_in, "rb", buffering=0) as answers:  # noqa: PTH123
            try:
                socket.send_fds(self._control, [write_request(media_type, limits)], [theirs_in, theirs_out])
            except OSError:
                return None
            finally:
                os.close(theirs_in)
                os.close(theirs_out)
            answer, ended = _exchange(feed, answers, data, deadline, max_output)
        if not ended:
            return Outcome(None, answer)
        self._control.settimeout(max(0.05, deadline - time.monotonic()))
        try:
            report = self._control.recv(_REPORT_MAX)
        except TimeoutError:
            return Outcome(None, answer)
        except OSError:
            report = b""
        if not report:  # the nest is gone; without an answer no child has begun either
            return Outcome(None, answer) if answer else None
        status, usage = read_report(report)
        return Outcome(status, answer, usage)

    def end(self) -> None:
        """The nest, and a child it may have running, are gone when this returns. Harmless in a forked copy of us."""
        self._control.close()
        if self.owner != os.getpid():
            self._process.returncode = 0  # not ours to wait for
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Nursery:
    """At most ``places`` nests, each started when first needed. Thread-safe, and safe to be forked with."""

    def __init__(self, places: int) -> None:
        self._places = threading.BoundedSemaphore(places)
        self._idle: list[Nest] = []

    def run(self, media_type: str, limits: Limits, data: bytes, max_output: int) -> Outcome:
        """Raises Unavailable when no place is free in time or no process can be started."""
        if not self._places.acquire(timeout=limits.wall_s):
            raise Unavailable("documents_busy")
        try:
            for _ in range(2):  # an idle nest may have ended by itself; a fresh one has no excuse
                nest = self._take()
                outcome = None
                try:
                    outcome = nest.run(media_type, limits, data, max_output)
                finally:
                    if outcome is not None and outcome.status is not None:
                        self._idle.append(nest)
                    else:
                        nest.end()
                if outcome is not None:
                    return outcome
            raise Unavailable("documents_unavailable")
        finally:
            self._places.release()

    def close(self) -> None:
        """End the idle nests."""
        while self._idle:
            self._idle.pop().end()

    def _take(self) -> Nest:
        while self._idle:
            nest = self._idle.pop()
            if nest.owner == os.getpid():
                return nest
            nest.end()
        try:
            return Nest()
        except OSError:
            raise Unavailable("documents_busy") from None


def _exchange(feed: RawIOBase, answers: RawIOBase, data: bytes, deadline: float, max_output: int) -> tuple[bytes, bool]:
    """Feed the child and collect its answer; False when it takes too long or says too much."""
    source, sink = memoryview(data), bytearray()
    os.set_blocking(feed.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(feed, selectors.EVENT_WRITE)
        selector.register(answers, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if key.fileobj is feed:
                    source = _write_some(feed.fileno(), source)
                    if not source:
                        selector.unregister(feed)
                        feed.close()
                else:
                    chunk = os.read(answers.fileno(), _CHUNK)
                    if not chunk:
                        return bytes(sink), True
                    sink += chunk
                    if len(sink) > max_output:
                        return bytes(sink), False
    return bytes(sink), False


def _write_some(pipe: int, source: memoryview) -> memoryview:
    """Write what fits; a child that stopped reading needs no more."""
    try:
        return source[os.write(pipe, source[:_CHUNK]) :]
    except BlockingIOError:
        return source
    except BrokenPipeError:
        return source[:0]
