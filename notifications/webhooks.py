"""Subscriptions to events: made and kept by the clients themselves, watched over by staff."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session
from standardwebhooks import Webhook

from app.actors import Actor
from app.db import Database, new_id
from app.envelope import open_json, seal_json
from app.errors import Conflict, FieldFault, Invalid, NotFound
from app.events import EventLog
from app.keyring import Keyring
from app.ports import Clock, RateLimiter
from app.webhook_ports import WebhookCall, WebhookCaller, WebhookFailed
from notifications import webhook_rules as rules
from notifications.feed import Subscriber, Subscribers
from notifications.public_events import DISABLED, EVENT_TYPES, PING, message
from notifications.webhook_models import WebhookMessage, WebhookSubscription, secrets_place
from notifications.webhook_rules import Ended, Message, State

TESTS, TESTS_WINDOW_S = 10, 600
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True)
class SubscriptionView:
    """``url`` is shown to its own client and to staff who mind subscriptions."""

    id: UUID
    serial: int
    client_id: UUID
    url: str = field(repr=False)
    types: Sequence[str]
    state: State
    ended: Ended | None
    previous_until: datetime | None
    created_at: datetime
    last_success_at: datetime | None
    last_failure_at: datetime | None
    failing_since: datetime | None
    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class TestResult:
    """``reason`` is a word of webhook_rules.REASONS, empty when the test was passed."""

    passed: bool
    status: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a client changes of its subscription; None leaves as it is. ``enabled`` may only be False: enabling takes a
    test.
    """

    url: str | None = None
    types: Sequence[str] | None = None
    enabled: bool | None = None


def signatures(secrets: Sequence[str], message_id: UUID, at: datetime, body: bytes) -> Mapping[str, str]:
    """The headers of Standard Webhooks; one signature per secret, so that a receiver with either can verify."""
    signed = [Webhook(secret).sign(str(message_id), at, body.decode()) for secret in secrets]
    return {
        "webhook-id": str(message_id),
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signed),
        "Content-Type": "application/json",
        "User-Agent": "Lantai-Webhooks/1",
    }


def body_of(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


class WebhookService:
    def __init__(
        self,
        db: Database,
        keys: Keyring,
        caller: WebhookCaller,
        subscribers: Subscribers,
        limits: RateLimiter,
        log: EventLog,
        clock: Clock,
        *,
        local: bool,
    ) -> None:
        """``local``: addresses on this machine may be named, over plain HTTP too."""
        self._db, self._keys, self._caller, self._subscribers = db, keys, caller, subscribers
        self._limits, self._log, self._clock, self._local = limits, log, clock, local

    def subscriber(self, actor: Actor) -> Subscriber:
        """Raises NotFound for a client that may hear of nothing (any more)."""
        with self._db.transaction() as session:
            found = self._subscribers.subscribers(session).get(actor.id)
        if found is None:
            raise NotFound("webhook_not_found")
        return found

    # --- the client's own ---------------------------------------------------------------------------------------------

    def subscribe(self, actor: Actor, url: str, types: Sequence[str]) -> tuple[SubscriptionView, str]:
        """(the new subscription, its secret shown once). Nothing is sent before its address has answered a test.

        Raises Invalid by field, Conflict('too_many_webhooks').
        """
        self._require(url, types)
        secret, key = _new_secret(), self._keys.house()
        row = WebhookSubscription(
            id=new_id(),
            client_id=actor.id,
            url=url,
            types=sorted(set(types)),
            state=State.PENDING,
            secret_version=1,
            failures=0,
            created_at=self._clock.now(),
        )
        row.sealed_secrets = seal_json(key, secrets_place(row), {"current": secret})
        with self._db.transaction() as session:
            held = select(func.count()).where(WebhookSubscription.client_id == actor.id)
            if (session.scalar(held) or 0) >= rules.MOST_SUBSCRIPTIONS:
                raise Conflict("too_many_webhooks", params={"most": rules.MOST_SUBSCRIPTIONS})
            session.add(row)
            session.flush()
            self._record(session, actor, "webhook.created", row)
            return self._view(session, row), secret

    def of_client(self, actor: Actor) -> list[SubscriptionView]:
        with self._db.transaction() as session:
            query = select(WebhookSubscription).where(WebhookSubscription.client_id == actor.id)
            return [self._view(session, r) for r in session.scalars(query.order_by(WebhookSubscription.serial))]

    def one(self, actor: Actor, webhook_id: UUID) -> SubscriptionView:
        """Raises NotFound for another client's."""
        with self._db.transaction() as session:
            return self._view(session, self._own(session, actor, webhook_id))

    def change(self, actor: Actor, webhook_id: UUID, change: Change) -> SubscriptionView:
        """Another address waits for a test of its own. Raises NotFound, Invalid by field."""
        if change.enabled:
            raise Invalid("webhook_needs_test", faults=[FieldFault("/enabled", "wrong")])
        with self._db.transaction() as session:
            row = self._own(session, actor, webhook_id)
            wanted = change.types if change.types is not None else row.types
            self._require(change.url or row.url, wanted)
            row.types = sorted(set(wanted))
            if change.url is not None and change.url != row.url:
                row.url, row.state, row.ended = change.url, State.PENDING, None
                row.failures, row.failing_since, row.resume_at = 0, None, None
            if change.enabled is False and row.state is not State.DISABLED:
                disable(session, row, Ended.CLIENT, self._clock.now())
            self._record(session, actor, "webhook.changed", row)
            return self._view(session, row)

    def rotate(self, actor: Actor, webhook_id: UUID, overlap: timedelta) -> str:
        """A new secret, shown once; for ``overlap`` more messages are signed by the old one too (0 when it has leaked).

        Raises NotFound.
        """
        key, secret = self._keys.house(), _new_secret()
        with self._db.transaction() as session:
            row = self._own(session, actor, webhook_id)
            held = open_json(key, secrets_place(row), row.sealed_secrets)
            row.secret_version += 1
            kept = {"current": secret, "previous": held["current"]}
            row.sealed_secrets = seal_json(key, secrets_place(row), kept)
            row.previous_until = self._clock.now() + min(overlap, rules.LONGEST_OVERLAP)
            self._record(session, actor, "webhook.rotated", row)
        return secret

    def remove(self, actor: Actor, webhook_id: UUID) -> None:
        """With its messages and their log. Raises NotFound."""
        with self._db.transaction() as session:
            row = self._own(session, actor, webhook_id)
            self._record(session, actor, "webhook.removed", row)
            session.delete(row)

    def test(self, actor: Actor, webhook_id: UUID) -> TestResult:
        """Send a signed ping. An address on trial or disabled is live once it has answered 2xx with the ping's
        challenge in its body, which shows that it was made to listen: others may answer 200 to anything.

        Raises NotFound, RateLimited.
        """
        return self._test(actor, self._address(actor, webhook_id))

    # --- staff --------------------------------------------------------------------------------------------------------

    def everything(self) -> list[SubscriptionView]:
        """All clients', oldest first."""
        with self._db.transaction() as session:
            rows = session.scalars(select(WebhookSubscription).order_by(WebhookSubscription.serial))
            return [self._view(session, row) for row in rows]

    def any(self, webhook_id: UUID) -> SubscriptionView:
        """Raises NotFound."""
        with self._db.transaction() as session:
            return self._view(session, self._locked(session, webhook_id))

    def test_by_staff(self, actor: Actor, webhook_id: UUID) -> TestResult:
        """As ``test``, of anybody's."""
        return self._test(actor, self._address(None, webhook_id))

    def disable_by_staff(self, actor: Actor, webhook_id: UUID) -> None:
        """Its client finds it in the feed. Raises NotFound."""
        with self._db.transaction() as session:
            row = self._locked(session, webhook_id)
            if row.state is not State.DISABLED:
                disable(session, row, Ended.STAFF, self._clock.now())
                record_disabled(self._log, session, actor, row)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _address(self, actor: Actor | None, webhook_id: UUID) -> WebhookSubscription:
        with self._db.transaction() as session:
            if actor is not None:
                return self._own(session, actor, webhook_id)
            return self._locked(session, webhook_id)

    def _test(self, actor: Actor, row: WebhookSubscription) -> TestResult:
        self._limits.hit("webhook-test", str(row.client_id), limit=TESTS, window_s=TESTS_WINDOW_S)
        now, ping_id, challenge = self._clock.now(), new_id(), base64.urlsafe_b64encode(os.urandom(24)).decode()
        said = message(ping_id, PING, now, {"webhook": str(row.id), "challenge": challenge})
        body, secrets = body_of(said), live_secrets(self._keys, row, now)
        call = WebhookCall(row.url, signatures(secrets, ping_id, now, body), body, rules.PING_S, keep=4096)
        try:
            answer = self._caller.call(call)
        except WebhookFailed as error:
            return TestResult(False, None, error.reason)
        reason = rules.reason_of(answer.status)
        if not reason and challenge.encode() not in answer.body:
            reason = "challenge"
        if not reason:
            self._passed(actor, row)
        return TestResult(not reason, answer.status, reason)

    def _passed(self, actor: Actor, tested: WebhookSubscription) -> None:
        with self._db.transaction() as session:
            row = self._locked(session, tested.id)
            # the answer is that of the address that was asked
            if row.url != tested.url or row.state in rules.LIVE:
                return
            row.state, row.ended = State.ACTIVE, None
            row.failures, row.failing_since, row.resume_at = 0, None, None
            self._record(session, actor, "webhook.enabled", row)

    def _require(self, url: str, types: Sequence[str]) -> None:
        faults = [FieldFault(f"/types/{n}", "webhook_type") for n, t in enumerate(types) if t not in EVENT_TYPES]
        if not types:
            faults.append(FieldFault("/types", "required"))
        if fault := rules.url_fault(url, local=self._local):
            faults.append(FieldFault("/url", fault))
        if faults:
            raise Invalid("invalid_input", faults=faults)

    @staticmethod
    def _locked(session: Session, webhook_id: UUID, *policy: Any) -> WebhookSubscription:
        query = select(WebhookSubscription).where(WebhookSubscription.id == webhook_id, *policy)
        row = session.scalar(query.with_for_update())
        if row is None:
            raise NotFound("webhook_not_found")
        return row

    def _own(self, session: Session, actor: Actor, webhook_id: UUID) -> WebhookSubscription:
        return self._locked(session, webhook_id, WebhookSubscription.client_id == actor.id)

    def _record(self, session: Session, actor: Actor, kind: str, row: WebhookSubscription) -> None:
        self._log.record(
            session, actor, kind, object_kind="webhook", object_id=row.id, data={"client": str(row.client_id)}
        )

    @staticmethod
    def _view(session: Session, row: WebhookSubscription) -> SubscriptionView:
        counted = (
            select(WebhookMessage.state, func.count())
            .where(WebhookMessage.subscription_id == row.id, WebhookMessage.state != Message.DELIVERED)
            .group_by(WebhookMessage.state)
        )
        counts = dict(session.execute(counted).all())
        return SubscriptionView(
            id=row.id,
            serial=row.serial,
            client_id=row.client_id,
            url=row.url,
            types=tuple(row.types),
            state=row.state,
            ended=row.ended,
            previous_until=row.previous_until,
            created_at=row.created_at,
            last_success_at=row.last_success_at,
            last_failure_at=row.last_failure_at,
            failing_since=row.failing_since,
            waiting=counts.get(Message.WAITING, 0),
            dead=counts.get(Message.DEAD, 0),
        )


def _new_secret() -> str:
    return PREFIX + base64.b64encode(os.urandom(rules.SECRET_BYTES)).decode()


def live_secrets(keys: Keyring, row: WebhookSubscription, now: datetime) -> list[str]:
    """The current one, and the one before while it overlaps. Call it outside a transaction."""
    held = open_json(keys.house(), secrets_place(row), row.sealed_secrets)
    overlapping = row.previous_until is not None and now < row.previous_until and "previous" in held
    return [held["current"], held["previous"]] if overlapping else [held["current"]]


def disable(session: Session, row: WebhookSubscription, why: Ended, now: datetime) -> None:
    """What was still to be delivered is not, but can be replayed."""
    row.state, row.ended = State.DISABLED, why
    row.lease = row.lease_until = row.resume_at = None
    session.execute(
        update(WebhookMessage)
        .where(WebhookMessage.subscription_id == row.id, WebhookMessage.state == Message.WAITING)
        .values(state=Message.DEAD, settled_at=now)
    )


def record_disabled(log: EventLog, session: Session, actor: Actor, row: WebhookSubscription) -> UUID:
    """A public event of its own client's."""
    why = row.ended.value if row.ended is not None else ""
    data = {"client": str(row.client_id), "reason": why}
    return log.record(session, actor, DISABLED, object_kind="webhook", object_id=row.id, data=data)
