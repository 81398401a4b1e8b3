"""What WeChat tells of a message some time after it took it: settles attempts whose answer never reached us."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.jobs import DeliverNotice, JobQueue
from app.ports import Clock, SendFault
from notifications.catalogue.text import Template
from notifications.catalogue.words import notice_for
from notifications.channel_rules import CreditCause
from notifications.inbox import SubscriptionService
from notifications.models import AttemptState, DeliveryAttempt, Notice

UNDER_WAY = timedelta(minutes=1)  # longer than any call takes: whoever made an older one is gone
WINDOW = timedelta(hours=1)  # the event follows its message within seconds
SUCCESS = "0"


class SentEvents:
    """subscribe_msg_sent_event. ``ErrorCode`` other than 0 means that the platform failed after it had said ok."""

    def __init__(self, subscriptions: SubscriptionService, queue: JobQueue, clock: Clock) -> None:
        self._subscriptions, self._queue, self._clock = subscriptions, queue, clock

    def settle(self, session: Session, identity_id: UUID, item: Mapping[str, str], at: datetime) -> bool:
        """False while the call that this may be about is still under way: ask again later. Twice is once."""
        template, message_id = self._subscriptions.template_of(item.get("TemplateId", "")), item.get("MsgID", "")
        if template is None or not 0 < len(message_id) <= 80:
            return True
        row = session.scalar(
            select(DeliveryAttempt)
            .where(DeliveryAttempt.identity_id == identity_id, DeliveryAttempt.provider_id == message_id)
            .with_for_update()
        ) or self._unanswered(session, identity_id, template, at)
        if row is None:
            return True
        if row.state is AttemptState.SENDING and self._clock.now() - row.created_at < UNDER_WAY:
            return False
        row.provider_id = message_id
        self._conclude(session, row, template, item.get("ErrorCode", SUCCESS))
        return True

    def _conclude(self, session: Session, row: DeliveryAttempt, template: Template, code: str) -> None:
        if code != SUCCESS:
            failed_before = row.state is AttemptState.FAILED
            row.state, row.reason, row.settled_at = AttemptState.FAILED, f"event:{code}"[:80], self._clock.now()
            if not failed_before:  # it is not sent again, but may go another way
                self._queue.enqueue(session, DeliverNotice(row.notice_id))
        elif row.state is not AttemptState.SENT:
            row.state, row.reason, row.settled_at = AttemptState.SENT, "", self._clock.now()
            self._subscriptions.spent(session, row.identity_id, template, row.id, CreditCause.SENT_EVENT)

    @staticmethod
    def _unanswered(session: Session, identity_id: UUID, template: Template, at: datetime) -> DeliveryAttempt | None:
        """The oldest attempt with this template of which nobody knows the message id."""
        lost = and_(
            DeliveryAttempt.state == AttemptState.RETRY, DeliveryAttempt.reason.startswith(f"{SendFault.UNKNOWN}:")
        )
        open_states = (AttemptState.UNKNOWN, AttemptState.SENDING, AttemptState.SENT)
        found = session.execute(
            select(DeliveryAttempt, Notice)
            .join(Notice, Notice.id == DeliveryAttempt.notice_id)
            .where(
                DeliveryAttempt.identity_id == identity_id,
                DeliveryAttempt.provider_id == "",
                DeliveryAttempt.created_at.between(at - WINDOW, at + UNDER_WAY),
                or_(DeliveryAttempt.state.in_(open_states), lost),
            )
            .order_by(DeliveryAttempt.created_at)
            .with_for_update(of=DeliveryAttempt)
        )
        for attempt, notice in found:
            text = notice_for(notice.event_type, notice.data, notice.catalogue_version)
            if text is not None and text.template is template:
                return attempt
        return None
