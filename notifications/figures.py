"""How telling people and machines does, in counts: pushes, webhooks, call-backs, the chat's queue."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select

from app.db import Database, limit_waiting
from app.people.models import PlatformIdentity
from app.ports import Clock, Platform
from notifications import unarrived
from notifications.breaker import Breakers, Outlet
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import ContactKind
from notifications.chat.models import Conversation
from notifications.chat.rules import ChatState
from notifications.models import AttemptState, DeliveryAttempt, InboundPush
from notifications.webhook_models import WebhookMessage
from notifications.webhook_rules import Message

LATELY = timedelta(days=1)
PATIENCE_S = 2.0  # for each statement


@dataclass(frozen=True, slots=True)
class Telling:
    """``pushes`` and ``letters``: attempts of the last day. ``undelivered`` and ``unwritten``: those of each that did
    not get through, of the last 30 days, what staff may look at, by fault.
    ``stopped``: what has its breaker open. ``pushed_in``: the platforms' call-backs that nobody has handled yet.
    """

    pushes: Mapping[tuple[Platform, AttemptState], int]
    letters: Mapping[tuple[ContactKind, AttemptState], int]
    undelivered: Mapping[str, int]
    unwritten: Mapping[str, int]
    stopped: Collection[Outlet]
    webhooks: Mapping[Message, int]
    pushed_in: int
    chats_waiting: int
    longest_wait_s: float


class TellingFigures:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db, self._clock = db, clock

    def read(self) -> Telling:
        """Raises Unavailable."""
        now = self._clock.now()
        pushes = (
            select(PlatformIdentity.platform, DeliveryAttempt.state, func.count())
            .join(PlatformIdentity, PlatformIdentity.id == DeliveryAttempt.identity_id)
            .where(DeliveryAttempt.created_at > now - LATELY)
            .group_by(PlatformIdentity.platform, DeliveryAttempt.state)
        )
        letters = (
            select(ContactAttempt.kind, ContactAttempt.state, func.count())
            .where(ContactAttempt.created_at > now - LATELY)
            .group_by(ContactAttempt.kind, ContactAttempt.state)
        )
        messages = (
            select(WebhookMessage.state, func.count())
            .where(WebhookMessage.state != Message.DELIVERED)
            .group_by(WebhookMessage.state)
        )
        unhandled = select(func.count()).select_from(InboundPush).where(InboundPush.handled_at.is_(None))
        waiting = select(func.count(), func.min(Conversation.waiting_since)).where(
            Conversation.state == ChatState.WAITING
        )
        with self._db.transaction() as session:
            limit_waiting(session, PATIENCE_S)
            chats, since = session.execute(waiting).one()
            return Telling(
                {(platform, state): count for platform, state, count in session.execute(pushes)},
                {(kind, state): count for kind, state, count in session.execute(letters)},
                unarrived.push_counts(session, now),
                unarrived.letter_counts(session, now),
                [each.outlet for each in Breakers.open_ones(session, now)],
                dict(session.execute(messages).all()),
                int(session.scalar(unhandled) or 0),
                chats,
                max((now - since).total_seconds(), 0.0) if since is not None else 0.0,
            )
