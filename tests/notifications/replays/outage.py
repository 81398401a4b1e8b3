"""What tests of sending all again share: messages that did not get through, written straight into the tables."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, insert, select

from app.db import new_id
from app.events import Event
from app.people.models import PlatformIdentity
from notifications.catalogue.editions import CATALOGUE_VERSION
from notifications.models import AttemptState, DeliveryAttempt, Notice
from notifications.replays.models import ReplayItem
from parts import Lantai
from tests.notifications.campaigns.cohorts import cohort
from tests.notifications.ways import DATA, IMPORTANT


def outage(lantai: Lantai, many: int, reason: str = "retry:timeout", kind: str = IMPORTANT) -> list[UUID]:
    """The attempts, each of a graduate of their own, who has one WeChat account."""
    return lost(lantai, cohort(lantai, many, bound=many), reason, kind)


def lost(lantai: Lantai, people: Sequence[UUID], reason: str, kind: str = IMPORTANT) -> list[UUID]:
    """The attempts at a notice for each of these, on the one account they have."""
    now = lantai.clock.now()
    ended = AttemptState.UNKNOWN if reason.startswith("unknown") else AttemptState.FAILED
    with lantai.db.transaction() as session:
        accounts = select(PlatformIdentity.graduate_id, PlatformIdentity.id)
        found = session.execute(accounts.where(PlatformIdentity.graduate_id.in_(people)))
        mine = {graduate: account for graduate, account in found if graduate is not None}
        notices = [
            {
                "id": new_id(),
                "graduate_id": graduate,
                "event_id": new_id(),
                "event_type": kind,
                "data": DATA.get(kind, {}),
                "catalogue_version": CATALOGUE_VERSION,
                "object_kind": "",
                "created_at": now,
            }
            for graduate in people
        ]
        attempts = [
            {
                "id": new_id(),
                "notice_id": notice["id"],
                "identity_id": mine[UUID(str(notice["graduate_id"]))],
                "number": 1,
                "state": ended,
                "reason": reason,
                "created_at": now,
                "settled_at": now,
            }
            for notice in notices
        ]
        session.execute(insert(Notice), notices)
        session.execute(insert(DeliveryAttempt), attempts)
    return [UUID(str(attempt["id"])) for attempt in attempts]


def replayed(lantai: Lantai) -> Sequence[UUID]:
    """The notices that were sent again, as often as they were."""
    query = select(Event.object_id).where(Event.type == "notice.replayed").order_by(Event.object_id)
    with lantai.db.transaction() as session:
        return [notice for notice in session.scalars(query) if notice is not None]


def outcomes(lantai: Lantai, run_id: UUID) -> dict[str, int]:
    query = select(ReplayItem.outcome, func.count()).where(ReplayItem.run_id == run_id).group_by(ReplayItem.outcome)
    with lantai.db.transaction() as session:
        return {row[0].value: row[1] for row in session.execute(query)}
