"""A member of staff's own mailbox for test sends: proved by a mailed code before anything else goes there."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.envelope import BlindIndex, Place, open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, Unauthenticated, Unavailable
from app.events import EventLog
from app.keyring import Keyring
from app.letter_ports import Mailer
from app.people.models import StaffMember
from app.ports import Clock, RateLimiter, SendFailed
from notifications.channel_rules import ContactKind
from notifications.contacts import normalise
from notifications.models import StaffMailbox

CODE_DIGITS, MOST_WRONG = 6, 5
HOLDS_FOR = timedelta(minutes=10)
CODES, WINDOW_S = 3, 3600
"""How many codes one person may have mailed, and how many one address may get."""


@dataclass(frozen=True, slots=True)
class MailboxView:
    """``shown`` is masked."""

    shown: str
    verified: bool


def mailbox_place(staff_id: UUID) -> Place:
    return Place("staff_mailbox", "sealed_address", staff_id)


def _normal(written: str) -> str:
    try:
        return normalise(ContactKind.EMAIL, written.strip())
    except Invalid:
        words = "请填写邮箱地址，如 name@example.edu.cn"
        raise Invalid("invalid_input", faults=[FieldFault("/address", "wrong", words)]) from None


def _masked(address: str) -> str:
    name, _, domain = address.partition("@")
    return f"{name[:1]}***@{domain}"


class StaffMailboxes:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        index: BlindIndex,
        log: EventLog,
        limits: RateLimiter,
        mailer: Mailer | None,
        clock: Clock,
        school: str,
        domain: str,
    ) -> None:
        """``domain`` is the right-hand side of Message-IDs."""
        self._db, self._keys, self._index, self._log, self._limits = db, keys, index, log, limits
        self._mailer, self._clock, self._school, self._domain = mailer, clock, school, domain

    @property
    def open(self) -> bool:
        """Whether there is a server to send through."""
        return self._mailer is not None

    def view(self, actor: Actor) -> MailboxView | None:
        key = self._keys.house()
        with self._db.transaction() as session:
            row = session.get(StaffMailbox, actor.id)
            if row is None:
                return None
            address = str(open_json(key, mailbox_place(actor.id), row.sealed_address)["address"])
            return MailboxView(_masked(address), row.verified_at is not None)

    def begin(self, actor: Actor, address: str) -> None:
        """Takes the place of the mailbox before, which must be proved anew. Raises Invalid by field, Conflict without a
        mail server, Unauthenticated for an account that was closed meanwhile, RateLimited, Unavailable.
        """
        address = _normal(address)
        if self._mailer is None:
            raise Conflict("mail_not_configured")
        hashed = self._index.of("staff_mailbox", "address", address.lower())
        for bucket, name in (("mailbox-staff", str(actor.id)), ("mailbox-address", hashed.hex())):
            self._limits.hit(bucket, name, limit=CODES, window_s=WINDOW_S)
        code, key, now = f"{secrets.randbelow(10**CODE_DIGITS):0{CODE_DIGITS}d}", self._keys.house(), self._clock.now()
        values = {
            "sealed_address": seal_json(key, mailbox_place(actor.id), {"address": address}),
            "code_hash": self._hash(actor, code),
            "code_until": now + HOLDS_FOR,
            "code_tries": 0,
            "verified_at": None,
        }
        with self._db.transaction() as session:
            # shared with whoever closes the account: a mailbox entered beside that would outlive it
            if session.get_one(StaffMember, actor.id, with_for_update={"read": True}).disabled_at is not None:
                raise Unauthenticated("session_expired")
            session.execute(
                insert(StaffMailbox)
                .values(staff_id=actor.id, **values)
                .on_conflict_do_update(index_elements=["staff_id"], set_=values)
            )
            self._log.record(session, actor, "staff.mailbox_entered")
        minutes = int(HOLDS_FOR.total_seconds() // 60)
        body = (
            f"您正在把这个邮箱登记为 {self._school} 兰台工作台的测试收件邮箱。验证码：{code}，{minutes} 分钟内有效。\n"
            "如非本人操作，请忽略本邮件。\n"
        )
        self._mail(address, f"【{self._school}】邮箱验证码", body)

    def confirm(self, actor: Actor, code: str) -> None:
        """Raises Invalid for a wrong code, Conflict for one that no longer holds; after five wrong ones none does."""
        now, right = self._clock.now(), False
        with self._db.transaction() as session:
            row = session.get(StaffMailbox, actor.id, with_for_update=True)
            holds = row is not None and row.code_hash is not None and row.code_until > now
            holds = holds and row is not None and row.code_tries < MOST_WRONG
            if row is not None and holds:
                right = hmac.compare_digest(row.code_hash or b"", self._hash(actor, code.strip()))
                row.code_tries += 1
            if row is not None and right:
                row.code_hash, row.verified_at = None, now
                self._log.record(session, actor, "staff.mailbox_proved")
        if not holds:
            raise Conflict("mailbox_code_over")
        if not right:
            raise Invalid("invalid_input", faults=[FieldFault("/code", "wrong", "验证码不正确，请核对邮件后重新填写")])

    def remove(self, actor: Actor) -> None:
        with self._db.transaction() as session:
            session.execute(delete(StaffMailbox).where(StaffMailbox.staff_id == actor.id))
            self._log.record(session, actor, "staff.mailbox_removed")

    def close(self, session: Session, actor: Actor, staff_id: UUID) -> None:
        """Forget the mailbox of somebody who leaves, proved or not, in the caller's transaction."""
        gone = delete(StaffMailbox).where(StaffMailbox.staff_id == staff_id).returning(StaffMailbox.staff_id)
        if session.scalar(gone) is not None:
            self._log.record(session, actor, "staff.mailbox_removed", object_kind="staff", object_id=staff_id)

    def send(self, actor: Actor, subject: str, body: str) -> None:
        """Raises Conflict without a proved mailbox or a mail server, Unavailable."""
        key = self._keys.house()
        with self._db.transaction() as session:
            row = session.get(StaffMailbox, actor.id)
            sealed = row.sealed_address if row is not None and row.verified_at is not None else None
        if sealed is None:
            raise Conflict("mailbox_not_proved")
        self._mail(str(open_json(key, mailbox_place(actor.id), sealed)["address"]), subject, body)

    def _mail(self, address: str, subject: str, body: str) -> None:
        if self._mailer is None:
            raise Conflict("mail_not_configured")
        try:
            self._mailer.send(address, subject, body, message_id=f"<{uuid4().hex}@{self._domain}>")
        except SendFailed as error:
            raise Unavailable("mail_refused", params={"reason": error.reason}) from None

    def _hash(self, actor: Actor, code: str) -> bytes:
        return self._index.of("staff_mailbox", "code", f"{actor.id}:{code}")
