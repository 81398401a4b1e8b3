"""Building the index anew beside its use, sweeping what nothing points to any more, and comparing it with dossiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.orm import Session

from app.db import Database
from app.dossiers.indexing import Unit
from app.dossiers.models import Dossier
from app.dossiers.units import units_of
from app.envelope import DataKey
from app.errors import NotFound
from app.keyring import Keyring
from app.ports import Clock
from app.retrieval import rules
from app.retrieval.index import UPKEEP_LOCK, SearchIndex, indexed
from app.retrieval.models import IndexRebuild, RetrievalUnit

BATCH = 100
_ALONE = text(f"select pg_advisory_xact_lock({UPKEEP_LOCK})")
# (table, what stands in its key order, what makes a row an orphan), from the units down to the postings
_SWEEPS = (
    (
        "retrieval_unit",
        ("id",),
        "not exists (select from record r where r.id = t.id) and not exists (select from material m where m.id = t.id)",
    ),
    ("search_shelf", ("key",), "not exists (select from retrieval_unit u where u.shelf_key = t.key)"),
    ("search_text", ("key",), "not exists (select from search_shelf s where s.text_key = t.key)"),
    ("search_posting", ("token", "text_key"), "not exists (select from search_text x where x.key = t.text_key)"),
)
_SWEEP_BATCH = 5_000
_FOUND = text("select id, shelf_key from retrieval_unit where id = any(cast(:ids as uuid[]))")
_STANDING = text(
    "select s.key, s.text_key from search_shelf s join search_text t on t.key = s.text_key"
    " where s.key = any(cast(:keys as bytea[]))"
)
_POSTED = text("select token, text_key from search_posting where text_key = any(cast(:keys as bytea[]))"
               " and token = any(cast(:tokens as bytea[]))")  # fmt: skip


@dataclass(slots=True)
class Findings:
    """Of a comparison, in numbers; ``examples`` are unit ids, a few of them."""

    dossiers: int = 0
    units: int = 0
    missing: int = 0
    misplaced: int = 0
    unposted: int = 0
    orphans: int = 0
    examples: list[UUID] = field(default_factory=list)

    @property
    def faults(self) -> int:
        return self.missing + self.misplaced + self.unposted + self.orphans


class IndexUpkeep:
    def __init__(self, db: Database, keys: Keyring, index: SearchIndex, clock: Clock) -> None:
        self._db, self._keys, self._index, self._clock = db, keys, index, clock

    def count(self) -> int:
        """Dossiers there are, for a progress bar."""
        with self._db.transaction() as session:
            return session.scalar(select(func.count()).select_from(Dossier)) or 0

    def rebuild(self, *, batch: int = BATCH) -> Iterator[int]:
        """Index every dossier, taking up an unfinished rebuild; yields how many are done. Search goes on meanwhile."""
        state = self._begin()
        yield state.done
        while True:
            owners = self._owners(state.after, batch)
            if not owners:
                break
            keys = [k for k in map(self._key, owners) if k is not None]
            with self._db.transaction() as session:
                for key in keys:
                    self._put(session, units_of(session, key))
                row = session.get_one(IndexRebuild, state.id)
                row.after, row.done = owners[-1], row.done + len(owners)
            state = row
            yield state.done
        for _ in self.sweep():
            pass
        with self._db.transaction() as session:
            session.get_one(IndexRebuild, state.id).finished_at = self._clock.now()

    def sweep(self) -> Iterator[int]:
        """Delete what nothing points to; yields rows deleted, batch by batch."""
        for table, key, orphan in _SWEEPS:
            for after in self._batches(table, key):
                with self._db.transaction() as session:
                    session.execute(_ALONE)
                    gone = session.execute(_within("delete from", table, key, orphan), after)
                    yield int(getattr(gone, "rowcount", 0))

    def compare(self, *, batch: int = BATCH) -> Iterator[Findings]:
        """The index against the dossiers, both ways; yields the same findings as they grow."""
        found, after = Findings(), None
        while owners := self._owners(after, batch):
            after = owners[-1]
            keys = [k for k in map(self._key, owners) if k is not None]
            with self._db.transaction() as session:
                units = [u for key in keys for u in units_of(session, key)]
                self._judge(session, [u for u in units if indexed(u)], found)
                _judge_absent(session, [u.id for u in units if not indexed(u)], found)
            found.dossiers += len(owners)
            yield found
        table, key, orphan = _SWEEPS[0]
        for place in self._batches(table, key):
            with self._db.transaction() as session:
                lost = session.scalars(_within("select t.id from", table, key, orphan), place).all()
                found.orphans += len(lost)
                found.examples += lost[: max(0, 5 - len(found.examples))]
        yield found

    # --- inside -----------------------------------------------------------------------------------------------------

    def _begin(self) -> IndexRebuild:
        with self._db.transaction() as session:
            row = session.scalar(select(IndexRebuild).where(IndexRebuild.finished_at.is_(None)).with_for_update())
            if row is None:
                row = IndexRebuild(started_at=self._clock.now(), after=None, done=0)
                session.add(row)
            return row

    def _owners(self, after: UUID | None, batch: int) -> list[UUID]:
        query = select(Dossier.graduate_id).order_by(Dossier.graduate_id).limit(batch)
        with self._db.transaction() as session:
            return list(session.scalars(query.where(Dossier.graduate_id > after) if after is not None else query))

    def _key(self, owner: UUID) -> DataKey | None:
        """None once erased: nothing of that dossier can be read, so nothing of it is indexed."""
        try:
            return self._keys.of(owner)
        except NotFound:
            return None

    def _put(self, session: Session, units: Sequence[Unit]) -> None:
        self._index.put(session, units, anew=True)
        self._index.remove(session, [u.id for u in units if not indexed(u)])

    def _batches(self, table: str, key: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """Half-open ranges of a table in key order, as parameters of ``_within``."""
        columns = ", ".join(key)
        low: tuple[Any, ...] | None = None
        while True:
            bound = f"where ({columns}) > ({', '.join(f':low{n}' for n in range(len(key)))})" if low else ""
            query = text(f"select {columns} from {table} {bound} order by {columns} limit {_SWEEP_BATCH}")  # noqa: S608
            with self._db.transaction() as session:
                rows = session.execute(query, {f"low{n}": v for n, v in enumerate(low or ())}).all()
            if not rows:
                return
            first, last = tuple(rows[0]), tuple(rows[-1])
            yield {f"first{n}": v for n, v in enumerate(first)} | {f"last{n}": v for n, v in enumerate(last)}
            low = last

    def _judge(self, session: Session, units: Sequence[Unit], found: Findings) -> None:
        keys = self._index.keys
        wanted = {u.id: (keys.entry(u), u) for u in units}
        placed = {row.id: bytes(row.shelf_key) for row in session.execute(_FOUND, {"ids": list(wanted)})}
        shelves = {bytes(row.key): bytes(row.text_key) for row in session.execute(_STANDING, {
            "keys": list(set(placed.values()))})}  # fmt: skip
        postings = {(t, e.key) for e, _ in wanted.values() for t in keys.tokens(rules.tokens(e.normal))}
        posted = {(bytes(row.token), bytes(row.text_key)) for row in session.execute(_POSTED, {
            "keys": list({k for _, k in postings}), "tokens": list({t for t, _ in postings})})}  # fmt: skip
        unposted = {text_key for _, text_key in postings - posted}
        found.units += len(wanted)
        for unit_id, (entry, unit) in wanted.items():
            shelf = placed.get(unit_id)
            missing = shelf is None
            misplaced = shelf is not None and (shelf != keys.shelf(entry, unit) or shelf not in shelves)
            found.missing += missing
            found.misplaced += misplaced
            found.unposted += entry.key in unposted
            if (missing or misplaced or entry.key in unposted) and len(found.examples) < 5:
                found.examples.append(unit_id)


def _judge_absent(session: Session, ids: Sequence[UUID], found: Findings) -> None:
    """What may not be indexed, zone C above all, must not be."""
    lost = list(session.scalars(select(RetrievalUnit.id).where(RetrievalUnit.id.in_(ids))))
    found.misplaced += len(lost)
    found.examples += lost[: max(0, 5 - len(found.examples))]


def _within(head: str, table: str, key: tuple[str, ...], orphan: str) -> TextClause:
    columns = ", ".join(f"t.{k}" for k in key)
    first, last = (", ".join(f":{name}{n}" for n in range(len(key))) for name in ("first", "last"))
    return text(f"{head} {table} t where ({columns}) >= ({first}) and ({columns}) <= ({last}) and {orphan}")
