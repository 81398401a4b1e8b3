"""The child's side of providers.documents: limits first, then one document from stdin to stdout.

Answer: READY once the limits stand, one line of JSON, then the cleaned bytes. Nothing about
the document is ever written elsewhere.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

READY = b"ready\n"
_OPEN_FILES = 64


class Refused(Exception):
    """The document cannot be taken; ``code`` and ``why`` go to the parent as they are."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(code)
        self.code = code
        self.why = why


@dataclass(frozen=True, slots=True)
class Cleaned:
    data: bytes = field(repr=False)
    pages: int
    width: int | None = None
    height: int | None = None


def serve(clean: Callable[[bytes, str], Cleaned]) -> None:
    """Run as ``python -m <module> MEMORY_MB CPU_S MEDIA_TYPE``; ``clean`` gets the bytes and the media type."""
    memory_mb, cpu_s, media_type = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    limit_self(memory_mb, cpu_s)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    head, body = attempt(clean, sys.stdin.buffer.read(), media_type)
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + body)
    sys.stdout.buffer.flush()


def limit_self(memory_mb: int, cpu_s: int) -> None:
    """No file may grow, no core may be dumped (it would hold the document), memory and processor time are bounded."""
    resource.setrlimit(resource.RLIMIT_AS, (memory_mb << 20, memory_mb << 20))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))


def attempt(clean: Callable[[bytes, str], Cleaned], data: bytes, media_type: str) -> tuple[dict[str, object], bytes]:
    """The head and body of the answer. Parsers of foreign bytes fail in any way they like: all of it is 'damaged'."""
    try:
        done = clean(data, media_type)
    except Refused as refusal:
        return {"code": refusal.code, "why": refusal.why}, b""
    except MemoryError:
        return {"code": "document_too_complex", "why": "too_much_memory"}, b""
    except Exception:
        return {"code": "document_unreadable", "why": "damaged"}, b""
    return {"pages": done.pages, "width": done.width, "height": done.height}, done.data
