"""Protocols for files and documents: the sealed store, and what cleans an upload. app.ports holds the rest.

Every method may raise app.errors.Unavailable when the outside does not answer in time or answers garbage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


class FileStore(Protocol):
    """Opaque, already sealed bytes by random name."""

    def put(self, name: str, data: bytes) -> None:
        """Durable when it returns; never overwrites."""
        ...

    def get(self, name: str) -> bytes:
        """Raises NotFound."""
        ...

    def delete(self, name: str) -> None:
        """Deleting what is not there is no fault."""
        ...


class RepairableStore(FileStore, Protocol):
    """A store that can be walked, and mended by whoever has proved that an object is damaged."""

    def names(self) -> Iterator[str]:
        """Every object, in ascending order; copies set aside by ``repair`` are not among them."""
        ...

    def repair(self, name: str, data: bytes) -> None:
        """The only overwrite there is: puts ``data``, keeping what stood there under ``<name>.damaged-…``."""
        ...

    def sweep(self, before: float) -> int:
        """Removes what killed writers left half-written before ``before`` (seconds since 1970); how many there were."""
        ...


@dataclass(frozen=True, slots=True)
class SyncReport:
    """``copied`` went from the primary to the replica; ``missing_in_primary`` stand in the replica alone: either a
    deletion that did not reach it, or a loss that only the database can tell from one.
    """

    seen: int
    copied: int
    missing_in_primary: int


class ReplicaStore(RepairableStore, Protocol):
    """Two stores as one. ``get``, ``names`` and ``repair`` speak of the primary; a put the replica missed is made up
    for by ``sync``.
    """

    def replica_get(self, name: str) -> bytes:
        """The replica's copy. Raises NotFound."""
        ...

    def repair_replica(self, name: str, data: bytes) -> None:
        """``repair`` for a copy that is damaged or absent in the replica."""
        ...

    def sync(self) -> SyncReport:
        """Copies to the replica whatever it lacks. Safe to run at any time, and twice."""
        ...


@dataclass(frozen=True, slots=True)
class CleanDocument:
    """An upload after processing: re-encoded image or PDF without active content.

    ``width`` and ``height`` in pixels and ``dpi`` are the first page's; ``preview`` a small JPEG of it, None where none
    can be drawn. ``as_received``: the bytes are those of the sender, because any change would break what they prove (a
    signed PDF without active content) or because the format is opaque here (OFD).
    """

    media_type: str
    data: bytes = field(repr=False)
    pages: int
    width: int | None = None
    height: int | None = None
    dpi: int | None = None
    preview: bytes | None = field(default=None, repr=False)
    as_received: bool = False


class DocumentCleaner(Protocol):
    def clean(self, data: bytes, claimed_type: str = "") -> CleanDocument:
        """Decides the type by content. Raises Invalid (codes document_type_refused, document_type_lies,
        document_unreadable, document_encrypted, document_signed_active, document_too_complex) or TooLarge.
        """
        ...


class PdfPrinter(Protocol):
    def print(self, form: str, data: Mapping[str, Any], at: datetime) -> bytes:
        """A PDF/A-2u of one of the printer's forms, filled with ``data`` (JSON values), dated ``at``."""
        ...
