"""Failures in a row and the waits that follow them, kept in PostgreSQL."""

from __future__ import annotations

import hmac

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import Database
from app.errors import RateLimited
from app.ports import Clock
from auth import rules
from auth.models import Lockout


class Lockouts:
    def __init__(self, db: Database, pepper: bytes, clock: Clock) -> None:
        self._db, self._pepper, self._clock = db, pepper, clock

    def _key(self, kind: str, subject: str) -> bytes:
        return hmac.digest(self._pepper, f"lockout|{kind}|{subject}".encode(), "sha256")

    def check(self, kind: str, subject: str) -> None:
        """Raises RateLimited('locked_out') with ``retry_after`` in seconds."""
        with self._db.transaction() as session:
            row = session.get(Lockout, self._key(kind, subject))
        now = self._clock.now()
        if row is not None and row.locked_until is not None and row.locked_until > now:
            raise RateLimited("locked_out", extra={"retry_after": int((row.locked_until - now).total_seconds()) + 1})

    def fail(self, session: Session, kind: str, subject: str) -> int:
        """Count a failure; gives the tries left before the next wait."""
        now = self._clock.now()
        key = self._key(kind, subject)
        row_values = {"key": key, "failures": 1, "updated_at": now}
        failures = session.execute(
            insert(Lockout)
            .values(row_values)
            .on_conflict_do_update(index_elements=["key"], set_={"failures": Lockout.failures + 1, "updated_at": now})
            .returning(Lockout.failures)
        ).scalar_one()
        delay = rules.delay_after(failures)
        if delay is not None:
            row = session.get_one(Lockout, key)
            session.refresh(row)
            row.locked_until = now + delay
            return 0
        return rules.TRIES_BEFORE_DELAY - failures % rules.TRIES_BEFORE_DELAY

    def clear(self, session: Session, kind: str, subject: str) -> None:
        session.execute(delete(Lockout).where(Lockout.key == self._key(kind, subject)))
