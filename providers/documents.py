"""Uploads made harmless: the type is decided by content, and everything that parses runs in a short-lived child.

The parent never decodes anything. It looks at the first bytes, starts the child for that type with little memory and
time, and believes its answer only within the promised size. Neither writes to disk.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.errors import Invalid, TooLarge, Unavailable
from app.file_ports import CleanDocument
from providers.document_child import READY

JPEG, PNG, TIFF, PDF, OFD = "image/jpeg", "image/png", "image/tiff", "application/pdf", "application/ofd"

_MAGIC = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"%PDF-", PDF),
    (b"PK\x03\x04", OFD),  # any ZIP so far; the child looks for OFD.xml
)
_CHILD = {
    JPEG: "providers.document_images",
    PNG: "providers.document_images",
    TIFF: "providers.document_images",
    PDF: "providers.document_pdf",
    OFD: "providers.document_ofd",
}
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
_CHUNK = 1 << 16
_PROJECT = Path(__file__).resolve().parents[1]


def type_by_content(data: bytes) -> str | None:
    """The allowed media type these bytes begin as, at the very first byte; None for anything else."""
    return next((media_type for magic, media_type in _MAGIC if data.startswith(magic)), None)


class ChildDocumentCleaner:
    """app.ports.DocumentCleaner. Thread-safe; at most ``children`` run at once, later callers wait up to ``wall_s``.

    Every Invalid carries ``params['why']``, one word for the reader: empty, not_allowed, claim_differs, damaged,
    encrypted, no_pages, too_many_pixels, too_many_pages, too_many_objects, too_much_memory, too_slow, too_big_inside.
    """

    def __init__(
        self,
        max_bytes: int,
        memory_mb: int = 512,
        cpu_s: int = 10,
        wall_s: float = 20,
        children: int = 2,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_output = 4 * max_bytes + _HEAD_MAX
        self._memory_mb = memory_mb
        self._cpu_s = cpu_s
        self._wall_s = wall_s
        self._places = threading.BoundedSemaphore(children)

    def clean(self, data: bytes, claimed_type: str = "") -> CleanDocument:
        """Raises Invalid, TooLarge, or Unavailable when no child is free in time or none can start."""
        if len(data) > self._max_bytes:
            raise TooLarge("document_too_large", params={"max_bytes": self._max_bytes})
        media_type = _agreed_type(data, claimed_type)
        if not self._places.acquire(timeout=self._wall_s):
            raise Unavailable("documents_busy")
        try:
            status, answer = self._run(_CHILD[media_type], media_type, data)
        finally:
            self._places.release()
        return _read_answer(media_type, claimed_type, status, answer)

    def _run(self, module: str, media_type: str, data: bytes) -> tuple[int | None, bytes]:
        limits = [str(self._memory_mb), str(self._cpu_s), media_type]
        try:
            child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                [sys.executable, "-E", "-s", "-B", "-m", module, *limits],
                cwd=_PROJECT,
                env={"LANG": "C.UTF-8"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError:
            raise Unavailable("documents_busy") from None
        with child:
            try:
                answer = _exchange(child, data, time.monotonic() + self._wall_s, self._max_output)
                return (None if answer is None else child.wait(1)), answer or b""
            except subprocess.TimeoutExpired:
                return None, b""
            finally:
                _kill_group(child)


def _agreed_type(data: bytes, claimed_type: str) -> str:
    """Raises Invalid unless the content is allowed and is what the sender said, if they said anything."""
    if not data:
        raise Invalid("document_unreadable", params={"why": "empty"})
    claim = claimed_type.partition(";")[0].strip().lower()
    claim = _ALIASES.get(claim, claim)
    found = type_by_content(data)
    if found is None:
        if claim in _CHILD:
            raise Invalid("document_type_lies", params={"why": "claim_differs"})
        raise Invalid("document_type_refused", params={"why": "not_allowed"})
    if claim not in _NO_CLAIM and claim != found:
        raise Invalid("document_type_lies", params={"why": "claim_differs"})
    return found


def _exchange(child: subprocess.Popen[bytes], data: bytes, deadline: float, max_output: int) -> bytes | None:
    """Feed the child and collect its answer; None when it takes too long or says too much."""
    assert child.stdin is not None  # both are pipes by construction
    assert child.stdout is not None
    source, sink = memoryview(data), bytearray()
    os.set_blocking(child.stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdin, selectors.EVENT_WRITE)
        selector.register(child.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if key.fileobj is child.stdin:
                    source = _feed(child.stdin.fileno(), source)
                    if not source:
                        selector.unregister(child.stdin)
                        _close_quietly(child.stdin)
                else:
                    chunk = os.read(child.stdout.fileno(), _CHUNK)
                    if not chunk:
                        return bytes(sink)
                    sink += chunk
                    if len(sink) > max_output:
                        return None
    return None


def _feed(pipe: int, source: memoryview) -> memoryview:
    """Write what fits; a child that stopped reading needs no more."""
    try:
        return source[os.write(pipe, source[:_CHUNK]) :]
    except BlockingIOError:
        return source
    except BrokenPipeError:
        return source[:0]


def _close_quietly(pipe: Any) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    """The child leads its own group: whatever it may have started goes with it."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line of a child's answer."""

    code: str = ""
    why: str = ""
    pages: int = 0
    width: int | None = None
    height: int | None = None


def _read_answer(media_type: str, claimed_type: str, status: int | None, answer: bytes) -> CleanDocument:
    if status is None:
        raise Invalid("document_too_complex", params={"why": "too_slow"})
    if not answer.startswith(READY):
        raise Unavailable("documents_unavailable")
    line, _, body = answer.removeprefix(READY).partition(b"\n")
    if status != 0 or len(line) > _HEAD_MAX:
        why = "too_slow" if status == -signal.SIGXCPU else "too_much_memory"
        raise Invalid("document_too_complex", params={"why": why})
    try:
        head = _Head(**json.loads(line))
    except (ValueError, TypeError):
        raise Invalid("document_unreadable", params={"why": "damaged"}) from None
    if head.code == "document_type_refused" and claimed_type.partition(";")[0].strip().lower() in _ALIASES.keys() | {
        OFD
    }:
        raise Invalid("document_type_lies", params={"why": "claim_differs"})
    if head.code:
        raise Invalid(head.code, params={"why": head.why})
    return CleanDocument(media_type, body, head.pages, head.width, head.height)
