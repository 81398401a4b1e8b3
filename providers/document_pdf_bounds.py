"""How much a PDF may hold, and what a signed one must be, before anybody opens it."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator

import pikepdf

from providers.document_child import Refused
from providers.document_unpacked import inflated_size, lzw_size, run_length_size

MAX_PAGES = 2000
MAX_OBJECTS = 300_000
MAX_PIXELS = 150_000_000  # of one picture: 1200 dpi A4 in black and white
MAX_STREAM = 160 << 20  # one stream unpacked: that picture, or 600 dpi A4 in colour
MAX_UNPACKED = 1 << 30  # all of them
_MAX_FILTERS = 3
_PACKERS = {"/FlateDecode", "/Fl", "/LZWDecode", "/LZW", "/RunLengthDecode", "/RL"}
_FLATE, _LZW = {"/FlateDecode", "/Fl"}, {"/LZWDecode", "/LZW"}
_FLATE_MOST = 1032  # no deflated byte becomes more
_WRITTEN_ONCE = {"/XRef", "/ObjStm"}  # read already, and made anew when the file is written
_HEAD = 1 << 20
_JP2_SIZE = b"\xff\x4f\xff\x51"  # start of code stream and its size segment (ISO/IEC 15444-1 A.5.1)


def check_bounds(pdf: pikepdf.Pdf) -> None:
    """Raises Refused."""
    if pdf.is_encrypted:
        raise Refused("document_encrypted", "encrypted")
    if len(pdf.objects) > MAX_OBJECTS:
        raise Refused("document_too_complex", "too_many_objects")
    if len(pdf.pages) > MAX_PAGES:
        raise Refused("document_too_complex", "too_many_pages")
    if not len(pdf.pages):
        raise Refused("document_unreadable", "no_pages")
    if bool(
        pdf.Root.get("/NeedsRendering", False)
    ):  # a dynamic XFA form: its pages exist only in the program that made it
        raise Refused("document_unreadable", "no_pages")
    _check_streams(pdf)


def _check_streams(pdf: pikepdf.Pdf) -> None:
    left = MAX_UNPACKED
    for stream in pdf.objects:
        if not isinstance(stream, pikepdf.Stream) or str(stream.get("/Type")) in _WRITTEN_ONCE:
            continue
        _check_picture(stream)
        filters = _filters(stream)
        if len(filters) > _MAX_FILTERS or sum(name in _PACKERS for name in filters) > 1:
            raise Refused("document_too_complex", "too_big_inside")
        left -= _unpacked(stream, filters)
        if left < 0:
            raise Refused("document_too_complex", "too_big_inside")


def _filters(stream: pikepdf.Stream) -> list[str]:
    found = stream.get("/Filter", stream.get("/F"))
    if isinstance(found, pikepdf.Array):
        return [str(name) for name in found.as_list()]
    return [] if found is None else [str(found)]


def _check_picture(stream: pikepdf.Stream) -> None:
    """By its own words, and for JPEG 2000 by its code stream, which overrules them."""
    width, height = (stream.get(key, 0) for key in ("/Width", "/Height"))
    if isinstance(width, int) and isinstance(height, int) and width * height > MAX_PIXELS:
        raise Refused("document_too_complex", "too_many_pixels")
    if "/JPXDecode" in _filters(stream):
        head = stream.read_raw_bytes()[:_HEAD]
        at = head.find(_JP2_SIZE)
        size = head[at + 8 : at + 24]
        if at >= 0 and len(size) == 16:
            right, low, left, top = (int.from_bytes(size[n : n + 4], "big") for n in range(0, 16, 4))
            if (right - left) * (low - top) > MAX_PIXELS:
                raise Refused("document_too_complex", "too_many_pixels")


def _unpacked(stream: pikepdf.Stream, filters: list[str]) -> int:
    """Bytes after the one packer of the chain. Raises Refused when they are more than any page needs."""
    packer = next((name for name in filters if name in _PACKERS), None)
    if packer is None:
        return 0
    packed = memoryview(stream.get_raw_stream_buffer())
    if filters[0] != packer:  # written in letters first: small enough, or nobody's honest way
        size = len(packed) * _FLATE_MOST
    elif packer in _FLATE:
        size = inflated_size(packed, MAX_STREAM)
    elif packer in _LZW:
        size = lzw_size(packed, MAX_STREAM, _early_change(stream))
    else:
        size = run_length_size(packed, MAX_STREAM)
    if size > MAX_STREAM:
        raise Refused("document_too_complex", "too_big_inside")
    return size


def _early_change(stream: pikepdf.Stream) -> int:
    words = stream.get("/DecodeParms")
    if isinstance(words, pikepdf.Array):
        words = next((w for w in words.as_list() if isinstance(w, pikepdf.Dictionary)), None)
    return 0 if isinstance(words, pikepdf.Dictionary) and words.get("/EarlyChange") == 0 else 1


def containers(holder: pikepdf.Object) -> Iterator[pikepdf.Object]:
    """The dictionaries and arrays written inside one indirect object; references are met as objects of their own."""
    waiting = [holder]
    while waiting:
        container = waiting.pop()
        if isinstance(container, (pikepdf.Dictionary, pikepdf.Stream, pikepdf.Array)):
            yield container
            waiting += [value for value in _values(container) if not value.is_indirect]


def _values(container: pikepdf.Object) -> Iterable[pikepdf.Object]:
    found = container.as_list() if isinstance(container, pikepdf.Array) else [v for _, v in container.items()]
    return [value for value in found if isinstance(value, pikepdf.Object)]


def is_signed(pdf: pikepdf.Pdf) -> bool:
    return next(_signatures(pdf), None) is not None


def _signatures(pdf: pikepdf.Pdf) -> Iterator[pikepdf.Object]:
    for holder in pdf.objects:
        for container in containers(holder):
            if isinstance(container, pikepdf.Dictionary) and "/ByteRange" in container and "/Contents" in container:
                yield container


def check_signed(pdf: pikepdf.Pdf, data: bytes) -> None:
    """A file kept as it is must be all signed: what follows the last signature is nobody's word. Raises Refused."""
    ends = []
    for value in _signatures(pdf):
        start, length, after, rest = (int(n) for n in value.ByteRange.as_list())
        if start == 0 and length < after:
            ends.append(after + rest)
    if not ends or data[max(ends) :].strip() or max(ends) > len(data):
        raise Refused("document_signed_active", "changed_after_signing")
    if zipfile.is_zipfile(io.BytesIO(data)):
        raise Refused("document_signed_active", "signed_active")
