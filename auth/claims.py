"""Claims: student number + ID number + name. Identifiers, not proof: the answer is the same for hit and miss."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete

from app.db import Database, new_id
from app.envelope import Place, open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.office_time import office_date
from app.people import rules as people_rules
from app.people.service import PeopleService
from app.ports import Clock, RateLimiter
from auth.models import Claim
from auth.sessions import SessionView

CLAIM_LIFE = timedelta(minutes=30)
KEEP_EXPIRED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ClaimedPerson:
    """What was typed, and whom it fits (None on a miss: told to nobody)."""

    graduate_id: UUID | None
    name: str = field(repr=False)
    id_number: str = field(repr=False)


class ClaimService:
    def __init__(
        self, db: Database, keys: Keyring, people: PeopleService, limits: RateLimiter, log: EventLog, clock: Clock
    ) -> None:
        self._db, self._keys, self._people = db, keys, people
        self._limits, self._log, self._clock = limits, log, clock

    def claim(
        self, view: SessionView, *, student_number: str, id_number: str, name: str, address: str
    ) -> tuple[UUID, datetime]:
        """(claim id, expiry), the same for hit and miss. Raises Invalid for impossible input, RateLimited, Conflict."""
        if view.bound:
            raise Conflict("already_bound")
        self._check_form(student_number, id_number, name)
        subject = self._people.id_number_index(id_number).hex()
        self._limits.hit("claim-identity", str(view.actor.identity_id), limit=5, window_s=600)
        self._limits.hit("claim-address", address, limit=30, window_s=600)
        self._limits.hit("claim-subject", subject, limit=10, window_s=3600)
        house = self._keys.house()
        graduate_id = self._people.match_claim(student_number, id_number, name)
        now = self._clock.now()
        row = Claim(
            id=new_id(),
            session_id=view.id,
            graduate_id=graduate_id,
            created_at=now,
            expires_at=now + CLAIM_LIFE,
        )
        person = {
            "name": people_rules.normalise_name(name),
            "id_number": people_rules.normalise_id_number(id_number),
        }
        row.sealed_person = seal_json(house, Place("claim", "sealed_person", row.id), person)
        with self._db.transaction() as session:
            session.add(row)
            self._log.record(session, view.actor, "claim.made", object_kind="claim", object_id=row.id)
        return row.id, row.expires_at

    def person(self, claim_id: UUID) -> ClaimedPerson:
        """Raises NotFound once the claim has expired."""
        house = self._keys.house()
        with self._db.transaction() as session:
            row = session.get(Claim, claim_id)
        if row is None or row.expires_at <= self._clock.now():
            raise NotFound("claim_expired")
        value: dict[str, Any] = open_json(house, Place("claim", "sealed_person", row.id), row.sealed_person)
        return ClaimedPerson(row.graduate_id, value["name"], value["id_number"])

    def sweep(self) -> int:
        """Forget what strangers typed a day after it expired; gives how many."""
        with self._db.transaction() as session:
            result = session.execute(delete(Claim).where(Claim.expires_at < self._clock.now() - KEEP_EXPIRED))
            return int(getattr(result, "rowcount", 0))

    def _check_form(self, student_number: str, id_number: str, name: str) -> None:
        today = office_date(self._clock.now())
        faults = []
        id_fault = people_rules.id_number_fault(people_rules.normalise_id_number(id_number), today)
        if id_fault:
            faults.append(FieldFault("/id_number", id_fault))
        name_fault = people_rules.name_fault(people_rules.normalise_name(name))
        if name_fault:
            faults.append(FieldFault("/name", name_fault))
        if not people_rules.normalise_student_number(student_number):
            faults.append(FieldFault("/student_number", "required"))
        if faults:
            raise Invalid("invalid_input", faults=faults)
