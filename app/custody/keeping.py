"""What the paper's custody means for transfers, and what the graduate is told of it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.custody.book import CustodyBook
from app.custody.models import Custody, Loan
from app.custody.rules import ARRIVED, GRADUATE_WORDS, IN_ARCHIVE, LENT_INSIDE, Borrower, LoanState, Move, Standing, Why
from app.db import Database
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.errors import Conflict, NotFound


class PaperCustody:
    """In the caller's transaction: a transfer's step, or its refusal, and the paper's are one."""

    def __init__(self, db: Database, book: CustodyBook) -> None:
        self._db, self._book = db, book

    def require_at_hand(self, session: Session, dossier_id: UUID) -> None:
        """Raises Conflict('paper_on_loan') while it is lent; nobody lends it until the transaction has ended."""
        self._book.lock(session, dossier_id)
        if self._book.lent(session, dossier_id):
            raise Conflict("paper_on_loan")

    def left(self, session: Session, actor: Actor, dossier_id: UUID) -> None:
        """It was handed over: its place is free."""
        _, graduate_id = self._book.lock(session, dossier_id)
        self._book.move(session, actor, dossier_id, graduate_id, Move.LEFT, Why.HANDED_OVER, Standing.LEFT)

    def came_back(self, session: Session, actor: Actor, dossier_id: UUID, *, rebuilt: bool) -> None:
        """It is in the house again and waits for a place. ``rebuilt``: another one in place of the lost."""
        _, graduate_id = self._book.lock(session, dossier_id)
        why = Why.REBUILT if rebuilt else Why.SENT_BACK
        self._book.move(session, actor, dossier_id, graduate_id, Move.CAME_BACK, why, Standing.UNPLACED)

    def words_for_graduate(self, actor: Actor) -> str:
        """Where their own paper dossier is, in plain words; neither place nor borrower. Raises NotFound."""
        if actor.kind is not ActorKind.GRADUATE:
            raise NotFound("dossier_not_found")
        query = (
            select(Dossier.state, Custody.standing, Loan.borrower)
            .outerjoin(Custody, Custody.dossier_id == Dossier.id)
            .outerjoin(Loan, (Loan.dossier_id == Dossier.id) & (Loan.state == LoanState.OUT))
            .where(Dossier.graduate_id == actor.id)
        )
        with self._db.transaction() as session:
            found = session.execute(query).one_or_none()
        if found is None:
            raise NotFound("dossier_not_found")
        if found.state is DossierState.TRANSFERRED:
            return ARRIVED
        if found.borrower is Borrower.STAFF:
            return LENT_INSIDE
        return IN_ARCHIVE if found.standing is None else GRADUATE_WORDS[found.standing]
