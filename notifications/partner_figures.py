"""What came of the notices that outside systems asked for, in counts by the hour: for staff, never for a system."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Subquery, func, select
from sqlalchemy.dialects.postgresql import distinct_on

from app.db import Database
from app.ports import Clock
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.partner_models import PartnerNotice, Progress

SHOWN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SendingHour:
    """``accepted`` of a system in the hour from ``begins`` on. Of them ``told`` are in an inbox, and ``unreached`` went
    to nobody within its reach or past a person's limit of the day; the others wait or are the sandbox's. ``failed`` of
    the told were pushed and reached no phone. What was refused at once left no row: see partner_refusals.
    """

    begins: datetime
    accepted: int
    told: int
    unreached: int
    failed: int


class PartnerFigures:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def lately(self) -> Mapping[UUID, Sequence[SendingHour]]:
        """By client: the hours of the last 24 in which it sent anything, the latest first."""
        since = self._clock.now().replace(minute=0, second=0, microsecond=0) - SHOWN  # whole hours
        # whole hours of the world's time are whole hours in Beijing
        hour = func.date_trunc("hour", PartnerNotice.created_at, "UTC")
        handled, event = PartnerNotice.state == Progress.HANDLED, PartnerNotice.event_id
        missed = _missed(since)
        query = (
            select(
                PartnerNotice.client_id,
                hour,
                func.count(),
                func.count().filter(handled, event.is_not(None)),
                func.count().filter(handled, event.is_(None)),
                func.count(missed.c.event_id),
            )
            .outerjoin(missed, missed.c.event_id == event)
            .where(PartnerNotice.created_at >= since)
            .group_by(PartnerNotice.client_id, hour)
            .order_by(hour.desc())
        )
        found: dict[UUID, list[SendingHour]] = defaultdict(list)
        with self._db.transaction() as session:
            for client, *counts in session.execute(query):
                found[client].append(SendingHour(*counts))
        return dict(found)


def _missed(since: datetime) -> Subquery:
    """The events whose push ended, on every account that was tried, without reaching it."""
    last = (
        select(Notice.event_id, DeliveryAttempt.state)
        .join(Notice, Notice.id == DeliveryAttempt.notice_id)
        .join(PartnerNotice, PartnerNotice.event_id == Notice.event_id)
        .where(PartnerNotice.created_at > since)
        .ext(distinct_on(DeliveryAttempt.notice_id, DeliveryAttempt.identity_id))
        .order_by(DeliveryAttempt.notice_id, DeliveryAttempt.identity_id, DeliveryAttempt.number.desc())
        .subquery()
    )
    ended = select(last.c.event_id).group_by(last.c.event_id)
    return ended.having(func.bool_and(last.c.state == AttemptState.FAILED)).subquery()
