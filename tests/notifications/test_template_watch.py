"""The configured templates against WeChat's console: a warning, told once, and never a crash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from app.errors import Unavailable
from notifications.catalogue.fields import WECHAT_KEYS
from notifications.catalogue.text import Template
from notifications.template_watch import EVERY, Templates, TemplateWatch, faults_of
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from worker import housekeeping
from wsgi import create_app

IDS = {template: f"id-{template.value}" for template in Template}
WHOLE = dict.fromkeys(IDS.values(), WECHAT_KEYS)


class Book:
    def __init__(self, held: Mapping[str, frozenset[str]]) -> None:
        self.held, self.asked, self.away = held, 0, False

    def keys(self) -> Mapping[str, frozenset[str]]:
        self.asked += 1
        if self.away:
            raise Unavailable("platform_unavailable")
        return self.held


Watching = Callable[[Book], TemplateWatch]


@pytest.fixture
def watching(lantai: Lantai, world: World) -> Watching:
    def make(book: Book) -> TemplateWatch:
        return TemplateWatch(book, IDS, lantai.outside.cache, world.alerts, lantai.clock)

    return make


def test_what_differs_is_named() -> None:
    assert faults_of(IDS, WHOLE) == []
    assert faults_of({}, WHOLE) == [f"{t.value}:not_set" for t in Template]
    other = {**IDS, Template.TRANSFER_STEP: "gone"}
    assert faults_of(other, WHOLE) == ["transfer_step:unknown_id"]
    asks = {**WHOLE, IDS[Template.ACCOUNT_NOTICE]: (WECHAT_KEYS - {"thing4"}) | {"time4"}}
    assert faults_of(IDS, asks) == ["account_notice:+time4,-thing4"]


def test_all_is_well(watching: Watching, world: World) -> None:
    watch = watching(Book(WHOLE))
    assert watch.state() is Templates.UNKNOWN
    assert watch.tick() == 0
    assert watch.state() is Templates.OK
    assert world.alerts.lines == []


def test_a_difference_is_told_once_and_again_when_it_changes(
    watching: Watching, world: World, clock: FakeClock
) -> None:
    book = Book({})
    watch, other_worker = watching(book), watching(book)
    assert watch.tick() == other_worker.tick() == len(Template)
    assert watch.tick() == 0
    assert book.asked == 2
    assert watch.state() is other_worker.state() is Templates.FAULTY
    assert len(world.alerts.lines) == 1
    assert "transfer_step:unknown_id" in world.alerts.lines[0]
    book.held = {**WHOLE, IDS[Template.TRANSFER_STEP]: frozenset()}
    clock.advance(seconds=EVERY.total_seconds())
    watch.tick()
    assert len(world.alerts.lines) == 2
    book.held = WHOLE
    clock.advance(seconds=EVERY.total_seconds())
    watch.tick()
    assert (watch.state(), len(world.alerts.lines)) == (Templates.OK, 2)


def test_a_platform_that_does_not_answer_leaves_what_was_known(
    watching: Watching, world: World, clock: FakeClock
) -> None:
    book = Book(WHOLE)
    watch = watching(book)
    watch.tick()
    book.away = True
    clock.advance(seconds=EVERY.total_seconds())
    assert watch.tick() == 0
    assert watch.state() is Templates.OK
    assert world.alerts.lines == []


def test_readiness_warns_and_serves_on(lantai: Lantai, watching: Watching, client: FlaskClient) -> None:
    assert '"templates":"unknown"' in client.get("/readyz").text
    parts = replace(lantai, template_watch=watching(Book({})))
    housekeeping(parts)
    reply = create_app(parts).test_client().get("/readyz")
    assert reply.status_code == 200
    assert '"templates":"faulty"' in reply.text
