"""Time-based one-time passwords (RFC 6238), for graduates who want a factor that is neither face nor phone."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import pyotp
from sqlalchemy import delete

from app.actors import Actor, Purpose
from app.db import Database
from app.envelope import open_json, seal_json
from app.errors import Conflict, Invalid, NotFound, StepUpRequired
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.keyring import Keyring
from app.people.service import PeopleService
from app.ports import Clock
from auth.models import GraduateTotp
from auth.places import totp_place

STEP_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Enrolment:
    """``secret`` (Base32) and ``uri`` (otpauth) are shown once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """The time step this code is right for, one step of drift either way; None if wrong or already used."""
    current = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    for step in (current, current - 1, current + 1):
        expected = totp.at(step * STEP_SECONDS)
        if hmac.compare_digest(expected.encode(), code.strip().encode()) and step > last_step:
            return step
    return None


class GraduateTotpService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: PeopleService,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
        issuer: str,
    ) -> None:
        self._db, self._keys, self._people, self._queue = db, keys, people, queue
        self._log, self._clock, self._issuer = log, clock, issuer

    def enrol(self, actor: Actor) -> Enrolment:
        """A new secret, not yet in force. Needs a fresh step-up for managing the account."""
        self._require_step_up(actor)
        self._people.require_no_hold(actor.id)
        key, secret = self._keys.of(actor.id), pyotp.random_base32()
        sealed = seal_json(key, totp_place(actor.id), {"secret": secret})
        with self._db.transaction() as session:
            row = session.get(GraduateTotp, actor.id, with_for_update=True)
            if row is not None and row.confirmed_at is not None:
                raise Conflict("totp_enrolled")
            if row is None:
                session.add(GraduateTotp(graduate_id=actor.id, sealed_secret=sealed, last_step=0))
            else:
                row.sealed_secret = sealed
        uri = pyotp.TOTP(secret).provisioning_uri(name="graduate", issuer_name=self._issuer)
        return Enrolment(secret, uri)

    def confirm(self, actor: Actor, code: str) -> None:
        """Raises Invalid('code_wrong'), NotFound without an enrolment."""
        self._require_step_up(actor)
        if not self._check(actor.id, code, confirmed=False):
            raise Invalid("code_wrong")
        with self._db.transaction() as session:
            row = session.get_one(GraduateTotp, actor.id, with_for_update=True)
            row.confirmed_at = self._clock.now()
            event_id = self._log.record(session, actor, "account.totp_enrolled", graduate_id=actor.id)
            self._queue.enqueue(session, Announce(event_id))

    def remove(self, actor: Actor) -> None:
        self._require_step_up(actor)
        self._people.require_no_hold(actor.id)
        with self._db.transaction() as session:
            session.execute(delete(GraduateTotp).where(GraduateTotp.graduate_id == actor.id))
            event_id = self._log.record(session, actor, "account.totp_removed", graduate_id=actor.id)
            self._queue.enqueue(session, Announce(event_id))

    def verify(self, graduate_id: UUID, code: str) -> bool:
        """True once per time step."""
        try:
            return self._check(graduate_id, code, confirmed=True)
        except NotFound:
            return False

    def _check(self, graduate_id: UUID, code: str, *, confirmed: bool) -> bool:
        key = self._keys.of(graduate_id)
        with self._db.transaction() as session:
            row = session.get(GraduateTotp, graduate_id, with_for_update=True)
            if row is None or (row.confirmed_at is not None) != confirmed:
                raise NotFound("totp_not_enrolled")
            secret = open_json(key, totp_place(graduate_id), row.sealed_secret)["secret"]
            step = matching_step(secret, code, self._clock.now(), row.last_step)
            if step is None:
                return False
            row.last_step = step
        return True

    def _require_step_up(self, actor: Actor) -> None:
        if not actor.stepped_up_for(Purpose.MANAGE_ACCOUNT, self._clock.now()):
            raise StepUpRequired(extra={"purpose": Purpose.MANAGE_ACCOUNT.value, "required_level": 3})
