"""Encryption to a receiver's public key: the age format (age-encryption.org/v1), X25519 recipients.

Any receiver can open it with ``age -d`` and a key of its own making; docs/decisions/0021-electronic-leg.md says why
this rather than a framing of our own.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator

import pyrage

from app.errors import Invalid


class _Reader(io.RawIOBase):
    """An iterator of chunks as a file that is read from front to back. What the iterator raises is kept."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._held = source, b""
        self.fault: BaseException | None = None

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        try:
            while not self._held:
                self._held = next(self._source)
        except StopIteration:
            return b""
        except BaseException as error:
            # the library would make an error of its own of it, of a worker's end too
            self.fault = error
            raise
        taken = self._held[:size] if size >= 0 else self._held
        self._held = self._held[len(taken) :]
        return taken


class _Writer(io.RawIOBase):
    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self._sink = sink
        self.fault: BaseException | None = None

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]  # any bytes-like object, as the base class says
        try:
            self._sink(chunk)
        except BaseException as error:
            self.fault = error
            raise
        return len(chunk)


class AgeEncryptor:
    """app.package_ports.Encryptor."""

    def usable(self, recipient: str) -> bool:
        try:
            pyrage.x25519.Recipient.from_str(recipient)
        except pyrage.RecipientError:
            return False
        return True

    def encrypt(self, recipient: str, source: Iterator[bytes], sink: Callable[[bytes], None]) -> None:
        """app.package_ports.Encryptor; raises whatever ``source`` or ``sink`` raised."""
        try:
            to = pyrage.x25519.Recipient.from_str(recipient)
        except pyrage.RecipientError:
            raise Invalid("recipient_refused") from None
        reader, writer = _Reader(source), _Writer(sink)
        try:
            pyrage.encrypt_io(reader, writer, [to])
        except Exception:
            # what was raised inside comes back out as itself
            raise (reader.fault or writer.fault or Invalid("recipient_refused")) from None
