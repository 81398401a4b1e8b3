"""Every file in two stores. The primary decides; what the replica missed is made up for by ``sync``."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress

import structlog

from app.errors import Conflict, NotFound, Unavailable
from app.file_ports import RepairableStore, SyncReport

_LOG = structlog.get_logger(__name__)
_AWAY_S = 30.0  # a replica that failed is not asked again so soon: nobody at a desk waits for it


class ReplicatedFileStore:
    """app.file_ports.ReplicaStore.

    ``put`` is done when the primary has the file. A replica that does not answer costs no put and no file: it is
    logged, and ``lantai files sync`` (to be run daily) copies what is missing, found by walking both stores, so that
    nothing depends on a list that could be lost itself. ``get`` turns to the replica only with ``fall_back`` and only
    when the primary says that there is no such file; a file that is there but damaged is for ``repair``.
    """

    def __init__(self, primary: RepairableStore, replica: RepairableStore, *, fall_back: bool = False) -> None:
        self._primary, self._replica, self._fall_back = primary, replica, fall_back
        self._away_until = 0.0

    def put(self, name: str, data: bytes) -> None:
        """Raises what the primary raises."""
        self._primary.put(name, data)
        if time.monotonic() < self._away_until:
            return
        try:
            self._replica.put(name, data)
        except Conflict:
            _LOG.warning("replica_has_file_already", file=name)
        except Unavailable:
            self._missed("put", name)

    def get(self, name: str) -> bytes:
        try:
            return self._primary.get(name)
        except NotFound:
            if not self._fall_back:
                raise
        data = self._replica.get(name)
        _LOG.warning("file_read_from_replica", file=name)
        return data

    def delete(self, name: str) -> None:
        """The replica's copy of a deleted file is sealed under a key of its own row and counted by ``sync``."""
        self._primary.delete(name)
        try:
            self._replica.delete(name)
        except Unavailable:
            self._missed("delete", name)

    def names(self) -> Iterator[str]:
        return self._primary.names()

    def repair(self, name: str, data: bytes) -> None:
        self._primary.repair(name, data)

    def sweep(self, before: float) -> int:
        """app.file_ports.RepairableStore. Raises Unavailable."""
        return self._primary.sweep(before) + self._replica.sweep(before)

    def replica_get(self, name: str) -> bytes:
        return self._replica.get(name)

    def repair_replica(self, name: str, data: bytes) -> None:
        self._replica.repair(name, data)

    def sync(self) -> SyncReport:
        """Two sorted walks side by side, in little memory however many files there are."""
        seen = copied = alone = 0
        others = self._replica.names()
        other = next(others, None)
        for name in self._primary.names():
            seen += 1
            while other is not None and other < name:
                alone, other = alone + 1, next(others, None)
            if other == name:
                other = next(others, None)
            else:
                copied += self._copy(name)
        alone += (other is not None) + sum(1 for _ in others)
        return SyncReport(seen, copied, alone)

    def _copy(self, name: str) -> int:
        with suppress(NotFound, Conflict):  # deleted, or put by its own writer, since the walk passed
            self._replica.put(name, self._primary.get(name))
            return 1
        return 0

    def _missed(self, what: str, name: str) -> None:
        self._away_until = time.monotonic() + _AWAY_S
        _LOG.warning("replica_away", what=what, file=name)
