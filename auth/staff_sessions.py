"""Who is signed in where: one's own sessions, and for administrators those of others."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.errors import Forbidden, NotFound
from app.events import EventLog
from app.people.models import StaffMember
from app.ports import Clock
from auth.models import LoginSession
from auth.sessions import LIFETIMES, SessionService


@dataclass(frozen=True, slots=True)
class StaffSession:
    """``device`` is what the browser said of itself. Where it stands is not known: no address is kept."""

    id: UUID
    device: str
    factor: str
    started_at: datetime
    seen_at: datetime
    here: bool


class StaffSessions:
    def __init__(self, db: Database, sessions: SessionService, log: EventLog, clock: Clock) -> None:
        self._db, self._sessions, self._log, self._clock = db, sessions, log, clock

    def own(self, actor: Actor) -> list[StaffSession]:
        """The living ones, newest first. One's own are ended by SessionService.revoke."""
        return self._living(actor, actor.id)

    def of(self, actor: Actor, staff_id: UUID) -> list[StaffSession]:
        """Another's, for administrators. Raises Forbidden."""
        self._require_admin(actor)
        return self._living(actor, staff_id)

    def end(self, actor: Actor, staff_id: UUID, session_id: UUID) -> None:
        """End one session of a colleague. Raises Forbidden, NotFound."""
        self._require_admin(actor)
        with self._db.transaction() as session:
            found = session.scalar(
                update(LoginSession)
                .where(
                    LoginSession.id == session_id,
                    LoginSession.kind == ActorKind.STAFF,
                    LoginSession.subject_id == staff_id,
                    LoginSession.revoked_at.is_(None),
                )
                .values(revoked_at=self._clock.now())
                .returning(LoginSession.id)
            )
            if found is None:
                raise NotFound("session_not_found")
            self._log.record(
                session,
                actor,
                "session.ended_by_administrator",
                object_kind="staff",
                object_id=staff_id,
                data={"session": str(session_id)},
            )

    def end_all(self, actor: Actor, staff_id: UUID) -> int:
        """Log a colleague out everywhere. Raises Forbidden, NotFound."""
        self._require_admin(actor)
        with self._db.transaction() as session:
            if session.get(StaffMember, staff_id) is None:
                raise NotFound("staff_not_found")
            ended = self._sessions.revoke_all(session, actor, staff_id)
            self._log.record(
                session, actor, "session.all_ended_by_administrator", object_kind="staff", object_id=staff_id
            )
            return ended

    @staticmethod
    def _require_admin(actor: Actor) -> None:
        if not actor.has_role(Role.ADMINISTRATOR):
            raise Forbidden("role_required")

    def _living(self, actor: Actor, staff_id: UUID) -> list[StaffSession]:
        now = self._clock.now()
        query = select(LoginSession).where(
            LoginSession.kind == ActorKind.STAFF,
            LoginSession.subject_id == staff_id,
            LoginSession.revoked_at.is_(None),
            LoginSession.expires_at > now,
            LoginSession.seen_at >= now - LIFETIMES[ActorKind.STAFF].idle,
        )
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(LoginSession.created_at.desc()).limit(100))
            return [
                StaffSession(r.id, r.device, r.factor, r.created_at, r.seen_at, r.id == actor.session_id) for r in rows
            ]
