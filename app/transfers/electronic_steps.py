"""The one way an electronic leg moves: by an edge of the rule book, with its event, in the caller's transaction."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.errors import Conflict
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.ports import Clock
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import IN_THE_MAKING, LEG_LABELS, By, Leg, step

MOVED = "electronic.moved"


class ElectronicSteps:
    def __init__(self, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._log, self._queue, self._clock = log, queue, clock

    @staticmethod
    def locked(session: Session, leg_id: UUID) -> ElectronicLeg | None:
        """The row, held until the transaction ends and as it is now, whatever the session has seen before."""
        query = select(ElectronicLeg).where(ElectronicLeg.id == leg_id).with_for_update()
        return session.scalar(query.execution_options(populate_existing=True))

    def take(self, session: Session, actor: Actor, row: ElectronicLeg, target: Leg, by: By) -> None:
        """Raises Conflict('electronic_move') when no edge leads there for whoever asks."""
        if step(row.state, target, by) is None:
            raise Conflict("electronic_move", params={"state": LEG_LABELS[row.state]})
        row.state, row.moved_at, row.trouble = target, self._clock.now(), None
        self.record(session, actor, row)

    def record(self, session: Session, actor: Actor, row: ElectronicLeg) -> None:
        session.flush()
        event_id = self._log.record(
            session,
            actor,
            MOVED,
            graduate_id=row.graduate_id,
            object_kind="electronic_leg",
            object_id=row.id,
            data={"state": row.state.value, "transfer": str(row.transfer_id), "attempt": row.attempt},
        )
        # what happens inside the house is no news to the graduate
        if row.state not in IN_THE_MAKING:
            self._queue.enqueue(session, Announce(event_id))
