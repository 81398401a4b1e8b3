"""Keeps the levels of awards beside the dossiers: told of every record that is filed or corrected."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import Database
from app.dossiers.holdings import Holdings
from app.dossiers.indexing import Unit
from app.dossiers.models import Dossier
from app.dossiers.rules import Section
from app.statistics.models import AwardFact
from app.statistics.rules import award_rank

BATCH = 500
_COLUMNS = 4


def _year(text: str) -> int:
    digits = text.strip()[:4]
    return int(digits) if len(digits) == 4 and digits.isdecimal() else 0


def _put(session: Session, rows: Sequence[dict[str, object]]) -> None:
    if rows:
        # one statement whatever the cohort's size: PostgreSQL takes 65,535 parameters at once
        for start in range(0, len(rows), 60_000 // _COLUMNS):
            added = insert(AwardFact).values(list(rows[start : start + 60_000 // _COLUMNS]))
            session.execute(
                added.on_conflict_do_update(
                    index_elements=["unit_id"], set_={"rank": added.excluded.rank, "year": added.excluded.year}
                )
            )


class StatisticsFeed:
    """A UnitIndex: joins the transaction of the filing or correction."""

    def add(self, session: Session, units: Sequence[Unit]) -> None:
        _put(session, [_fact(u) for u in units if _is_award(u)])

    def replace(self, session: Session, unit: Unit) -> None:
        if _is_award(unit):
            _put(session, [_fact(unit)])

    def remove(self, session: Session, ids: Sequence[UUID]) -> None:
        session.execute(delete(AwardFact).where(AwardFact.unit_id.in_(ids)))


def _is_award(unit: Unit) -> bool:
    return unit.kind == "record" and unit.group == Section.AWARD.value


def _fact(unit: Unit) -> dict[str, object]:
    return {
        "unit_id": unit.id,
        "graduate_id": unit.graduate_id,
        "rank": award_rank(unit.level),
        "year": min(max(unit.year, 0), 9999),
    }


class AwardCensus:
    """Reads the levels of all awards on file: for dossiers that were filed before the feed was there."""

    def __init__(self, db: Database, holdings: Holdings) -> None:
        self._db, self._holdings = db, holdings

    def rebuild(self) -> int:
        """Gives how many awards were read. Can be run again and at any time; each dossier is a transaction."""
        read = 0
        for graduate_id in self._graduates():
            awards = [r for r in self._holdings.of(graduate_id).records if r.section is Section.AWARD]
            rows: list[dict[str, object]] = [
                {
                    "unit_id": award.id,
                    "graduate_id": graduate_id,
                    "rank": award_rank(award.body.get("level", "")),
                    "year": _year(award.body.get("awarded_on", "")),
                }
                for award in awards
            ]
            with self._db.transaction() as session:
                _put(session, rows)
            read += len(rows)
        return read

    def _graduates(self) -> Iterator[UUID]:
        last: UUID | None = None
        while True:
            query = select(Dossier.graduate_id).order_by(Dossier.graduate_id).limit(BATCH)
            if last is not None:
                query = query.where(Dossier.graduate_id > last)
            with self._db.transaction() as session:
                found = session.scalars(query).all()
            if not found:
                return
            yield from found
            last = found[-1]
