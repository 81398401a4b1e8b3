"""Where else a graduate may be reached: an e-mail address and a phone number, each proved by a code sent there.

Addresses are sealed with the graduate's key and opened only to send; nobody is shown more than a masked one.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, Purpose
from app.db import Database, new_id
from app.envelope import BlindIndex, DataKey, open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound, StepUpRequired, Unavailable
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.keyring import Keyring
from app.people.rules import normalise_phone, phone_fault
from app.people.service import PeopleService
from app.ports import Clock, RateLimiter, SendFailed
from notifications.breaker import Breakers, Outlet
from notifications.channel_models import NoticeContact, address_place
from notifications.channel_rules import ContactKind
from notifications.writing import Letter, LetterWriter

CODE_LIVES = timedelta(minutes=10)
MOST_TRIES = 5
PER_PERSON, PER_ADDRESS, HOUR_S = 5, 3, 3600
MAX_ADDRESS = 254
_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]([A-Za-z0-9-]{0,61}[A-Za-z0-9])"
)
"""What RFC 5321 calls a dot-string in ASCII and a domain name: no quotes, comments, literals or control characters."""


@dataclass(frozen=True, slots=True)
class ContactView:
    """``shown`` is masked. ``verified_at`` None: a code was sent and is good until ``code_expires_at``."""

    id: UUID
    kind: ContactKind
    shown: str
    verified_at: datetime | None
    code_expires_at: datetime | None
    reachable: bool
    created_at: datetime


def normalise(kind: ContactKind, written: str) -> str:
    """Raises Invalid('contact_malformed')."""
    if kind is ContactKind.PHONE:
        number = normalise_phone(written)
        if phone_fault(number) is None:
            return number
    elif len(written) <= MAX_ADDRESS and _EMAIL.fullmatch(written) and len(written.split("@")[0]) <= 64:
        local, domain = written.rsplit("@", 1)
        return f"{local}@{domain.lower()}"
    raise Invalid("contact_malformed", faults=[FieldFault("/address", f"{kind.value}_malformed")])


def masked(kind: ContactKind, address: str) -> str:
    if kind is ContactKind.PHONE:
        return f"{address[:3]}****{address[-4:]}"
    local, domain = address.rsplit("@", 1)
    return f"{local[0]}***@{domain}"


class ContactBook:
    """Opening addresses. Keys are unwrapped before the transaction."""

    def __init__(self, db: Database, keys: Keyring) -> None:
        self._db, self._keys = db, keys

    def letter(self, contact_id: UUID, reference: UUID) -> Letter | None:
        """None once removed, never verified, or with its key destroyed."""
        with self._db.transaction() as session:
            row = session.get(NoticeContact, contact_id)
        if row is None or row.verified_at is None:
            return None
        try:
            key = self._keys.of(row.graduate_id)
        except NotFound:
            return None
        return Letter(reference, row.kind, opened(key, row))


def opened(key: DataKey, row: NoticeContact) -> str:
    return str(open_json(key, address_place(row.id), row.sealed_address)["address"])


class ContactService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        people: PeopleService,
        writer: LetterWriter,
        limits: RateLimiter,
        index: BlindIndex,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._people, self._writer, self._limits = db, keys, people, writer, limits
        self._index, self._queue, self._log, self._clock = index, queue, log, clock
        self._breakers = Breakers(clock)

    def list(self, actor: Actor) -> list[ContactView]:
        key = self._keys.of(actor.id)
        with self._db.transaction() as session:
            rows = session.scalars(
                select(NoticeContact).where(NoticeContact.graduate_id == actor.id).order_by(NoticeContact.created_at)
            ).all()
        return [self._view(key, r) for r in rows]

    def add(self, actor: Actor, kind: ContactKind, written: str) -> ContactView:
        """Keep the address and send a code of six digits there, good for ten minutes. A new address replaces one of its
        kind that waits for its code; a verified one stays in use until the new one is verified.

        Whoever waits for a code is told at once that none can come; a code says nothing of how its kind of letter does,
        or any address that no server takes could stop everybody's.

        Raises StepUpRequired, Invalid, RateLimited, Conflict('changes_held'), Unavailable('contact_kind_closed') where
        the school has no such sender, Unavailable('contact_kind_stopped') while its breaker is open,
        Unavailable('contact_code_not_sent').
        """
        self._require(actor)
        address = normalise(kind, written)
        if kind not in self._writer.kinds:
            raise Unavailable("contact_kind_closed")
        with self._db.transaction() as session:
            stopped = self._breakers.peek(session, Outlet.of_letter(kind)).held_until is not None
        if stopped:
            raise Unavailable("contact_kind_stopped")
        self._limits.hit("contact-code", str(actor.id), limit=PER_PERSON, window_s=HOUR_S)
        # one mailbox has one name to whoever it floods, whatever RFC 5321 allows its server to tell apart
        self._limits.hit("contact-code-to", address.lower(), limit=PER_ADDRESS, window_s=HOUR_S)
        key, contact_id, code = self._keys.of(actor.id), new_id(), f"{secrets.randbelow(10**6):06d}"
        now = self._clock.now()
        values = {
            "id": contact_id,
            "sealed_address": seal_json(key, address_place(contact_id), {"address": address}),
            "code_hash": self._hash(contact_id, code),
            "code_expires_at": now + CODE_LIVES,
            "code_tries": 0,
            "unreachable_at": None,
            "created_at": now,
        }
        fresh = insert(NoticeContact).values(graduate_id=actor.id, kind=kind, **values)
        with self._db.transaction() as session:
            # in one statement, for two at once would both find none waiting
            session.execute(
                fresh.on_conflict_do_update(
                    index_elements=["graduate_id", "kind"], index_where=text("verified_at is null"), set_=values
                )
            )
            row = session.get_one(NoticeContact, contact_id)
        try:
            self._writer.send_code(Letter(contact_id, kind, address), code)
        except (SendFailed, Unavailable):
            # not from the provider's own error: its text may hold the address
            raise Unavailable("contact_code_not_sent") from None
        return self._view(key, row)

    def verify(self, actor: Actor, contact_id: UUID, code: str) -> ContactView:
        """Five tries, once. Every account bound hears of it. Raises NotFound, Invalid('contact_code_wrong'),
        Conflict('contact_code_over') when it expired, was used or tried too often.
        """
        self._require(actor)
        key, now = self._keys.of(actor.id), self._clock.now()
        with self._db.transaction() as session:
            row = self._own(session, actor.id, contact_id)
            if row.code_hash is None or row.code_expires_at is None or now >= row.code_expires_at:
                raise Conflict("contact_code_over")
            right = hmac.compare_digest(row.code_hash, self._hash(row.id, code))
            row.code_tries += 1
            if right or row.code_tries >= MOST_TRIES:
                row.code_hash = row.code_expires_at = None
            if right:
                self._replace(session, actor, row)
        if not right:
            raise Invalid("contact_code_wrong")
        return self._view(key, row)

    def remove(self, actor: Actor, contact_id: UUID) -> None:
        """Gone at once, together with the address. Raises NotFound, StepUpRequired, Conflict('changes_held')."""
        self._require(actor)
        with self._db.transaction() as session:
            row = self._own(session, actor.id, contact_id)
            if row.verified_at is not None:
                self._tell(session, actor, "account.contact_removed", row.kind)
            session.delete(row)

    def _replace(self, session: Session, actor: Actor, row: NoticeContact) -> None:
        earlier = delete(NoticeContact).where(*_of(actor.id, row.kind), NoticeContact.verified_at.is_not(None))
        session.execute(earlier)
        row.verified_at = self._clock.now()
        self._tell(session, actor, "account.contact_added", row.kind)

    def _tell(self, session: Session, actor: Actor, kind: str, contact: ContactKind) -> None:
        event_id = self._log.record(session, actor, kind, graduate_id=actor.id, data={"kind": contact.value})
        self._queue.enqueue(session, Announce(event_id))

    @staticmethod
    def _own(session: Session, graduate_id: UUID, contact_id: UUID) -> NoticeContact:
        row = session.get(NoticeContact, contact_id, with_for_update=True)
        if row is None or row.graduate_id != graduate_id:
            raise NotFound("contact_not_found")
        return row

    def _require(self, actor: Actor) -> None:
        if not actor.stepped_up_for(Purpose.MANAGE_ACCOUNT, self._clock.now()):
            raise StepUpRequired(extra={"purpose": Purpose.MANAGE_ACCOUNT.value, "required_level": 3})
        self._people.require_no_hold(actor.id)

    def _hash(self, contact_id: UUID, code: str) -> bytes:
        return self._index.of("notice_contact", "code_hash", f"{contact_id}:{code}")

    @staticmethod
    def _view(key: DataKey, row: NoticeContact) -> ContactView:
        return ContactView(
            row.id,
            row.kind,
            masked(row.kind, opened(key, row)),
            row.verified_at,
            row.code_expires_at if row.verified_at is None else None,
            row.unreachable_at is None,
            row.created_at,
        )


def _of(graduate_id: UUID, kind: ContactKind) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return NoticeContact.graduate_id == graduate_id, NoticeContact.kind == kind
