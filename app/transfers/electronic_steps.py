"""The one way an electronic leg moves: by an edge of the rule book, with its event, in the caller's transaction."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.errors import Conflict
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.office_time import office_date
from app.ports import Clock
from app.transfers import electronic_clocks as clocks
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_rules import IN_THE_MAKING, LEG_LABELS, NOT_FOR_IT, By, Leg, step
from app.transfers.models import Transfer
from app.transfers.states import State
from app.working_days.calendar import WorkingDays

MOVED = "electronic.moved"
PACK_ORDERED, PUSH_ORDERED = "electronic.pack_ordered", "electronic.push_ordered"
"""Staff have a package tried anew that was kept back."""


class ElectronicSteps:
    def __init__(self, log: EventLog, queue: JobQueue, clock: Clock, calendar: WorkingDays) -> None:
        self._log, self._queue, self._clock, self._calendar = log, queue, clock, calendar

    @staticmethod
    def locked(session: Session, leg_id: UUID) -> ElectronicLeg | None:
        """The row, held until the transaction ends and as it is now, whatever the session has seen before."""
        query = select(ElectronicLeg).where(ElectronicLeg.id == leg_id).with_for_update()
        return session.scalar(query.execution_options(populate_existing=True))

    def take(self, session: Session, actor: Actor, row: ElectronicLeg, target: Leg, by: By) -> None:
        """Raises Conflict('electronic_move') when no edge leads there for whoever asks."""
        if step(row.state, target, by) is None:
            raise Conflict("electronic_move", params={"state": LEG_LABELS[row.state]})
        row.state, row.moved_at, row.push_due_at = target, self._clock.now(), None
        self.eased(session, row)
        self.record(session, actor, row)

    def keep_trouble(self, session: Session, row: ElectronicLeg, code: str, *, again: datetime | None = None) -> None:
        """What keeps the package back, by its code; staff must mend it where nothing is tried ``again``. The days for
        that run from the first time, however often it is tried anew.
        """
        row.trouble, row.push_due_at = code[:40], again
        if again is None:
            row.trouble_at = row.trouble_at or self._clock.now()
        self.reckon(session, row)

    def eased(self, session: Session, row: ElectronicLeg) -> None:
        """Nothing keeps it back any more."""
        row.trouble = row.trouble_at = None
        self.reckon(session, row)

    def tried_anew(self, session: Session, actor: Actor, row: ElectronicLeg, order: str) -> None:
        """Staff have ordered another try, which is kept as an event; whether it helps is yet to be seen."""
        row.trouble = None
        self._log.record(
            session,
            actor,
            order,
            graduate_id=row.graduate_id,
            object_kind="electronic_leg",
            object_id=row.id,
            data={"transfer": str(row.transfer_id), "attempt": row.attempt},
        )

    def reckon(self, session: Session, row: ElectronicLeg) -> None:
        """The clock that runs now, stored so that lists can be filtered. The row is its transfer's latest attempt."""
        paper = session.scalars(select(Transfer.state).where(Transfer.id == row.transfer_id)).one()
        row.due_on, row.timer = self.right(row, paper, latest=True)

    def right(self, row: ElectronicLeg, paper: State, *, latest: bool) -> tuple[date | None, clocks.LegTimer | None]:
        """The due day and its clock by the facts of the leg."""
        found = clocks.due(leg_facts(row, paper, latest=latest), self._calendar)
        return (None, None) if found is None else (found.on, found.timer)

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


def leg_facts(row: ElectronicLeg, paper: State, *, latest: bool) -> clocks.LegFacts:
    """What the clock of a leg runs by, in office days."""
    return clocks.LegFacts(
        row.state,
        paper,
        office_date(row.moved_at),
        office_date(row.acked_at) if row.acked_at is not None else None,
        office_date(row.trouble_at) if row.trouble_at is not None else None,
        latest,
        row.trouble in NOT_FOR_IT,
    )
