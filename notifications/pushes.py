"""What platforms push to us: accept at once, work afterwards, and a resend changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy.dialects.postgresql import insert

from app.db import Database, limit_waiting, new_id
from app.errors import RateLimited
from app.jobs import HandlePush, JobQueue
from app.people.service import PeopleService
from app.ports import Clock, Platform, PushedMessage
from notifications.chat.service import ChatService
from notifications.inbox import SubscriptionService
from notifications.models import InboundPush
from notifications.sent_events import UNDER_WAY, SentEvents

PATIENCE_S = 1.0  # for each statement: WeChat cuts the connection after 5 s and sends again


def _dedupe_hash(message: PushedMessage) -> bytes:
    """A resend repeats the key and the items; two answers of one person within a second share only the key."""
    items = json.dumps([dict(i) for i in message.items], sort_keys=True)
    return hashlib.sha256(f"{message.dedupe_key}|{items}".encode()).digest()


def _created(message: PushedMessage, now: datetime) -> datetime | None:
    """The platform's time, but never one to come: it would overrule whatever follows until then."""
    return min(datetime.fromtimestamp(message.created_at, UTC), now) if message.created_at else None


class PushService:
    def __init__(
        self,
        db: Database,
        people: PeopleService,
        subscriptions: SubscriptionService,
        chat: ChatService,
        queue: JobQueue,
        clock: Clock,
    ) -> None:
        self._db, self._people, self._subscriptions, self._chat = db, people, subscriptions, chat
        self._queue, self._clock = queue, clock
        self._sent = SentEvents(subscriptions, queue, clock)

    def accept(self, message: PushedMessage) -> bool:
        """Keep it and enqueue the work; False for a resend. What somebody wrote is kept by the chat, sealed.

        Who writes faster than the chat takes in is not heard, and the platform is not asked to send it again.
        Raises Unavailable or Conflict soon when it cannot be kept, so that the platform sends it again.
        """
        try:
            with self._db.transaction() as session:  # of its own: it reads only, and waits no longer than the other
                limit_waiting(session, PATIENCE_S)
                said = self._chat.prepare(message)
        except RateLimited:
            return False
        push_id, now = new_id(), self._clock.now()
        with self._db.transaction() as session:
            limit_waiting(session, PATIENCE_S)
            identity = self._people.identity_by_open_id(Platform.WECHAT, message.open_id)
            made = session.execute(
                insert(InboundPush)
                .values(
                    id=push_id,
                    dedupe_hash=_dedupe_hash(message),
                    identity_id=identity.id if identity else None,
                    kind=message.kind,
                    event=message.event,
                    items=[dict(i) for i in message.items],
                    created_at=_created(message, now),
                    received_at=now,
                    handled_at=now if said is not None else None,
                )
                .on_conflict_do_nothing(index_elements=["dedupe_hash"])
                .returning(InboundPush.id)
            ).scalar()
            if made is not None and said is not None:
                self._chat.take_in(session, said)
            elif made is not None:
                self._queue.enqueue(session, HandlePush(push_id))
        return made is not None

    def accept_alipay(self, params: Mapping[str, str]) -> bool:
        """Keep a verified notification once per notify_id; False for a resend."""
        message = PushedMessage(
            dedupe_key=f"alipay:{params.get('notify_id', '')}",
            kind="alipay_notify",
            event=(params.get("msg_method") or params.get("notify_type") or "")[:60],
            open_id="",
            created_at=0,
        )
        return self.accept(message)

    def handle(self, job: HandlePush) -> None:
        """Subscription events correct the credit ledger; running twice changes it once."""
        with self._db.transaction() as session:
            row = session.get(InboundPush, job.push_id, with_for_update=True)
            if row is None or row.handled_at is not None:
                return
            row.handled_at = self._clock.now()
            if row.identity_id is None:
                return
            at, sooner = row.created_at or row.received_at, False
            for item in row.items:
                template_id = item.get("TemplateId", "")
                accepted = item.get("SubscribeStatusString") == "accept"
                if row.event == "subscribe_msg_popup_event":
                    self._subscriptions.popup(session, row.identity_id, template_id, accepted=accepted, at=at)
                elif row.event == "subscribe_msg_change_event" and not accepted:
                    self._subscriptions.refused(session, row.identity_id, template_id, at=at)
                elif row.event == "subscribe_msg_sent_event":
                    sooner |= not self._sent.settle(session, row.identity_id, item, at)
            if sooner:  # than the answer to the call it is about
                row.handled_at = None
                self._queue.enqueue(session, job, at=self._clock.now() + UNDER_WAY)
