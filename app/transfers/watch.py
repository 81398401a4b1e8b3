"""The watch over the clocks: what passes its day by itself, and stored days that follow calendar and facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from uuid import UUID

from sqlalchemy import or_, select, update

from app.actors import SYSTEM
from app.db import Database
from app.errors import NotFound, Unavailable
from app.keyring import Keyring
from app.office_time import office_date
from app.ports import Clock
from app.transfers import clocks
from app.transfers.models import Transfer
from app.transfers.rules import OPEN
from app.transfers.states import State
from app.transfers.steps import TransferSteps, clock_facts
from app.working_days.calendar import WorkingDays

BATCH = 200


@dataclass(frozen=True, slots=True)
class Difference:
    """A transfer whose stored day is not the one its facts give."""

    transfer_id: UUID
    stored: date | None
    right: date | None


class TransferWatch:
    def __init__(self, db: Database, keys: Keyring, steps: TransferSteps, calendar: WorkingDays, clock: Clock) -> None:
        self._db, self._keys, self._steps, self._calendar, self._clock = db, keys, steps, calendar, clock

    def by(self, clock: Clock) -> TransferWatch:
        """The same watch by another clock: rehearsals look ahead without waiting for weeks."""
        return TransferWatch(self._db, self._keys, self._steps.by(clock), self._calendar, clock)

    def tick(self) -> int:
        """One round: how many receipts have become overdue and how many days were set right. Again at once: none."""
        return self.press_receipts() + len(self.check(repair=True))

    def press_receipts(self) -> int:
        """Delivered, and the month for the receipt has passed: the edge the clock walks."""
        done = 0
        while True:
            waiting = self._overdue()
            # keys are unwrapped outside the transaction; a transfer that moved meanwhile is simply skipped
            pressed = sum(self._press(transfer_id, owner) for transfer_id, owner in waiting)
            done += pressed
            if len(waiting) < BATCH or not pressed:
                return done

    def check(self, *, repair: bool = False) -> list[Difference]:
        """Every open transfer's stored day against its facts. ``repair`` sets the columns by the facts.

        Locks what differs alone, one at a time: a batch holds many meanwhile, in another order than this one's.
        """
        found: list[Difference] = []
        after = 0
        while True:
            with self._db.transaction() as session:
                rows = session.scalars(
                    select(Transfer)
                    .where(Transfer.serial > after, or_(Transfer.state.in_(OPEN), Transfer.due_on.is_not(None)))
                    .order_by(Transfer.serial)
                    .limit(BATCH)
                ).all()
                suspect = [row.id for row in rows if self._difference(row) is not None]
                if not rows:
                    return found
                after = rows[-1].serial
            found += [one for one in map(partial(self._look_again, repair=repair), suspect) if one is not None]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _overdue(self) -> Sequence[tuple[UUID, UUID]]:
        today = office_date(self._clock.now())
        query = (
            select(Transfer.id, Transfer.graduate_id)
            .where(Transfer.state == State.DELIVERED_UNCONFIRMED, Transfer.due_on < today)
            .order_by(Transfer.serial)
            .limit(BATCH)
        )
        with self._db.transaction() as session:
            return [(i, o) for i, o in session.execute(query)]

    def _press(self, transfer_id: UUID, owner: UUID) -> int:
        try:
            key = self._keys.of(owner)
        except (Unavailable, NotFound):  # for now, or erased
            return 0
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id)
            if row.state is not State.DELIVERED_UNCONFIRMED or row.due_on is None or row.due_on >= today:
                return 0
            self._steps.take(session, SYSTEM, row, key, State.RECEIPT_OVERDUE)
        return 1

    def _right(self, row: Transfer) -> tuple[date | None, clocks.Timer | None]:
        right = clocks.due(clock_facts(row), self._calendar)
        return (None, None) if right is None else (right.on, right.timer)

    def _difference(self, row: Transfer) -> Difference | None:
        on, timer = self._right(row)
        return None if (row.due_on, row.timer) == (on, timer) else Difference(row.id, row.due_on, on)

    def _look_again(self, transfer_id: UUID, *, repair: bool) -> Difference | None:
        """In a transaction of its own, under the lock: it may have moved since it was read."""
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id)
            found = self._difference(row)
            if found is not None and repair:
                on, timer = self._right(row)
                # past the version column: whoever has the transfer open loses nothing by a day set right
                session.execute(update(Transfer).where(Transfer.id == row.id).values(due_on=on, timer=timer))
            return found
