"""One message at a time per account, over all workers: WeChat answers 43108 to two at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy import func, literal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from notifications.channel_models import SendTurn

T = TypeVar("T")
LEASE = timedelta(seconds=20)  # longer than any call takes: whoever holds an older turn or attempt is gone
SPACING = timedelta(milliseconds=200)
PATIENCE_S, LOOK_S = 3.0, 0.05
LATER = timedelta(seconds=2)


class Busy(Exception):
    """The turn did not come in time; nothing was begun."""


class Turns:
    """Goes by the database's clock, which all workers share."""

    def take(self, session: Session, identity_id: UUID) -> None:
        """In the transaction that begins an attempt. Raises Busy, which undoes the transaction."""
        now = func.clock_timestamp()
        taken = session.scalar(
            insert(SendTurn)
            .values(identity_id=identity_id, free_at=now + literal(LEASE))
            .on_conflict_do_update(
                index_elements=["identity_id"],
                set_={"free_at": now + literal(LEASE)},
                where=SendTurn.free_at <= now,
            )
            .returning(SendTurn.identity_id)
        )
        if taken is None:
            raise Busy

    def give_back(self, session: Session, identity_id: UUID) -> None:
        """In the transaction that settles the attempt; the next one waits a moment longer."""
        free_at = func.clock_timestamp() + literal(SPACING)
        session.execute(
            insert(SendTurn)
            .values(identity_id=identity_id, free_at=free_at)
            .on_conflict_do_update(index_elements=["identity_id"], set_={"free_at": free_at})
        )

    @staticmethod
    def in_turn(begin: Callable[[], T], sleep: Callable[[float], None] = time.sleep) -> T:
        """``begin`` as soon as its turn has come. Raises Busy after three seconds."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return begin()
            except Busy:
                if time.monotonic() > deadline:
                    raise
            sleep(LOOK_S)
