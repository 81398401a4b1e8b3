"""The uploaded source at rest: segments sealed under the house key, read as one seekable file with little memory."""

from __future__ import annotations

import hashlib
import io
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO
from uuid import UUID

from app.envelope import DataKey, Place, open_bytes, seal_bytes
from app.file_ports import FileStore
from app.imports.rules import SEGMENT_BYTES

_CACHED = 3


@dataclass(frozen=True, slots=True)
class Segment:
    position: int
    file_name: str
    size: int


def segment_place(batch_id: UUID, position: int) -> Place:
    return Place("import_segment", "source", batch_id, position + 1)


def pieces(stream: BinaryIO) -> Iterator[bytes]:
    """The stream in segments of SEGMENT_BYTES; the last may be shorter."""
    held = bytearray()
    while data := stream.read(1 << 18):
        held += data
        while len(held) >= SEGMENT_BYTES:
            yield bytes(held[:SEGMENT_BYTES])
            del held[:SEGMENT_BYTES]
    if held:
        yield bytes(held)


def store_segments(
    stream: BinaryIO,
    batch_id: UUID,
    key: DataKey,
    files: FileStore,
    announce: Callable[[Segment], None],
) -> tuple[int, str]:
    """Store the stream; gives its size and SHA-256. ``announce`` is told of each segment before it is stored, so that
    a crash leaves no file that nobody knows.
    """
    size, digest = 0, hashlib.sha256()
    for position, piece in enumerate(pieces(stream)):
        segment = Segment(position, os.urandom(24).hex(), len(piece))
        announce(segment)
        files.put(segment.file_name, seal_bytes(key, segment_place(batch_id, position), piece))
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


class SegmentReader(io.RawIOBase):
    """Seekable; keeps a few opened segments. Raises Tampered, NotFound and Unavailable as the store does."""

    def __init__(self, batch_id: UUID, segments: Sequence[Segment], key: DataKey, files: FileStore) -> None:
        super().__init__()
        self._batch, self._segments, self._key, self._files = batch_id, segments, key, files
        self._size = sum(s.size for s in segments)
        self._at = 0
        self._opened: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")
        self._at = base + offset
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        if self._at >= self._size or not view:
            return 0
        position, inside = divmod(self._at, SEGMENT_BYTES)
        part = self._segment(position)[inside : inside + len(view)]
        view[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _segment(self, position: int) -> bytes:
        held = self._opened.get(position)
        if held is None:
            segment = self._segments[position]
            sealed = self._files.get(segment.file_name)
            held = self._opened[position] = open_bytes(self._key, segment_place(self._batch, position), sealed)
            while len(self._opened) > _CACHED:
                self._opened.popitem(last=False)
        self._opened.move_to_end(position)
        return held


def buffered(reader: SegmentReader) -> BinaryIO:
    return io.BufferedReader(reader, 1 << 16)
