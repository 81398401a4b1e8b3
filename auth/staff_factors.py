"""Staff's second factor by one-time password or recovery code, and showing one again for a single act."""

from __future__ import annotations

import hmac
import secrets
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.envelope import open_json
from app.errors import FieldFault, Invalid
from app.events import EventLog
from app.keyring import Keyring
from app.people.models import StaffMember, StaffRecoveryCode
from app.ports import Clock
from auth.lockouts import Lockouts
from auth.places import staff_totp_place
from auth.sessions import SessionService
from auth.totp import matching_step

RECOVERY_CODES = 8
TOTP, RECOVERY_CODE, PASSKEY = "totp", "recovery_code", "passkey"


class StaffFactors:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        sessions: SessionService,
        lockouts: Lockouts,
        pepper: bytes,
        log: EventLog,
        clock: Clock,
    ) -> None:
        self._db, self._keys, self._sessions, self._lockouts = db, keys, sessions, lockouts
        self._pepper, self._log, self._clock = pepper, log, clock

    def second(self, session: Session, staff_id: UUID, shown: str) -> str | None:
        """Which second factor ``shown`` is, spent by this; None if it is none of this person's."""
        if self._totp(session, staff_id, shown):
            return TOTP
        code = session.scalar(
            select(StaffRecoveryCode).where(
                StaffRecoveryCode.staff_id == staff_id,
                StaffRecoveryCode.code_hash == self._code_hash(shown),
                StaffRecoveryCode.used_at.is_(None),
            )
        )
        if code is None:
            return None
        code.used_at = self._clock.now()
        self._log.record(session, Actor(ActorKind.STAFF, staff_id), "staff.recovery_code_used")
        return RECOVERY_CODE

    def step_up(self, actor: Actor, code: str) -> datetime:
        """Show the one-time password again in this session; gives when. A recovery code is for signing in alone.

        Raises Invalid (code_wrong at /fresh_code), RateLimited('locked_out'), Unauthenticated('session_expired').
        """
        subject = str(actor.id)
        self._lockouts.check("staff-step-up", subject)
        with self._db.transaction() as session:
            if self._totp(session, actor.id, code):
                self._lockouts.clear(session, "staff-step-up", subject)
                return self._sessions.show_factor(session, actor, TOTP)
            self._lockouts.fail(session, "staff-step-up", subject)
            self._log.record(session, actor, "staff.step_up_refused")
        raise Invalid("code_wrong", faults=[FieldFault("/fresh_code", "wrong")])

    def new_recovery_codes(self, session: Session, staff_id: UUID) -> tuple[str, ...]:
        """Eight, shown once; the ones before are void."""
        session.execute(delete(StaffRecoveryCode).where(StaffRecoveryCode.staff_id == staff_id))
        codes = tuple(f"{secrets.token_hex(3)}-{secrets.token_hex(3)}".upper() for _ in range(RECOVERY_CODES))
        session.add_all(StaffRecoveryCode(id=new_id(), staff_id=staff_id, code_hash=self._code_hash(c)) for c in codes)
        return codes

    def _totp(self, session: Session, staff_id: UUID, code: str) -> bool:
        row = session.get_one(StaffMember, staff_id, with_for_update=True)
        session.refresh(row)
        if row.sealed_totp is None:
            return False
        secret = open_json(self._keys.house(), staff_totp_place(row.id), row.sealed_totp)["secret"]
        step = matching_step(secret, code, self._clock.now(), row.totp_last_step)
        if step is None:
            return False
        row.totp_last_step = step
        return True

    def _code_hash(self, code: str) -> bytes:
        plain = "".join(c for c in code.upper() if c.isalnum())
        return hmac.digest(self._pepper, b"recovery" + plain.encode(), "sha256")
