"""What platforms push to us: accept at once, work afterwards, and a resend changes nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from sqlalchemy.dialects.postgresql import insert

from app.db import Database, new_id
from app.jobs import HandlePush, JobQueue
from app.people.service import PeopleService
from app.ports import Clock, Platform, PushedMessage
from notifications.inbox import SubscriptionService
from notifications.models import InboundPush


def _dedupe_hash(message: PushedMessage) -> bytes:
    """A resend repeats the key and the items; two answers of one person within a second share only the key."""
    items = json.dumps([dict(i) for i in message.items], sort_keys=True)
    return hashlib.sha256(f"{message.dedupe_key}|{items}".encode()).digest()


class PushService:
    def __init__(
        self, db: Database, people: PeopleService, subscriptions: SubscriptionService, queue: JobQueue, clock: Clock
    ) -> None:
        self._db, self._people, self._subscriptions = db, people, subscriptions
        self._queue, self._clock = queue, clock

    def accept(self, message: PushedMessage) -> bool:
        """Keep it and enqueue the work; False for a resend. Texts of chats are not kept."""
        identity = self._people.identity_by_open_id(Platform.WECHAT, message.open_id)
        push_id = new_id()
        with self._db.transaction() as session:
            made = session.execute(
                insert(InboundPush)
                .values(
                    id=push_id,
                    dedupe_hash=_dedupe_hash(message),
                    identity_id=identity.id if identity else None,
                    kind=message.kind,
                    event=message.event,
                    items=[dict(i) for i in message.items],
                    received_at=self._clock.now(),
                )
                .on_conflict_do_nothing(index_elements=["dedupe_hash"])
                .returning(InboundPush.id)
            ).scalar()
            if made is not None:
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
            for item in row.items:
                template_id = item.get("TemplateId", "")
                accepted = item.get("SubscribeStatusString") == "accept"
                if row.event == "subscribe_msg_popup_event":
                    self._subscriptions.popup(session, row.identity_id, template_id, accepted=accepted)
                elif row.event == "subscribe_msg_change_event" and not accepted:
                    self._subscriptions.refused(session, row.identity_id, template_id)
