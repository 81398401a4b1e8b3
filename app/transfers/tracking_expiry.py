"""Before a carrier forgets: every trace still open gets a last capture in its eleventh month, or somebody hears of it.

EMS keeps a trace for one year (2-domain section 3); what is not stored by then cannot be proved any more.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import CursorResult, and_, or_, select, update

from app.actors import SYSTEM
from app.db import Database
from app.events import EventLog
from app.jobs import Announce, JobQueue
from app.ports import Clock
from app.transfers.tracking_models import TrackingWatch
from app.transfers.tracking_rules import KEPT_FOR, Finding, forced_before

ALARM = "transfer.trace_alarm"
NOT_EVEN_ASKED = timedelta(days=1)
"""After this the missing capture is reported even though no question was tried: workers or settings are wrong."""

BATCH = 500


class TraceExpiry:
    def __init__(self, db: Database, log: EventLog, queue: JobQueue, clock: Clock) -> None:
        self._db, self._log, self._queue, self._clock = db, log, queue, clock

    def tick(self) -> int:
        """One round; how many alarms. Again at once: none."""
        self.force()
        raised = self.alarm()
        self.retire()
        return raised

    def force(self) -> int:
        """Orders the last capture of what was handed over eleven months ago and is still followed or never captured."""
        now = self._clock.now()
        open_still = or_(TrackingWatch.captured_at.is_(None), TrackingWatch.next_poll_at.is_not(None))
        statement = (
            update(TrackingWatch)
            .where(
                TrackingWatch.handed_at <= forced_before(now),
                TrackingWatch.handed_at > now - KEPT_FOR,
                TrackingWatch.forced_at.is_(None),
                open_still,
            )
            .values(forced_at=now, next_poll_at=now)
        )
        with self._db.transaction() as session:
            done = session.execute(statement)
            assert isinstance(done, CursorResult)
            return int(done.rowcount)

    def alarm(self) -> int:
        """Reports, once each, the traces whose last capture failed: on the list, and in one line to the group."""
        now = self._clock.now()
        tried = or_(
            TrackingWatch.last_polled_at >= TrackingWatch.forced_at, TrackingWatch.forced_at < now - NOT_EVEN_ASKED
        )
        missing = or_(TrackingWatch.captured_at.is_(None), TrackingWatch.captured_at < TrackingWatch.forced_at)
        query = (
            select(TrackingWatch)
            .where(TrackingWatch.forced_at.is_not(None), TrackingWatch.alarmed_at.is_(None), tried, missing)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        with self._db.transaction() as session:
            watches = session.scalars(query).all()
            for watch in watches:
                watch.alarmed_at = now
                _add(watch, Finding.TRACE_EXPIRING)
            if watches:
                event = self._log.record(session, SYSTEM, ALARM, data={"count": len(watches)})
                self._queue.enqueue(session, Announce(event))
        return len(watches)

    def retire(self) -> int:
        """Asks no more after a year; what was never captured is said so."""
        gone = and_(TrackingWatch.next_poll_at.is_not(None), TrackingWatch.handed_at <= self._clock.now() - KEPT_FOR)
        with self._db.transaction() as session:
            watches = session.scalars(
                select(TrackingWatch).where(gone).limit(BATCH).with_for_update(skip_locked=True)
            ).all()
            for watch in watches:
                watch.next_poll_at = None
                if watch.captured_at is None:
                    _add(watch, Finding.TRACE_EXPIRED)
        return len(watches)


def _add(watch: TrackingWatch, finding: Finding) -> None:
    watch.needs_look = True
    watch.reasons = ",".join(sorted({*filter(None, watch.reasons.split(",")), finding.value}))
