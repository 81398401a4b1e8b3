"""Tells the staff's group when a queue of jobs stands still or jobs were given up, and when that is over.

What staff were told is kept in shared memory, so that any worker may go on from there; with Redis away each worker goes
by its own. Where no worker runs at all nobody is left to tell: that is the supervisor's and the metrics' part.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from app.db import Database
from app.errors import Unavailable
from app.operations import rules
from app.operations.figures import OperationsFigures
from app.operations.rules import QueueFigures, Told
from app.ports import Cache, Clock, SendFailed, SendFault, StaffAlerts

log = structlog.get_logger(__name__)
TURN = UUID("6f1e2f0c-51a4-4b0e-9d43-0f6f5a1c7e28")
"""One worker judges at a time."""
KEEP_S = 30 * 86400


class QueueAlarms:
    def __init__(
        self,
        db: Database,
        figures: OperationsFigures,
        cache: Cache,
        alerts: StaffAlerts | None,
        clock: Clock,
        late_after: timedelta,
    ) -> None:
        self._db, self._figures, self._cache, self._alerts = db, figures, cache, alerts
        self._clock, self._late_after = clock, late_after
        self._own: dict[str, Told] = {}

    def tick(self) -> int:
        """How many lines were sent. A robot that does not answer is tried again at the next tick."""
        if self._alerts is None:
            return 0
        with self._db.alone(TURN) as held:
            return sum(self._judge(each, self._alerts) for each in self._figures.queues()) if held else 0

    def _judge(self, figures: QueueFigures, alerts: StaffAlerts) -> bool:
        told = self._told(figures.queue)
        news, known = rules.judge(figures, self._late_after, told, self._clock.now())
        if news is not None and not _said(alerts, rules.sentence(news, figures, self._late_after)):
            return False
        if known is not None:
            self._note(figures.queue, known)
        return news is not None

    def _told(self, queue: str) -> Told | None:
        kept = self._cache.get(_key(queue))
        if kept is None:
            return self._own.get(queue)
        values = json.loads(kept)
        return Told(datetime.fromisoformat(values["at"]), bool(values["late"]), int(values["failed"]))

    def _note(self, queue: str, told: Told) -> None:
        self._own[queue] = told
        values = {"at": told.at.isoformat(), "late": told.late, "failed": told.failed}
        self._cache.put(_key(queue), json.dumps(values).encode(), KEEP_S)


def _key(queue: str) -> str:
    return f"operations:told:{queue}"


def _said(alerts: StaffAlerts, line: str) -> bool:
    """True also where it may have arrived: a line too few is better than the same one every minute."""
    try:
        alerts.alert(line)
    except (SendFailed, Unavailable) as error:
        log.warning("staff_alert_failed", reason=error.code)
        return isinstance(error, SendFailed) and error.fault is SendFault.UNKNOWN
    return True
