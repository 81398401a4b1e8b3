"""A lost authenticator: one administrator asks, another agrees, neither is its owner, and the owner is told each time.

Persons are told apart by their natural person, not by account. A house with a single administrator has the command line
instead (docs/production.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.actors import Actor, Role
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Forbidden, Invalid, NotFound, StepUpRequired
from app.events import EventLog
from app.people.models import StaffMember
from app.people.staff_notices import StaffNotices
from app.ports import Clock
from auth.links import IssuedLink, StaffLinks
from auth.staff_models import LinkKind, ReplacementState, StaffLink, StaffReplacement

MAX_REASON = 200


@dataclass(frozen=True, slots=True)
class ReplacementView:
    id: UUID
    staff_id: UUID
    name: str
    requested_by: UUID
    requested_name: str
    reason: str
    created_at: datetime


class ReplacementService:
    def __init__(self, db: Database, links: StaffLinks, notices: StaffNotices, log: EventLog, clock: Clock) -> None:
        self._db, self._links, self._notices, self._log, self._clock = db, links, notices, log, clock

    def request(self, actor: Actor, staff_id: UUID, reason: str) -> None:
        """Raises Forbidden, StepUpRequired, NotFound, Invalid, Conflict (own_replacement, replacement_open)."""
        self._require_admin(actor)
        reason = " ".join(reason.split())
        if not 1 <= len(reason) <= MAX_REASON:
            raise Invalid("invalid_input", faults=[FieldFault("/reason", "required" if not reason else "too_long")])
        row = StaffReplacement(
            id=new_id(),
            staff_id=staff_id,
            state=ReplacementState.REQUESTED,
            reason=reason,
            requested_by=actor.id,
            created_at=self._clock.now(),
        )
        try:
            with self._db.transaction() as session:
                owner = self._owner(session, staff_id)
                if self._person(session, actor.id) == owner.person_key:
                    raise Conflict("own_replacement")
                session.add(row)
                session.flush()
                self._record(session, actor, row, "staff.replacement_requested")
                self._notices.tell(session, staff_id, "replacement_requested", row.id)
        except IntegrityError:
            raise Conflict("replacement_open") from None

    def approve(self, actor: Actor, replacement_id: UUID) -> IssuedLink:
        """The link to hand to the owner; earlier unused ones are void. Raises Forbidden, StepUpRequired, NotFound,
        Conflict (own_replacement, second_administrator_required, requester_gone).
        """
        self._require_admin(actor)
        with self._db.transaction() as session:
            row = self._waiting(session, replacement_id)
            owner = self._owner(session, row.staff_id)
            requester = session.get_one(StaffMember, row.requested_by)
            person = self._person(session, actor.id)
            if person == owner.person_key:
                raise Conflict("own_replacement")
            if person == requester.person_key:
                raise Conflict("second_administrator_required")
            if requester.disabled_at is not None or Role.ADMINISTRATOR.value not in requester.roles:
                raise Conflict("requester_gone")
            now = self._clock.now()
            session.execute(
                update(StaffLink)
                .where(StaffLink.staff_id == owner.id, StaffLink.used_at.is_(None), StaffLink.revoked_at.is_(None))
                .values(revoked_at=now)
            )
            link = self._links.issue(
                session, actor, LinkKind.REPLACEMENT, owner.display_name, owner.roles, owner.person_key, owner.id
            )
            row.state, row.decided_by, row.decided_at = ReplacementState.APPROVED, actor.id, now
            row.link_id = link.id
            self._record(session, actor, row, "staff.replacement_approved")
            self._notices.tell(session, owner.id, "replacement_approved", row.id)
            return link

    def refuse(self, actor: Actor, replacement_id: UUID) -> None:
        """By any administrator, the one who asked too; the factors in force stay. Raises Forbidden, NotFound."""
        if not actor.has_role(Role.ADMINISTRATOR):
            raise Forbidden("role_required")
        with self._db.transaction() as session:
            row = self._waiting(session, replacement_id)
            row.state, row.decided_by, row.decided_at = ReplacementState.REFUSED, actor.id, self._clock.now()
            self._record(session, actor, row, "staff.replacement_refused")
            self._notices.tell(session, row.staff_id, "replacement_refused", row.id)

    def waiting(self, actor: Actor) -> list[ReplacementView]:
        """Oldest first."""
        if not actor.has_role(Role.ADMINISTRATOR):
            raise Forbidden("role_required")
        query = select(StaffReplacement).where(StaffReplacement.state == ReplacementState.REQUESTED)
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(StaffReplacement.created_at, StaffReplacement.id)).all()
            wanted = {i for r in rows for i in (r.staff_id, r.requested_by)}
            names = {
                m.id: m.display_name for m in session.scalars(select(StaffMember).where(StaffMember.id.in_(wanted)))
            }
            return [
                ReplacementView(
                    r.id, r.staff_id, names[r.staff_id], r.requested_by, names[r.requested_by], r.reason, r.created_at
                )
                for r in rows
            ]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _require_admin(self, actor: Actor) -> None:
        if not actor.has_role(Role.ADMINISTRATOR):
            raise Forbidden("role_required")
        if not actor.fresh_factor(self._clock.now()):
            raise StepUpRequired("fresh_factor_required")

    @staticmethod
    def _owner(session: Session, staff_id: UUID) -> StaffMember:
        row = session.get(StaffMember, staff_id, with_for_update=True)
        if row is None or row.disabled_at is not None:
            raise NotFound("staff_not_found")
        return row

    @staticmethod
    def _person(session: Session, staff_id: UUID) -> UUID:
        return session.get_one(StaffMember, staff_id).person_key

    @staticmethod
    def _waiting(session: Session, replacement_id: UUID) -> StaffReplacement:
        row = session.get(StaffReplacement, replacement_id, with_for_update=True)
        if row is None or row.state is not ReplacementState.REQUESTED:
            raise NotFound("replacement_not_found")
        return row

    def _record(self, session: Session, actor: Actor, row: StaffReplacement, kind: str) -> None:
        self._log.record(
            session, actor, kind, object_kind="staff", object_id=row.staff_id, data={"replacement": str(row.id)}
        )
