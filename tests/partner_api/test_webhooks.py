"""Subscriptions, their log and the feed at the machines' door, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask

from notifications.public_events import EVENT_TYPES
from notifications.webhook_rules import MOST_SUBSCRIPTIONS
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Deliver, bot, client_of
from tests.notifications.conftest import deliver, today
from tests.partner_api.conftest import Machine

__all__ = ["deliver", "today"]
People = Callable[..., Person]
FILED = {"types": ["dossier.filed"]}


@pytest.fixture
def there() -> Iterator[Bot]:
    with bot() as made:
        yield made


@pytest.fixture
def listener(app: Flask, lantai: Lantai) -> Machine:
    made = client_of(lantai)
    return Machine(app.test_client(), made.actor, made.credential)


def made(listener: Machine, url: str, key: str = "webhook-1", **more: Any) -> Any:
    return listener.post("/webhooks", key, json={"url": url, **FILED, **more})


def test_from_subscribing_to_the_log(
    listener: Machine, there: Bot, today: FakeClock, graduate_factory: People, deliver: Deliver
) -> None:
    reply = made(listener, there.url)
    assert reply.status_code == 201
    webhook, secret = reply.json["id"], reply.json["secret"]
    assert (reply.json["state"], made(listener, there.url).json["secret"]) == ("pending", secret), "a retry is the same"
    assert "secret" not in listener.get(f"/webhooks/{webhook}").json
    tested = listener.post(f"/webhooks/{webhook}/test").json
    assert tested == {"passed": True, "status": 200, "reason": None, "state": "active"}
    there.status = 500
    person = graduate_factory()
    deliver()
    there.status = 200
    today.advance(seconds=6)
    deliver()
    [line] = listener.get(f"/webhooks/{webhook}/deliveries").json["items"]
    assert (line["state"], line["type"], line["id"]) == ("delivered", "dossier.filed", there.seen[0].id)
    assert [(a["number"], a["status"], a["reason"]) for a in line["attempts"]] == [(1, 500, "status"), (2, 200, None)]
    assert all(a["duration_ms"] >= 0 for a in line["attempts"])
    assert listener.get(f"/webhooks/{webhook}/deliveries?state=dead").json["items"] == []
    again = listener.post(f"/webhooks/{webhook}/replay", "replay-01", json={"ids": [line["id"], str(uuid4())]})
    assert (again.status_code, again.json) == (202, {"messages": 1})
    deliver()
    assert there.seen[-1].verified(secret)["data"]["graduate"] == str(person.id)
    rotated = listener.post(f"/webhooks/{webhook}/secret", "rotate-01", json={"overlap_hours": 1})
    assert rotated.json["secret"] != secret
    repeated = listener.post(f"/webhooks/{webhook}/secret", "rotate-01", json={"overlap_hours": 1})
    assert (repeated.json, repeated.headers["Idempotent-Replayed"]) == (rotated.json, "true")
    listener.call("PATCH", f"/webhooks/{webhook}", json={"types": ["ticket.opened"], "enabled": False})
    seen = listener.get(f"/webhooks/{webhook}").json
    assert (seen["state"], seen["disabled_reason"], seen["types"]) == ("disabled", "client", ["ticket.opened"])
    assert listener.call("DELETE", f"/webhooks/{webhook}").status_code == 204
    assert listener.get("/webhooks").json["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"url": "http://bot.example/"}, "/url", "webhook_https"),
        ({"url": "https://user@bot.example/"}, "/url", "webhook_url"),
        ({"url": "https://bot.example/" + "a" * 2048}, "/url", "too_long"),
        ({"url": "https://bot.example/", "types": []}, "/types", "required"),
        ({"url": "https://bot.example/", "types": ["dossier.filed", "dossier.read"]}, "/types/1", "webhook_type"),
        ({"url": 7}, "/url", "string_type"),
        ({"url": "https://bot.example/", "secret": "mine"}, "/secret", "extra_forbidden"),
    ],
)
def test_what_cannot_be_subscribed(listener: Machine, body: dict[str, Any], pointer: str, code: str) -> None:
    reply = listener.post("/webhooks", "webhook-1", json={**FILED, **body})
    assert reply.status_code == 422
    assert [(e["pointer"], e["code"]) for e in reply.json["errors"]] == [(pointer, code)]
    assert all(e["detail"] for e in reply.json["errors"])


def test_ten_subscriptions_and_no_more(listener: Machine) -> None:
    for n in range(MOST_SUBSCRIPTIONS):
        assert made(listener, "https://bot.example/", f"webhook-{n}").status_code == 201
    refused = made(listener, "https://bot.example/", "one-too-many")
    assert (refused.status_code, refused.json["code"]) == (409, "too_many_webhooks")
    assert "10" in refused.json["detail"]


def test_tests_are_limited(listener: Machine, there: Bot) -> None:
    there.deaf = True
    webhook = made(listener, there.url).json["id"]
    replies = [listener.post(f"/webhooks/{webhook}/test") for _ in range(11)]
    assert {r.json["reason"] for r in replies[:10]} == {"challenge"}
    assert (replies[10].status_code, len(there.pings)) == (429, 10)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"since": "2026-06-01T00:00:00Z"},
        {"since": "2026-06-02T00:00:00Z", "until": "2026-06-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00Z", "until": "2026-06-01T00:00:00Z"},
        {"ids": ["0" * 32], "since": "2026-06-01T00:00:00Z", "until": "2026-06-02T00:00:00Z"},
        {"since": "2026-06-01T00:00:00", "until": "2026-06-02T00:00:00"},
        {"ids": []},
        {"ids": ["x"]},
    ],
)
def test_what_cannot_be_replayed(listener: Machine, body: dict[str, Any]) -> None:
    webhook = made(listener, "https://bot.example/").json["id"]
    reply = listener.post(f"/webhooks/{webhook}/replay", "replay-01", json=body)
    assert reply.status_code == 422
    assert reply.json["errors"]


def test_replaying_into_the_dark_is_refused(listener: Machine) -> None:
    webhook = made(listener, "https://bot.example/").json["id"]
    reply = listener.post(f"/webhooks/{webhook}/replay", "replay-01", json={"ids": [str(uuid4())]})
    assert (reply.status_code, reply.json["code"]) == (409, "webhook_not_live")


def test_the_feed_is_pulled_by_cursor(
    listener: Machine, lantai: Lantai, clock: FakeClock, graduate_factory: People
) -> None:
    people = [graduate_factory() for _ in range(3)]
    lantai.event_feed.take_in()
    first = listener.get("/events?limit=2").json
    assert ([e["data"]["graduate"] for e in first["items"]], first["more"]) == ([str(p.id) for p in people[:2]], True)
    second = listener.get(f"/events?cursor={first['next']}&types=dossier.filed,ticket.opened").json
    assert ([e["data"]["graduate"] for e in second["items"]], second["more"]) == ([str(people[2].id)], False)
    assert listener.get(f"/events?cursor={second['next']}").json == {"items": [], "next": second["next"], "more": False}
    assert listener.get("/events?cursor=latest").json["next"] == second["next"]
    for query, pointer in (
        ("cursor=xyz", "/cursor"),
        ("limit=0", "/limit"),
        ("types=dossier.read", "/types"),
        ("type=dossier.filed", "/type"),
    ):
        reply = listener.get(f"/events?{query}")
        assert (reply.status_code, reply.json["errors"][0]["pointer"]) == (422, pointer)
    clock.advance(days=31)
    graduate_factory()
    lantai.event_feed.take_in()
    lantai.event_feed.sweep()
    gone = listener.get(f"/events?cursor={first['next']}")
    assert (gone.status_code, gone.json["code"], gone.json["kept_days"]) == (410, "cursor_too_old", 30)
    assert len(listener.get("/events").json["items"]) == 1


def test_the_catalogue_and_its_schemas_are_public(app: Flask) -> None:
    http = app.test_client()
    listed = http.get("/partner/api/v1/event-types").json
    assert listed is not None
    assert {i["type"] for i in listed["items"]} == set(EVENT_TYPES)
    for item in listed["items"]:
        reply = http.get(item["schema"])
        assert reply.content_type == "application/schema+json"
        assert reply.json is not None
        assert reply.json["$id"] == item["schema"]
    missing = http.get("/partner/api/v1/event-types/dossier.read/schema")
    assert missing.status_code == 404


def test_every_reply_tells_what_is_left_of_the_limit(listener: Machine, clock: FakeClock) -> None:
    def left(reply: Any) -> int:
        assert reply.headers["RateLimit-Policy"] == '"client";q=600;w=60'
        return int(reply.headers["RateLimit"].removeprefix('"client";r=').removesuffix(";t=60"))

    assert [left(listener.get("/webhooks")) for _ in range(3)] == [599, 598, 597]
    assert left(listener.get(f"/webhooks/{uuid4()}")) == 596, "a refusal counts too"
    clock.advance(seconds=61)
    assert left(listener.get("/webhooks")) == 599
    for _ in range(599):
        listener.get("/webhooks")
    reply = listener.get("/webhooks")
    assert (reply.status_code, left(reply)) == (429, 0)
    assert 0 < int(reply.headers["Retry-After"]) <= timedelta(minutes=1).total_seconds()
    assert "RateLimit" not in listener.http.get("/partner/api/v1/event-types").headers
