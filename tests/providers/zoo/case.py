"""One class of upload as data, and the judgement of what a cleaner made of it."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pikepdf
from PIL import Image

from app.errors import DomainError
from app.file_ports import CleanDocument
from providers.document_child import Usage

MARKER = b"HIDDEN-PAYLOAD-5b1d"  # planted where nobody looks; may not come out
# A timer ends the child after 1.8 s in ticks; the kernel's last count is finer, on some machines a fifth more.
PEAK_MB, CPU_S = 300.0, 2.7
PREVIEW_EDGE = 800


@dataclass(frozen=True, slots=True)
class Case:
    """``taken`` is the media type it comes out as; otherwise one of ``refused`` is the code it is refused with.

    ``marked``: MARKER is in it (packed or not) and must be gone. ``check`` looks at what came out and names faults.
    """

    name: str
    make: Callable[[], bytes]
    taken: str = ""
    refused: tuple[str, ...] = ()
    claim: str = ""
    pages: int = 1
    size: tuple[int, int] | None = None
    dpi: int | None = None
    preview: bool = True
    as_received: bool = False
    marked: bool = False
    check: Callable[[CleanDocument], list[str]] | None = None


def judge(case: Case, data: bytes, done: CleanDocument | DomainError, usage: Usage | None) -> list[str]:
    """Every fault found, in words; empty when the cleaner did right."""
    faults = [] if usage is None else _cost(usage)
    if isinstance(done, DomainError):
        if done.code not in case.refused:
            faults.append(f"refused with {done.code} ({done.params}), expected {case.taken or case.refused}")
        return faults
    if not case.taken:
        return [*faults, f"taken, expected {case.refused}"]
    return faults + _properties(case, done) + _unprocessed(case, data, done) + (case.check(done) if case.check else [])


def _cost(usage: Usage) -> list[str]:
    faults = []
    if usage.peak_mb >= PEAK_MB:
        faults.append(f"{usage.peak_mb:.0f} MB resident")
    if usage.cpu_s >= CPU_S:
        faults.append(f"{usage.cpu_s:.2f} s of processor time")
    return faults


def _properties(case: Case, done: CleanDocument) -> list[str]:
    expected = (case.taken, case.pages, case.dpi, case.as_received)
    found = (done.media_type, done.pages, done.dpi, done.as_received)
    faults = [] if found == expected else [f"type, pages, dpi, as received are {found}, expected {expected}"]
    if case.size is not None and (done.width, done.height) != case.size:
        faults.append(f"size is {done.width}x{done.height}, expected {case.size}")
    if case.preview != (done.preview is not None):
        faults.append(f"preview: {done.preview is not None}, expected {case.preview}")
    if done.preview is not None:
        image = Image.open(io.BytesIO(done.preview))
        if image.format != "JPEG" or max(image.size) > PREVIEW_EDGE or MARKER in done.preview:
            faults.append(f"preview is {image.format} {image.size}")
    return faults


def _unprocessed(case: Case, data: bytes, done: CleanDocument) -> list[str]:
    faults = []
    if (done.data == data) != case.as_received:
        faults.append("the bytes are those received" if not case.as_received else "the bytes were changed")
    if case.marked:
        if not holds_marker(data):
            faults.append("the class holds no marker: it proves nothing")
        if holds_marker(done.data):
            faults.append("the hidden payload came through")
    return faults


def holds_marker(data: bytes) -> bool:
    return any(MARKER in view for view in _views(data))


def _views(data: bytes) -> Iterator[bytes]:
    """As it is, and with everything unpacked that a reader of the format would unpack."""
    yield data
    if data.startswith(b"%PDF"):
        for chunk in data.split(b"stream")[1:]:  # also what no object table leads to
            try:
                yield zlib.decompressobj().decompress(chunk.lstrip(b"\r\n"), 1 << 20)
            except zlib.error:
                continue
        try:
            with pikepdf.open(io.BytesIO(data)) as pdf:
                flat = io.BytesIO()
                pdf.save(flat, object_stream_mode=pikepdf.ObjectStreamMode.disable, compress_streams=False)
                yield flat.getvalue()
        except pikepdf.PdfError:
            return
    if data.startswith(b"\x89PNG"):
        image = Image.open(io.BytesIO(data))
        yield repr(image.info).encode()
