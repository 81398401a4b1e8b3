"""Subscribing, signed delivery, retries, giving up: over real HTTP, by the job that does it."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from standardwebhooks import WebhookVerificationError
from structlog.testing import capture_logs

from app.actors import Role
from app.errors import Conflict, Invalid, NotFound
from app.events import Event
from app.jobs import DeliverWebhooks
from notifications.webhook_log import LogFilter
from notifications.webhook_models import WebhookAttempt, WebhookMessage, WebhookSubscription
from notifications.webhook_rules import TRIES, WAITS, Attempt, Ended, Message, State
from notifications.webhooks import Change
from parts import Lantai
from tests.conftest import Person, StaffLogin, World
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Client, Deliver, bot, client_of, subscribed

People = Callable[..., Person]


def test_a_subscription_is_silent_until_its_address_has_answered_a_signed_test(
    lantai: Lantai, today: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    made, secret = lantai.webhooks.subscribe(client_of_all.actor, there.url, ["dossier.filed"])
    assert made.state is State.PENDING
    graduate_factory()
    deliver()
    assert (there.seen, there.pings) == ([], [])
    there.deaf = True
    refused = lantai.webhooks.test(client_of_all.actor, made.id)
    assert (refused.passed, refused.status, refused.reason) == (False, 200, "challenge")
    assert lantai.webhooks.one(client_of_all.actor, made.id).state is State.PENDING
    there.deaf = False
    assert lantai.webhooks.test(client_of_all.actor, made.id).passed
    assert there.pings[-1].verified(secret)["data"]["webhook"] == str(made.id)
    assert lantai.webhooks.one(client_of_all.actor, made.id).state is State.ACTIVE
    person = graduate_factory()
    deliver()
    assert [r.said["data"] for r in there.seen] == [{"graduate": str(person.id), "dossier": str(person.dossier_id)}]


def test_messages_are_verified_by_the_receivers_library_and_by_hand(
    lantai: Lantai, today: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    _, secret = subscribed(lantai, client_of_all, there)
    graduate_factory()
    deliver()
    (got,) = there.seen
    said = got.verified(secret)
    assert (said["id"], said["type"], said["version"]) == (got.id, "dossier.filed", 1)
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
    for spoilt in (got.body + b" ", got.body.replace(b"filed", b"filex")):
        with pytest.raises(WebhookVerificationError):
            type(got)(got.headers, spoilt).verified(secret)


def test_both_secrets_sign_while_one_replaces_the_other(
    lantai: Lantai, today: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    webhook, old = subscribed(lantai, client_of_all, there)
    new = lantai.webhooks.rotate(client_of_all.actor, webhook, timedelta(minutes=2))
    graduate_factory()
    deliver()
    assert there.seen[-1].verified(old) == there.seen[-1].verified(new)
    today.advance(minutes=3)
    graduate_factory()
    deliver()
    assert there.seen[-1].verified(new)["type"] == "dossier.filed"
    with pytest.raises(WebhookVerificationError):
        there.seen[-1].verified(old)
    leaked = lantai.webhooks.rotate(client_of_all.actor, webhook, timedelta(0))
    graduate_factory()
    deliver()
    with pytest.raises(WebhookVerificationError):
        there.seen[-1].verified(new)
    assert there.seen[-1].verified(leaked)


def attempts(lantai: Lantai) -> list[WebhookAttempt]:
    with lantai.db.transaction() as session:
        return list(session.scalars(select(WebhookAttempt).order_by(WebhookAttempt.created_at, WebhookAttempt.number)))


def messages(lantai: Lantai) -> list[WebhookMessage]:
    with lantai.db.transaction() as session:
        return list(session.scalars(select(WebhookMessage).order_by(WebhookMessage.event_serial)))


def test_ten_tries_over_three_days_then_it_is_dead_and_can_be_replayed(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there)
    there.status = 500
    graduate_factory()
    begun = clock.now()
    deliver()
    for wait in WAITS:
        before = len(there.seen)
        clock.advance(seconds=wait.total_seconds() * 0.89)
        deliver()
        assert len(there.seen) == before, "earlier than the jitter allows"
        clock.advance(seconds=wait.total_seconds() * 0.22 + 1)
        deliver()
        assert len(there.seen) == before + 1
    assert len(there.seen) == TRIES == 10
    assert timedelta(hours=70) < clock.now() - begun < timedelta(hours=90)
    assert {r.id for r in there.seen} == {there.seen[0].id}, "one message keeps its id"
    assert messages(lantai)[0].state is Message.DEAD
    clock.advance(days=1)
    deliver()
    assert len(there.seen) == TRIES
    there.status = 204
    (line,) = lantai.webhook_log.deliveries(client_of_all.actor, webhook, LogFilter(), None, 10)
    assert [(a.status, a.reason) for a in line.attempts] == [(500, "status")] * TRIES
    assert lantai.webhook_log.replay_events(client_of_all.actor, webhook, [line.event_id]) == 1
    deliver()
    assert messages(lantai)[0].state is Message.DELIVERED
    assert lantai.webhooks.one(client_of_all.actor, webhook).state is State.ACTIVE


def test_gone_disables_at_once_and_staff_and_the_feed_hear_of_it(
    lantai: Lantai,
    clock: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: People,
    deliver: Deliver,
    run_jobs: Callable[[], None],
    world: World,
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there)
    there.status = 410
    graduate_factory()
    graduate_factory()
    deliver()
    view = lantai.webhooks.one(client_of_all.actor, webhook)
    assert (view.state, view.ended, view.dead, len(there.seen)) == (State.DISABLED, Ended.GONE, 2, 1)
    run_jobs()
    assert any("事件订阅" in line for line in world.alerts.lines)
    lantai.event_feed.take_in()
    own, other = lantai.webhooks.subscriber(client_of_all.actor), client_of(lantai, "别的系统")
    last = lantai.event_feed.read(own, 0, 10).items[-1]
    assert (last["type"], last["data"]) == ("webhook.disabled", {"webhook": str(webhook), "reason": "gone"})
    seen = lantai.event_feed.read(lantai.webhooks.subscriber(other.actor), 0, 10).items
    assert [e["type"] for e in seen] == ["dossier.filed", "dossier.filed"], "another client's subscription is its own"
    with pytest.raises(Conflict, match="webhook_not_live"):
        lantai.webhook_log.replay_events(client_of_all.actor, webhook, [])


def test_failing_for_five_days_disables(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there)
    there.status = 503
    for _ in range(6):
        graduate_factory()
        deliver()
        clock.advance(days=1)
    view = lantai.webhooks.one(client_of_all.actor, webhook)
    assert (view.state, view.ended) == (State.DISABLED, Ended.FAILING)
    there.status = 200
    assert lantai.webhooks.test(client_of_all.actor, webhook).passed
    assert lantai.webhooks.one(client_of_all.actor, webhook).state is State.ACTIVE


def test_redirects_are_failures_and_nobody_follows_them(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    subscribed(lantai, client_of_all, there)
    with bot() as elsewhere:
        there.status, there.headers = 307, {"Location": elsewhere.url}
        graduate_factory()
        deliver()
        assert elsewhere.seen == []
    assert [(a.status, a.reason) for a in attempts(lantai)] == [(307, "redirect")]


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heeded(
    lantai: Lantai,
    clock: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: People,
    deliver: Deliver,
    status: int,
) -> None:
    subscribed(lantai, client_of_all, there)
    there.status, there.headers = status, {"Retry-After": "3600"}
    graduate_factory()
    deliver()
    graduate_factory()
    clock.advance(minutes=59)
    deliver()
    assert len(there.seen) == 1, "nothing at all is sent to who asked for an hour"
    there.status, there.headers = 200, {}
    clock.advance(minutes=2)
    deliver()
    assert len(there.seen) == 3


def test_one_that_is_away_is_not_asked_for_every_message(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    subscribed(lantai, client_of_all, there)
    there.status = 500
    for _ in range(8):
        graduate_factory()
    deliver()
    assert len(there.seen) == 3
    there.status = 200
    clock.advance(seconds=31)
    deliver()
    assert {m.state for m in messages(lantai)} >= {Message.DELIVERED}
    clock.advance(minutes=6)
    deliver()
    assert {m.state for m in messages(lantai)} == {Message.DELIVERED}


def test_a_worker_that_died_in_the_middle_loses_nothing(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    """The attempt is on record, nobody settled it, and the lease is still its own."""
    subscribed(lantai, client_of_all, there)
    graduate_factory()
    assert lantai.webhook_delivery.tick() == 1
    with lantai.db.transaction() as session:
        message = session.scalars(select(WebhookMessage)).one()
        message.tries = 1
        session.add(
            WebhookAttempt(message_id=message.id, number=1, state=Attempt.SENDING, created_at=clock.now(), reason="")
        )
    deliver()
    assert there.seen == [], "the lease is held"
    clock.advance(seconds=61)
    deliver()
    assert [(a.state, a.reason) for a in attempts(lantai)] == [(Attempt.LOST, "worker_lost"), (Attempt.DELIVERED, "")]
    assert len(there.seen) == 1


def test_one_after_another_for_each_and_a_slow_one_holds_up_no_other(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    there.wait_s = 0.4
    arrived: list[int] = []
    subscribed(lantai, client_of_all, there)
    with bot() as quick:
        subscribed(lantai, client_of(lantai, "快的"), quick)
        for _ in range(4):
            graduate_factory()
        quick.on_message = lambda: arrived.append(len(there.seen))
        deliver()
        assert there.most_at_once == quick.most_at_once == 1
        assert len(there.seen) == len(quick.seen) == 4
        assert max(arrived) <= 2, "the quick one had all of its before the slow one had half"
    order = [r.said["data"]["graduate"] for r in there.seen]
    assert order == [r.said["data"]["graduate"] for r in quick.seen]


def test_a_client_without_the_scope_or_closed_gets_nothing_more(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there)
    graduate_factory()
    assert lantai.webhook_delivery.tick() == 1
    lantai.partners.disable("通知机器人")
    with lantai.db.transaction() as session:
        lease = session.get_one(WebhookSubscription, webhook).lease
    assert lease is not None
    lantai.webhook_delivery.work(DeliverWebhooks(webhook, lease))
    graduate_factory()
    deliver()
    assert there.seen == []
    assert len(messages(lantai)) == 1


def test_another_address_must_pass_a_test_of_its_own(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there)
    with bot() as other:
        changed = lantai.webhooks.change(client_of_all.actor, webhook, Change(url=other.url))
        assert changed.state is State.PENDING
        graduate_factory()
        deliver()
        assert (there.seen, other.seen) == ([], [])
        with pytest.raises(Invalid, match="webhook_needs_test"):
            lantai.webhooks.change(client_of_all.actor, webhook, Change(enabled=True))
        assert lantai.webhooks.test(client_of_all.actor, webhook).passed
        graduate_factory()
        deliver()
        assert (len(there.seen), len(other.seen)) == (0, 1)


def test_what_was_missed_is_replayed_by_time(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    missed = [graduate_factory(), graduate_factory()]
    lantai.event_feed.take_in()
    since = clock.now()
    clock.advance(hours=1)
    webhook, _ = subscribed(lantai, client_of_all, there, "dossier.filed")
    graduate_factory()
    deliver()
    assert len(there.seen) == 1
    count = lantai.webhook_log.replay_span(client_of_all.actor, webhook, since, since + timedelta(minutes=1))
    deliver()
    assert count == 2
    assert [r.said["data"]["graduate"] for r in there.seen[1:]] == [str(p.id) for p in missed]


def test_staff_see_all_and_a_client_only_its_own(
    lantai: Lantai, there: Bot, client_of_all: Client, staff_factory: Callable[..., StaffLogin]
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there)
    foreign = client_of(lantai, "别的系统").actor
    for attempt in (
        lambda: lantai.webhooks.one(foreign, webhook),
        lambda: lantai.webhooks.rotate(foreign, webhook, timedelta(0)),
        lambda: lantai.webhooks.test(foreign, webhook),
        lambda: lantai.webhooks.remove(foreign, webhook),
        lambda: lantai.webhook_log.deliveries(foreign, webhook, LogFilter(), None, 5),
        lambda: lantai.webhook_log.replay_events(foreign, webhook, []),
    ):
        with pytest.raises(NotFound, match="webhook_not_found"):
            attempt()
    keeper = staff_factory(Role.ADMINISTRATOR).actor
    assert [w.id for w in lantai.webhooks.everything()] == [webhook]
    lantai.webhooks.disable_by_staff(keeper, webhook)
    assert lantai.webhooks.one(client_of_all.actor, webhook).ended is Ended.STAFF
    assert lantai.webhooks.test_by_staff(keeper, webhook).passed
    lantai.webhooks.remove(client_of_all.actor, webhook)
    assert lantai.webhooks.of_client(client_of_all.actor) == []


def test_secrets_and_addresses_stand_in_no_event_and_no_clear_column(
    lantai: Lantai, there: Bot, client_of_all: Client
) -> None:
    webhook, secret = subscribed(lantai, client_of_all, there)
    with lantai.db.transaction() as session:
        events = session.scalars(select(Event).where(Event.object_id == webhook)).all()
        row = session.get_one(WebhookSubscription, webhook)
    assert {e.type for e in events} == {"webhook.created", "webhook.enabled"}
    assert not [e for e in events if there.url in str(e.data)]
    assert base64.b64decode(secret.removeprefix("whsec_")) not in row.sealed_secrets
    assert secret.encode() not in row.sealed_secrets


def test_what_is_logged_and_queued_names_no_address_and_no_secret(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client, graduate_factory: People, deliver: Deliver
) -> None:
    webhook, secret = subscribed(lantai, client_of_all, there)
    there.status = 500
    person = graduate_factory()
    with capture_logs() as lines:
        lantai.webhook_delivery.tick()
        with lantai.db.transaction() as session:
            (job,) = session.scalars(text("select args::text from procrastinate_jobs where queue_name = 'webhooks'"))
        clock.advance(seconds=61)
        deliver()
    (told,) = [line for line in lines if line["event"] == "webhook_not_delivered"]
    assert set(told) == {"event", "log_level", "webhook", "reason", "status"}
    assert (told["webhook"], told["reason"], told["status"]) == (str(webhook), "status", 500)
    assert set(json.loads(job)) == {"subscription_id", "lease"}
    assert not [w for w in (there.url, secret, str(person.id)) if w in f"{lines} {job}"]
