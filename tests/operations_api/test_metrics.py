"""What Prometheus is shown: to whom, which values, and nothing that names a person or a thing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from sqlalchemy import text

import worker
from app.db import new_id
from app.errors import Unavailable
from app.jobs import Announce
from app.ports import Platform, SendFault
from app.settings import Settings, SettingsError, load_settings
from notifications.breaker import Breakers, Outlet
from notifications.catalogue.text import Template
from notifications.channel_rules import ContactKind
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin
from tests.fakes import FakeClock
from tests.owned import make_owned
from wsgi import create_app

TOKEN = "scrape-me-with-this-long-token"
LABELS = {
    "reason",
    "template",
    "door",
    "route",
    "method",
    "status",
    "le",
    "queue",
    "state",
    "platform",
    "sweep",
    "group",
    "channel",
}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"metrics_token": SecretStr(TOKEN)})


@pytest.fixture
def scrape(client: FlaskClient, clock: FakeClock) -> Callable[[], str]:
    def read() -> str:
        clock.advance(seconds=6)
        reply = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert reply.status_code == 200
        assert reply.content_type.startswith("text/plain; version=0.0.4")
        return reply.get_data(as_text=True)

    return read


def samples(page: str) -> Samples:
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for family in text_string_to_metric_families(page)
        for s in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found[name, tuple(sorted(labels.items()))]


def test_only_the_token_opens_it(client: FlaskClient) -> None:
    for header in ("", TOKEN, f"Basic {TOKEN}", "Bearer ", f"Bearer {TOKEN}x", "Bearer \u00e4"):
        reply = client.get("/metrics", headers={"Authorization": header} if header else {})
        assert (reply.status_code, reply.json["code"]) == (401, "metrics_token_required"), header  # type: ignore[index]
        assert b"lantai_" not in reply.data
    assert client.get(f"/metrics?token={TOKEN}").status_code == 401
    assert client.get("/metrics", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
    assert client.post("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 405


def test_without_a_token_there_is_no_such_route(lantai: Lantai) -> None:
    unset = lantai.settings.model_copy(update={"metrics_token": SecretStr("")})
    http = create_app(replace(lantai, settings=unset)).test_client()
    absent = http.get("/no-such-route")
    for header in ({}, {"Authorization": "Bearer "}, {"Authorization": f"Bearer {TOKEN}"}):
        reply = http.get("/metrics", headers=header)
        assert reply.status_code == 404
        assert {**reply.json, "request_id": ""} == {**absent.json, "request_id": ""}  # type: ignore[dict-item]


def test_a_short_token_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(environment="test", metrics_token="short")
    assert "LANTAI_METRICS_TOKEN" in caught.value.faults[0]
    assert "short" not in caught.value.faults[0].replace("shorter", "")


def test_values_of_known_jobs_workers_and_sweeps(lantai: Lantai, scrape: Callable[[], str], clock: FakeClock) -> None:
    with lantai.db.transaction() as session:
        for _ in range(3):
            lantai.queue.enqueue(session, Announce(new_id()))
        session.execute(text("update procrastinate_events set at = now() - interval '8 minutes'"))
        session.execute(
            text("update procrastinate_jobs set status = 'failed' where id = (select max(id) from procrastinate_jobs)")
        )
        session.execute(text("insert into procrastinate_workers default values"))
    worker.housekeeping(lantai)
    swept = clock.now().timestamp()
    found = samples(scrape())
    with lantai.db.transaction() as session:
        waiting = session.scalar(text("select count(*) from procrastinate_jobs where status = 'todo'"))
    assert value(found, "lantai_jobs", queue="default", state="waiting") == waiting
    assert value(found, "lantai_jobs", queue="default", state="failed") == 1
    assert value(found, "lantai_jobs", queue="face", state="due") == 0
    assert value(found, "lantai_jobs_oldest_due_seconds", queue="default") == pytest.approx(480, abs=30)
    assert value(found, "lantai_worker_loops") == 1
    assert value(found, "lantai_housekeeping_last_run_timestamp_seconds", sweep="clocks") == swept
    assert {dict(labels)["sweep"] for name, labels in found if "housekeeping" in name} == set(worker._sweeps(lantai))
    assert value(found, "lantai_database_pool_size") == lantai.settings.database_pool
    assert sum(v for (name, _), v in found.items() if name == "lantai_database_connections") >= 1
    assert {v for (name, _), v in found.items() if name == "lantai_figures_up"} == {1.0}


def test_values_of_telling(
    lantai: Lantai,
    scrape: Callable[[], str],
    signed_in: Callable[..., ApiClient],
    graduate_factory: Callable[..., Person],
    run_jobs: Callable[[], None],
    clock: FakeClock,
) -> None:
    before = samples(scrape())
    assert value(before, "lantai_push_attempts_last_day", platform="wechat", state="sent") == 0
    signed_in(graduate_factory(), 2)
    run_jobs()
    with lantai.db.transaction() as session:
        attempts = session.scalar(text("select count(*) from delivery_attempt where state = 'sent'")) or 0
        session.execute(
            text(
                "insert into inbound_push (id, dedupe_hash, kind, event, items, received_at)"
                " values (gen_random_uuid(), 'a', 'event', '', '[]', now())"
            )
        )
        session.execute(
            text(
                "insert into chat_conversation (id, identity_id, state, version, unknowns, waiting_since, channel,"
                " sent_since, moved_at, created_at) select gen_random_uuid(), id, 'waiting', 1, 0, :since, 'app', 0,"
                " now(), now() from platform_identity limit 1"
            ),
            {"since": clock.now()},
        )
    found = samples(scrape())
    assert attempts > 0
    assert value(found, "lantai_push_attempts_last_day", platform="wechat", state="sent") == attempts
    assert value(found, "lantai_inbound_pushes_unhandled") == 1
    assert value(found, "lantai_chats_waiting") == 1
    assert value(found, "lantai_chats_longest_wait_seconds") == 6
    assert value(found, "lantai_webhook_messages", state="dead") == 0
    assert value(found, "lantai_pushes_undelivered", reason="content") == 0
    assert value(found, "lantai_push_template_stopped", platform="wechat", template="ticket_decided") == 0
    clock.advance(hours=25)
    assert value(samples(scrape()), "lantai_push_attempts_last_day", platform="wechat", state="sent") == 0
    clock.advance(minutes=1)
    with lantai.db.transaction() as session:
        session.execute(text("update delivery_attempt set state = 'failed', reason = 'content:47003'"))
        template, sms = Outlet.of_push(Platform.WECHAT, Template.TICKET_DECIDED), Outlet.of_letter(ContactKind.PHONE)
        for outlet in (template, sms):
            Breakers(clock).failed(session, outlet, SendFault.CONFIG, "x", tried=False)
        session.execute(
            text(
                "insert into contact_attempt (id, notice_id, kind, number, state, reason, provider_id, created_at)"
                " select gen_random_uuid(), id, 'phone', 1, 'failed', 'config:NO_BALANCE', '', :now from notice limit 1"
            ),
            {"now": clock.now()},
        )
    found = samples(scrape())
    assert [value(found, "lantai_letters_stopped", channel=each) for each in ("email", "sms")] == [0, 1]
    assert value(found, "lantai_letter_attempts_last_day", channel="sms", state="failed") == 1
    assert value(found, "lantai_letter_attempts_last_day", channel="email", state="failed") == 0
    assert value(found, "lantai_letters_undelivered", reason="config") == 1
    assert value(found, "lantai_pushes_undelivered", reason="content") == attempts
    assert not any(("reason", given_up) in labels for _, labels in found for given_up in ("cancelled", "not_wanted"))
    assert value(found, "lantai_push_template_stopped", platform="wechat", template="ticket_decided") == 1


def test_what_outside_systems_were_refused(lantai: Lantai, scrape: Callable[[], str]) -> None:
    for code in ("scope_required", "rate_limited", "rate_limited"):
        lantai.partner_refusals.note(new_id(), 403, code)
    lantai.partner_refusals.copy()
    found = samples(scrape())
    assert value(found, "lantai_partner_requests_refused_last_day", reason="rate_limited") == 2
    assert value(found, "lantai_partner_requests_refused_last_day", reason="scope_required") == 1


def test_requests_by_rule_and_class(client: FlaskClient, scrape: Callable[[], str]) -> None:
    route = "/api/v1/corrections/<uuid:ticket_id>"
    for _ in range(3):
        assert client.get(f"/api/v1/corrections/{new_id()}").status_code == 401
    client.get("/healthz")
    client.open("/console/13800138000", method="CAT")
    found = samples(scrape())
    labels = {"door": "miniprogram", "route": route}
    assert value(found, "lantai_http_requests_total", **labels, method="GET", status="4xx") == 3
    assert value(found, "lantai_http_request_duration_seconds_count", **labels) == 3
    assert value(found, "lantai_http_request_duration_seconds_bucket", **labels, le="+Inf") == 3
    health = {"door": "operations", "route": "/healthz", "method": "GET", "status": "2xx"}
    assert value(found, "lantai_http_requests_total", **health) == 1
    assert value(found, "lantai_http_requests_total", door="console", route="", method="", status="4xx") == 1


def test_nobody_and_nothing_is_named(
    lantai: Lantai,
    client: FlaskClient,
    scrape: Callable[[], str],
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    run_jobs: Callable[[], None],
) -> None:
    """After a house full of requests, with ids in their addresses."""
    owned = make_owned(graduate_factory, signed_in, staff_factory, lantai, run_jobs)
    owned.http.get(f"/corrections/{owned.values['ticket_id']}")
    client.get(f"/console/graduates/{owned.person.card.student_number}?q={owned.person.card.phone}")
    page = scrape()
    card = owned.person.card
    for secret in (card.name, card.id_number, card.student_number, card.phone, "open-", owned.http.token, TOKEN):
        assert secret not in page
    before_values = "\n".join(line.rpartition(" ")[0] for line in page.splitlines())
    assert re.search(r"[0-9a-f]{8}-[0-9a-f]{4}|[0-9a-f]{32}|\d{11}", before_values) is None
    named = {label for _, labels in samples(page) for label, _ in labels}
    assert named <= LABELS
    rules = {r.rule for r in client.application.url_map.iter_rules()} | {""}
    assert {v for _, labels in samples(page) for label, v in labels if label == "route"} <= rules


def test_a_group_that_cannot_be_counted_blinds_no_other(
    lantai: Lantai, scrape: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise Unavailable("database_unavailable")

    monkeypatch.setattr(type(lantai.telling_figures), "read", away)
    found = samples(scrape())
    assert value(found, "lantai_figures_up", group="telling") == 0
    assert value(found, "lantai_figures_up", group="queues") == 1
    assert value(found, "lantai_jobs", queue="default", state="due") == 0
    assert not any(name.startswith("lantai_push") for name, _ in found)


def test_what_was_counted_a_moment_ago_is_shown_again(
    lantai: Lantai, client: FlaskClient, scrape: Callable[[], str], clock: FakeClock
) -> None:
    scrape()
    with lantai.db.transaction() as session:
        lantai.queue.enqueue(session, Announce(new_id()))
    again = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).get_data(as_text=True)
    assert value(samples(again), "lantai_jobs", queue="default", state="due") == 0
    assert value(samples(scrape()), "lantai_jobs", queue="default", state="due") == 1
