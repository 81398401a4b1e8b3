"""Stock-takes as staff read them: the list, one with its lines, and the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, Select, func, select
from sqlalchemy.orm import Session, aliased

from app.actors import Actor
from app.custody.book import require
from app.custody.models import ShelfPlace
from app.custody.rules import READERS, place_words
from app.custody.stock_models import (
    FINDING_LABELS,
    MOVABLE,
    STOCK_LABELS,
    Finding,
    StockLine,
    StockState,
    StockTake,
    stock_number,
)
from app.custody.stock_take import held_at
from app.db import Database
from app.errors import NotFound
from app.events import EventLog

WRONG = frozenset(Finding) - {Finding.HERE}


@dataclass(frozen=True, slots=True)
class StockView:
    """``expected``: how many should stand there, now or at its end. ``counts``: lines of each finding."""

    id: UUID
    number: str
    place_id: UUID
    place: str
    state: StockState
    begun_by: UUID
    begun_at: datetime
    ended_by: UUID | None
    ended_at: datetime | None
    expected: int
    counts: Mapping[Finding, int]

    @property
    def label(self) -> str:
        return STOCK_LABELS[self.state]

    @property
    def place_words(self) -> str:
        return place_words(self.place)

    @property
    def open(self) -> bool:
        return self.state is StockState.OPEN

    @property
    def scanned(self) -> int:
        return sum(n for finding, n in self.counts.items() if finding is not Finding.MISSING)

    @property
    def wrong(self) -> int:
        return sum(n for finding, n in self.counts.items() if finding in WRONG)


@dataclass(frozen=True, slots=True)
class StockLineView:
    """``place``: where it stood by the record, empty for none. ``movable``: it may be put on the place."""

    id: UUID
    graduate_id: UUID | None
    code: str
    finding: Finding
    place: str
    staff_id: UUID | None
    at: datetime
    moved_at: datetime | None

    @property
    def label(self) -> str:
        return FINDING_LABELS[self.finding]

    @property
    def movable(self) -> bool:
        return self.finding in MOVABLE and self.moved_at is None


class StockReading:
    def __init__(self, db: Database, log: EventLog) -> None:
        self._db, self._log = db, log

    def takes(self, actor: Actor, *, offset: int = 0, limit: int = 20) -> tuple[list[StockView], int]:
        """(open ones first, then newest first; total). Raises Forbidden."""
        require(actor, READERS)
        order = ((StockTake.state == StockState.OPEN).desc(), StockTake.serial.desc())
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(StockTake.id))) or 0
            rows = session.execute(_takes().order_by(*order).offset(offset).limit(limit)).all()
            return self._views(session, rows), total

    def take(self, actor: Actor, take_id: UUID) -> StockView:
        """Raises NotFound, Forbidden."""
        require(actor, READERS)
        with self._db.transaction() as session:
            found = self._views(session, session.execute(_takes().where(StockTake.id == take_id)).all())
        if not found:
            raise NotFound("stock_take_not_found")
        return found[0]

    def lines(
        self, actor: Actor, take_id: UUID, *, wrong: bool = False, offset: int = 0, limit: int = 50
    ) -> tuple[list[StockLineView], int]:
        """(lines, total): what is missing first, then the latest scanned. ``wrong``: without those in their place."""
        require(actor, READERS)
        which = [StockLine.stock_take_id == take_id, *([StockLine.finding != Finding.HERE] if wrong else [])]
        order = ((StockLine.finding == Finding.MISSING).desc(), StockLine.serial.desc())
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(StockLine.id)).where(*which)) or 0
            rows = session.execute(_lines().where(*which).order_by(*order).offset(offset).limit(limit)).all()
        return [_line(line, code) for line, code in rows], total

    def line(self, actor: Actor, take_id: UUID, line_id: UUID) -> StockLineView:
        """Raises NotFound, Forbidden."""
        require(actor, READERS)
        query = _lines().where(StockLine.stock_take_id == take_id, StockLine.id == line_id)
        with self._db.transaction() as session:
            found = session.execute(query).one_or_none()
        if found is None:
            raise NotFound("stock_line_not_found")
        return _line(*found)

    def report(self, actor: Actor, take_id: UUID) -> Sequence[StockLineView]:
        """Every line as it came, what is missing last. Raises NotFound, Forbidden."""
        self.take(actor, take_id)
        query = _lines().where(StockLine.stock_take_id == take_id).order_by(StockLine.serial)
        with self._db.transaction() as session:
            rows = session.execute(query).all()
            data = {"lines": len(rows)}
            self._log.record(
                session, actor, "stock_take.exported", object_kind="stock_take", object_id=take_id, data=data
            )
        return [_line(line, code) for line, code in rows]

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _views(session: Session, rows: Sequence[Row[StockTake, str]]) -> list[StockView]:
        query = (
            select(StockLine.stock_take_id, StockLine.finding, func.count())
            .where(StockLine.stock_take_id.in_([row.id for row, _ in rows]))
            .group_by(StockLine.stock_take_id, StockLine.finding)
        )
        counts: dict[UUID, dict[Finding, int]] = {}
        for take_id, finding, count in session.execute(query):
            counts.setdefault(take_id, {})[finding] = count
        held = held_at(session, [row.place_id for row, _ in rows if row.expected is None])
        return [
            StockView(
                row.id,
                stock_number(row),
                row.place_id,
                code,
                row.state,
                row.begun_by,
                row.begun_at,
                row.ended_by,
                row.ended_at,
                held.get(row.place_id, 0) if row.expected is None else row.expected,
                counts.get(row.id, {}),
            )
            for row, code in rows
        ]


def _takes() -> Select[StockTake, str]:
    return select(StockTake, ShelfPlace.code).join(ShelfPlace, ShelfPlace.id == StockTake.place_id)


def _lines() -> Select[StockLine, str]:
    place = aliased(ShelfPlace)
    return select(StockLine, func.coalesce(place.code, "")).outerjoin(place, place.id == StockLine.place_id)


def _line(row: StockLine, place: str) -> StockLineView:
    return StockLineView(row.id, row.graduate_id, row.code, row.finding, place, row.staff_id, row.at, row.moved_at)
