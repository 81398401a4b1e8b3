"""Idempotency-Key: the reply is stored in the transaction of the effect, so that a retry finds both or neither.

Follows draft-ietf-httpapi-idempotency-key-header: another body under the same key is refused, a request in flight too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, SmallInteger, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, mapped_column

from app.actors import Actor, ActorKind
from app.db import Base, Database, UtcTime, new_id
from app.envelope import BlindIndex, Place, open_json, seal_json
from app.errors import Conflict, Invalid, PreconditionMissing
from app.keyring import Keyring
from app.ports import Clock

KEEP = timedelta(hours=24)
_FORM = re.compile(r"[A-Za-z0-9_\-]{8,64}")


class StoredReply(Base):
    __tablename__ = "stored_reply"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    scope: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    request_digest: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int | None] = mapped_column(SmallInteger)
    sealed_reply: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any = field(repr=False)
    replayed: bool = False


def check_key(key: str | None) -> str:
    """Raises PreconditionMissing('idempotency_key_required') without one, Invalid for a malformed one."""
    if not key:
        raise PreconditionMissing("idempotency_key_required")
    if not _FORM.fullmatch(key):
        raise Invalid("idempotency_key_malformed")
    return key


class Idempotency:
    def __init__(self, db: Database, keys: Keyring, index: BlindIndex, clock: Clock) -> None:
        self._db, self._keys, self._index, self._clock = db, keys, index, clock

    def run(
        self, actor: Actor, key: str | None, route: str, request: bytes, work: Callable[[], tuple[int, Any]]
    ) -> Reply:
        """Do ``work`` once for (actor, route, key); later calls get the stored reply.

        Raises PreconditionMissing without a key, Invalid for a malformed one, Conflict('idempotency_key_reused') for
        another body, Conflict('busy') while the first request is still under way. ``work`` gives (status, JSON body).
        """
        key = check_key(key)
        scope = hashlib.sha256(actor.id.bytes + b"|" + route.encode() + b"|" + key.encode()).digest()
        # a body may be one student number among few: without the key whoever reads the table could try them all
        digest = self._index.of("stored_reply", "request_digest", hashlib.sha256(request).hexdigest())
        # a machine has no key of its own, nor has an account that stands for no graduate
        keyless = actor.kind is ActorKind.PARTNER or actor.id == actor.identity_id
        data_key = self._keys.house() if keyless else self._keys.of(actor.id)
        with self._db.transaction() as session:
            row_id = new_id()
            # a second request waits here for the first one's commit, or for the lock timeout
            made = session.execute(
                insert(StoredReply)
                .values(id=row_id, scope=scope, request_digest=digest, created_at=self._clock.now())
                .on_conflict_do_nothing(index_elements=["scope"])
                .returning(StoredReply.id)
            ).scalar()
            if made is None:
                row = session.scalars(select(StoredReply).where(StoredReply.scope == scope)).one()
                if row.request_digest != digest:
                    raise Conflict("idempotency_key_reused")
                if row.sealed_reply is None or row.status is None:
                    raise Conflict("busy")
                body = open_json(data_key, Place("stored_reply", "sealed_reply", row.id), row.sealed_reply)
                return Reply(row.status, body["body"], replayed=True)
            status, body = work()
            row = session.get_one(StoredReply, row_id)
            row.status = status
            row.sealed_reply = seal_json(data_key, Place("stored_reply", "sealed_reply", row_id), {"body": body})
            return Reply(status, body)

    def sweep(self) -> int:
        """Forget replies older than KEEP; gives how many. Run by the worker's housekeeping."""
        with self._db.transaction() as session:
            result = session.execute(delete(StoredReply).where(StoredReply.created_at < self._clock.now() - KEEP))
            return int(getattr(result, "rowcount", 0))
