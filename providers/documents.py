"""Uploads made harmless: the type is decided by content, and everything that parses runs in a short-lived child.

The parent never decodes anything. It looks at the first bytes, hands the document to a child with little memory and
time (providers.document_nursery), and believes its answer only within the promised size. Neither writes to disk.

What still passes with the normal limits (measured; docs/decisions/0008-papers.md): 300 dpi A3 in colour, 600 dpi A4 in
colour, 600 dpi A3 in grey, 200 pages of G4 at 300 dpi, PDFs of 50 MB where the size limit allows them.
"""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import NoReturn

from app.errors import Invalid, TooLarge, Unavailable
from app.file_ports import CleanDocument
from providers.document_child import READY, Limits, Usage
from providers.document_nursery import Nursery, Outcome

JPEG, PNG, TIFF, PDF, OFD = "image/jpeg", "image/png", "image/tiff", "application/pdf", "application/ofd"

_MAGIC = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),  # BigTIFF
    (b"MM\0+", TIFF),
    (b"%PDF-", PDF),
    (b"PK\x03\x04", OFD),  # any ZIP so far; the child looks for OFD.xml
)
_TAKEN = {JPEG, PNG, TIFF, PDF, OFD}
_ALIASES = {
    "image/jpg": JPEG,
    "image/pjpeg": JPEG,
    "image/x-png": PNG,
    "image/tif": TIFF,
    "image/x-tiff": TIFF,
    "application/x-pdf": PDF,
    "application/vnd.ofd": OFD,
    "application/x-ofd": OFD,
    "application/zip": OFD,
    "application/x-zip-compressed": OFD,
}
_NO_CLAIM = {"", "application/octet-stream", "binary/octet-stream"}
_HEAD_MAX = 4096
_PREVIEW_MAX = 1 << 20
_TIMED_OUT = {-signal.SIGXCPU, -signal.SIGPROF, -signal.SIGALRM}
_MIB = 1 << 20
_WALL_FACTOR = 3  # a busy machine gives a process a third of its time


def type_by_content(data: bytes) -> str | None:
    """The allowed media type these bytes begin as, at the very first byte; None for anything else."""
    return next((media_type for magic, media_type in _MAGIC if data.startswith(magic)), None)


class ChildDocumentCleaner:
    """app.ports.DocumentCleaner. Thread-safe; at most ``children`` run at once, later callers wait up to ``wall_s``.

    A document of up to 1 MiB gets ``cpu_s`` of processor time and each further MiB one second more, up to
    ``cpu_most_s`` (and three on the wall): a bomb is small and works long, an honest file that works long is large.

    Every Invalid carries ``params['why']``, one word for the reader: empty, not_allowed, claim_differs, damaged,
    encrypted, no_pages, too_many_pixels, too_many_pages, too_many_objects, too_much_memory, too_slow, too_big_inside,
    signed_active, changed_after_signing.
    """

    def __init__(
        self,
        max_bytes: int,
        memory_mb: int = 256,
        cpu_s: float = 1.8,
        wall_s: float = 20,
        children: int = 2,
        cpu_most_s: float = 15,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_output = 4 * max_bytes + 2 * _HEAD_MAX + _PREVIEW_MAX
        self._memory_mb = memory_mb
        self._cpu_s, self._cpu_most_s = cpu_s, max(cpu_s, cpu_most_s)
        self._wall_s = wall_s
        self._nursery = Nursery(children)

    def clean(self, data: bytes, claimed_type: str = "") -> CleanDocument:
        """Raises Invalid, TooLarge, or Unavailable when no child is free in time or none can start."""
        media_type = self._admit(data, claimed_type)
        return read_answer(media_type, claimed_type, self._run(media_type, data))

    def measure(self, data: bytes, claimed_type: str = "") -> tuple[Outcome, Usage | None]:
        """For tests and benches: what the child answered and what it cost; usage is None when it was killed for time
        on the wall. Raises as ``clean`` does for what no child sees.
        """
        outcome = self._run(self._admit(data, claimed_type), data)
        return outcome, outcome.usage

    def close(self) -> None:
        """End idle processes; they would end by themselves after a while, or with us."""
        self._nursery.close()

    def _admit(self, data: bytes, claimed_type: str) -> str:
        if len(data) > self._max_bytes:
            raise TooLarge("document_too_large", params={"max_bytes": self._max_bytes})
        return _agreed_type(data, claimed_type)

    def _run(self, media_type: str, data: bytes) -> Outcome:
        more = min(max(0.0, len(data) / _MIB - 1), self._cpu_most_s - self._cpu_s)
        limits = Limits(self._memory_mb, self._cpu_s + more, self._wall_s + _WALL_FACTOR * more)
        return self._nursery.run(media_type, limits, data, self._max_output)


def _claim(claimed_type: str) -> str:
    claim = claimed_type.partition(";")[0].strip().lower()
    return _ALIASES.get(claim, claim)


def _agreed_type(data: bytes, claimed_type: str) -> str:
    """Raises Invalid unless the content is allowed and is what the sender said, if they said anything."""
    if not data:
        raise Invalid("document_unreadable", params={"why": "empty"})
    claim = _claim(claimed_type)
    found = type_by_content(data)
    if found is None:
        if claim in _TAKEN:
            raise Invalid("document_type_lies", params={"why": "claim_differs"})
        raise Invalid("document_type_refused", params={"why": "not_allowed"})
    if claim not in _NO_CLAIM and claim != found:
        raise Invalid("document_type_lies", params={"why": "claim_differs"})
    return found


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line of a child's answer."""

    code: str = ""
    why: str = ""
    pages: int = 0
    length: int = 0
    as_received: bool = False


@dataclass(frozen=True, slots=True)
class _Tail:
    """The line after the document, if its first page could be drawn."""

    width: int | None = None
    height: int | None = None
    dpi: int | None = None


def read_answer(media_type: str, claimed_type: str, outcome: Outcome) -> CleanDocument:
    """Raises Invalid or Unavailable. A child that fails after delivering the document only loses its preview."""
    if not outcome.answer.startswith(READY):
        _raise_for(outcome)
    line, ended, rest = outcome.answer[len(READY) :].partition(b"\n")
    try:
        head = _Head(**json.loads(line)) if ended and len(line) <= _HEAD_MAX else None
    except (ValueError, TypeError):
        raise Invalid("document_unreadable", params={"why": "damaged"}) from None
    if head is None or len(rest) < head.length:
        _raise_for(outcome)
    if head.code == "document_type_refused" and _claim(claimed_type) == OFD:
        raise Invalid("document_type_lies", params={"why": "claim_differs"})
    if head.code:
        raise Invalid(head.code, params={"why": head.why})
    tail, preview = _read_tail(rest[head.length :])
    body = rest[: head.length]
    return CleanDocument(
        media_type, body, head.pages, tail.width, tail.height, tail.dpi, preview or None, head.as_received
    )


def _raise_for(outcome: Outcome) -> NoReturn:
    """The child did not finish: for time, for memory, or because it never began."""
    if outcome.status is None or outcome.status in _TIMED_OUT:
        raise Invalid("document_too_complex", params={"why": "too_slow"})
    if not outcome.answer.startswith(READY):
        raise Unavailable("documents_unavailable")
    raise Invalid("document_too_complex", params={"why": "too_much_memory"})


def _read_tail(rest: bytes) -> tuple[_Tail, bytes]:
    line, ended, preview = rest.partition(b"\n")
    if not ended or len(preview) > _PREVIEW_MAX:
        return _Tail(), b""
    try:
        return _Tail(**json.loads(line)), preview
    except (ValueError, TypeError):
        return _Tail(), b""
