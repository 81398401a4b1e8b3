"""The watch over the clocks of electronic legs: stored days follow calendar and facts, and delays are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import partial
from uuid import UUID

from sqlalchemy import and_, exists, or_, select, update
from sqlalchemy.orm import aliased

from app.actors import SYSTEM
from app.db import Database
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.office_time import office_date
from app.ports import Clock
from app.transfers.electronic_address import Addressee
from app.transfers.electronic_clocks import OF_THE_RECEIVER, TIMER_OF
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import NOT_FOR_IT, PACKABLE, Leg
from app.transfers.electronic_steps import ElectronicSteps
from app.transfers.models import Transfer
from app.transfers.states import State

BATCH = 200
OVERDUE = "electronic.overdue"
_LATER = aliased(ElectronicLeg)
_GONE = exists().where(_LATER.transfer_id == ElectronicLeg.transfer_id, _LATER.attempt > ElectronicLeg.attempt)
CLOCKED = (
    select(ElectronicLeg, Transfer.state, _GONE)
    .join(Transfer, Transfer.id == ElectronicLeg.transfer_id)
    .where(
        or_(
            ElectronicLeg.state.in_(sorted(set(TIMER_OF) - {Leg.REJECTED})),
            and_(ElectronicLeg.state == Leg.REJECTED, ~_GONE, Transfer.state.in_(sorted(PACKABLE))),
            ElectronicLeg.due_on.is_not(None),
        )
    )
)
"""Legs whose clock runs, or is stored as running, the state of their paper, and whether there is a later attempt."""


@dataclass(frozen=True, slots=True)
class LegDifference:
    """A leg whose stored day is not the one its facts give."""

    leg_id: UUID
    stored: date | None
    right: date | None


class ElectronicWatch:
    def __init__(
        self,
        db: Database,
        steps: ElectronicSteps,
        addressee: Addressee,
        log: EventLog,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._steps, self._addressee = db, steps, addressee
        self._log, self._queue, self._clock = log, queue, clock

    def tick(self) -> int:
        """One round: how many packages were eased, days set right and delays told. Again at once: none."""
        return self.ease() + len(self.check(repair=True)) + self.tell()

    def ease(self) -> int:
        """What its receiver may fetch again waits for it as before. What is pushed, staff have pushed again."""
        query = (
            select(ElectronicLeg.id)
            .where(
                ElectronicLeg.state == Leg.SUBMITTED,
                ElectronicLeg.trouble.in_(NOT_FOR_IT),
                ElectronicLeg.push_url.is_(None),
            )
            .order_by(ElectronicLeg.serial)
        )
        with self._db.transaction() as session:
            kept = session.scalars(query).all()
        return sum(map(self._eased, kept))

    def check(self, *, repair: bool = False) -> list[LegDifference]:
        """Every leg with a clock, its stored day against its facts. ``repair`` sets the columns by the facts.

        Locks what differs alone, one at a time: nobody who is at a leg is waited for, or waits, while its day is right.
        """
        found: list[LegDifference] = []
        after = 0
        while True:
            with self._db.transaction() as session:
                query = CLOCKED.where(ElectronicLeg.serial > after).order_by(ElectronicLeg.serial).limit(BATCH)
                rows = session.execute(query).all()
                suspect = [leg.id for leg, paper, gone in rows if self._difference(leg, paper, latest=not gone)]
            if not rows:
                return found
            after = rows[-1][0].serial
            found += [one for one in map(partial(self._look_again, repair=repair), suspect) if one is not None]

    def tell(self) -> int:
        """The graduate is told once of each clock of the receiver's that has passed its day; gives how often."""
        today = office_date(self._clock.now())
        query = (
            select(ElectronicLeg.id)
            .where(
                ElectronicLeg.due_on < today,
                ElectronicLeg.timer.in_(list(OF_THE_RECEIVER)),
                ElectronicLeg.late_told.is_distinct_from(ElectronicLeg.timer),
            )
            .order_by(ElectronicLeg.serial)
            .limit(BATCH)
        )
        told = 0
        while True:
            with self._db.transaction() as session:
                late = session.scalars(query).all()
            # what moved meanwhile is simply skipped
            now_told = sum(self._tell(leg_id, today) for leg_id in late)
            told += now_told
            if len(late) < BATCH or not now_told:
                return told

    # --- inside -------------------------------------------------------------------------------------------------------

    def _difference(self, row: ElectronicLeg, paper: State, *, latest: bool) -> LegDifference | None:
        on, timer = self._steps.right(row, paper, latest=latest)
        return None if (row.due_on, row.timer) == (on, timer) else LegDifference(row.id, row.due_on, on)

    def _look_again(self, leg_id: UUID, *, repair: bool) -> LegDifference | None:
        """In a transaction of its own, under the lock: it may have moved since it was read."""
        with self._db.transaction() as session:
            row = self._steps.locked(session, leg_id)
            facts = session.execute(CLOCKED.where(ElectronicLeg.id == leg_id)).one_or_none()
            if row is None or facts is None:
                return None
            _, paper, gone = facts
            found = self._difference(row, paper, latest=not gone)
            if found is not None and repair:
                on, timer = self._steps.right(row, paper, latest=not gone)
                # past the version column: whoever is at the leg loses nothing by a day set right
                session.execute(update(ElectronicLeg).where(ElectronicLeg.id == row.id).values(due_on=on, timer=timer))
            return found

    def _eased(self, leg_id: UUID) -> bool:
        with self._db.transaction() as session:
            return self._addressee.judged(session, leg_id) is None

    def _tell(self, leg_id: UUID, today: date) -> bool:
        with self._db.transaction() as session:
            row = self._steps.locked(session, leg_id)
            if row is None or row.due_on is None or row.due_on >= today:
                return False
            if row.timer is None or row.timer is row.late_told:
                return False
            row.late_told = row.timer
            event_id = self._log.record(
                session,
                SYSTEM,
                OVERDUE,
                graduate_id=row.graduate_id,
                object_kind="electronic_leg",
                object_id=row.id,
                data={"timer": row.timer.value, "transfer": str(row.transfer_id), "attempt": row.attempt},
            )
            self._queue.enqueue(session, Announce(event_id))
        return True
