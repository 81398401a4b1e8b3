"""The worker's side: slices of a run are sent again, at the pace that campaigns have, and not in the quiet hours.

A slice is one transaction: the locks of its notices, what follows each attempt, the jobs, and what became of each item.
Whatever is killed, what was committed is not sent another time, and the rest goes on with anybody's next beat.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, exists, select, tuple_
from sqlalchemy.orm import Session

from app.actors import SYSTEM, Actor, ActorKind
from app.db import Database
from app.events import EventLog
from app.ports import Clock
from notifications.campaigns.pacing import Pace, Slices
from notifications.channel_rules import QuietHours
from notifications.replays.desk import record_end
from notifications.replays.models import Outcome, ReplayItem, ReplayRun, State
from notifications.sending_again import SendingAgain

KEEP = timedelta(days=90)
SWEPT = 5_000


class ReplaySending(Slices):
    def __init__(
        self, db: Database, again: SendingAgain, log: EventLog, clock: Clock, per_second: int, quiet: QuietHours
    ) -> None:
        """``per_second``: notices in a second, of campaigns and of these together."""
        super().__init__(clock, quiet)
        self._db, self._again, self._log = db, again, log
        self._pace = Pace(per_second)

    def _slice(self) -> int:
        """Of the run that waited longest and that no other worker is at."""
        query = select(ReplayRun).where(ReplayRun.state == State.RUNNING)
        query = query.order_by(ReplayRun.sliced_at.nulls_first(), ReplayRun.created_at).limit(1)
        with self._db.transaction() as session:
            row = session.scalar(query.with_for_update(skip_locked=True))
            if row is None:
                return 0
            now = self._clock.now()
            allowed = self._pace.draw(session, now)
            if not allowed:
                return 0
            notices = self._next(session, row.id, allowed)
            done, sent = self._send(session, row, notices) if notices else (0, 0)
            # what was not sent costs nobody anything
            self._pace.pay_back(session, allowed - sent)
            row.sliced_at = now
            if len(notices) < allowed:
                row.state, row.ended_at = State.DONE, now
                session.flush()
                record_end(session, self._log, SYSTEM, "replay.done", row)
            return done

    @staticmethod
    def _next(session: Session, run_id: UUID, limit: int) -> Sequence[UUID]:
        """Whole notices, in the order of ids: of each only one way is sent again."""
        waiting = select(ReplayItem.notice_id).where(ReplayItem.run_id == run_id, ReplayItem.outcome == Outcome.WAITING)
        return session.scalars(waiting.distinct().order_by(ReplayItem.notice_id).limit(limit)).all()

    def _send(self, session: Session, row: ReplayRun, notices: Sequence[UUID]) -> tuple[int, int]:
        """(how many messages were dealt with, of how many notices something was sent)."""
        mine = select(ReplayItem).where(ReplayItem.run_id == row.id, ReplayItem.outcome == Outcome.WAITING)
        items = session.scalars(mine.where(ReplayItem.notice_id.in_(notices))).all()
        chosen = self._again.locked(
            session, [item.attempt_id for item in items], doubles={i.attempt_id for i in items if i.double}
        )
        self._again.send(session, Actor(ActorKind.STAFF, row.started_by), chosen, bulk=True, run=str(row.id))
        sent = {found.row.id for found in chosen.sent}
        for item in items:
            refusal = chosen.refused.get(item.attempt_id)
            if item.attempt_id in sent:
                item.outcome = Outcome.AGAIN
            elif refusal is not None:
                item.outcome, item.reason = Outcome.REFUSED, refusal.value
            else:
                item.outcome = Outcome.SETTLED
        return len(items), len({found.notice.id for found in chosen.sent})

    def sweep(self) -> int:
        """Forget runs that ended longer ago than KEEP, SWEPT messages at most; how many. The log has the counts, and
        what was sent again.
        """
        old = select(ReplayRun.id).where(ReplayRun.ended_at < self._clock.now() - KEEP)
        gone = select(ReplayItem.run_id, ReplayItem.attempt_id).where(ReplayItem.run_id.in_(old)).limit(SWEPT)
        with self._db.transaction() as session:
            done = session.execute(delete(ReplayItem).where(tuple_(ReplayItem.run_id, ReplayItem.attempt_id).in_(gone)))
            # another worker may have forgotten the same ones a moment ago: that none were left says nothing of the rest
            emptied = ~exists().where(ReplayItem.run_id == ReplayRun.id)
            session.execute(delete(ReplayRun).where(ReplayRun.id.in_(old), emptied))
            return int(getattr(done, "rowcount", 0))
