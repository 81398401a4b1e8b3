"""Protocols for files and documents: the sealed store, and what cleans an upload. app.ports holds the rest.

Every method may raise app.errors.Unavailable when the outside does not answer in time or answers garbage.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol


class FileStore(Protocol):
    """Opaque, already sealed bytes by random name."""

    def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; never overwrites."""
        ...

    def get(self, name: str) -> bytes:
        """Raises NotFound."""
        ...

    def delete(self, name: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CleanDocument:
    """An upload after processing: re-encoded image or PDF without active content.

    ``width`` and ``height`` in pixels and ``dpi`` are the first page's; ``preview`` a small JPEG of it, None where none
    can be drawn.
    """

    media_type: str
    data: bytes = field(repr=False)
    pages: int
    width: int | None = None
    height: int | None = None
    dpi: int | None = None
    preview: bytes | None = field(default=None, repr=False)


class DocumentCleaner(Protocol):
    def clean(self, data: bytes, claimed_type: str = "") -> CleanDocument:
        """Decides the type by content. Raises Invalid (codes document_type_refused, document_type_lies,
        document_unreadable, document_too_complex) or TooLarge.
        """
        ...
