"""Sending again all that a filter of 未送达 shows: how many they are, the press that freezes them, what became of them.

What appears after the press is in no run. Each message goes once, whoever else asks for it meanwhile.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, insert, literal, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database, new_id
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.ports import Clock
from notifications.catalogue.words import notice_for
from notifications.channel_rules import Way
from notifications.models import Notice
from notifications.replays.models import Outcome, ReplayItem, ReplayRun, State
from notifications.sending_again import Refusal, SendingAgain
from notifications.undelivered import SENDERS, WATCHERS, UndeliveredFilter, found_by, require

OBJECT = "replay_run"
LATELY = 5
UNNAMED = "通知"


@dataclass(frozen=True, slots=True)
class Preview:
    """Of what the filter shows now: ``sendable`` by way and kind of notice, the most first; of them ``doubtful`` may
    arrive twice. ``barred`` cannot be sent again: no account or address that can be reached, or cancelled.
    """

    by_kind: Sequence[tuple[Way, str, int]]
    doubtful: int
    barred: int

    @property
    def sendable(self) -> int:
        return sum(count for _, _, count in self.by_kind)


@dataclass(frozen=True, slots=True)
class RunView:
    """``outcomes`` and ``refusals`` count messages; ``ended_at`` and ``stopped_by`` once it is done or was stopped."""

    id: UUID
    wanted: UndeliveredFilter
    double: bool
    state: State
    total: int
    started_by: UUID
    created_at: datetime
    stopped_by: UUID | None
    ended_at: datetime | None
    outcomes: Mapping[Outcome, int]
    refusals: Mapping[Refusal, int]

    @property
    def dealt_with(self) -> int:
        return self.total - self.outcomes.get(Outcome.WAITING, 0)


class ReplayDesk:
    def __init__(self, db: Database, again: SendingAgain, log: EventLog, clock: Clock) -> None:
        self._db, self._again, self._log, self._clock = db, again, log, clock

    def preview(self, actor: Actor, wanted: UndeliveredFilter) -> Preview:
        """Raises Forbidden."""
        require(actor, WATCHERS)
        found = found_by(wanted, self._again.kinds, self._clock.now())
        alike = (found.c.way, found.c.double, found.c.may_go, Notice.event_type, Notice.data, Notice.catalogue_version)
        query = select(*alike, func.count()).join(Notice, Notice.id == found.c.notice_id).group_by(*alike)
        kinds, doubtful, barred = Counter[tuple[Way, str]](), 0, 0
        with self._db.transaction() as session:
            for way, double, may_go, event_type, data, version, count in session.execute(query):
                words = notice_for(event_type, data, version)
                if words is None or not may_go:
                    barred += count
                    continue
                kinds[Way(way), words.title] += count
                doubtful += count if double else 0
        return Preview([(way, title, count) for (way, title), count in kinds.most_common()], doubtful, barred)

    def start(self, actor: Actor, wanted: UndeliveredFilter, *, double_known: bool) -> tuple[UUID, bool]:
        """(the run, whether this press made it): where one for this filter goes on already, that one. What may arrive
        twice is left out unless ``double_known`` is said.

        Raises Forbidden; Invalid('nothing_to_replay'), or Invalid('replay_double_unconfirmed') where everything may
        arrive twice.
        """
        require(actor, SENDERS)
        way = wanted.way.value if wanted.way is not None else ""
        now, number = self._clock.now(), new_id()
        with self._db.transaction() as session:
            made = session.scalar(
                postgresql.insert(ReplayRun)
                .values(
                    id=number,
                    cause=wanted.cause,
                    way=way,
                    double=double_known,
                    state=State.RUNNING,
                    total=0,
                    started_by=actor.id,
                    created_at=now,
                )
                .on_conflict_do_nothing()
                .returning(ReplayRun.id)
            )
            if made is None:
                return self._going_on(session, wanted.cause, way), False
            total = self._freeze(session, number, wanted, double_known=double_known)
            if not total:
                self._refuse(session, wanted)
            session.get_one(ReplayRun, number).total = total
            named: dict[str, Any] = {"cause": wanted.cause, "way": way, "taken": total, "double": double_known}
            self._log.record(session, actor, "replay.started", object_kind=OBJECT, object_id=number, data=named)
        return number, True

    def stop(self, actor: Actor, run_id: UUID) -> None:
        """Nothing more of it is begun once this has returned; what was not dealt with stays listed. Raises Forbidden,
        NotFound('replay_not_found'), Conflict('replay_ended').
        """
        require(actor, SENDERS)
        with self._db.transaction() as session:
            row = session.get(ReplayRun, run_id, with_for_update=True)
            if row is None:
                raise NotFound("replay_not_found")
            if row.state is not State.RUNNING:
                raise Conflict("replay_ended")
            row.state, row.stopped_by, row.ended_at = State.STOPPED, actor.id, self._clock.now()
            record_end(session, self._log, actor, "replay.stopped", row)

    def view(self, actor: Actor, run_id: UUID) -> RunView:
        """Raises Forbidden, NotFound('replay_not_found')."""
        require(actor, WATCHERS)
        with self._db.transaction() as session:
            row = session.get(ReplayRun, run_id)
            if row is None:
                raise NotFound("replay_not_found")
            return _view(session, row)

    def lately(self, actor: Actor) -> Sequence[RunView]:
        """The last ones pressed, and all that go on; the newest first. Raises Forbidden."""
        require(actor, WATCHERS)
        last = select(ReplayRun.id).order_by(ReplayRun.created_at.desc()).limit(LATELY)
        query = select(ReplayRun).where((ReplayRun.state == State.RUNNING) | ReplayRun.id.in_(last))
        with self._db.transaction() as session:
            rows = session.scalars(query.order_by(ReplayRun.created_at.desc()))
            return [_view(session, row) for row in rows]

    def _freeze(self, session: Session, run_id: UUID, wanted: UndeliveredFilter, *, double_known: bool) -> int:
        """How many: chosen and written inside PostgreSQL, as they stand at the press."""
        found = self._sendable(wanted)
        chosen = select(
            literal(run_id), found.c.id, found.c.notice_id, found.c.double, literal(Outcome.WAITING.value), literal("")
        ).where(found.c.may_go)
        if not double_known:
            chosen = chosen.where(~found.c.double)
        columns = ["run_id", "attempt_id", "notice_id", "double", "outcome", "reason"]
        session.execute(insert(ReplayItem).from_select(columns, chosen))
        mine = select(func.count()).select_from(ReplayItem).where(ReplayItem.run_id == run_id)
        return session.scalar(mine) or 0

    def _sendable(self, wanted: UndeliveredFilter) -> Any:
        return found_by(wanted, self._again.kinds, self._clock.now())

    def _refuse(self, session: Session, wanted: UndeliveredFilter) -> None:
        found = self._sendable(wanted)
        if session.scalar(select(found.c.id).where(found.c.may_go).limit(1)) is not None:
            raise Invalid("replay_double_unconfirmed", faults=[FieldFault("/double", "required")])
        raise Invalid("nothing_to_replay")

    @staticmethod
    def _going_on(session: Session, cause: str, way: str) -> UUID:
        """Or the one that has just ended."""
        query: Select[UUID] = select(ReplayRun.id).where(ReplayRun.cause == cause, ReplayRun.way == way)
        return session.scalars(query.order_by(ReplayRun.created_at.desc()).limit(1)).one()


def counts(session: Session, run_id: UUID) -> tuple[Mapping[Outcome, int], Mapping[Refusal, int]]:
    """By outcome, and of those refused by reason."""
    query = select(ReplayItem.outcome, ReplayItem.reason, func.count()).where(ReplayItem.run_id == run_id)
    outcomes, refusals = Counter[Outcome](), Counter[Refusal]()
    for outcome, reason, count in session.execute(query.group_by(ReplayItem.outcome, ReplayItem.reason)):
        outcomes[outcome] += count
        if outcome is Outcome.REFUSED:
            refusals[Refusal(reason)] += count
    return outcomes, refusals


def record_end(session: Session, log: EventLog, actor: Actor, kind: str, row: ReplayRun) -> None:
    """The filter's codes and counts; which messages those were stands beside each."""
    outcomes, _ = counts(session, row.id)
    data = {"cause": row.cause, "way": row.way, **{each.value: outcomes.get(each, 0) for each in Outcome}}
    log.record(session, actor, kind, object_kind=OBJECT, object_id=row.id, data=data)


def _view(session: Session, row: ReplayRun) -> RunView:
    outcomes, refusals = counts(session, row.id)
    return RunView(
        row.id,
        UndeliveredFilter(row.cause, Way(row.way) if row.way else None),
        row.double,
        row.state,
        row.total,
        row.started_by,
        row.created_at,
        row.stopped_by,
        row.ended_at,
        outcomes,
        refusals,
    )
