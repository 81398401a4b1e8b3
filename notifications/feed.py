"""The feed of public events: numbering them in the order in which they became known, and reading by cursor.

Transactions commit out of the order of their serial numbers, so a reader who remembers the last number seen would miss
one that commits late. Here nobody numbers but one sequencer: events leave a mark in an outbox with their own
transaction, and whoever holds the row of ``feed_state`` gives what has committed by then the next numbers. A reader
sees a number only when all lower ones stand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.db import Database, new_id
from app.errors import Gone
from app.events import Event
from app.ports import Clock
from notifications.public_events import Audience, Told, message, told
from notifications.webhook_models import EventOutbox, FeedState, PublicEvent, WebhookMessage, WebhookSubscription
from notifications.webhook_rules import LIVE, Message

KEEP = timedelta(days=30)
"""How long events can be pulled and replayed, and deliveries be looked up."""
BATCH, MOST_BATCHES = 500, 20
SWEPT = 5_000


@dataclass(frozen=True, slots=True)
class Subscriber:
    """A client that may hear of events today. With a ``receiver_code`` it hears of that receiver's transfers only."""

    id: UUID
    receiver_code: str | None


class Subscribers(Protocol):
    """Who the clients are; the partner door's own book."""

    def subscribers(self, session: Session) -> Mapping[UUID, Subscriber]:
        """Those that are not closed and have the scope."""
        ...


class TransferReceivers(Protocol):
    def codes(self, session: Session, transfers: Collection[UUID]) -> Mapping[UUID, str]:
        """The receiver each transfer is addressed to; those of no registered receiver are left out."""
        ...


@dataclass(frozen=True, slots=True)
class FeedPage:
    """``position``: where the next page begins. ``more``: whether it has something already."""

    items: Sequence[Mapping[str, Any]]
    position: int
    more: bool


def hears(client: Subscriber, event: PublicEvent) -> bool:
    if event.client_id is not None:
        return event.client_id == client.id
    return client.receiver_code is None or client.receiver_code == event.receiver_code


def heard_by(client: Subscriber) -> ColumnElement[bool]:
    """``hears`` for a query."""
    everybody: ColumnElement[bool] = PublicEvent.client_id.is_(None)
    if client.receiver_code is not None:
        everybody &= PublicEvent.receiver_code == client.receiver_code
    return or_(PublicEvent.client_id == client.id, everybody)


class EventFeed:
    def __init__(self, db: Database, subscribers: Subscribers, receivers: TransferReceivers, clock: Clock) -> None:
        self._db, self._subscribers, self._receivers, self._clock = db, subscribers, receivers, clock

    # --- numbering ----------------------------------------------------------------------------------------------------

    def take_in(self) -> int:
        """Number what has committed since, and give each subscription its messages; how many events were taken. Nothing
        where another process is at it.
        """
        taken = 0
        for _ in range(MOST_BATCHES):
            batch = self._take_batch()
            taken += batch
            if batch < BATCH:
                break
        return taken

    def _take_batch(self) -> int:
        with self._db.transaction() as session:
            if session.scalar(select(EventOutbox.event_id).limit(1)) is None:
                return 0
            state = self._state(session)
            if state is None:
                return 0
            marks = select(EventOutbox.event_id).order_by(EventOutbox.event_id).limit(BATCH)
            rows = session.scalars(select(Event).where(Event.id.in_(marks)).order_by(Event.id)).all()
            published = self._publish(session, state, rows)
            self._hand_out(session, published)
            session.execute(delete(EventOutbox).where(EventOutbox.event_id.in_([r.id for r in rows])))
            return len(rows)

    @staticmethod
    def _state(session: Session) -> FeedState | None:
        """The row whose holder alone may number and forget; None while another holds it."""
        first = {"id": 1, "last_serial": 0, "swept_serial": 0}
        session.execute(insert(FeedState).values(first).on_conflict_do_nothing())
        return session.scalar(select(FeedState).with_for_update(skip_locked=True))

    def _publish(self, session: Session, state: FeedState, rows: Sequence[Event]) -> list[PublicEvent]:
        known = [(row, said) for row in rows if (said := told(row.type, row.graduate_id, row.object_id, row.data))]
        wanted = {said.transfer for _, said in known if said.transfer is not None}
        codes = self._receivers.codes(session, wanted) if wanted else {}
        made = []
        for serial, (row, said) in enumerate(known, state.last_serial + 1):
            made.append(self._public(serial, row, said, codes))
        state.last_serial += len(made)
        session.add_all(made)
        session.flush()
        return made

    def _public(self, serial: int, row: Event, said: Told, codes: Mapping[UUID, str]) -> PublicEvent:
        own = said.audience is Audience.ITS_CLIENT
        return PublicEvent(
            serial=serial,
            id=row.public_id,
            type=row.type,
            at=row.at,
            data=dict(said.data),
            receiver_code=codes.get(said.transfer) if said.transfer is not None else None,
            client_id=UUID(row.data["client"]) if own else None,
            recorded_at=self._clock.now(),
        )

    def _hand_out(self, session: Session, published: Sequence[PublicEvent]) -> None:
        if not published:
            return
        clients, now = self._subscribers.subscribers(session), self._clock.now()
        subscriptions = session.scalars(select(WebhookSubscription).where(WebhookSubscription.state.in_(LIVE))).all()
        messages = [
            {
                "id": new_id(),
                "subscription_id": subscription.id,
                "event_serial": event.serial,
                "state": Message.WAITING,
                "tries": 0,
                "due_at": now,
                "created_at": now,
            }
            for event in published
            for subscription in subscriptions
            if event.type in subscription.types
            and (client := clients.get(subscription.client_id)) is not None
            and hears(client, event)
        ]
        if messages:
            session.execute(insert(WebhookMessage), messages)

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, client: Subscriber, after: int, limit: int, types: Collection[str] = ()) -> FeedPage:
        """What came after the position ``after``, oldest first; 0 is the beginning of what is kept.

        Raises Gone('cursor_too_old') where events after it have been forgotten.
        """
        with self._db.transaction() as session:
            state = session.scalar(select(FeedState))
            last, swept = (state.last_serial, state.swept_serial) if state is not None else (0, 0)
            if 0 < after < swept:
                raise Gone("cursor_too_old", extra={"kept_days": KEEP.days})
            query = select(PublicEvent).where(PublicEvent.serial > after, PublicEvent.serial <= last, heard_by(client))
            if types:
                query = query.where(PublicEvent.type.in_(types))
            rows = session.scalars(query.order_by(PublicEvent.serial).limit(limit + 1)).all()
            page, more = rows[:limit], len(rows) > limit
            # past what is not this client's, so that it is not looked through again
            position = page[-1].serial if more else max(after, last)
            return FeedPage([shown(row) for row in page], position, more)

    def end(self) -> int:
        """The position after the newest event: where who wants only what is to come begins."""
        with self._db.transaction() as session:
            return session.scalar(select(FeedState.last_serial)) or 0

    # --- forgetting ---------------------------------------------------------------------------------------------------

    def sweep(self) -> int:
        """Forget the oldest of what is older than KEEP, deliveries with it, SWEPT at most; how many events. Run by the
        worker's housekeeping.
        """
        with self._db.transaction() as session:
            old = select(PublicEvent.serial).where(PublicEvent.recorded_at < self._clock.now() - KEEP)
            oldest = old.order_by(PublicEvent.serial).limit(SWEPT).subquery()
            last = session.scalar(select(func.max(oldest.c.serial)))
            if last is None:
                return 0
            state = self._state(session)
            if state is None:
                return 0
            state.swept_serial = last
            done = session.execute(delete(PublicEvent).where(PublicEvent.serial <= last))
            return int(getattr(done, "rowcount", 0))


def shown(row: PublicEvent) -> Mapping[str, Any]:
    return message(row.id, row.type, row.at, row.data)
