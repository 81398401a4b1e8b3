"""Delivering messages to subscriptions: at least once, one after another for each, each attempt on record first.

``tick`` numbers new events and gives every subscription with something due to one job, under a lease; the job works
through what is due and gives the lease back. Nothing rests on a job alone: a job that died is given back to the queue
by the worker's sweep, and a lease that ran out is given to another.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from app.actors import SYSTEM
from app.db import Database, new_id
from app.events import EventLog
from app.jobs import Announce, DeliverWebhooks, JobQueue
from app.keyring import Keyring
from app.ports import Clock
from app.webhook_ports import WebhookAnswer, WebhookCall, WebhookCaller, WebhookFailed
from notifications import webhook_rules as rules
from notifications.feed import EventFeed, Subscribers, shown
from notifications.webhook_models import PublicEvent, WebhookAttempt, WebhookMessage, WebhookSubscription
from notifications.webhook_rules import Attempt, Ended, Message, State
from notifications.webhooks import body_of, disable, live_secrets, record_disabled, signatures

log = structlog.get_logger(__name__)
LEASE = timedelta(seconds=60)
"""Longer than one call may take with all around it; every message renews it."""
ROUND = 25
"""Messages of one subscription before others have their turn."""
MOST_LEASES = 200


class _Step(NamedTuple):
    """One attempt that is on record and about to be made."""

    row: WebhookSubscription
    attempt_id: UUID
    event: PublicEvent


class _Outcome(NamedTuple):
    status: int | None
    reason: str
    retry_after: str
    duration_ms: int


class WebhookDelivery:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        caller: WebhookCaller,
        feed: EventFeed,
        subscribers: Subscribers,
        event_log: EventLog,
        queue: JobQueue,
        clock: Clock,
        luck: Callable[[], float] = random.random,
    ) -> None:
        self._db, self._keys, self._caller, self._feed, self._subscribers = db, keys, caller, feed, subscribers
        self._log, self._queue, self._clock, self._luck = event_log, queue, clock, luck

    # --- handing out --------------------------------------------------------------------------------------------------

    def tick(self) -> int:
        """Called every moment by every worker; how many jobs were enqueued."""
        self._feed.take_in()
        with self._db.transaction() as session:
            clients = self._subscribers.subscribers(session)
        return self._hand_out(list(clients), self._clock.now()) if clients else 0

    def _hand_out(self, clients: Sequence[UUID], now: datetime) -> int:
        due = exists().where(
            WebhookMessage.subscription_id == WebhookSubscription.id,
            WebhookMessage.state == Message.WAITING,
            WebhookMessage.due_at <= now,
        )
        free = (
            WebhookSubscription.client_id.in_(clients),
            WebhookSubscription.state.in_(rules.LIVE),
            or_(WebhookSubscription.lease_until.is_(None), WebhookSubscription.lease_until <= now),
            or_(WebhookSubscription.resume_at.is_(None), WebhookSubscription.resume_at <= now),
            due,
        )
        with self._db.transaction() as session:
            query = select(WebhookSubscription).where(*free).limit(MOST_LEASES).with_for_update(skip_locked=True)
            given = session.scalars(query).all()
            for row in given:
                row.lease, row.lease_until = new_id(), now + LEASE
                self._queue.enqueue(session, DeliverWebhooks(row.id, row.lease))
            return len(given)

    # --- the job ------------------------------------------------------------------------------------------------------

    def work(self, job: DeliverWebhooks) -> None:
        """Deliver what is due, until the lease is another's or the subscription rests."""
        self._keys.house()
        for _ in range(ROUND):
            step = self._begin(job)
            if step is None:
                break
            self._settle(step, self._call(step))
        self._give_back(job)

    def _begin(self, job: DeliverWebhooks) -> _Step | None:
        """Commit an attempt before the call. None where nothing is to be sent (any more)."""
        now = self._clock.now()
        with self._db.transaction() as session:
            row = self._leased(session, job)
            if row is None or (row.resume_at is not None and row.resume_at > now):
                return None
            if row.client_id not in self._subscribers.subscribers(session):
                return None  # closed since the lease was given
            waiting = (
                select(WebhookMessage)
                .where(
                    WebhookMessage.subscription_id == row.id,
                    WebhookMessage.state == Message.WAITING,
                    WebhookMessage.due_at <= now,
                )
                .order_by(WebhookMessage.due_at, WebhookMessage.event_serial)
                .limit(1)
            )
            message = session.scalar(waiting)
            if message is None:
                return None
            row.lease_until = now + LEASE
            attempt = self._attempt(session, message, now)
            message.tries += 1
            return _Step(row, attempt.id, session.get_one(PublicEvent, message.event_serial))

    @staticmethod
    def _leased(session: Session, job: DeliverWebhooks) -> WebhookSubscription | None:
        query = select(WebhookSubscription).where(
            WebhookSubscription.id == job.subscription_id,
            WebhookSubscription.lease == job.lease,
            WebhookSubscription.state.in_(rules.LIVE),
        )
        return session.scalar(query.with_for_update())

    @staticmethod
    def _attempt(session: Session, message: WebhookMessage, now: datetime) -> WebhookAttempt:
        query = select(WebhookAttempt).where(WebhookAttempt.message_id == message.id)
        last = session.scalar(query.order_by(WebhookAttempt.number.desc()).limit(1))
        if last is not None and last.state is Attempt.SENDING:
            # a worker died between the call and its answer: the message may have arrived, and goes again
            last.state, last.reason = Attempt.LOST, "worker_lost"
        attempt = WebhookAttempt(
            id=new_id(),
            message_id=message.id,
            number=last.number + 1 if last is not None else 1,
            state=Attempt.SENDING,
            created_at=now,
        )
        session.add(attempt)
        return attempt

    def _call(self, step: _Step) -> _Outcome:
        now, body = self._clock.now(), body_of(shown(step.event))
        headers = signatures(live_secrets(self._keys, step.row, now), step.event.id, now, body)
        answer, reason, begun = WebhookAnswer(0), "", time.monotonic()
        try:
            answer = self._caller.call(WebhookCall(step.row.url, headers, body, rules.CALL_S))
            reason = rules.reason_of(answer.status)
        except WebhookFailed as error:
            reason = error.reason
        took = int((time.monotonic() - begun) * 1000)
        return _Outcome(answer.status or None, reason, answer.retry_after, took)

    def _settle(self, step: _Step, outcome: _Outcome) -> None:
        now = self._clock.now()
        with self._db.transaction() as session:
            query = select(WebhookSubscription).where(WebhookSubscription.id == step.row.id).with_for_update()
            row, attempt = session.scalar(query), session.get(WebhookAttempt, step.attempt_id)
            if row is None or attempt is None:
                return  # removed meanwhile
            attempt.state = Attempt.FAILED if outcome.reason else Attempt.DELIVERED
            attempt.status, attempt.reason, attempt.duration_ms = outcome.status, outcome.reason, outcome.duration_ms
            message = session.get_one(WebhookMessage, attempt.message_id)
            if outcome.reason:
                self._failed(session, row, message, outcome, now)
            else:
                message.state, message.settled_at = Message.DELIVERED, now
                row.last_success_at, row.failures = now, 0
                row.failing_since = row.resume_at = None
                row.state = State.ACTIVE if row.state is State.FAILING else row.state
        if outcome.reason:
            log.info("webhook_not_delivered", webhook=str(step.row.id), reason=outcome.reason, status=outcome.status)

    def _failed(
        self,
        session: Session,
        row: WebhookSubscription,
        message: WebhookMessage,
        outcome: _Outcome,
        now: datetime,
    ) -> None:
        if message.state is Message.WAITING:
            again = rules.next_try(message.tries, now, self._luck(), outcome.retry_after)
            if again is None:
                message.state, message.settled_at = Message.DEAD, now
            else:
                message.due_at = again
        row.last_failure_at, row.failing_since = now, row.failing_since or now
        row.failures += 1
        if row.state not in rules.LIVE:
            return
        row.state = State.FAILING
        pause = max(rules.rest(row.failures), rules.asked_to_wait(outcome.retry_after, now))
        row.resume_at = now + pause if pause else None
        if outcome.reason == "gone":
            self._give_up(session, row, Ended.GONE, now)
        elif now - row.failing_since >= rules.GIVEN_UP_AFTER:
            self._give_up(session, row, Ended.FAILING, now)

    def _give_up(self, session: Session, row: WebhookSubscription, why: Ended, now: datetime) -> None:
        """Staff are told, and its client finds it in the feed."""
        disable(session, row, why, now)
        self._queue.enqueue(session, Announce(record_disabled(self._log, session, SYSTEM, row)))

    def _give_back(self, job: DeliverWebhooks) -> None:
        with self._db.transaction() as session:
            row = self._leased(session, job)
            if row is not None:
                row.lease = row.lease_until = None
