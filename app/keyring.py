"""Data keys: one per graduate (and one for the house), wrapped by the key-encryption key outside the database.

Erasing an owner is destroying the wrapped key.
Wrapped keys have a table of their own so that they can be backed up apart.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import LargeBinary, SmallInteger, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base, Database, UtcTime
from app.envelope import HOUSE, DataKey
from app.errors import NotFound
from app.ports import Clock, KeyWrapper

CACHE_SECONDS = 60.0
CACHE_SIZE = 2048


class WrappedKey(Base):
    __tablename__ = "data_key"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(SmallInteger, default=1)
    kek_version: Mapped[int] = mapped_column(SmallInteger)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)


def _aad(owner: UUID, version: int) -> bytes:
    return b"data_key" + owner.bytes + version.to_bytes(2, "big")


class Keyring:
    """Unwraps before a transaction opens (the wrapper may be a remote KMS) and remembers for a minute at most."""

    def __init__(self, db: Database, wrapper: KeyWrapper, clock: Clock, suite: str = "aes-256-gcm") -> None:
        self._db, self._wrapper, self._clock, self._suite = db, wrapper, clock, suite
        self._cache: OrderedDict[UUID, tuple[float, DataKey]] = OrderedDict()
        self._lock = threading.Lock()

    def new(self, owner: UUID) -> tuple[DataKey, WrappedKey]:
        """A fresh key and the row to add in the caller's transaction."""
        key, values = self.new_values(owner)
        return key, WrappedKey(**values)

    def new_values(self, owner: UUID) -> tuple[DataKey, dict[str, Any]]:
        """The same as plain values, for a cohort that is copied in."""
        material = os.urandom(32)
        kek_version, wrapped = self._wrapper.wrap(material, _aad(owner, 1))
        values = {
            "owner_id": owner,
            "version": 1,
            "kek_version": kek_version,
            "wrapped": wrapped,
            "created_at": self._clock.now(),
        }
        return DataKey(owner, 1, material, self._suite), values

    def of(self, owner: UUID) -> DataKey:
        """The owner's key. Call it before opening the transaction. Raises NotFound once erased."""
        with self._lock:
            held = self._cache.get(owner)
            if held is not None and held[0] > time.monotonic():
                self._cache.move_to_end(owner)
                return held[1]
        with self._db.transaction() as session:
            row = session.get(WrappedKey, owner)
        if row is None:
            raise NotFound("data_key_absent")
        key = self._unwrap(row)
        self._remember({owner: key})
        return key

    def many(self, session: Session, owners: list[UUID]) -> dict[UUID, DataKey]:
        """Keys of several owners, always in one query: the time it takes must not tell who is remembered."""
        rows = session.scalars(select(WrappedKey).where(WrappedKey.owner_id.in_(owners)))
        return {row.owner_id: self._unwrap(row) for row in rows}

    def for_list(self, session: Session, owners: list[UUID]) -> dict[UUID, DataKey]:
        """The same for a list that staff look at, in no query when all are remembered."""
        now = time.monotonic()
        with self._lock:
            held = {o: self._cache[o] for o in owners if o in self._cache}
        found = {owner: key for owner, (until, key) in held.items() if until > now}
        if missing := [owner for owner in owners if owner not in found]:
            fresh = self.many(session, missing)
            self._remember(fresh)
            found |= fresh
        return found

    def _remember(self, keys: Mapping[UUID, DataKey]) -> None:
        until = time.monotonic() + CACHE_SECONDS
        with self._lock:
            for owner, key in keys.items():
                self._cache[owner] = (until, key)
            while len(self._cache) > CACHE_SIZE:
                self._cache.popitem(last=False)

    def _unwrap(self, row: WrappedKey) -> DataKey:
        material = self._wrapper.unwrap(row.kek_version, row.wrapped, _aad(row.owner_id, row.version))
        return DataKey(row.owner_id, row.version, material, self._suite)

    def house(self) -> DataKey:
        """The key of values that belong to no graduate; made on first use, safely under races."""
        try:
            return self.of(HOUSE)
        except NotFound:
            _, row = self.new(HOUSE)
            values = {c.name: getattr(row, c.name) for c in WrappedKey.__table__.columns}
            with self._db.transaction() as session:
                session.execute(insert(WrappedKey).values(values).on_conflict_do_nothing())
            return self.of(HOUSE)
