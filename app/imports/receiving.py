"""Taking a source in: sealed piece by piece, known before it is stored, and one batch for one key."""

from __future__ import annotations

import re
from typing import BinaryIO
from uuid import UUID

from sqlalchemy import delete, select

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.envelope import BlindIndex, seal_json
from app.errors import Conflict, FieldFault, Invalid
from app.events import EventLog
from app.file_ports import FileStore
from app.imports.batches import name_place, purge_source
from app.imports.models import ImportBatch, ImportSegment
from app.imports.reports import handed_down
from app.imports.rules import REOPENED, BatchSource, BatchState
from app.imports.segments import Segment, store_segments
from app.keyring import Keyring
from app.ports import Clock

_KEY = re.compile(r"[\w.:\-]{1,128}", re.ASCII)


class Receiver:
    def __init__(
        self, db: Database, keys: Keyring, index: BlindIndex, files: FileStore, log: EventLog, clock: Clock
    ) -> None:
        self._db, self._keys, self._index, self._files = db, keys, index, files
        self._log, self._clock = log, clock

    def receive(
        self,
        actor: Actor,
        name: str,
        stream: BinaryIO,
        source: BatchSource,
        batch_key: str | None,
        parent: UUID | None,
        *,
        dry_only: bool,
    ) -> UUID:
        """The batch that stands for this key and content. A content that cannot be taken leaves nothing behind. What
        is mended of a ``dry_only`` batch is one too.
        """
        if batch_key is not None and not _KEY.fullmatch(batch_key):
            raise Invalid("batch_key_malformed", faults=[FieldFault("batch_key", "wrong")])
        batch_id = self._begin(actor, name, source, parent, dry_only=dry_only)
        kept = None
        try:
            house = self._keys.house()
            size, digest = store_segments(stream, batch_id, house, self._files, lambda s: self._announce(batch_id, s))
            if not size:
                raise Invalid("source_empty", faults=[FieldFault("/graduates", "required", "文件是空的")])
            content = self._index.of("import_batch", "content", f"{digest}{parent or ''}")
            whose = f"{actor.kind.value}:{actor.id if actor.kind is ActorKind.PARTNER else ''}"
            chosen = f"{whose}:{batch_key}" if batch_key else f"{whose}:content:{content.hex()}"
            kept = self._keep(actor, batch_id, self._index.of("import_batch", "key", chosen), content, size)
        finally:
            if kept != batch_id:
                self.forget(batch_id)
        return kept

    def _begin(self, actor: Actor, name: str, source: BatchSource, parent: UUID | None, *, dry_only: bool) -> UUID:
        house, batch_id = self._keys.house(), new_id()
        with self._db.transaction() as session:
            mended = session.get(ImportBatch, parent) if parent is not None else None
            session.add(
                ImportBatch(
                    id=batch_id,
                    parent_id=parent,
                    mapping=handed_down(mended.mapping) if mended is not None else {},
                    source=source,
                    dry_only=dry_only or (mended is not None and mended.dry_only),
                    sealed_name=seal_json(house, name_place(batch_id), {"name": name[-200:]}),
                    created_by_kind=actor.kind,
                    created_by=actor.id,
                    created_at=self._clock.now(),
                )
            )
        return batch_id

    def _announce(self, batch_id: UUID, segment: Segment) -> None:
        """Before the segment is stored, so that a crash leaves nothing that nobody knows."""
        with self._db.transaction() as session:
            session.add(
                ImportSegment(
                    batch_id=batch_id, position=segment.position, file_name=segment.file_name, size=segment.size
                )
            )

    def _keep(self, actor: Actor, batch_id: UUID, key: bytes, content: bytes, size: int) -> UUID:
        """Make what was received the batch of its key, or give the batch that has the key already."""
        with self._db.transaction() as session:
            new = session.get_one(ImportBatch, batch_id, with_for_update=True)
            known = session.scalar(select(ImportBatch).where(ImportBatch.key_bidx == key).with_for_update())
            if known is not None and known.content_bidx != content:
                raise Conflict("batch_key_reused")
            if known is not None and known.state not in REOPENED:
                return known.id
            if known is not None:
                # what was cancelled or undone may come again: the old batch keeps its history without the key
                known.key_bidx = None
                session.flush()
            new.key_bidx, new.content_bidx, new.size, new.state = key, content, size, BatchState.UPLOADED
            self._log.record(
                session, actor, "import.received", object_kind="import_batch", object_id=batch_id, data={"size": size}
            )
        return batch_id

    def forget(self, batch_id: UUID) -> None:
        """A source that became no batch."""
        purge_source(self._db, self._files, batch_id, self._clock.now())
        with self._db.transaction() as session:
            session.execute(delete(ImportBatch).where(ImportBatch.id == batch_id))
