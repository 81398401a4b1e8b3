"""What the machines' door refuses is counted by hour, client and code, without a row for each request."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
import redis
from flask import Flask
from sqlalchemy import func, select

from app.actors import Actor, ActorKind
from auth.partners import REQUESTS_PER_MINUTE
from notifications.partner_models import PartnerRefusal
from notifications.partner_refusals import KEEP, LEFT, PartnerRefusals
from parts import Lantai
from providers.embedded.services import ServiceUrls
from providers.redis_store import RedisTally, connect
from tests.fakes import FakeClock
from tests.partner_api.conftest import API, Machine
from tests.proof.house import at_once

NOTICE = {
    "kind": "ask_visit",
    "recipient": {"student_number": "2022000001"},
    "fields": {"place": "archive_desk", "until": "2026-06-30"},
}


def machine(app: Flask, lantai: Lantai, name: str, *scopes: str) -> Machine:
    client_id, credential = lantai.partners.add(name, [*scopes])
    return Machine(app.test_client(), Actor(ActorKind.PARTNER, client_id), credential)


def refused(lantai: Lantai, client: UUID) -> list[tuple[datetime, dict[str, int]]]:
    lantai.partner_refusals.copy()
    return [(hour.begins, dict(hour.codes)) for hour in lantai.partner_refusals.lately().get(client, ())]


def rows(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count()).select_from(PartnerRefusal)) or 0


def test_refusals_are_counted_by_hour_client_and_code(app: Flask, lantai: Lantai, clock: FakeClock) -> None:
    campus, other = (
        machine(app, lantai, "教务系统", "notices:send"),
        machine(app, lantai, "宿管系统", "events:subscribe"),
    )
    hour = clock.now().replace(minute=0, second=0)
    assert campus.post("/notices", "k-00000001", json={**NOTICE, "note": "x"}).status_code == 422  # an unknown field
    assert campus.post("/notices", "k-00000002", json={**NOTICE, "note": "x"}).status_code == 422
    assert campus.post("/notices", "k-00000003", json=NOTICE).status_code == 202
    reused = campus.post("/notices", "k-00000003", json={**NOTICE, "kind": "appointment"})
    assert reused.status_code == 422
    assert campus.get(f"/notices/{uuid4()}").status_code == 404  # was answered
    assert campus.get("/webhooks").status_code == 403
    assert other.post("/notices", "k-00000004", json=NOTICE).status_code == 403
    stranger = app.test_client().get(f"{API}/webhooks", headers={"Authorization": "Bearer nobody"})
    assert stranger.status_code == 401
    assert rows(lantai) == 0
    expected = {"invalid_input": 2, str(reused.json["code"]): 1, "scope_required": 1}
    assert refused(lantai, campus.actor.id) == [(hour, expected)]
    assert refused(lantai, other.actor.id) == [(hour, {"scope_required": 1})]
    clock.advance(hours=1)
    assert campus.get("/webhooks").status_code == 403
    now = [(hour + timedelta(hours=1), {"scope_required": 1}), (hour, expected)]
    assert refused(lantai, campus.actor.id) == refused(lantai, campus.actor.id) == now
    assert lantai.partner_refusals.last_day() == {**expected, "scope_required": 3}
    clock.advance(hours=24)
    assert [begins for begins, _ in refused(lantai, campus.actor.id)] == [hour + timedelta(hours=1)]


def test_a_flood_leaves_one_row(app: Flask, lantai: Lantai, clock: FakeClock) -> None:
    campus = machine(app, lantai, "教务系统", "notices:send")
    for _ in range(REQUESTS_PER_MINUTE):
        lantai.outside.limits.hit("partner-client", str(campus.actor.id), limit=REQUESTS_PER_MINUTE, window_s=60)
    statuses = {campus.post("/notices", "k-00000001", json=NOTICE).status_code for _ in range(20)}
    assert statuses == {429}
    hour = clock.now().replace(minute=0, second=0)
    assert refused(lantai, campus.actor.id) == [(hour, {"rate_limited": 20})]
    assert rows(lantai) == 1


def test_no_count_is_lost_or_doubled_by_many_at_once(lantai: Lantai) -> None:
    client, refusals = uuid4(), lantai.partner_refusals

    def busy(number: int) -> None:
        for turn in range(50):
            refusals.note(client, 429, "rate_limited")
            refusals.note(client, 403, "scope_required")
            if turn % 10 == number:
                refusals.copy()

    assert not [each for each in at_once(6, busy) if isinstance(each, Exception)]
    [(_, codes)] = refused(lantai, client)
    assert codes == {"rate_limited": 300, "scope_required": 300}


def test_what_nobody_copied_for_a_while_is_copied_later(lantai: Lantai, clock: FakeClock) -> None:
    client, hour = uuid4(), clock.now().replace(minute=0, second=0)
    lantai.partner_refusals.note(client, 403, "scope_required")
    clock.advance(hours=LEFT)
    assert refused(lantai, client) == [(hour, {"scope_required": 1})]


def test_a_redis_that_began_anew_takes_nothing_back(lantai: Lantai, urls: ServiceUrls) -> None:
    client = uuid4()
    for _ in range(5):
        lantai.partner_refusals.note(client, 403, "scope_required")
    [(hour, _)] = refused(lantai, client)
    redis.Redis.from_url(urls.redis_url).flushdb()
    lantai.partner_refusals.note(client, 403, "scope_required")
    assert refused(lantai, client) == [(hour, {"scope_required": 5})]


def test_without_redis_nobody_is_held_up(
    app: Flask, lantai: Lantai, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    campus = machine(app, lantai, "教务系统", "notices:send")
    away = PartnerRefusals(lantai.db, RedisTally(connect("redis://127.0.0.1:1/0")), clock)
    monkeypatch.setattr(lantai.partner_refusals, "_tally", away._tally)
    assert campus.get("/webhooks").status_code == 403
    assert refused(lantai, campus.actor.id) == []


def test_old_hours_are_forgotten(lantai: Lantai, clock: FakeClock) -> None:
    client = uuid4()
    lantai.partner_refusals.note(client, 403, "scope_required")
    lantai.partner_refusals.copy()
    clock.advance(seconds=KEEP.total_seconds())
    assert lantai.partner_refusals.sweep() == 0
    clock.advance(hours=1)
    assert (lantai.partner_refusals.sweep(), rows(lantai)) == (1, 0)
