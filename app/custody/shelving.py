"""Putting dossiers on their places by scanner: a place, then any number of dossiers."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.custody.book import CustodyBook, require
from app.custody.models import Custody, CustodyMove, ShelfPlace
from app.custody.places import open_place
from app.custody.rules import MOVERS, Move, Standing, Why, is_place
from app.custody.views import MoveView, Scan
from app.db import Database
from app.dossiers.rules import DossierState
from app.errors import Conflict, FieldFault, Invalid

RECENT = 12


class ShelvingDesk:
    def __init__(self, db: Database, book: CustodyBook) -> None:
        self._db, self._book = db, book

    def place(self, actor: Actor, code: str) -> str:
        """The code, as it is written, of a place where dossiers may be put now. Raises Invalid, Forbidden."""
        require(actor, MOVERS)
        if not is_place(code):
            raise Invalid("invalid_input", faults=[FieldFault("/code", "scan_place_first")])
        with self._db.transaction() as session:
            return open_place(session, code).code

    def shelve(self, actor: Actor, place: str, code: str) -> Scan:
        """A dossier stands at the place from now on; scanned twice it changes nothing.

        Raises Invalid naming what was scanned, Conflict('paper_lent', 'paper_left'), Forbidden.
        """
        require(actor, MOVERS)
        if not is_place(place):
            raise Invalid("invalid_input", faults=[FieldFault("/code", "scan_place_first")])
        with self._db.transaction() as session:
            dossier_id = self._book.find(session, code)
            if dossier_id is None:
                raise Invalid("invalid_input", faults=[FieldFault("/code", "unknown_dossier")])
            state, graduate_id = self._book.lock(session, dossier_id)
            at, row = open_place(session, place), self._book.standing(session, dossier_id)
            written = self._book.codes(session, [dossier_id])[dossier_id]
            if row is not None and row.standing is Standing.LENT:
                raise Conflict("paper_lent", params={"code": written})
            if state is DossierState.TRANSFERRED or (row is not None and row.standing is Standing.LEFT):
                raise Conflict("paper_left", params={"code": written})
            if row is not None and row.place_id == at.id:
                return Scan(graduate_id, written, at.code, False, Why.FIRST)
            why = self._why(row)
            self._book.move(session, actor, dossier_id, graduate_id, Move.SHELVED, why, Standing.SHELVED, place=at.id)
            return Scan(graduate_id, written, at.code, True, why)

    def undo(self, actor: Actor) -> Scan:
        """Takes this person's last scan back, if nothing happened to the dossier since: it stands where it stood.

        Raises Conflict('nothing_to_undo'), Forbidden.
        """
        require(actor, MOVERS)
        mine = select(CustodyMove).where(CustodyMove.staff_id == actor.id).order_by(CustodyMove.serial.desc())
        with self._db.transaction() as session:
            last = session.scalar(mine.limit(1))
            if last is None or last.kind is not Move.SHELVED:
                raise Conflict("nothing_to_undo")
            self._book.lock(session, last.dossier_id)
            row = self._book.standing(session, last.dossier_id)
            if row is None or row.moves != last.number:
                raise Conflict("nothing_to_undo")
            before = self._before(session, last)
            standing, place = (Standing.UNPLACED, None) if before is None else (Standing.SHELVED, before.id)
            self._book.move(
                session, actor, row.dossier_id, row.graduate_id, Move.UNDONE, Why.MISTAKE, standing, place=place
            )
            written = self._book.codes(session, [row.dossier_id])[row.dossier_id]
            return Scan(row.graduate_id, written, "" if before is None else before.code, True, Why.MISTAKE)

    def recent(self, actor: Actor) -> list[tuple[UUID, str, MoveView]]:
        """(graduate, code of the dossier, move): what this person scanned last, the latest first."""
        require(actor, MOVERS)
        query = (
            select(CustodyMove, ShelfPlace.code)
            .outerjoin(ShelfPlace, ShelfPlace.id == CustodyMove.place_id)
            .where(CustodyMove.staff_id == actor.id, CustodyMove.kind.in_((Move.SHELVED, Move.UNDONE)))
            .order_by(CustodyMove.serial.desc())
            .limit(RECENT)
        )
        with self._db.transaction() as session:
            rows = session.execute(query).all()
            codes = self._book.codes(session, [m.dossier_id for m, _ in rows])
        return [
            (m.graduate_id, codes[m.dossier_id], MoveView(m.kind, m.why, code or "", m.staff_id, m.at))
            for m, code in rows
        ]

    # --- inside -------------------------------------------------------------------------------------------------------

    @staticmethod
    def _why(row: Custody | None) -> Why:
        if row is None:
            return Why.FIRST
        return Why.MOVED if row.standing is Standing.SHELVED else Why.AGAIN

    @staticmethod
    def _before(session: Session, last: CustodyMove) -> ShelfPlace | None:
        """The place at which the move before this one left the dossier, unless it was closed since."""
        query = (
            select(ShelfPlace)
            .join(CustodyMove, CustodyMove.place_id == ShelfPlace.id)
            .where(
                CustodyMove.dossier_id == last.dossier_id,
                CustodyMove.number == last.number - 1,
                ShelfPlace.closed_on.is_(None),
            )
            .with_for_update(read=True, of=ShelfPlace)
        )
        return session.scalar(query)
