"""The register of purposes (调取登记): asked for before content is opened, one graduate at a time, for half an hour."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database, new_id
from app.envelope import DataKey, Place, open_json, seal_json
from app.errors import FieldFault, Forbidden, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.office_time import OFFICE_TIME
from app.people.models import Graduate
from app.ports import Clock
from app.retrieval import rules
from app.retrieval.models import RetrievalPurpose
from app.retrieval.views import PurposeView

OPENERS = (Role.ARCHIVIST, Role.REVIEWER)
WATCHERS = (Role.AUDITOR,)


def note_place(row: RetrievalPurpose) -> Place:
    return Place("retrieval_purpose", "sealed_note", row.id)


class PurposeRegister:
    """Satisfies app.dossiers.purposes.PurposeLedger."""

    def __init__(self, db: Database, keys: Keyring, log: EventLog, clock: Clock) -> None:
        self._db, self._keys, self._log, self._clock = db, keys, log, clock

    def open_purpose(self, session: Session, staff_id: UUID, graduate_id: UUID) -> str | None:
        row = self._row(session, staff_id, graduate_id)
        return row.purpose if row is not None else None

    def current(self, actor: Actor, graduate_id: UUID) -> PurposeView | None:
        """What this member of staff may open this graduate's content for now; without the note."""
        with self._db.transaction() as session:
            row = self._row(session, actor.id, graduate_id)
        return _view(row) if row is not None else None

    def open(
        self, actor: Actor, graduate_id: UUID, purpose: str, note: str = "", reference: str = "", *, quiet: bool = False
    ) -> PurposeView:
        """Put a purpose on record; it holds for rules.PURPOSE_LASTS. ``quiet``: leave one that is open as it is.

        Raises Forbidden without a role that reads content, NotFound, Invalid by field.
        """
        _require(actor, OPENERS)
        _check(purpose, note, reference)
        with self._db.transaction() as session:
            held = self._row(session, actor.id, graduate_id) if quiet else None
            if held is not None:
                return _view(held)
            if session.get(Graduate, graduate_id) is None:
                raise NotFound("graduate_not_found")
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            row = self._add(session, actor, key, purpose, note, reference)
            self._log.record(
                session,
                actor,
                "retrieval.purpose_opened",
                graduate_id=graduate_id,
                object_kind="purpose",
                object_id=row.id,
                data={"purpose": purpose},
            )
        return _view(row)

    def register(
        self,
        actor: Actor,
        *,
        staff_id: UUID | None = None,
        purpose: str = "",
        since: date | None = None,
        until: date | None = None,
        offset: int = 0,
        limit: int = 20,
    ) -> tuple[list[PurposeView], int]:
        """(lines, total) for auditors, newest first, with the notes staff wrote and nothing of any dossier.

        Days are Chinese ones, both included. The look itself is recorded.
        """
        _require(actor, WATCHERS)
        query = select(RetrievalPurpose)
        if staff_id is not None:
            query = query.where(RetrievalPurpose.staff_id == staff_id)
        if purpose:
            query = query.where(RetrievalPurpose.purpose == purpose)
        if since is not None:
            query = query.where(RetrievalPurpose.opened_at >= _midnight(since))
        if until is not None:
            query = query.where(RetrievalPurpose.opened_at < _midnight(until) + timedelta(days=1))
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            newest = query.order_by(RetrievalPurpose.opened_at.desc(), RetrievalPurpose.id)
            rows = session.scalars(newest.offset(offset).limit(limit)).all()
            keys = self._keys.many(session, list({r.graduate_id for r in rows}))
            self._log.record(session, actor, "retrieval.register_read", data={"lines": len(rows)})
        return [_view(row, keys.get(row.graduate_id)) for row in rows], total

    def users(self, actor: Actor) -> list[UUID]:
        """Staff who have put a purpose on record, for the register's filter."""
        _require(actor, WATCHERS)
        with self._db.transaction() as session:
            return list(session.scalars(select(RetrievalPurpose.staff_id).distinct()))

    # --- inside -----------------------------------------------------------------------------------------------------

    def _row(self, session: Session, staff_id: UUID, graduate_id: UUID) -> RetrievalPurpose | None:
        return session.scalar(
            select(RetrievalPurpose)
            .where(
                RetrievalPurpose.staff_id == staff_id,
                RetrievalPurpose.graduate_id == graduate_id,
                RetrievalPurpose.expires_at > self._clock.now(),
            )
            .order_by(RetrievalPurpose.opened_at.desc(), RetrievalPurpose.id)
            .limit(1)
        )

    def _add(
        self, session: Session, actor: Actor, key: DataKey, purpose: str, note: str, reference: str
    ) -> RetrievalPurpose:
        now = self._clock.now()
        row = RetrievalPurpose(
            id=new_id(),
            staff_id=actor.id,
            graduate_id=key.owner,
            purpose=purpose,
            opened_at=now,
            expires_at=now + rules.PURPOSE_LASTS,
        )
        row.sealed_note = seal_json(key, note_place(row), {"note": note.strip(), "reference": reference.strip()})
        session.add(row)
        session.flush()
        return row


def _require(actor: Actor, roles: tuple[Role, ...]) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*roles):
        raise Forbidden("role_required")


def _check(purpose: str, note: str, reference: str) -> None:
    rule, faults = rules.PURPOSES.get(purpose), []
    if rule is None:
        faults.append(FieldFault("/purpose", "purpose_unknown"))
    elif rule.needs_note and not note.strip():
        faults.append(FieldFault("/note", "note_required"))
    elif rule.needs_reference and not reference.strip():
        faults.append(FieldFault("/reference", "reference_required"))
    if len(note) > rules.MOST_NOTE:
        faults.append(FieldFault("/note", "too_long"))
    if len(reference) > rules.MOST_REFERENCE:
        faults.append(FieldFault("/reference", "too_long"))
    if faults:
        raise Invalid("purpose_invalid", faults=faults)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), OFFICE_TIME)


def _view(row: RetrievalPurpose, key: DataKey | None = None) -> PurposeView:
    said = open_json(key, note_place(row), row.sealed_note) if key is not None else {}
    return PurposeView(
        row.id,
        row.staff_id,
        row.graduate_id,
        row.purpose,
        rules.PURPOSES[row.purpose].label,
        row.opened_at,
        row.expires_at,
        said.get("note", ""),
        said.get("reference", ""),
    )
