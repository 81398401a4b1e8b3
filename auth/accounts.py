"""A graduate's accounts: unbinding, and the way back after a lost phone, which ends at the counter."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete

from app.actors import Actor
from app.db import Database
from app.errors import NotFound
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.people.service import IdentityView, PeopleService
from auth.activation import ActivationService, IssuedCode, require_counter_staff
from auth.models import GraduateTotp
from auth.sessions import SessionService


class AccountService:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        sessions: SessionService,
        activation: ActivationService,
        queue: JobQueue,
        log: EventLog,
    ) -> None:
        self._db, self._people, self._sessions = db, people, sessions
        self._activation, self._queue, self._log = activation, queue, log

    def identities(self, actor: Actor) -> list[IdentityView]:
        return self._people.identities_of(actor.id)

    def unbind(self, actor: Actor, identity_id: UUID) -> None:
        """Part one of one's own accounts from the dossier; its sessions end at once. Raises NotFound."""
        if identity_id not in {i.id for i in self._people.identities_of(actor.id)}:
            raise NotFound("identity_not_found")
        with self._db.transaction() as session:
            self._people.unbind(session, identity_id)
            self._sessions.revoke_account(session, identity_id)
            event_id = self._log.record(
                session,
                actor,
                "account.unbound",
                graduate_id=actor.id,
                object_kind="identity",
                object_id=identity_id,
            )
            self._queue.enqueue(session, Announce(event_id))

    def lost_phone(self, staff: Actor, graduate_id: UUID, document_kind: str, *, identity_checked: bool) -> IssuedCode:
        """At the counter: part every account, end every session, drop TOTP, and issue a code for the new phone."""
        require_counter_staff(staff)
        with self._db.transaction() as session:
            code = self._activation.issue(staff, graduate_id, document_kind, identity_checked=identity_checked)
            for identity in self._people.identities_of(graduate_id):
                self._people.unbind(session, identity.id)
            session.execute(delete(GraduateTotp).where(GraduateTotp.graduate_id == graduate_id))
            self._sessions.revoke_all(session, staff, graduate_id)
            self._log.record(session, staff, "account.phone_lost", graduate_id=graduate_id)
        return code
