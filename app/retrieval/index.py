"""Keeping the index: texts once, shelves once, units each. Joins the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from app.dossiers.indexing import Unit
from app.dossiers.rules import Zone
from app.retrieval import rules
from app.retrieval.keys import IndexKeys, TextEntry
from app.retrieval.models import RetrievalUnit

_KNOWN_TEXTS = text("select key from search_text where key = any(cast(:keys as bytea[]))")
_KNOWN_SHELVES = text("select key from search_shelf where key = any(cast(:keys as bytea[]))")
# one statement for thousands of rows; what another transaction adds meanwhile is waited for and left as it is
_ADD_TEXTS = text(
    "insert into search_text (key, unit_group, zone, level, strength) select * from unnest("
    "cast(:keys as bytea[]), cast(:groups as text[]), cast(:zones as text[]), cast(:levels as text[]),"
    " cast(:strengths as text[])) on conflict do nothing"
)
_ADD_POSTINGS = text(
    "insert into search_posting (token, text_key)"
    " select * from unnest(cast(:tokens as bytea[]), cast(:keys as bytea[])) on conflict do nothing"
)
_ADD_SHELVES = text(
    "insert into search_shelf (key, text_key, cohort_year, college, major, degree_level, year) select * from unnest("
    "cast(:keys as bytea[]), cast(:texts as bytea[]), cast(:cohorts as int2[]), cast(:colleges as text[]),"
    " cast(:majors as text[]), cast(:degrees as text[]), cast(:years as int2[])) on conflict do nothing"
)
_ADD_UNITS = text(
    "insert into retrieval_unit (id, shelf_key, graduate_id) select * from unnest("
    "cast(:ids as uuid[]), cast(:shelves as bytea[]), cast(:owners as uuid[]))"
    " on conflict (id) do update set shelf_key = excluded.shelf_key, graduate_id = excluded.graduate_id"
)


UPKEEP_LOCK = 0x1A47A1
"""Adding holds it shared, sweeping alone: a shelf is not swept away between being found and being used."""
_SHARE = text(f"select pg_advisory_xact_lock_shared({UPKEEP_LOCK})")


class SearchIndex:
    """Satisfies app.dossiers.indexing.UnitIndex. Zone C, names and numbers are never indexed, whoever asks."""

    def __init__(self, keys: IndexKeys) -> None:
        self.keys = keys

    def add(self, session: Session, units: Sequence[Unit]) -> None:
        self.put(session, units)

    def put(self, session: Session, units: Sequence[Unit], *, anew: bool = False) -> None:
        """``anew``: write also what a known text should have written before, in case it was lost."""
        wanted = [u for u in units if indexed(u)]
        if not wanted:
            return
        session.execute(_SHARE)
        entries: dict[bytes, TextEntry] = {}
        shelves: dict[bytes, tuple[bytes, Unit]] = {}
        placed: list[tuple[UUID, bytes, UUID]] = []
        for unit in wanted:
            entry = self.keys.entry(unit)
            shelf = self.keys.shelf(entry, unit)
            entries.setdefault(entry.key, entry)
            shelves.setdefault(shelf, (entry.key, unit))
            placed.append((unit.id, shelf, unit.graduate_id))
        self._texts(session, entries, anew)
        _shelves(session, shelves)
        session.execute(
            _ADD_UNITS,
            {"ids": [p[0] for p in placed], "shelves": [p[1] for p in placed], "owners": [p[2] for p in placed]},
        )

    def replace(self, session: Session, unit: Unit) -> None:
        if indexed(unit):
            self.add(session, [unit])
        else:
            self.remove(session, [unit.id])

    def remove(self, session: Session, ids: Sequence[UUID]) -> None:
        session.execute(delete(RetrievalUnit).where(RetrievalUnit.id.in_(ids)))

    def _texts(self, session: Session, entries: dict[bytes, TextEntry], anew: bool) -> None:
        """Sorted, so that two transactions that add the same texts wait for each other in one order."""
        known = set() if anew else set(session.scalars(_KNOWN_TEXTS, {"keys": list(entries)}))
        new = [entries[k] for k in sorted(entries.keys() - known)]
        if not new:
            return
        session.execute(
            _ADD_TEXTS,
            {
                "keys": [e.key for e in new],
                "groups": [e.group for e in new],
                "zones": [e.zone for e in new],
                "levels": [e.level.value for e in new],
                "strengths": [e.strength.value for e in new],
            },
        )
        postings = sorted((t, e.key) for e in new for t in self.keys.tokens(rules.tokens(e.normal)))
        session.execute(_ADD_POSTINGS, {"tokens": [p[0] for p in postings], "keys": [p[1] for p in postings]})


def indexed(unit: Unit) -> bool:
    return unit.zone is not Zone.C and unit.group in rules.SEARCHED_GROUPS and any(unit.texts)


def _shelves(session: Session, shelves: dict[bytes, tuple[bytes, Unit]]) -> None:
    new = sorted(shelves.keys() - set(session.scalars(_KNOWN_SHELVES, {"keys": list(shelves)})))
    if not new:
        return
    units = [shelves[k][1] for k in new]
    session.execute(
        _ADD_SHELVES,
        {
            "keys": new,
            "texts": [shelves[k][0] for k in new],
            "cohorts": [u.cohort_year for u in units],
            "colleges": [u.college for u in units],
            "majors": [u.major for u in units],
            "degrees": [u.degree_level for u in units],
            "years": [u.year for u in units],
        },
    )
