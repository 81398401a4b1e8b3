"""The end of a hold: the graduate is told before and at it, the staff hear how many ended, and the desk asks again.

At the end the dossier goes to the public body of the 户籍地 (2-domain section 3; 人社厅发〔2023〕20 号).
Where that is, the graduate says, or the desk judges: nothing is sent by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind
from app.db import Database
from app.errors import Conflict, Forbidden, NotFound
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.office_time import office_date
from app.ports import Clock
from app.transfers import clocks
from app.transfers.clocks import HoldStage
from app.transfers.models import Transfer
from app.transfers.service import MOVER_ROLES, READER_ROLES
from app.transfers.states import State
from app.transfers.steps import TransferSteps

TOLD, ENDED = "transfer.hold_ending", "transfer.holds_ended"
BATCH = 200
ORDER = {stage: n for n, stage in enumerate(HoldStage)}
AHEAD = clocks.TIMERS[clocks.Timer.HOLD].ahead


@dataclass(frozen=True, slots=True)
class HoldTold:
    """One notice of the end. ``staff_id`` is None where the clock sent it."""

    at: datetime
    stage: HoldStage
    staff_id: UUID | None


@dataclass(frozen=True, slots=True)
class HoldView:
    """A hold in its last three months, or past its end. ``receiver_id`` is where it was to go afterwards, as it was
    registered; ``told``: oldest first; ``may_ask``: not asked today.
    """

    transfer_id: UUID
    kept_until: date
    stage: HoldStage
    receiver_id: UUID | None
    told: Sequence[HoldTold]
    may_ask: bool


class HoldWatch:
    def __init__(self, db: Database, steps: TransferSteps, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._db, self._steps, self._log, self._queue, self._clock = db, steps, log, queue, clock

    def by(self, clock: Clock) -> HoldWatch:
        """The same watch by another clock: rehearsals look ahead without waiting for months."""
        return HoldWatch(self._db, self._steps.by(clock), self._log, self._queue, clock)

    def tick(self) -> int:
        """One round; how many graduates were told. Again at once: none. A stage missed meanwhile is left out.

        The staff hear with the first end of a round how many there are, in one transaction: a round that breaks off has
        told them. A transfer that is locked too long is left to the next round, and counted there again.
        """
        told = ended = after = 0
        while True:
            found = self._near(after)
            for _, transfer_id in found:
                try:
                    stage = self._tell(transfer_id, first=not ended)
                except Conflict:
                    continue
                told += stage is not None
                ended += stage is HoldStage.OVER
            if len(found) < BATCH:
                return told
            after = found[-1][0]

    # --- inside -------------------------------------------------------------------------------------------------------

    def _near(self, after: int) -> Sequence[tuple[int, UUID]]:
        horizon = clocks.months_after(office_date(self._clock.now()), AHEAD)
        query = (
            select(Transfer.serial, Transfer.id)
            .where(
                Transfer.serial > after,
                Transfer.state == State.HELD_AT_SCHOOL,
                Transfer.kept_until <= horizon,
                or_(Transfer.hold_told.is_(None), Transfer.hold_told != HoldStage.OVER),
            )
            .order_by(Transfer.serial)
            .limit(BATCH)
        )
        with self._db.transaction() as session:
            return [(serial, transfer_id) for serial, transfer_id in session.execute(query)]

    def _tell(self, transfer_id: UUID, *, first: bool) -> HoldStage | None:
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id)
            stage = stage_of(row, office_date(self._clock.now()))
            if stage is None or (row.hold_told is not None and ORDER[stage] <= ORDER[row.hold_told]):
                return None  # also where the clock was set back: what was told is not told again
            if first and stage is HoldStage.OVER:
                self._announce(session)
            # past the version column: whoever has the transfer open loses nothing by a notice
            session.execute(update(Transfer).where(Transfer.id == row.id).values(hold_told=stage))
            _record(session, self._steps, SYSTEM, row, stage)
            return stage

    def _announce(self, session: Session) -> None:
        """How many have ended and not been told of; before the first of them is."""
        count = session.scalar(
            select(func.count()).where(
                Transfer.state == State.HELD_AT_SCHOOL,
                Transfer.kept_until < office_date(self._clock.now()),
                Transfer.hold_told.is_distinct_from(HoldStage.OVER),
            )
        )
        self._queue.enqueue(session, Announce(self._log.record(session, SYSTEM, ENDED, data={"count": count})))


class HoldDesk:
    """The guided step of the transfer's page."""

    def __init__(self, db: Database, steps: TransferSteps, log: EventLog, clock: Clock) -> None:
        self._db, self._steps, self._log, self._clock = db, steps, log, clock

    def of_graduate(self, actor: Actor, graduate_id: UUID) -> HoldView | None:
        """None while nothing presses. Raises Forbidden."""
        _require(actor, READER_ROLES)
        query = select(Transfer).where(Transfer.graduate_id == graduate_id, Transfer.state == State.HELD_AT_SCHOOL)
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            row = session.scalar(query)
            stage = None if row is None else stage_of(row, today)
            if row is None or row.kept_until is None or stage is None:
                return None
            told = self._told(session, row.id)
            return HoldView(row.id, row.kept_until, stage, row.receiver_id, told, not _asked_on(told, today))

    def ask(self, actor: Actor, graduate_id: UUID, transfer_id: UUID) -> None:
        """Sends the notice once more, once a day. Raises Conflict('not_held', 'hold_goes_on', 'asked_today'), NotFound,
        Forbidden.
        """
        _require(actor, MOVER_ROLES)
        today = office_date(self._clock.now())
        with self._db.transaction() as session:
            row = self._steps.locked(session, transfer_id)
            if row.graduate_id != graduate_id:
                raise NotFound("transfer_not_found")
            if row.state is not State.HELD_AT_SCHOOL:
                raise Conflict("not_held")
            stage = stage_of(row, today)
            if stage is None:
                raise Conflict("hold_goes_on")
            if _asked_on(self._told(session, row.id), today):
                raise Conflict("asked_today")
            _record(session, self._steps, actor, row, stage)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _told(self, session: Session, transfer_id: UUID) -> list[HoldTold]:
        """Of the present hold alone: every step since ends what was told before."""
        found: list[HoldTold] = []
        for event in self._log.of_object(session, "transfer", transfer_id):
            if event.type == TOLD:
                staff = event.actor_id if event.actor_kind is ActorKind.STAFF else None
                found.append(HoldTold(event.at, HoldStage(event.data["stage"]), staff))
            elif event.type == "transfer.moved":
                found.clear()
        return found


def stage_of(row: Transfer, today: date) -> HoldStage | None:
    if row.state is not State.HELD_AT_SCHOOL or row.kept_until is None:
        return None
    return clocks.hold_stage(row.kept_until, today)


def _asked_on(told: Sequence[HoldTold], today: date) -> bool:
    return any(t.staff_id is not None and office_date(t.at) == today for t in told)


def _record(session: Session, steps: TransferSteps, actor: Actor, row: Transfer, stage: HoldStage) -> None:
    until = "" if row.kept_until is None else row.kept_until.isoformat()
    steps.record(session, actor, row, TOLD, stage=stage.value, kept_until=until)


def _require(actor: Actor, roles: Sequence[object]) -> None:
    if actor.kind is not ActorKind.STAFF or not actor.roles.intersection(roles):
        raise Forbidden("role_required")
