"""Taking stock of a place by scanner: everything on it is scanned, and what should be there and was not is listed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor
from app.custody.book import CustodyBook, require
from app.custody.models import Custody, ShelfPlace
from app.custody.places import open_place
from app.custody.rules import MOVERS, Standing, is_place, own_code, scanned
from app.custody.shelving import ShelvingDesk
from app.custody.stock_models import MOVABLE, Finding, StockLine, StockState, StockTake
from app.db import Database, new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.ports import Clock

LABEL = re.compile(r"(?:ZD[0-9]{4,14}|DA[0-9A-F]{12})")
"""What the labels of dossiers carry. Nothing else is kept: somebody may scan a card with a person's number."""


class StockTaking:
    def __init__(self, db: Database, book: CustodyBook, shelving: ShelvingDesk, log: EventLog, clock: Clock) -> None:
        self._db, self._book, self._shelving, self._log, self._clock = db, book, shelving, log, clock

    def begin(self, actor: Actor, code: str) -> UUID:
        """Of the place of a scanned code; one that is open goes on.

        Raises Invalid by the field /code, Forbidden, Conflict('busy') where somebody begins at this moment.
        """
        require(actor, MOVERS)
        if not is_place(code):
            raise Invalid("invalid_input", faults=[FieldFault("/code", "scan_place_first")])
        with self._db.transaction() as session:
            place = open_place(session, code)
            going_on = select(StockTake.id).where(StockTake.place_id == place.id, StockTake.state == StockState.OPEN)
            if (found := session.scalar(going_on)) is not None:
                return found
            row = StockTake(
                id=new_id(),
                place_id=place.id,
                state=StockState.OPEN,
                begun_by=actor.id,
                begun_at=self._clock.now(),
            )
            session.add(row)
            try:
                session.flush()
            except IntegrityError:
                raise Conflict("busy") from None
            self._record(session, actor, row, "begun")
        return row.id

    def scan(self, actor: Actor, take_id: UUID, code: str) -> tuple[UUID, bool]:
        """(the line, whether it was scanned for the first time). What was scanned before keeps its finding.

        Raises Invalid by the field /code for what is no dossier's label, Conflict('stock_take_ended'), NotFound,
        Forbidden.
        """
        require(actor, MOVERS)
        plain = scanned(code)
        if LABEL.fullmatch(plain) is None:
            raise Invalid("invalid_input", faults=[FieldFault("/code", "no_dossier_label")])
        with self._db.transaction() as session:
            take = self._open(session, take_id)
            dossier_id = self._book.find(session, plain)
            same = StockLine.code == plain if dossier_id is None else StockLine.dossier_id == dossier_id
            known = select(StockLine.id).where(StockLine.stock_take_id == take_id, same)
            if (found := session.scalar(known)) is not None:
                return found, False
            line = StockLine(id=new_id(), stock_take_id=take_id, code=plain, staff_id=actor.id, at=self._clock.now())
            line.finding = Finding.UNKNOWN
            if dossier_id is not None:
                self._judge(session, take, line, dossier_id)
            session.add(line)
            session.flush()
            return line.id, True

    def move_here(self, actor: Actor, take_id: UUID, line_id: UUID) -> None:
        """What stands here by mistake, or has no place on record, stands here from now on. Twice changes nothing.

        Raises Conflict('stock_take_ended', 'not_to_be_moved', 'paper_lent', 'paper_left'), Invalid where the place was
        closed, NotFound, Forbidden.
        """
        require(actor, MOVERS)
        with self._db.transaction() as session:
            take = self._open(session, take_id)
            line = session.scalar(
                select(StockLine).where(StockLine.id == line_id, StockLine.stock_take_id == take_id).with_for_update()
            )
            if line is None:
                raise NotFound("stock_line_not_found")
            if line.finding not in MOVABLE or line.dossier_id is None:
                raise Conflict("not_to_be_moved")
            if line.moved_at is not None:  # it may have gone to another place since
                return
            place = session.get_one(ShelfPlace, take.place_id)
            self._shelving.shelve(actor, place.code, own_code(line.dossier_id))
            line.moved_at = self._clock.now()

    def finish(self, actor: Actor, take_id: UUID) -> None:
        """What stands here by the record and was not scanned is listed as missing, but for what was put here since the
        stock-take began. Raises Conflict, NotFound.
        """
        require(actor, MOVERS)
        with self._db.transaction() as session:
            take = self._open(session, take_id)
            here = select(Custody).where(Custody.place_id == take.place_id, Custody.standing == Standing.SHELVED)
            held = session.scalars(here.order_by(Custody.since, Custody.dossier_id)).all()
            seen = set(session.scalars(select(StockLine.dossier_id).where(StockLine.stock_take_id == take_id)))
            expected = [row for row in held if row.dossier_id in seen or row.since <= take.begun_at]
            missing = [row for row in expected if row.dossier_id not in seen]
            codes = self._book.codes(session, [row.dossier_id for row in missing])
            now = self._clock.now()
            session.add_all(
                StockLine(
                    id=new_id(),
                    stock_take_id=take_id,
                    dossier_id=row.dossier_id,
                    graduate_id=row.graduate_id,
                    code=codes[row.dossier_id],
                    finding=Finding.MISSING,
                    place_id=take.place_id,
                    at=now,
                )
                for row in missing
            )
            take.state, take.expected = StockState.DONE, len(expected)
            take.ended_by, take.ended_at = actor.id, now
            session.flush()
            self._record(session, actor, take, "finished", missing=len(missing))

    def drop(self, actor: Actor, take_id: UUID) -> None:
        """Gives it up: nothing is missing by it; what was moved stays moved. Raises Conflict, NotFound, Forbidden."""
        require(actor, MOVERS)
        with self._db.transaction() as session:
            take = self._open(session, take_id)
            take.state, take.ended_by, take.ended_at = StockState.DROPPED, actor.id, self._clock.now()
            self._record(session, actor, take, "dropped")

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _open(session: Session, take_id: UUID) -> StockTake:
        """Locked: scanners at one place take turns. Raises NotFound, Conflict('stock_take_ended')."""
        row = session.scalar(select(StockTake).where(StockTake.id == take_id).with_for_update())
        if row is None:
            raise NotFound("stock_take_not_found")
        if row.state is not StockState.OPEN:
            raise Conflict("stock_take_ended")
        return row

    def _judge(self, session: Session, take: StockTake, line: StockLine, dossier_id: UUID) -> None:
        dossier = session.get_one(Dossier, dossier_id)
        row = self._book.standing(session, dossier_id)
        line.dossier_id, line.graduate_id = dossier_id, dossier.graduate_id
        line.code = self._book.codes(session, [dossier_id])[dossier_id]
        line.place_id = None if row is None else row.place_id
        line.finding = _finding(dossier.state, row, take.place_id)

    def _record(self, session: Session, actor: Actor, row: StockTake, deed: str, **data: int) -> None:
        self._log.record(
            session, actor, f"stock_take.{deed}", object_kind="stock_take", object_id=row.id, data={**data}
        )


def _finding(state: DossierState, row: Custody | None, place_id: UUID) -> Finding:
    if row is not None and row.standing is Standing.LENT:
        return Finding.LENT
    if state is DossierState.TRANSFERRED or (row is not None and row.standing is Standing.LEFT):
        return Finding.LEFT
    if row is None or row.place_id is None:
        return Finding.UNPLACED
    return Finding.HERE if row.place_id == place_id else Finding.ELSEWHERE


def held_at(session: Session, places: Collection[UUID]) -> Mapping[UUID, int]:
    """How many dossiers stand at each place by the record, none where there are none."""
    query = select(Custody.place_id, func.count()).where(Custody.place_id.in_(places)).group_by(Custody.place_id)
    return {place_id: count for place_id, count in session.execute(query) if place_id is not None}
