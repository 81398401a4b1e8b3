"""The delivery log of a subscription, and sending again what it holds or has missed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.db import Database, new_id
from app.errors import Conflict, NotFound
from app.events import EventLog
from app.ports import Clock
from notifications import webhook_rules as rules
from notifications.feed import Subscribers, heard_by
from notifications.webhook_models import PublicEvent, WebhookAttempt, WebhookMessage, WebhookSubscription
from notifications.webhook_rules import Attempt, Message

MOST_REPLAYED = 5_000


@dataclass(frozen=True, slots=True)
class AttemptView:
    number: int
    at: datetime
    state: Attempt
    status: int | None
    reason: str
    duration_ms: int | None


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """One message; ``event_id`` is its ``webhook-id``. ``due_at`` only while it waits."""

    position: int
    event_id: UUID
    type: str
    at: datetime
    state: Message
    tries: int
    due_at: datetime | None
    attempts: Sequence[AttemptView]


@dataclass(frozen=True, slots=True)
class LogFilter:
    state: Message | None = None
    type: str = ""


class WebhookLog:
    def __init__(self, db: Database, subscribers: Subscribers, log: EventLog, clock: Clock) -> None:
        self._db, self._subscribers, self._log, self._clock = db, subscribers, log, clock

    def deliveries(
        self, actor: Actor, webhook_id: UUID, wanted: LogFilter, before: int | None, limit: int
    ) -> list[DeliveryView]:
        """Newest first; ``before`` is the position of the last line of the page before. Raises NotFound."""
        query = (
            select(WebhookMessage, PublicEvent)
            .join(PublicEvent, PublicEvent.serial == WebhookMessage.event_serial)
            .where(WebhookMessage.subscription_id == webhook_id)
        )
        if before is not None:
            query = query.where(PublicEvent.serial < before)
        if wanted.state is not None:
            query = query.where(WebhookMessage.state == wanted.state)
        if wanted.type:
            query = query.where(PublicEvent.type == wanted.type)
        with self._db.transaction() as session:
            self._seen_by(session, actor, webhook_id)
            rows = session.execute(query.order_by(PublicEvent.serial.desc()).limit(limit)).all()
            attempts = self._attempts(session, [m.id for m, _ in rows])
            return [
                DeliveryView(
                    e.serial,
                    e.id,
                    e.type,
                    e.at,
                    m.state,
                    m.tries,
                    m.due_at if m.state is Message.WAITING else None,
                    attempts.get(m.id, []),
                )
                for m, e in rows
            ]

    def replay_events(self, actor: Actor, webhook_id: UUID, events: Collection[UUID]) -> int:
        """Send these again, or for the first time where they were missed; how many. What the client does not hear of or
        has not subscribed to is left out. Raises NotFound, Conflict('webhook_not_live').
        """
        return self._replay(actor, webhook_id, select(PublicEvent.serial).where(PublicEvent.id.in_(list(events))))

    def replay_span(self, actor: Actor, webhook_id: UUID, since: datetime, until: datetime) -> int:
        """The same for what happened from ``since`` up to ``until``, at most MOST_REPLAYED and the oldest first."""
        span = select(PublicEvent.serial).where(PublicEvent.at >= since, PublicEvent.at < until)
        return self._replay(actor, webhook_id, span)

    def _replay(self, actor: Actor, webhook_id: UUID, chosen: Select[int]) -> int:
        now = self._clock.now()
        with self._db.transaction() as session:
            row = self._seen_by(session, actor, webhook_id)
            client = self._subscribers.subscribers(session).get(row.client_id)
            if row.state not in rules.LIVE or client is None:
                raise Conflict("webhook_not_live")
            chosen = chosen.where(heard_by(client), PublicEvent.type.in_(row.types))
            serials = session.scalars(chosen.order_by(PublicEvent.serial).limit(MOST_REPLAYED)).all()
            if serials:
                self._send_again(session, webhook_id, serials, now)
            data = {"client": str(row.client_id), "count": len(serials)}
            self._log.record(session, actor, "webhook.replayed", object_kind="webhook", object_id=row.id, data=data)
            return len(serials)

    @staticmethod
    def _send_again(session: Session, webhook_id: UUID, serials: Sequence[int], now: datetime) -> None:
        fresh = insert(WebhookMessage).values(
            [
                {
                    "id": new_id(),
                    "subscription_id": webhook_id,
                    "event_serial": serial,
                    "state": Message.WAITING,
                    "tries": 0,
                    "due_at": now,
                    "created_at": now,
                }
                for serial in serials
            ]
        )
        session.execute(
            fresh.on_conflict_do_update(
                index_elements=["subscription_id", "event_serial"],
                set_={"state": Message.WAITING, "tries": 0, "due_at": now, "settled_at": None},
            )
        )

    @staticmethod
    def _attempts(session: Session, messages: Sequence[UUID]) -> dict[UUID, list[AttemptView]]:
        query = select(WebhookAttempt).where(WebhookAttempt.message_id.in_(messages))
        found: dict[UUID, list[AttemptView]] = {}
        for a in session.scalars(query.order_by(WebhookAttempt.message_id, WebhookAttempt.number)):
            line = AttemptView(a.number, a.created_at, a.state, a.status, a.reason, a.duration_ms)
            found.setdefault(a.message_id, []).append(line)
        return found

    @staticmethod
    def _seen_by(session: Session, actor: Actor, webhook_id: UUID) -> WebhookSubscription:
        """A client sees its own, staff see all. Raises NotFound."""
        query = select(WebhookSubscription).where(WebhookSubscription.id == webhook_id)
        if actor.kind is ActorKind.PARTNER:
            query = query.where(WebhookSubscription.client_id == actor.id)
        row = session.scalar(query.with_for_update())
        if row is None:
            raise NotFound("webhook_not_found")
        return row
