"""A graduate's accounts: unbinding, and the way back after a lost phone, which ends at the counter."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete

from app.actors import Actor, Purpose
from app.db import Database
from app.errors import NotFound, StepUpRequired
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.people.service import IdentityView, PeopleService
from app.ports import Clock
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
        clock: Clock,
    ) -> None:
        self._db, self._people, self._sessions = db, people, sessions
        self._activation, self._queue, self._log, self._clock = activation, queue, log, clock

    def identities(self, actor: Actor) -> list[IdentityView]:
        return self._people.identities_of(actor.id)

    def unbind(self, actor: Actor, identity_id: UUID) -> None:
        """Part one of one's own accounts from the dossier; its sessions end at once. Raises NotFound.

        Parting *another* account needs a fresh step-up and waits out the hold after a new binding: an intruder must
        not push the owner out. The account one speaks from may always go.
        """
        if identity_id not in {i.id for i in self._people.identities_of(actor.id)}:
            raise NotFound("identity_not_found")
        if identity_id != actor.identity_id:
            if not actor.stepped_up_for(Purpose.MANAGE_ACCOUNT, self._clock.now()):
                raise StepUpRequired(extra={"purpose": Purpose.MANAGE_ACCOUNT.value, "required_level": 3})
            self._people.require_no_hold(actor.id)
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
                data={"identities": [str(identity_id)]},
            )
            self._queue.enqueue(session, Announce(event_id))

    def lost_phone(self, staff: Actor, graduate_id: UUID, document_kind: str, *, identity_checked: bool) -> IssuedCode:
        """At the counter: part every account, end every session, drop TOTP, and issue a code for the new phone."""
        require_counter_staff(staff)
        with self._db.transaction() as session:
            code = self._activation.issue(staff, graduate_id, document_kind, identity_checked=identity_checked)
            parted = self._people.identities_of(graduate_id)
            for identity in parted:
                self._people.unbind(session, identity.id)
            session.execute(delete(GraduateTotp).where(GraduateTotp.graduate_id == graduate_id))
            self._sessions.revoke_all(session, staff, graduate_id)
            event_id = self._log.record(
                session,
                staff,
                "account.phone_lost",
                graduate_id=graduate_id,
                data={"identities": [str(i.id) for i in parted]},
            )
            self._queue.enqueue(session, Announce(event_id))
        return code
