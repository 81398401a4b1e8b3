"""Where a large upload waits while its request is read: on disk, but never in the clear, and in bounded memory."""

from __future__ import annotations

import io
import os
import tempfile
from typing import IO, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BLOCK = 64 * 1024
_SEALED_BLOCK = BLOCK + 16
IN_MEMORY = 1024 * 1024


class SealedSpool(io.RawIOBase):
    """Written once from front to back, then read and sought at will.

    What does not fit in memory goes block by block, sealed with a key that lives in this object alone, into a file that
    has no name: a crash leaves nothing, and what is left on the disk is noise.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._memory = in_memory
        self._cipher = AESGCM(os.urandom(32))
        self._file: IO[bytes] | None = None
        self._pending = bytearray()  # everything while it is small, then the block being filled
        self._blocks = 0
        self._at = 0
        self._cached: tuple[int, bytes] = (-1, b"")

    @property
    def size(self) -> int:
        return self._blocks * BLOCK + len(self._pending)

    @property
    def on_disk(self) -> bool:
        return self._file is not None

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        """Only at the end, as a request is read."""
        if self._at != self.size:
            raise io.UnsupportedOperation("a spool is written from front to back")
        self._pending += data
        if self._file is not None or self.size > self._memory:
            self._spill()
        self._at = self.size
        return len(data)

    def _spill(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="lantai-sealed-")  # noqa: SIM115 - closed with the spool
        self._file.seek(self._blocks * _SEALED_BLOCK)
        while len(self._pending) >= BLOCK:
            self._file.write(self._cipher.encrypt(self._nonce(self._blocks), bytes(self._pending[:BLOCK]), None))
            del self._pending[:BLOCK]
            self._blocks += 1

    @staticmethod
    def _nonce(block: int) -> bytes:
        return block.to_bytes(12, "big")

    def readinto(self, buffer: Any) -> int:
        """One block at most per call, as raw streams may."""
        block, offset = divmod(self._at, BLOCK)
        held = self._block(block) if block < self._blocks else bytes(self._pending[self._at - self._blocks * BLOCK :])
        piece = held[offset : offset + len(buffer)] if block < self._blocks else held[: len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self, block: int) -> bytes:
        if self._cached[0] != block and self._file is not None:
            self._file.seek(block * _SEALED_BLOCK)
            self._cached = (block, self._cipher.decrypt(self._nonce(block), self._file.read(_SEALED_BLOCK), None))
        return self._cached[1]

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, min(start + offset, self.size))
        return self._at

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._pending.clear()
        self._cached = (-1, b"")
        super().close()
