"""Cipher text of packages in pieces, so that a download may begin anywhere and nothing is held in memory whole.

It is encrypted to the receiver already; each piece is sealed once more with the graduate's key, so that erasing the
graduate erases what still waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from secrets import token_hex
from uuid import UUID

from app.envelope import DataKey, Place, open_bytes, seal_bytes
from app.errors import NotFound
from app.file_ports import FileStore

PIECE = 1024 * 1024


def new_box() -> str:
    """A name that was never used, because stores never overwrite: every try of a packing has a box of its own."""
    return token_hex(16)


def _name(box: str, number: int) -> str:
    return f"{box}{number:08x}"


def _place(leg_id: UUID, number: int) -> Place:
    return Place("electronic_leg", "piece", leg_id, number + 1)


class Measured:
    """Chunks on their way through, counted and digested."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.size, self.sha256 = 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk = next(self._chunks)
        self.size += len(chunk)
        self.sha256.update(chunk)
        return chunk


class PieceWriter:
    """Takes the cipher text from front to back. ``close`` makes the last piece durable."""

    def __init__(self, files: FileStore, key: DataKey, leg_id: UUID, box: str) -> None:
        self._files, self._key, self._leg, self._box = files, key, leg_id, box
        self._pending, self._number = bytearray(), 0
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: bytes) -> None:
        """Raises Unavailable."""
        self._hash.update(data)
        self.size += len(data)
        self._pending += data
        while len(self._pending) >= PIECE:
            self._put(PIECE)

    def close(self) -> bytes:
        """The SHA-256 of everything written. Raises Unavailable."""
        if self._pending:
            self._put(len(self._pending))
        return self._hash.digest()

    def discard(self) -> None:
        """Everything written is dropped again."""
        for number in range(self._number):
            self._files.delete(_name(self._box, number))

    def _put(self, length: int) -> None:
        sealed = seal_bytes(self._key, _place(self._leg, self._number), bytes(self._pending[:length]))
        self._files.put(_name(self._box, self._number), sealed)
        del self._pending[:length]
        self._number += 1


@dataclass(frozen=True, slots=True)
class Pieces:
    files: FileStore

    def read(self, key: DataKey, leg_id: UUID, box: str, offset: int, length: int) -> Iterator[bytes]:
        """Exactly ``length`` bytes from ``offset``, at most a piece at a time. Raises NotFound, Tampered."""
        end = offset + length
        while offset < end:
            number, skip = divmod(offset, PIECE)
            piece = open_bytes(key, _place(leg_id, number), self.files.get(_name(box, number)))
            part = piece[skip : skip + end - offset]
            if not part:
                raise NotFound("package_not_found")
            yield part
            offset += len(part)

    def drop(self, box: str) -> None:
        """However much of it was written. Safe to run twice."""
        count = 0
        while self._stands(box, count):
            count += 1
        # the last first: a run that is killed leaves no gap that the next could not see past
        for number in reversed(range(count)):
            self.files.delete(_name(box, number))

    def _stands(self, box: str, number: int) -> bool:
        try:
            self.files.get(_name(box, number))
        except NotFound:
            return False
        return True
