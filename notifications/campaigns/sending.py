"""The worker's side of campaigns: slices of recipients get their line in the inbox, in the pace all workers share.

A slice is one transaction: notices, their pushes' jobs, the recipients' marks and the campaign's place. Whatever is
killed, what was committed is never told again and the rest goes on where it stopped; a pause waits for one slice at
most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import SYSTEM
from app.db import Database, new_id
from app.events import EventLog
from app.jobs import DeliverNotice, JobQueue
from app.people.models import Graduate
from app.ports import Clock
from notifications.campaigns import audience, book, halting, rules
from notifications.campaigns.models import CampaignRecipient, NoticeCampaign
from notifications.campaigns.pacing import Pace, Slices
from notifications.campaigns.rules import Skip, State, Told
from notifications.campaigns.texts import EVENT_TYPE, KEY
from notifications.catalogue.editions import CATALOGUE_VERSION
from notifications.channel_rules import QuietHours
from notifications.check_codes import CheckCodes
from notifications.models import Notice


@dataclass(frozen=True, slots=True)
class Turn:
    """One whose turn it is. ``meant``: the segment still means them; ``bound``: they have an account now; ``reached``:
    there is somewhere to push or to write to.
    """

    graduate_id: UUID
    meant: bool
    bound: bool
    reached: bool


class CampaignSending(Slices):
    def __init__(
        self,
        db: Database,
        codes: CheckCodes,
        queue: JobQueue,
        log: EventLog,
        clock: Clock,
        per_second: int,
        quiet: QuietHours,
    ) -> None:
        """``per_second``: notices written in a second by all workers together, for all campaigns together."""
        super().__init__(clock, quiet)
        self._db, self._queue, self._log = db, queue, log
        self._codes, self._pace = codes, Pace(per_second)

    def _slice(self) -> int:
        """Of the campaign that waited longest and that no other worker is at: first what a pause held, which is let go
        in the same pace, then who was not told yet.
        """
        query = (
            select(NoticeCampaign)
            .where(or_(NoticeCampaign.state == State.RUNNING, NoticeCampaign.releasing))
            .order_by(NoticeCampaign.sliced_at.nulls_first())
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        with self._db.transaction() as session:
            row = session.scalar(query)
            if row is None:
                return 0
            now = self._clock.now()
            allowed = self._pace.draw(session, now)
            if not allowed:
                return 0
            freed = halting.release(session, self._queue, row.id, allowed) if row.releasing else 0
            row.releasing = freed == allowed
            goes_on = row.state is State.RUNNING and not row.releasing
            people = self._next(session, row, allowed - freed) if goes_on else []
            if people:
                self._tell(session, row, people, now)
            self._pace.pay_back(session, allowed - freed - len(people))
            row.sliced_at = now
            if goes_on and (not people or row.told + row.skipped == row.total):
                book.end(row, State.DONE, now)
                book.record(session, self._log, SYSTEM, "done", row, told=row.told, skipped=row.skipped)
            return freed + len(people)

    # --- recipients ---------------------------------------------------------------------------------------------------

    @staticmethod
    def _next(session: Session, row: NoticeCampaign, limit: int) -> Sequence[Turn]:
        """In the order of ids."""
        following = (
            select(CampaignRecipient.graduate_id)
            .where(CampaignRecipient.campaign_id == row.id)
            .order_by(CampaignRecipient.graduate_id)
            .limit(limit)
        )
        if row.reached is not None:
            following = following.where(CampaignRecipient.graduate_id > row.reached)
        # apart, so that no plan made before the table was last analysed joins the whole cohort for a slice
        chosen = following.subquery()
        query = (
            select(Graduate.id, audience.meant(rules.segment_of(row.segment)), audience.BOUND, audience.REACHED)
            .join(chosen, chosen.c.graduate_id == Graduate.id)
            .order_by(Graduate.id)
        )
        return [Turn(r[0], bool(r[1]), bool(r[2]), bool(r[3])) for r in session.execute(query)]

    def _tell(self, session: Session, row: NoticeCampaign, people: Sequence[Turn], now: datetime) -> None:
        meant = {one.graduate_id: one for one in people if one.meant}
        left = [one.graduate_id for one in people if not one.meant]
        if meant:
            self._write_notices(session, row, list(meant), now)
            self._mark_told(session, row.id, meant, now)
        if left:
            gone = update(CampaignRecipient).where(
                CampaignRecipient.campaign_id == row.id, CampaignRecipient.graduate_id.in_(left)
            )
            session.execute(gone.values(state=Told.SKIPPED, reason=Skip.LEFT_SEGMENT.value, at=now))
        row.reached = people[-1].graduate_id
        row.told, row.skipped = row.told + len(meant), row.skipped + len(left)

    def _write_notices(self, session: Session, row: NoticeCampaign, graduates: Sequence[UUID], now: datetime) -> None:
        """The id an event would have is made of the campaign and the person: the table itself refuses a second."""
        same = {
            "event_type": EVENT_TYPE,
            "data": {KEY: row.notice.value, **row.fields},
            "catalogue_version": CATALOGUE_VERSION,
            "object_kind": "",
            "object_id": None,
            "created_at": now,
        }
        lines = [
            {
                "id": number,
                "graduate_id": graduate,
                "event_id": uuid5(row.id, str(graduate)),
                "check_hash": self._codes.hash_of(self._codes.of(number)),
                **same,
            }
            for number, graduate in ((new_id(), graduate) for graduate in graduates)
        ]
        session.execute(insert(Notice).values(lines).on_conflict_do_nothing(index_elements=["event_id"]))

    def _mark_told(self, session: Session, campaign_id: UUID, meant: Mapping[UUID, Turn], now: datetime) -> None:
        """Join each recipient to their notice, and enqueue its delivery where more than the inbox can be reached."""
        marked = session.execute(
            update(CampaignRecipient)
            .where(
                CampaignRecipient.campaign_id == campaign_id,
                CampaignRecipient.graduate_id == Notice.graduate_id,
                Notice.event_id.in_([uuid5(campaign_id, str(g)) for g in meant]),
            )
            .values(state=Told.TOLD, notice_id=Notice.id, at=now)
            .returning(CampaignRecipient.graduate_id, CampaignRecipient.notice_id)
        ).all()
        for bound in (True, False):
            graduates = [graduate for graduate, one in meant.items() if one.bound is bound]
            changed = update(CampaignRecipient).where(
                CampaignRecipient.campaign_id == campaign_id,
                CampaignRecipient.graduate_id.in_(graduates),
                CampaignRecipient.bound != bound,
            )
            session.execute(changed.values(bound=bound))
        deliveries = [
            DeliverNotice(notice, bulk=True)
            for graduate, notice in marked
            if meant[graduate].reached and notice is not None
        ]
        self._queue.enqueue_many(session, deliveries)
