"""Taking a whole batch back while nothing depends on it. The database itself judges and deletes, in one transaction:
append-only rows go only by its function lantai_undo_import (migrations), and only those this batch brought.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import Table, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_ids
from app.dossiers.indexing import UnitIndex
from app.dossiers.models import Dossier, Material, MaterialVersion, Record
from app.dossiers.places import photo_name_place
from app.envelope import open_json
from app.errors import Conflict
from app.events import COPIED, Event, EventLog
from app.file_ports import FileStore
from app.imports.batches import delete_announced, locked, purge_source
from app.imports.columns import GRADUATE_TABLE
from app.imports.models import ImportBatch, ImportFile, ImportRow
from app.imports.rules import BatchState, RowOutcome
from app.imports.views import Hindrance
from app.keyring import Keyring
from app.ports import Clock

WORDS = {
    "dossier": "档案已封存、转出或被修改",
    "record": "记录已被更正",
    "material": "材料已有新版本",
    "platform_identity": "已绑定账号",
    "claim": "已有身份申报",
    "ticket": "已有更正申请",
    "transfer": "已有转递",
    "custody": "已登记纸质档案位置",
    "custody_move": "已登记纸质档案位置",
    "loan": "已有借阅登记",
    "activation_code": "已发激活码",
    "notice": "已有通知",
    "notice_campaign_recipient": "已列入群发通知",
    "retrieval_purpose": "内容已被调取，须留调取记录",
}
_HINDRANCES = text(
    "select line, graduate_id, relation from lantai_undo_hindrances(:batch) order by line, relation limit :limit"
)
_COUNT = text("select count(distinct graduate_id) from lantai_undo_hindrances(:batch)")
_UNDO = text("select lantai_undo_import(:batch)")
_PATIENCE = text("set local statement_timeout = '15min'")
_PART = 500


class Undoing:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        files: FileStore,
        log: EventLog,
        clock: Clock,
        indexes: Sequence[UnitIndex] = (),
    ) -> None:
        self._db, self._keys, self._files, self._log, self._clock = db, keys, files, log, clock
        self._indexes = indexes

    def hindrances(self, batch_id: UUID, limit: int = 100) -> Sequence[Hindrance]:
        with self._db.transaction() as session:
            session.execute(_PATIENCE)
            rows = session.execute(_HINDRANCES, {"batch": batch_id, "limit": limit}).all()
        return [
            Hindrance(line, owner, table, WORDS.get(table, f"已有后续业务（{table}）")) for line, owner, table in rows
        ]

    def require_free(self, batch_id: UUID) -> None:
        """Raises Conflict('import_not_undoable') naming how many rows hinder, and the first."""
        first = next(iter(self.hindrances(batch_id, 1)), None)
        if first is None:
            return
        with self._db.transaction() as session:
            session.execute(_PATIENCE)
            count = session.scalar(_COUNT, {"batch": batch_id})
        raise Conflict("import_not_undoable", params={"count": count, "line": first.line, "why": first.words})

    def run(self, batch_id: UUID) -> None:
        """Safe to run again after a crash: before the transaction nothing has happened, after it only files are left
        to be deleted. Raises Conflict('import_running'), Conflict('import_not_undoable').
        """
        with self._db.alone(batch_id) as held:
            if not held:
                raise Conflict("import_running")
            with self._db.transaction() as session:
                batch = session.get(ImportBatch, batch_id)
            if batch is None or batch.state is not BatchState.UNDOING:
                return
            delete_announced(self._db, self._files, batch_id)
            filed = self._filed(batch_id)
            names = [name for part in _parts(filed) for name in self._stored(part)]
            assert batch.run_by_kind is not None
            assert batch.run_by is not None
            try:
                self._take_back(Actor(batch.run_by_kind, batch.run_by), batch_id, filed, names)
            except IntegrityError:
                self._refused(batch_id)
                self.require_free(batch_id)
                raise Conflict("import_running") from None
            delete_announced(self._db, self._files, batch_id)
            purge_source(self._db, self._files, batch_id, self._clock.now())

    def _take_back(self, actor: Actor, batch_id: UUID, filed: Sequence[UUID], names: Sequence[str]) -> None:
        files, events = ImportFile.__table__, Event.__table__
        assert isinstance(files, Table)
        assert isinstance(events, Table)
        with self._db.transaction() as session:
            session.execute(_PATIENCE)
            # the files go after the rows: until then they are remembered as what is to be deleted
            self._db.copy_in(session, files, ("file_name", "batch_id"), [(name, batch_id) for name in names])
            about = [(owner, batch_id) for owner in filed]
            self._db.copy_in(
                session, events, COPIED, self._log.copied(actor, "import.undone", "import_batch", about, {}, new_ids())
            )
            for part in _parts(filed):
                self._unfound(session, part)
            session.execute(_UNDO, {"batch": batch_id})
            session.execute(update(ImportRow).where(ImportRow.batch_id == batch_id).values(graduate_id=None))
            batch = locked(session, batch_id)
            batch.state, batch.finished_at, batch.trouble = BatchState.UNDONE, self._clock.now(), ""
            batch.version += 1

    def _unfound(self, session: Session, owners: Sequence[UUID]) -> None:
        """Out of every index, before the rows go that say what stands in it."""
        mine = select(Dossier.id).where(Dossier.graduate_id.in_(owners))
        ids = [
            *session.scalars(select(Record.id).where(Record.dossier_id.in_(mine))),
            *session.scalars(select(Material.id).where(Material.dossier_id.in_(mine))),
        ]
        for index in self._indexes:
            index.remove(session, ids)

    def _refused(self, batch_id: UUID) -> None:
        with self._db.transaction() as session:
            session.execute(
                update(ImportBatch)
                .where(ImportBatch.id == batch_id, ImportBatch.state == BatchState.UNDOING)
                .values(state=BatchState.DONE, trouble="import_not_undoable", version=ImportBatch.version + 1)
            )

    def _filed(self, batch_id: UUID) -> list[UUID]:
        with self._db.transaction() as session:
            rows = session.scalars(
                select(ImportRow.graduate_id).where(
                    ImportRow.batch_id == batch_id,
                    ImportRow.sheet == GRADUATE_TABLE,
                    ImportRow.outcome == RowOutcome.FILED,
                )
            )
            return [owner for owner in rows if owner is not None]

    def _stored(self, owners: list[UUID]) -> Iterator[str]:
        """Names of everything these dossiers have in the file store."""
        with self._db.transaction() as session:
            versions = session.execute(
                select(MaterialVersion.file_name, MaterialVersion.preview_name)
                .join(Material, Material.id == MaterialVersion.material_id)
                .join(Dossier, Dossier.id == Material.dossier_id)
                .where(Dossier.graduate_id.in_(owners), MaterialVersion.file_name.is_not(None))
            ).all()
            photos = session.scalars(
                select(Dossier).where(Dossier.graduate_id.in_(owners), Dossier.sealed_photo_name.is_not(None))
            ).all()
            keys = self._keys.many(session, [d.graduate_id for d in photos])
        for names in versions:
            yield from (name for name in names if name is not None)
        for dossier in photos:
            assert dossier.sealed_photo_name is not None
            place = photo_name_place(dossier)
            yield open_json(keys[dossier.graduate_id], place, dossier.sealed_photo_name)["name"]


def _parts(owners: Sequence[UUID]) -> Iterator[list[UUID]]:
    for start in range(0, len(owners), _PART):
        yield list(owners[start : start + _PART])
