"""Work that nobody is at any more, asked for once more: the last net under batches, packings and pushes.

Their jobs are committed with the change that wants them and taken up again when a worker dies. Two ways remain: a queue
gives up in the end, and a worker that was taken for dead may die after another one has left the work to it.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from app.db import Database
from app.events import Event
from app.jobs import DispatchWork, Job, JobQueue, PackElectronic, PushElectronic
from app.ports import Clock
from app.transfers import electronic_rules as rules
from app.transfers.batch_models import BatchState, DispatchBatch, DispatchItem
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import Leg
from app.transfers.electronic_steps import PACK_ORDERED

QUIET = timedelta(minutes=20)
AT_ONCE = 50


class LeftWork:
    def __init__(self, db: Database, queue: JobQueue, clock: Clock) -> None:
        self._db, self._queue, self._clock = db, queue, clock

    def resume(self) -> int:
        """Gives how many jobs were made. One too many does no harm: each looks first whether anything is left to do and
        whether another worker is at it. What waits for staff (a leg's trouble) is left to them.
        """
        quiet = self._clock.now() - QUIET
        with self._db.transaction() as session:
            jobs = [*self._batches(session, quiet), *self._packings(session, quiet), *self._pushes(session, quiet)]
            for job in jobs:
                self._queue.enqueue(session, job)
        return len(jobs)

    @staticmethod
    def _batches(session: Session, quiet: datetime) -> list[Job]:
        moved = select(func.max(DispatchItem.at)).where(DispatchItem.batch_id == DispatchBatch.id).scalar_subquery()
        running = select(DispatchBatch.id).where(DispatchBatch.state == BatchState.RUNNING, moved < quiet)
        return [DispatchWork(batch_id) for batch_id in session.scalars(running)]

    @staticmethod
    def _packings(session: Session, quiet: datetime) -> list[Job]:
        ordered = exists().where(
            Event.object_kind == "electronic_leg",
            Event.object_id == ElectronicLeg.id,
            Event.type == PACK_ORDERED,
            Event.at >= quiet,
        )
        query = select(ElectronicLeg.id).where(
            ElectronicLeg.state.in_(rules.IN_THE_MAKING),
            ElectronicLeg.trouble.is_(None),
            ElectronicLeg.moved_at < quiet,
            ~ordered,
        )
        return [PackElectronic(leg) for leg in session.scalars(query.order_by(ElectronicLeg.moved_at).limit(AT_ONCE))]

    @staticmethod
    def _pushes(session: Session, quiet: datetime) -> list[Job]:
        query = select(ElectronicLeg.id).where(
            # first tries and later ones alike; without a day nothing is to be tried any more
            ElectronicLeg.state == Leg.SUBMITTED,
            ElectronicLeg.push_due_at < quiet,
        )
        return [
            PushElectronic(leg) for leg in session.scalars(query.order_by(ElectronicLeg.push_due_at).limit(AT_ONCE))
        ]
