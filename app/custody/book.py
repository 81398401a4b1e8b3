"""Where a dossier stands, read and written under the lock of the dossier's own row, which transfers lock as well."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.custody.models import Custody, CustodyMove, Loan, ShelfPlace
from app.custody.ports import DossierLabels
from app.custody.rules import LoanState, Move, Standing, Why, own_code, own_range, scanned
from app.db import new_id
from app.dossiers.models import Dossier
from app.dossiers.rules import DossierState
from app.errors import Forbidden, NotFound
from app.events import EventLog
from app.ports import Clock


class CustodyBook:
    def __init__(self, labels: DossierLabels, log: EventLog, clock: Clock) -> None:
        self._labels, self._log, self._clock = labels, log, clock

    def find(self, session: Session, code: str) -> UUID | None:
        """The dossier of a scanned code: a transfer's label, or the dossier's own."""
        plain = scanned(code)
        span = own_range(plain)
        if span is None:
            return self._labels.dossier_of(session, plain)
        found = session.scalars(select(Dossier.id).where(Dossier.id.between(*span)).limit(2)).all()
        return found[0] if len(found) == 1 else None

    def codes(self, session: Session, dossier_ids: list[UUID]) -> dict[UUID, str]:
        labelled = self._labels.codes_of(session, dossier_ids)
        return {d: labelled.get(d) or own_code(d) for d in dossier_ids}

    @staticmethod
    def lock(session: Session, dossier_id: UUID) -> tuple[DossierState, UUID]:
        """(state of the dossier, its graduate), held until the end of the transaction. Raises NotFound."""
        query = select(Dossier.state, Dossier.graduate_id).where(Dossier.id == dossier_id).with_for_update()
        found = session.execute(query).one_or_none()
        if found is None:
            raise NotFound("dossier_not_found")
        return found.state, found.graduate_id

    @staticmethod
    def standing(session: Session, dossier_id: UUID) -> Custody | None:
        """As it stands once the lock is held."""
        return session.get(Custody, dossier_id, populate_existing=True)

    @staticmethod
    def lent(session: Session, dossier_id: UUID) -> bool:
        query = select(Loan.id).where(Loan.dossier_id == dossier_id, Loan.state == LoanState.OUT)
        return session.scalar(query) is not None

    def move(
        self,
        session: Session,
        actor: Actor,
        dossier_id: UUID,
        graduate_id: UUID,
        kind: Move,
        why: Why,
        standing: Standing,
        *,
        place: UUID | None = None,
        loan: UUID | None = None,
    ) -> None:
        """One move, with its event. The dossier is locked."""
        now = self._clock.now()
        row = self.standing(session, dossier_id)
        if row is None:
            row = Custody(dossier_id=dossier_id, graduate_id=graduate_id, standing=standing, since=now, moves=0)
            session.add(row)
        row.standing, row.place_id, row.since, row.moves = standing, place, now, row.moves + 1
        self._keep(session, actor, row, kind, why, now, place, loan)
        data = {"why": why.value, **({"place": str(place)} if place else {}), **({"loan": str(loan)} if loan else {})}
        self._log.record(
            session,
            actor,
            f"custody.{kind.value}",
            graduate_id=graduate_id,
            object_kind="dossier",
            object_id=dossier_id,
            data=data,
        )

    @staticmethod
    def _keep(
        session: Session,
        actor: Actor,
        row: Custody,
        kind: Move,
        why: Why,
        at: datetime,
        place: UUID | None,
        loan: UUID | None,
    ) -> None:
        session.add(
            CustodyMove(
                id=new_id(),
                dossier_id=row.dossier_id,
                number=row.moves,
                graduate_id=row.graduate_id,
                kind=kind,
                why=why,
                place_id=place,
                loan_id=loan,
                staff_id=actor.id if actor.kind is ActorKind.STAFF else None,
                at=at,
            )
        )
        session.flush()


def last_place(session: Session, dossier_id: UUID) -> str:
    """The code of the place it was put at last, empty where there was none; what was undone does not count."""
    query = (
        select(CustodyMove.kind, ShelfPlace.code)
        .outerjoin(ShelfPlace, ShelfPlace.id == CustodyMove.place_id)
        .where(CustodyMove.dossier_id == dossier_id, CustodyMove.kind.in_((Move.SHELVED, Move.UNDONE)))
        .order_by(CustodyMove.number.desc())
    )
    return next((code or "" for _, code in session.execute(query.limit(1))), "")


def require(actor: Actor, roles: tuple[object, ...]) -> None:
    """Raises Forbidden."""
    if actor.kind is not ActorKind.STAFF or not actor.roles.intersection(roles):
        raise Forbidden("role_required")
