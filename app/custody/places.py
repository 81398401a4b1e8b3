"""The registry of places: named singly or in a range, closed when nothing stands there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor
from app.custody.book import require
from app.custody.models import Custody, ShelfPlace
from app.custody.rules import KEEPERS, READERS, place_codes, place_key, scanned
from app.custody.views import PlaceView
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.office_time import office_date
from app.ports import Clock

HELD = select(func.count()).where(Custody.place_id == ShelfPlace.id).correlate(ShelfPlace).scalar_subquery()


class PlaceRegistry:
    def __init__(self, db: Database, log: EventLog, clock: Clock) -> None:
        self._db, self._log, self._clock = db, log, clock

    @property
    def today(self) -> date:
        return office_date(self._clock.now())

    def add(self, actor: Actor, first: str, last: str = "") -> tuple[int, int]:
        """(named now, there already) of the places from ``first`` to ``last``. Raises Invalid, Forbidden, and
        Conflict('busy') where somebody names the same ones at this moment.
        """
        require(actor, KEEPERS)
        codes = place_codes(first, last)
        if isinstance(codes, FieldFault):
            raise Invalid("invalid_input", faults=[codes])
        keys = {place_key(code): code for code in codes}
        with self._db.transaction() as session:
            open_now = select(ShelfPlace.code_key).where(ShelfPlace.closed_on.is_(None))
            known = set(session.scalars(open_now.where(ShelfPlace.code_key.in_(keys))))
            fresh = [code for key, code in keys.items() if key not in known]
            session.add_all(
                ShelfPlace(id=new_id(), code=c, code_key=place_key(c), opened_on=self.today, opened_by=actor.id)
                for c in fresh
            )
            try:
                session.flush()
            except IntegrityError:
                raise Conflict("busy") from None
            if fresh:
                data = {"count": len(fresh)}
                self._log.record(session, actor, "shelf_place.opened", object_kind="shelf_place", data=data)
        return len(fresh), len(keys) - len(fresh)

    def close(self, actor: Actor, place_id: UUID) -> None:
        """From now on nothing is put there. Raises Conflict('place_not_empty', 'place_closed'), NotFound, Forbidden."""
        require(actor, KEEPERS)
        with self._db.transaction() as session:
            row = session.get(ShelfPlace, place_id, with_for_update=True)
            if row is None:
                raise NotFound("place_not_found")
            if row.closed_on is not None:
                raise Conflict("place_closed")
            held = session.scalar(select(func.count()).where(Custody.place_id == place_id)) or 0
            if held:
                raise Conflict("place_not_empty", params={"held": held})
            row.closed_on, row.closed_by = self.today, actor.id
            self._log.record(session, actor, "shelf_place.closed", object_kind="shelf_place", object_id=place_id)

    def search(
        self, actor: Actor, text: str = "", *, closed: bool = False, offset: int = 0, limit: int = 50
    ) -> tuple[list[PlaceView], int]:
        """(places whose code begins with ``text``, total), by code. Raises Forbidden."""
        require(actor, READERS)
        wanted = ShelfPlace.closed_on.is_not(None) if closed else ShelfPlace.closed_on.is_(None)
        begins = ShelfPlace.code.startswith(scanned(text)[:24], autoescape=True)
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(ShelfPlace.id)).where(wanted, begins)) or 0
            order = (ShelfPlace.code, ShelfPlace.opened_on, ShelfPlace.id)
            rows = self._views(session, _listed().where(wanted, begins).order_by(*order).offset(offset).limit(limit))
        return rows, total

    def place(self, actor: Actor, place_id: UUID) -> PlaceView:
        """Raises NotFound, Forbidden."""
        require(actor, READERS)
        with self._db.transaction() as session:
            found = self._views(session, _listed().where(ShelfPlace.id == place_id))
        if not found:
            raise NotFound("place_not_found")
        return found[0]

    @staticmethod
    def _views(session: Session, query: Select[Any]) -> list[PlaceView]:
        return [PlaceView(p.id, p.code, p.opened_on, p.closed_on, held) for p, held in session.execute(query)]


def _listed() -> Select[Any]:
    return select(ShelfPlace, HELD)


def open_place(session: Session, code: str) -> ShelfPlace:
    """The open place of a scanned code, which nobody closes meanwhile. Raises Invalid by the field /code."""
    rows: Sequence[ShelfPlace] = session.scalars(
        select(ShelfPlace)
        .where(ShelfPlace.code_key == place_key(scanned(code)))
        .order_by(ShelfPlace.closed_on.desc().nulls_first())
        .limit(1)
        .with_for_update(read=True)
    ).all()
    if not rows:
        raise Invalid("invalid_input", faults=[FieldFault("/code", "unknown_place")])
    if rows[0].closed_on is not None:
        raise Invalid("invalid_input", faults=[FieldFault("/code", "place_closed_since")])
    return rows[0]
