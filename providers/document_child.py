"""What both sides of providers.documents agree on, and the child's half: limits first, then one document.

Answer of a child: READY once the limits stand, one line of JSON, the cleaned bytes (``length`` of them), then, if the
first page could be drawn, one more line of JSON and the preview. Nothing about the document is ever written elsewhere.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import BinaryIO

READY = b"ready\n"
_OPEN_FILES = 64
_MIB = 1 << 20


class Refused(Exception):
    """The document cannot be taken; ``code`` and ``why`` go to the parent as they are."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Look:
    """The first page as seen: pixels, dots per inch, and a small JPEG."""

    width: int | None = None
    height: int | None = None
    dpi: int | None = None
    preview: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """``look`` draws the first page; it runs after the bytes are delivered, so that its failure refuses nothing."""

    data: bytes = field(repr=False)
    pages: int
    look: Callable[[], Look] | None = field(default=None, repr=False)
    as_received: bool = False


Clean = Callable[[bytes, str], Cleaned]


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory_mb`` of private memory; ``cpu_s`` of processor time; after ``wall_s`` the child ends by itself."""

    memory_mb: int
    cpu_s: float
    wall_s: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What one document cost its child, as the kernel counted it."""

    peak_mb: float
    cpu_s: float


def limit_self(limits: Limits) -> None:
    """No file may grow, no core may be dumped (it would hold the document), memory and processor time are bounded.

    RLIMIT_DATA counts private writable memory, so what is resident stays below it plus the libraries' own pages;
    RLIMIT_AS bounds what is merely mapped. The profiling timer ends the child to the tenth of a second.
    """
    data, space = limits.memory_mb * _MIB, (2 * limits.memory_mb + 128) * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (data, data))
    resource.setrlimit(resource.RLIMIT_AS, (space, space))
    whole = int(limits.cpu_s) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, limits.cpu_s)
    signal.setitimer(signal.ITIMER_REAL, limits.wall_s)


def serve(clean: Clean, media_type: str, limits: Limits, source: BinaryIO, sink: BinaryIO) -> None:
    """One document from ``source`` to ``sink``, within ``limits``."""
    limit_self(limits)
    _say(sink, READY)
    try:
        data = source.read()
    except MemoryError:
        _say(sink, _line(_refusal("document_too_complex", "too_much_memory")))
        return
    head, body, look = attempt(clean, data, media_type)
    del data
    _say(sink, _line(head) + body)
    del body
    if look is not None:
        seen = look()  # whatever goes wrong here ends the child after the document was delivered
        _say(sink, _line({"width": seen.width, "height": seen.height, "dpi": seen.dpi}) + seen.preview)


def attempt(clean: Clean, data: bytes, media_type: str) -> tuple[dict[str, object], bytes, Callable[[], Look] | None]:
    """The head and body of the answer. Parsers of foreign bytes fail in any way they like: all of it is 'damaged'."""
    try:
        done = clean(data, media_type)
    except Refused as refusal:
        return _refusal(refusal.code, refusal.why), b"", None
    except MemoryError:
        return _refusal("document_too_complex", "too_much_memory"), b"", None
    except Exception:
        return _refusal("document_unreadable", "damaged"), b"", None
    head: dict[str, object] = {"pages": done.pages, "length": len(done.data), "as_received": done.as_received}
    return head, done.data, done.look


def _refusal(code: str, why: str) -> dict[str, object]:
    return {"code": code, "why": why}


def _line(head: dict[str, object]) -> bytes:
    return json.dumps(head).encode() + b"\n"


def _say(sink: BinaryIO, words: bytes) -> None:
    sink.write(words)
    sink.flush()


# --- the request that a nest gets, and what it reports afterwards -------------------------------------------------


def write_request(media_type: str, limits: Limits) -> bytes:
    return json.dumps({"media_type": media_type, **asdict(limits)}).encode()


def read_request(message: bytes) -> tuple[str, Limits]:
    words = json.loads(message)
    return words["media_type"], Limits(words["memory_mb"], words["cpu_s"], words["wall_s"])


def write_report(status: int, usage: resource.struct_rusage) -> bytes:
    """``status`` as os.waitstatus_to_exitcode gives it: negative for a signal."""
    cpu_s = usage.ru_utime + usage.ru_stime
    return json.dumps({"status": status, "peak_mb": usage.ru_maxrss / 1024, "cpu_s": cpu_s}).encode()


def read_report(message: bytes) -> tuple[int, Usage]:
    words = json.loads(message)
    return words["status"], Usage(words["peak_mb"], words["cpu_s"])


def leave(code: int) -> None:
    """End at once: no clean-up of objects that a hostile document may have shaped."""
    os._exit(code)


def silence() -> None:
    """Parsers complain about documents on stderr; a document's content may not reach any log."""
    void = os.open(os.devnull, os.O_RDWR)
    os.dup2(void, sys.stderr.fileno())
    os.close(void)
