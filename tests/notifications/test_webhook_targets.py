"""Whoever names an address inside, or makes a name lead there later, gets nothing sent anywhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from notifications.webhook_log import LogFilter
from notifications.webhook_rules import State
from notifications.webhooks import Change
from parts import Lantai
from providers.webhook_calls import HttpWebhookCaller
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Client, Deliver, subscribed


@pytest.mark.parametrize("inside", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1"])
def test_an_address_inside_never_becomes_live_in_production(lantai: Lantai, client_of_all: Client, inside: str) -> None:
    lantai.webhooks._caller = HttpWebhookCaller(loopback=False, resolve=lambda *_: [inside])
    made, _ = lantai.webhooks.subscribe(client_of_all.actor, "https://inside.example/", ["dossier.filed"])
    result = lantai.webhooks.test(client_of_all.actor, made.id)
    assert (result.passed, result.status, result.reason) == (False, None, "target_refused")
    assert lantai.webhooks.one(client_of_all.actor, made.id).state is State.PENDING


def test_a_name_that_leads_inside_after_its_test_is_judged_anew_at_every_call(
    lantai: Lantai,
    clock: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: Callable[..., Person],
    deliver: Deliver,
) -> None:
    names = {"bot.example": ["127.0.0.1"]}
    caller = HttpWebhookCaller(loopback=True, resolve=lambda host, _: names[host])
    lantai.webhooks._caller = lantai.webhook_delivery._caller = caller
    there.url = there.url.replace("127.0.0.1", "bot.example")
    # the form would be refused by name: only the machine's own may be plain HTTP
    lantai.webhooks._require = lambda *_: None  # type: ignore[method-assign]
    webhook, _ = subscribed(lantai, client_of_all, there, "dossier.filed")
    names["bot.example"] = ["10.0.0.1"]
    graduate_factory()
    deliver()
    assert there.seen == []
    [line] = lantai.webhook_log.deliveries(client_of_all.actor, webhook, LogFilter(), None, 5)
    assert [(a.status, a.reason) for a in line.attempts] == [(None, "target_refused")]
    names["bot.example"] = ["127.0.0.1"]
    clock.advance(seconds=6)
    deliver()
    assert len(there.seen) == 1


def test_changing_to_an_address_inside_stops_what_went_outside(
    lantai: Lantai, clock: FakeClock, there: Bot, client_of_all: Client
) -> None:
    webhook, _ = subscribed(lantai, client_of_all, there, "dossier.filed")
    lantai.webhooks._caller = HttpWebhookCaller(loopback=False, resolve=lambda *_: ["192.168.0.1"])
    lantai.webhooks.change(client_of_all.actor, webhook, Change(url="https://router.example/"))
    assert not lantai.webhooks.test(client_of_all.actor, webhook).passed
    assert lantai.webhooks.one(client_of_all.actor, webhook).state is State.PENDING
