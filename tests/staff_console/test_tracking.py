"""Carriers' traces in the console: on the transfer's page, on the list of those that need a look, and asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.actors import Role
from app.carrier_ports import CarrierCode as C
from app.carrier_ports import CarrierEvent
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.transfers.carried import ALL_THE_WAY, NUMBER, Carried
from tests.conftest import Person, World
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, Visit, axe, wide
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
PICTURES = os.environ.get("LANTAI_SCREENSHOTS", "")


@pytest.fixture
def each(lantai: Lantai, world: World, graduate_factory: Callable[..., Person]) -> Carried:
    return Carried(lantai, world, graduate_factory("欧阳文静"), NUMBER, Channel.EMS)


@pytest.fixture
def torn(each: Carried) -> Carried:
    """Delivered and returned, by the same trace."""
    each.world.clock.advance(hours=10)
    each.tell(*ALL_THE_WAY, C.RETURNED)
    each.poll()
    return each


def page_of(each: Carried) -> str:
    return f"/graduates/{each.graduate_id}/transfers"


def test_the_page_tells_the_trace_and_asks_the_carrier(each: Carried, desk: Desks) -> None:
    each.tell(C.ACCEPTED, C.IN_TRANSIT)
    dispatcher = desk(Role.DISPATCHER)
    before = dispatcher.read(page_of(each))
    assert "承运方还没有轨迹" not in before.text
    form = f"/console{page_of(each)}/{each.id}/tracking"
    assert form in before.forms
    answer = dispatcher.post(f"{page_of(each)}/{each.id}/tracking")
    assert answer.status_code == 303
    after = dispatcher.read(page_of(each)).text
    assert "已查询承运方" in after
    assert "物流轨迹（第 1 次交寄）：运送中" in after
    assert "滨海 说明1" in after
    assert each.refresh().state is State.IN_TRANSIT
    dispatcher.post(f"{page_of(each)}/{each.id}/tracking")
    assert "一分钟内刚查过" in dispatcher.read(page_of(each)).text
    each.world.clock.advance(minutes=2)
    each.world.carrier.away = True
    dispatcher.post(f"{page_of(each)}/{each.id}/tracking")
    assert "承运方没有应答" in dispatcher.read(page_of(each)).text


def test_what_contradicts_is_listed_looked_at_and_ticked_off(torn: Carried, desk: Desks) -> None:
    dispatcher = desk(Role.DISPATCHER)
    assert "物流待查看 1 件" in dispatcher.read("/transfers").text
    listed = dispatcher.read("/transfers/tracking").text
    assert "前后矛盾" in listed
    assert "欧阳**" in listed
    page = dispatcher.read(page_of(torn))
    assert "需要查看" in page.text
    assert "（签收：李收发）" in page.text
    seen = f"{page_of(torn)}/{torn.id}/tracking/1/seen"
    assert f"/console{seen}" in page.forms
    assert dispatcher.post(seen).status_code == 303
    after = dispatcher.read(page_of(torn)).text
    assert "已看过" in after
    assert "没有需要查看的轨迹" in dispatcher.read("/transfers/tracking").text


def test_a_carriers_words_are_text(each: Carried, desk: Desks) -> None:
    evil = "<script>alert(1)</script>"
    each.world.carrier.traces[NUMBER] = [CarrierEvent(each.world.clock.now(), C.ACCEPTED, "e1", evil, "</ol>" + evil)]
    each.poll()
    page = desk().get(page_of(each)).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert evil not in page


def test_a_reviewer_reads_and_neither_asks_nor_ticks_off(torn: Carried, desk: Desks) -> None:
    reviewer = desk(Role.REVIEWER)
    page = reviewer.read(page_of(torn))
    assert "物流轨迹" in page.text
    assert not [action for action in page.forms if "tracking" in action]
    assert reviewer.post(f"{page_of(torn)}/{torn.id}/tracking").status_code == 403
    assert reviewer.post(f"{page_of(torn)}/{torn.id}/tracking/1/seen").status_code == 403
    assert reviewer.get("/transfers/tracking").status_code == 403
    assert torn.watch().needs_look


def test_another_graduates_transfer_is_absent(
    torn: Carried, desk: Desks, graduate_factory: Callable[..., Person]
) -> None:
    stranger, clerk = graduate_factory(), desk()
    for path in ("tracking", "tracking/1/seen"):
        answer = clerk.post(f"/graduates/{stranger.id}/transfers/{torn.id}/{path}")
        assert answer.status_code == 404, path
    assert clerk.post(f"{page_of(torn)}/{torn.id}/tracking/2/seen").status_code == 404
    assert torn.watch().needs_look


def test_a_channel_without_queries_offers_none(
    lantai: Lantai, world: World, graduate_factory: Callable[..., Person], desk: Desks
) -> None:
    each = Carried(lantai, world, graduate_factory(), "JY-7", Channel.CONFIDENTIAL_POST)
    clerk = desk()
    assert not [action for action in clerk.read(page_of(each)).forms if "tracking" in action]
    answer = clerk.post(f"{page_of(each)}/{each.id}/tracking")
    assert answer.status_code == 409
    assert "没有可查询的物流" in answer.text


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)
def test_the_pages_pass_axe_and_fit_a_phone(torn: Carried, desk: Desks, visit: Callable[..., Visit]) -> None:
    clerk = desk()
    for name, options in (("wide", {}), ("phone", {"viewport": {"width": 375, "height": 780}})):
        browser = visit(clerk, reduced_motion="reduce", java_script_enabled=True, **options)
        for path in (page_of(torn), "/transfers/tracking"):
            page = browser.open(path)
            assert axe(page) == []
            assert name == "wide" or wide(page) == []
            if PICTURES:
                Path(PICTURES).mkdir(parents=True, exist_ok=True)
                page.screenshot(path=Path(PICTURES, f"{name}-{path.rsplit('/', 1)[1]}.png"), full_page=True)
        assert browser.complaints == []
