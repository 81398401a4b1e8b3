"""The worker's side of notices: write the inbox, then push through each bound account, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from app.db import Database, new_id
from app.errors import Unavailable
from app.events import Event
from app.jobs import Announce, DeliverNotice, JobQueue
from app.people.service import IdentityView, PeopleService
from app.ports import Clock, MessageSender, OutboundMessage, Platform, SendFailed, SendFault, StaffAlerts
from notifications.catalogue import (
    CATALOGUE_VERSION,
    NoticeText,
    Promise,
    Template,
    notice_for,
    platform_fields,
    staff_line_for,
)
from notifications.inbox import SubscriptionService
from notifications.models import AttemptState, DeliveryAttempt, Notice

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 6
NEXT_DAY = timedelta(hours=24)
BACKOFF = (
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=3),
)


@dataclass(frozen=True, slots=True)
class Channels:
    """Senders and template ids per platform, the staff robot, and how the school signs."""

    senders: Mapping[Platform, MessageSender]
    template_ids: Mapping[str, Mapping[Template, str]]
    alerts: StaffAlerts | None
    school: str


class NoticeDelivery:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        subscriptions: SubscriptionService,
        channels: Channels,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._people, self._subscriptions = db, people, subscriptions
        self._channels, self._queue, self._clock = channels, queue, clock

    # --- inbox --------------------------------------------------------------------------------------------------------

    def announce(self, job: Announce) -> None:
        """Write the inbox line and enqueue its push in one transaction. Running twice writes once.

        What concerns the staff goes to their group: a hint without a name, so a second one does no harm.
        """
        with self._db.transaction() as session:
            event = session.scalar(select(Event).where(Event.public_id == job.event_id))
        if event is None:
            return
        staff_line = staff_line_for(event.type, event.data)
        if staff_line is not None:
            self.alert_staff(staff_line)
        if event.graduate_id is None:
            return
        with self._db.transaction() as session:
            if notice_for(event.type, event.data) is None:
                return
            made = session.execute(
                insert(Notice)
                .values(
                    id=new_id(),
                    graduate_id=event.graduate_id,
                    event_id=event.public_id,
                    event_type=event.type,
                    data=event.data,
                    catalogue_version=CATALOGUE_VERSION,
                    object_kind=event.object_kind,
                    object_id=event.object_id,
                    created_at=self._clock.now(),
                )
                .on_conflict_do_nothing(index_elements=["event_id"])
                .returning(Notice.id)
            ).scalar()
            if made is not None:
                self._queue.enqueue(session, DeliverNotice(made))

    def alert_staff(self, text: str) -> None:
        """A line to the staff's group; a robot that does not answer never holds up a graduate's notice."""
        if self._channels.alerts is None:
            return
        try:
            self._channels.alerts.alert(text)
        except (SendFailed, Unavailable) as error:
            log.warning("staff_alert_failed", reason=error.code)

    # --- push ---------------------------------------------------------------------------------------------------------

    def deliver(self, job: DeliverNotice) -> None:
        with self._db.transaction() as session:
            notice = session.get(Notice, job.notice_id)
        if notice is None:
            return
        text = notice_for(notice.event_type, notice.data)
        if text is None:
            return
        wishes: set[SendFault] = set()
        for identity in self._recipients(notice):
            if identity.platform in self._channels.senders and identity.reachable:
                wishes |= self._deliver_to(notice, text, identity)
        if wishes and job.attempt < MAX_ATTEMPTS:
            # a daily limit is over tomorrow, not in five seconds
            wait = NEXT_DAY if wishes == {SendFault.LATER} else BACKOFF[min(job.attempt, len(BACKOFF)) - 1]
            with self._db.transaction() as session:
                # a new job when due: a waiting one would hold up everything behind it
                self._queue.enqueue(session, DeliverNotice(notice.id, job.attempt + 1), at=self._clock.now() + wait)

    def _recipients(self, notice: Notice) -> list[IdentityView]:
        """The bound accounts, and those the event itself parted: they must hear of it most of all."""
        parted = [UUID(i) for i in notice.data.get("identities", [])]
        bound = self._people.identities_of(notice.graduate_id)
        return [*bound, *(self._people.identity(i) for i in parted if i not in {b.id for b in bound})]

    def _deliver_to(self, notice: Notice, text: NoticeText, identity: IdentityView) -> set[SendFault]:
        """The fault that wants another attempt later, if any."""
        template_id = self._channels.template_ids.get(identity.platform.value, {}).get(text.template, "")
        if not template_id:
            return set()  # this channel has no such template: the inbox has the notice
        attempt_id = self._begin(notice.id, text, identity)
        if attempt_id is None:
            return set()
        message = OutboundMessage(
            identity.open_id,
            template_id,
            text.page,
            platform_fields(identity.platform, text, self._channels.school, notice.created_at),
        )
        try:
            provider_id = self._channels.senders[identity.platform].send(message)
        except SendFailed as error:
            return self._settle_failure(attempt_id, text, identity, error.fault, error.reason)
        except Unavailable as error:
            return self._settle_failure(attempt_id, text, identity, SendFault.RETRY, error.code)
        with self._db.transaction() as session:
            row = session.get_one(DeliveryAttempt, attempt_id)
            row.state, row.provider_id, row.settled_at = AttemptState.SENT, provider_id, self._clock.now()
            self._subscriptions.spent(session, identity.id, text.template, exhausted=False)
        return set()

    def _begin(self, notice_id: UUID, text: NoticeText, identity: IdentityView) -> UUID | None:
        """Commit a row before calling. None where nothing is to be sent (any more)."""
        with self._db.transaction() as session:
            rows = session.scalars(
                select(DeliveryAttempt)
                .where(DeliveryAttempt.notice_id == notice_id, DeliveryAttempt.identity_id == identity.id)
                .order_by(DeliveryAttempt.number)
                .with_for_update()
            ).all()
            last = rows[-1] if rows else None
            if last is not None and last.state is AttemptState.SENDING:
                # a worker died between the call and its answer: the message may have arrived
                last.state, last.reason, last.settled_at = AttemptState.UNKNOWN, "worker_lost", self._clock.now()
                if text.promise is Promise.AT_MOST_ONCE:
                    return None
            elif last is not None and last.state is not AttemptState.RETRY:
                return None
            row = DeliveryAttempt(
                id=new_id(),
                notice_id=notice_id,
                identity_id=identity.id,
                number=len(rows) + 1,
                state=AttemptState.SENDING,
                created_at=self._clock.now(),
            )
            session.add(row)
            return row.id

    def _settle_failure(
        self, attempt_id: UUID, text: NoticeText, identity: IdentityView, fault: SendFault, reason: str
    ) -> set[SendFault]:
        retry = fault in (SendFault.RETRY, SendFault.LATER) or (
            fault is SendFault.UNKNOWN and text.promise is Promise.AT_LEAST_ONCE
        )
        unknown = fault is SendFault.UNKNOWN and not retry
        state = AttemptState.RETRY if retry else AttemptState.UNKNOWN if unknown else AttemptState.FAILED
        with self._db.transaction() as session:
            row = session.get_one(DeliveryAttempt, attempt_id)
            row.state, row.reason, row.settled_at = state, f"{fault.value}:{reason}"[:80], self._clock.now()
            if fault is SendFault.NO_CREDIT:
                self._subscriptions.spent(session, identity.id, text.template, exhausted=True)
            if fault is SendFault.RECIPIENT:
                self._people.mark_unreachable(session, identity.id)
        log.info("push_not_sent", attempt=str(attempt_id), fault=fault.value, reason=reason)
        if fault in (SendFault.CONFIG, SendFault.CONTENT):
            self.alert_staff(f"消息模板异常：{text.template.value}（{reason}），请检查配置")
        return {fault} if retry else set()
