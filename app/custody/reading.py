"""Custody as staff read it: where one dossier is, what stands at a place, what waits for one, and loans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.custody.book import CustodyBook, last_place, require
from app.custody.models import Custody, CustodyMove, Loan, ShelfPlace, loan_number, words_place
from app.custody.rules import MOST_EXTENSIONS, READERS, Flag, LoanState, Standing
from app.custody.views import Counts, LoanLine, LoanView, MoveView, PaperView, StandingLine
from app.db import Database
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import DataKey, open_json
from app.errors import NotFound
from app.keyring import Keyring
from app.office_time import office_date
from app.people.models import StaffMember
from app.ports import Clock


class Shown(StrEnum):
    """Which loans a list shows."""

    OPEN = "open"
    OVERDUE = "overdue"
    REQUESTED = "requested"
    FLAGGED = "flagged"
    RETURNED = "returned"
    ALL = "all"


SHOWN_LABELS: Mapping[Shown, str] = {
    Shown.OPEN: "未归还",
    Shown.OVERDUE: "逾期未还",
    Shown.REQUESTED: "待批准",
    Shown.FLAGGED: "缺件待处理",
    Shown.RETURNED: "已归还",
    Shown.ALL: "全部",
}


class CustodyReading:
    def __init__(self, db: Database, keys: Keyring, book: CustodyBook, clock: Clock) -> None:
        self._db, self._keys, self._book, self._clock = db, keys, book, clock

    @property
    def today(self) -> date:
        return office_date(self._clock.now())

    def paper(self, actor: Actor, graduate_id: UUID) -> PaperView:
        """Where the graduate's dossier is, with every move and loan, the latest first. Raises NotFound, Forbidden."""
        require(actor, READERS)
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            dossier = session.scalar(select(Dossier).where(Dossier.graduate_id == graduate_id))
            if dossier is None:
                raise NotFound("dossier_not_found")
            row = self._book.standing(session, dossier.id)
            loans = session.scalars(
                select(Loan).where(Loan.graduate_id == graduate_id).order_by(Loan.serial.desc())
            ).all()
            views = [self._view(actor, key, loan) for loan in loans]
            place = session.get(ShelfPlace, row.place_id) if row is not None and row.place_id is not None else None
            at_hand = row is None or row.standing in (Standing.UNPLACED, Standing.SHELVED)
            asked = any(v.line.state in (LoanState.REQUESTED, LoanState.OUT) for v in views)
            return PaperView(
                dossier.id,
                self._book.codes(session, [dossier.id])[dossier.id],
                None if row is None else row.standing,
                "" if place is None else place.code,
                last_place(session, dossier.id),
                None if row is None else row.since,
                at_hand and not asked and dossier.state is DossierState.OPEN,
                self._moves(session, dossier.id),
                views,
            )

    def loan(self, actor: Actor, loan_id: UUID) -> LoanView:
        """Raises NotFound, Forbidden."""
        require(actor, READERS)
        with self._db.transaction() as session:
            row = session.get(Loan, loan_id)
        if row is None:
            raise NotFound("loan_not_found")
        return self._view(actor, self._keys.of(row.graduate_id), row)

    def loans(self, actor: Actor, shown: Shown, *, offset: int = 0, limit: int = 20) -> tuple[list[LoanLine], int]:
        """(lines, total): what is due first leads, then the newest. Raises Forbidden."""
        require(actor, READERS)
        wanted = self._wanted(shown)
        ended = shown in (Shown.RETURNED, Shown.ALL)
        order = (Loan.serial.desc(),) if ended else (Loan.due_on.asc().nulls_last(), Loan.serial.desc())
        with self._db.transaction() as session:
            total = session.scalar(select(func.count(Loan.id)).where(*wanted)) or 0
            rows = session.scalars(select(Loan).where(*wanted).order_by(*order).offset(offset).limit(limit)).all()
        return [self._line(row) for row in rows], total

    def counts(self, actor: Actor) -> Counts:
        """What waits, for the overview. Raises Forbidden."""
        require(actor, READERS)

        def many(shown: Shown) -> Any:
            return select(func.count(Loan.id)).where(*self._wanted(shown)).scalar_subquery()

        out = select(func.count(Loan.id)).where(Loan.state == LoanState.OUT).scalar_subquery()
        unplaced = (
            select(func.count()).select_from(Custody).where(Custody.standing == Standing.UNPLACED).scalar_subquery()
        )
        with self._db.transaction() as session:
            row = session.execute(
                select(many(Shown.REQUESTED), out, many(Shown.OVERDUE), many(Shown.FLAGGED), unplaced)
            ).one()
        return Counts(*row)

    def unplaced(self, actor: Actor, *, offset: int = 0, limit: int = 20) -> tuple[list[StandingLine], int]:
        """(dossiers that are in the house and wait for a place, total), the longest waiting first."""
        return self._standing(actor, Custody.standing == Standing.UNPLACED, offset, limit)

    def at_place(
        self, actor: Actor, place_id: UUID, *, offset: int = 0, limit: int = 20
    ) -> tuple[list[StandingLine], int]:
        """(dossiers that stand there, total). Raises Forbidden."""
        return self._standing(actor, Custody.place_id == place_id, offset, limit)

    def borrowers(self, actor: Actor) -> Sequence[tuple[UUID, str]]:
        """Accounts of staff that are in use, by name. Raises Forbidden."""
        require(actor, READERS)
        query = select(StaffMember.id, StaffMember.display_name).where(StaffMember.disabled_at.is_(None))
        with self._db.transaction() as session:
            rows = session.execute(query.order_by(StaffMember.display_name, StaffMember.username)).all()
        return [(row.id, row.display_name) for row in rows]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _wanted(self, shown: Shown) -> list[ColumnElement[bool]]:
        wanted: dict[Shown, list[ColumnElement[bool]]] = {
            Shown.OPEN: [Loan.state.in_((LoanState.REQUESTED, LoanState.OUT))],
            Shown.OVERDUE: [Loan.state == LoanState.OUT, Loan.due_on < self.today],
            Shown.REQUESTED: [Loan.state == LoanState.REQUESTED],
            Shown.FLAGGED: [Loan.flag == Flag.OPEN],
            Shown.RETURNED: [Loan.state == LoanState.RETURNED],
            Shown.ALL: [],
        }
        return wanted[shown]

    def _standing(
        self, actor: Actor, wanted: ColumnElement[bool], offset: int, limit: int
    ) -> tuple[list[StandingLine], int]:
        require(actor, READERS)
        query = (
            select(Custody, ShelfPlace.code)
            .outerjoin(ShelfPlace, ShelfPlace.id == Custody.place_id)
            .where(wanted)
            .order_by(Custody.since, Custody.dossier_id)
            .offset(offset)
            .limit(limit)
        )
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(Custody).where(wanted)) or 0
            rows = session.execute(query).all()
            codes = self._book.codes(session, [c.dossier_id for c, _ in rows])
            return [
                StandingLine(
                    c.dossier_id,
                    c.graduate_id,
                    codes[c.dossier_id],
                    c.standing,
                    code or "",
                    code or last_place(session, c.dossier_id),
                    c.since,
                )
                for c, code in rows
            ], total

    @staticmethod
    def _moves(session: Session, dossier_id: UUID) -> list[MoveView]:
        query = (
            select(CustodyMove, ShelfPlace.code)
            .outerjoin(ShelfPlace, ShelfPlace.id == CustodyMove.place_id)
            .where(CustodyMove.dossier_id == dossier_id)
            .order_by(CustodyMove.number.desc())
        )
        return [MoveView(m.kind, m.why, code or "", m.staff_id, m.at) for m, code in session.execute(query)]

    def _line(self, row: Loan) -> LoanLine:
        overdue = row.state is LoanState.OUT and row.due_on is not None and row.due_on < self.today
        return LoanLine(
            row.id,
            loan_number(row),
            row.graduate_id,
            row.state,
            row.borrower,
            row.staff_id,
            row.purpose,
            row.due_on,
            overdue,
            row.pressed_on if overdue else None,
            row.flag,
            row.first_at,
        )

    def _view(self, actor: Actor, key: DataKey, row: Loan) -> LoanView:
        words = open_json(key, words_place(row), row.sealed_words)
        return LoanView(
            line=self._line(row),
            takes_two=row.takes_two,
            days=row.days,
            extensions=row.extensions,
            may_extend=row.state is LoanState.OUT and row.extensions < MOST_EXTENSIONS,
            mine=row.first_staff == actor.id,
            first_staff=row.first_staff,
            second_staff=row.second_staff,
            second_at=row.second_at,
            out_at=row.out_at,
            returned_at=row.returned_at,
            returned_by=row.returned_by,
            condition=row.condition,
            name=str(words.get("name", "")),
            unit=str(words.get("unit", "")),
            letter=str(words.get("letter", "")),
            extended=tuple(words.get("extended", ())),
            refusal=str(words.get("refusal", "")),
            note=str(words.get("note", "")),
            settled=str(words.get("settled", "")),
        )
