"""Lending paper dossiers and taking them back: one open loan per dossier, two persons where it leaves the house."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor
from app.custody import wishes
from app.custody.book import CustodyBook, require
from app.custody.models import Loan, words_place
from app.custody.rules import (
    LOAN_DAYS,
    MOST_EXTENSIONS,
    MOVERS,
    READERS,
    Condition,
    Flag,
    LoanState,
    Move,
    Standing,
    Why,
    Wish,
)
from app.db import Database, new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.envelope import DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.office_time import office_date
from app.ports import Clock
from app.working_days.calendar import WorkingDays


class LoanDesk:
    def __init__(
        self, db: Database, keys: Keyring, book: CustodyBook, log: EventLog, clock: Clock, calendar: WorkingDays
    ) -> None:
        self._db, self._keys, self._book = db, keys, book
        self._log, self._clock, self._calendar = log, clock, calendar

    def ask(self, actor: Actor, graduate_id: UUID, wish: Wish) -> UUID:
        """A loan: at once where the dossier stays in the archive, else when a second person has approved.

        Raises Invalid by field, Conflict('loan_open', 'paper_left', 'paper_sealed'), NotFound, Forbidden.
        """
        require(actor, MOVERS)
        words, key = wishes.read(wish), self._keys.of(graduate_id)
        with self._db.transaction() as session:
            dossier_id = session.scalar(select(Dossier.id).where(Dossier.graduate_id == graduate_id))
            if dossier_id is None:
                raise NotFound("dossier_not_found")
            self._require_at_hand(session, dossier_id)
            person = wishes.person_of(session, actor.id)
            if wish.staff_id is not None:
                wishes.person_of(session, wish.staff_id)
            row = Loan(
                id=new_id(),
                dossier_id=dossier_id,
                graduate_id=graduate_id,
                state=LoanState.REQUESTED,
                borrower=wish.borrower,
                staff_id=wish.staff_id,
                purpose=wish.purpose,
                takes_two=wish.takes_two,
                days=wish.days,
                extensions=0,
                first_staff=actor.id,
                first_person=person,
                first_at=self._clock.now(),
                flag=Flag.NONE,
            )
            row.sealed_words = seal_json(key, words_place(row), words)
            if not wish.takes_two:
                self._give_out(row)
            session.add(row)
            try:
                session.flush()
            except IntegrityError:
                raise Conflict("loan_open") from None
            self._record(session, actor, row, "requested" if wish.takes_two else "lent")
            if row.state is LoanState.OUT:
                self._moved_out(session, actor, row)
        return row.id

    def approve(self, actor: Actor, loan_id: UUID) -> None:
        """The second person's word: the dossier goes out. Neither who asked nor who borrows may give it.

        Raises Conflict('loan_moved', 'same_person', 'borrower_approves', 'paper_left', 'paper_sealed'), NotFound,
        Forbidden.
        """
        require(actor, READERS)
        with self._db.transaction() as session:
            row = self._locked(session, loan_id, LoanState.REQUESTED)
            self._require_at_hand(session, row.dossier_id)
            person = wishes.person_of(session, actor.id)
            if person == row.first_person:
                raise Conflict("same_person")
            if row.staff_id is not None and person == wishes.person_of(session, row.staff_id):
                raise Conflict("borrower_approves")
            row.second_staff, row.second_person, row.second_at = actor.id, person, self._clock.now()
            self._give_out(row)
            session.flush()
            self._record(session, actor, row, "lent")
            self._moved_out(session, actor, row)

    def refuse(self, actor: Actor, loan_id: UUID, reason: str) -> None:
        """By another person than who asked, with a reason. Raises Conflict('loan_moved', 'same_person'), Invalid."""
        require(actor, READERS)
        reason = wishes.said("/reason", reason)
        key = self._key(loan_id)
        with self._db.transaction() as session:
            row = self._locked(session, loan_id, LoanState.REQUESTED)
            person = wishes.person_of(session, actor.id)
            if person == row.first_person:
                raise Conflict("same_person")
            row.state, row.second_staff, row.second_person = LoanState.REFUSED, actor.id, person
            row.second_at = self._clock.now()
            self._say(key, row, {"refusal": reason})
            self._record(session, actor, row, "refused")

    def withdraw(self, actor: Actor, loan_id: UUID) -> None:
        """Before it was approved, by anybody of the desk. Raises Conflict('loan_moved'), NotFound, Forbidden."""
        require(actor, MOVERS)
        with self._db.transaction() as session:
            row = self._locked(session, loan_id, LoanState.REQUESTED)
            row.state = LoanState.WITHDRAWN
            self._record(session, actor, row, "withdrawn")

    def extend(self, actor: Actor, loan_id: UUID, reason: str) -> None:
        """LOAN_DAYS more from the day it is due or, where that has passed, from today; MOST_EXTENSIONS times at most.

        Raises Conflict('loan_moved', 'no_more_extensions'), Invalid, NotFound, Forbidden.
        """
        require(actor, MOVERS)
        reason = wishes.said("/reason", reason)
        key = self._key(loan_id)
        with self._db.transaction() as session:
            row = self._locked(session, loan_id, LoanState.OUT)
            if row.extensions >= MOST_EXTENSIONS:
                raise Conflict("no_more_extensions", params={"most": MOST_EXTENSIONS})
            today = office_date(self._clock.now())
            row.due_on = self._calendar.add(max(row.due_on or today, today), LOAN_DAYS)
            row.extensions, row.pressed_on = row.extensions + 1, None
            words = open_json(key, words_place(row), row.sealed_words)
            self._say(key, row, {"extended": [*words.get("extended", []), reason]})
            self._record(session, actor, row, "extended", due_on=row.due_on.isoformat())

    def give_back(self, actor: Actor, loan_id: UUID, condition: Condition, note: str = "") -> None:
        """It is back, and in which condition; what is wrong with it is said. It waits for a place.

        Raises Conflict('loan_moved'), Invalid, NotFound, Forbidden.
        """
        require(actor, MOVERS)
        note = wishes.said("/note", note, needed=condition is not Condition.INTACT)
        key = self._key(loan_id)
        with self._db.transaction() as session:
            row = self._locked(session, loan_id, LoanState.OUT)
            row.state, row.condition = LoanState.RETURNED, condition
            row.returned_at, row.returned_by = self._clock.now(), actor.id
            row.flag = Flag.OPEN if condition is Condition.MISSING else Flag.NONE
            if note:
                self._say(key, row, {"note": note})
            session.flush()
            self._record(session, actor, row, "returned", condition=condition.value)
            self._book.move(
                session,
                actor,
                row.dossier_id,
                row.graduate_id,
                Move.RETURNED,
                Why.LOAN,
                Standing.UNPLACED,
                loan=row.id,
            )

    def lent_as(self, actor: Actor, code: str) -> UUID:
        """The loan under which the dossier of a scanned code is out.

        Raises Invalid by the field /code, Conflict('not_lent'), Forbidden.
        """
        require(actor, MOVERS)
        with self._db.transaction() as session:
            dossier_id = self._book.find(session, code)
            if dossier_id is None:
                raise Invalid("invalid_input", faults=[FieldFault("/code", "unknown_dossier")])
            query = select(Loan.id).where(Loan.dossier_id == dossier_id, Loan.state == LoanState.OUT)
            found = session.scalar(query)
            if found is None:
                raise Conflict("not_lent", params={"code": self._book.codes(session, [dossier_id])[dossier_id]})
        return found

    def settle(self, actor: Actor, loan_id: UUID, reason: str) -> None:
        """What was missing when it came back was found, remade or written off. Raises Conflict('flag_settled'), …"""
        require(actor, MOVERS)
        reason = wishes.said("/settled", reason)
        key = self._key(loan_id)
        with self._db.transaction() as session:
            row = self._locked(session, loan_id, LoanState.RETURNED)
            if row.flag is not Flag.OPEN:
                raise Conflict("flag_settled")
            row.flag = Flag.SETTLED
            self._say(key, row, {"settled": reason})
            self._record(session, actor, row, "flag_settled")

    # --- inside -------------------------------------------------------------------------------------------------------

    def _key(self, loan_id: UUID) -> DataKey:
        with self._db.transaction() as session:
            owner = session.scalar(select(Loan.graduate_id).where(Loan.id == loan_id))
        if owner is None:
            raise NotFound("loan_not_found")
        return self._keys.of(owner)

    def _locked(self, session: Session, loan_id: UUID, state: LoanState) -> Loan:
        """The dossier first, as everybody does who moves one. Raises NotFound, Conflict('loan_moved')."""
        dossier_id = session.scalar(select(Loan.dossier_id).where(Loan.id == loan_id))
        if dossier_id is None:
            raise NotFound("loan_not_found")
        self._book.lock(session, dossier_id)
        row = session.get_one(Loan, loan_id, with_for_update=True)
        if row.state is not state:
            raise Conflict("loan_moved")
        return row

    def _require_at_hand(self, session: Session, dossier_id: UUID) -> None:
        """Locks the dossier. Raises Conflict('paper_sealed', 'paper_left', 'loan_open')."""
        state, _ = self._book.lock(session, dossier_id)
        row = self._book.standing(session, dossier_id)
        if state is DossierState.TRANSFERRED or (row is not None and row.standing is Standing.LEFT):
            written = self._book.codes(session, [dossier_id])[dossier_id]
            raise Conflict("paper_left", params={"code": written})
        if state is DossierState.SEALED:
            raise Conflict("paper_sealed")
        if self._book.lent(session, dossier_id):
            raise Conflict("loan_open")

    def _give_out(self, row: Loan) -> None:
        row.state, row.out_at = LoanState.OUT, self._clock.now()
        row.due_on = self._calendar.add(office_date(row.out_at), row.days)

    def _moved_out(self, session: Session, actor: Actor, row: Loan) -> None:
        self._book.move(
            session, actor, row.dossier_id, row.graduate_id, Move.LENT, Why.LOAN, Standing.LENT, loan=row.id
        )

    @staticmethod
    def _say(key: DataKey, row: Loan, more: Mapping[str, Any]) -> None:
        words = open_json(key, words_place(row), row.sealed_words)
        row.sealed_words = seal_json(key, words_place(row), {**words, **more})

    def _record(self, session: Session, actor: Actor, row: Loan, deed: str, **data: str) -> None:
        self._log.record(
            session,
            actor,
            f"loan.{deed}",
            graduate_id=row.graduate_id,
            object_kind="loan",
            object_id=row.id,
            data={"state": row.state.value, **data},
        )
