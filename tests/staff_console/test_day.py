"""A clerk's day in a real Chromium: in by passkey, a ticket of each kind to its end, a collision, four eyes by keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import APIResponse, Error, Locator, Page, Response, Route

from app.actors import Role
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from app.settings import Settings
from parts import Lantai
from staff_console.ticket_extras import EXTRAS
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.authenticators import Device, free_port
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, Visit, served, wide
from tests.staff_console.conftest import Desk
from tests.staff_console.day import IDLE_FACTOR_S, WORK, Clerk, Office, at_work, refused

pytestmark = [pytest.mark.browser, pytest.mark.walk, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]
Desks = Callable[..., Desk]
Opener = Callable[..., TicketView]
Makers = Callable[[Clerk, Clerk], Office]
MOST_STOPS = 80


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The house at http://localhost, the one plain address where browsers offer passkeys."""
    return settings.model_copy(update={"public_url": f"http://localhost:{free_port()}"})


@pytest.fixture
def site(app: Flask, settings: Settings) -> Iterator[str]:
    with served(app, int(urlsplit(settings.public_url).port or 0)):
        yield settings.public_url


@pytest.fixture
def office(
    lantai: Lantai,
    clock: FakeClock,
    graduate_factory: Callable[..., Person],
    open_ticket: Opener,
    identity_ticket: Callable[[Person], TicketView],
    tmp_path: Path,
) -> Makers:
    return lambda one, two: Office(one, two, lantai, clock, graduate_factory, open_ticket, identity_ticket, tmp_path)


@pytest.fixture
def clerk(visit: Callable[..., Visit], desk: Desks, site: str, clock: FakeClock) -> Callable[..., Clerk]:
    """Signed in before the test began."""

    def make(*roles: Role, scripts: bool = True) -> Clerk:
        who = desk(*roles)
        return Clerk(who, visit(who, java_script_enabled=scripts).page, site, clock)

    return make


def test_a_day_of_every_kind_from_a_passkey(
    device: Callable[..., Device], desk: Desks, site: str, clock: FakeClock, office: Makers
) -> None:
    assert set(WORK) == set(Kind)
    devices = device(), device()
    day = office(at_work(devices[0], desk(), site, clock), at_work(devices[1], desk(Role.REVIEWER), site, clock))
    for work in (*WORK.values(), refused):
        work(day)
    # a refusal is an answer of the site, which the browser's console repeats; nothing else may be said
    assert [c for d in devices for c in d.complaints if "409 (CONFLICT)" not in c] == []


def test_the_same_day_without_javascript_on_a_phone(
    visit: Callable[..., Visit], desk: Desks, site: str, clock: FakeClock, office: Makers
) -> None:
    def small(*roles: Role) -> Clerk:
        view = visit(None, java_script_enabled=False, viewport={"width": 375, "height": 780})
        one = Clerk(desk(*roles), view.page, site, clock)
        one.sign_in_by_password()
        return one

    day = office(small(), small(Role.REVIEWER))
    for work in (*WORK.values(), refused):
        work(day)
        assert wide(day.first.page) == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_two_persons_collide_and_the_second_goes_on_with_the_own_words(
    scripts: bool, clerk: Callable[..., Clerk], office: Makers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast(MutableMapping[str, object], EXTRAS), "beat_s", 1)
    first, second = clerk(scripts=scripts), clerk(Role.REVIEWER, scripts=scripts)
    day = office(first, second)
    line = day.open_ticket(day.graduate_factory()).line
    names = [day.lantai.staff.view(c.id).display_name for c in (first, second)]
    first.pick(line)
    assert first.page.locator("#watchers").inner_text() == ""
    second.pick(line)
    second.page.locator("#watchers").get_by_text(f"{names[0]}正在查看本申请").wait_for()
    form = first.unfold("edit")
    form.get_by_label("班级").fill("三班")
    if scripts:  # nobody asks for a page again: both hear by themselves
        first.page.locator("#watchers").get_by_text(f"{names[1]}正在查看本申请").wait_for()
        second.page.locator("#watchers").get_by_text(f"{names[0]}正在填写本申请").wait_for()
    words = second.unfold("accept").get_by_label("给申请人的说明")
    words.fill("已核对学籍卡。")
    form.get_by_role("button", name="保存修改").click()
    first.told("拟更正内容已修改")
    with second.page.expect_response(lambda r: r.url.endswith("/accept")) as caught:
        second.page.get_by_role("button", name="同意更正").click()
    _stays_where_it_was(second.page, caught.value, names[0])
    seen = day.seen(line)
    assert (seen.line.state, seen.changes[0].after, day.decided(line)) == (State.SUBMITTED, "三班", [])
    # the words stand in their open form, beside what is agreed to now
    form = second.page.locator("#do-accept form")
    assert form.get_by_label("给申请人的说明").input_value() == "已核对学籍卡。"
    form.locator("ins").get_by_text("三班").wait_for()
    form.get_by_role("button", name="同意更正").click()
    second.told("档案已生成新版本")
    ended = day.seen(line)
    assert (ended.current["class_name"], ended.messages[-1].text) == ("三班", "已核对学籍卡。")
    assert day.decided(line) == [(State.APPLIED, [str(second.id)], None)]


def _stays_where_it_was(page: Page, answer: Response, winner: str) -> None:
    """Told that nothing was sent, by whom the ticket was worked, and what that was."""
    assert answer.status == 412
    page.get_by_role("alert").get_by_text("没有提交").wait_for()
    news = page.get_by_role("region", name="您打开本页之后")
    news.get_by_text(winner).wait_for()


def test_words_whose_form_is_gone_can_still_be_copied(clerk: Callable[..., Clerk], office: Makers) -> None:
    first, second = clerk(), clerk(Role.REVIEWER)
    day = office(first, second)
    line = day.open_ticket(day.graduate_factory()).line
    first.pick(line)
    second.pick(line)
    second.unfold("ask").get_by_label("需要补充什么").fill("请补充学籍卡照片。")
    first.agree("同意更正")
    first.told("档案已生成新版本")
    second.page.get_by_role("button", name="请申请人补充").click()
    kept = second.page.get_by_label("您填写的文字（未提交，可复制）")
    assert kept.input_value() == "请补充学籍卡照片。"
    assert day.decided(line) == [(State.APPLIED, [str(first.id)], None)]


_FOCUSED = """() => {
  const at = document.activeElement;
  const style = window.getComputedStyle(at);
  const box = at.getBoundingClientRect();
  return {
    none: at === document.body,
    name: (at.labels?.[0] || at).textContent.trim(),
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    inside: box.bottom > 0 && box.top < window.innerHeight,
  };
}"""


def tab_to(page: Page, name: str) -> None:
    """By Tab alone, and every stop on the way shows where it is. Between the last and the first the browser's own
    controls have the focus, and the page none.
    """
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        at = page.evaluate(_FOCUSED)
        assert at["none"] or (at["marked"] and at["inside"]), at
        if not at["none"] and at["name"].startswith(name):
            return
    raise AssertionError(f"{name} is not reached by {MOST_STOPS} tabs")


def _come_by_keys(one: Clerk, number: str) -> None:
    keys = one.page.keyboard
    tab_to(one.page, "用通行密钥登录")
    keys.press("Enter")
    one.page.get_by_role("heading", name="工作台").wait_for()
    for key in "gq":
        keys.press(key)
    one.page.wait_for_url("**/console/tickets")
    keys.press("j")
    assert one.page.evaluate("document.activeElement.textContent") == number
    keys.press("Enter")
    one.page.get_by_role("heading", name=number).wait_for()


def test_two_persons_agree_by_keys_alone(
    device: Callable[..., Device], desk: Desks, site: str, clock: FakeClock, office: Makers
) -> None:
    day = office(at_work(device(), desk(), site, clock), at_work(device(), desk(Role.REVIEWER), site, clock))
    line, (first, second) = day.identity_ticket(day.graduate_factory()).line, (day.first, day.second)
    for one in (first, second):
        one.sign_out()
    _come_by_keys(first, line.number)
    first.page.keyboard.press("a")
    first.told("已受理，由您办理")
    first.page.keyboard.press("y")
    first.page.keyboard.insert_text("已核对公安机关证明。")
    tab_to(first.page, "同意（第一人）")
    first.page.keyboard.press("Enter")
    first.told("等待另一位工作人员复核")
    assert (day.agreements(line), day.decided(line)) == (1, [])
    _come_by_keys(second, line.number)
    clock.advance(seconds=IDLE_FACTOR_S)
    second.page.reload()
    second.page.keyboard.press("y")
    second.page.keyboard.insert_text("复核无误。")
    tab_to(second.page, "用通行密钥验证并提交")
    second.page.keyboard.press("Enter")
    second.told("档案已生成新版本")
    assert [m.text for m in day.seen(line).messages] == ["已核对公安机关证明。", "复核无误。"]
    assert day.decided(line) == [(State.APPLIED, [str(first.id), str(second.id)], None)]


def _press_twice(button: Locator, sendings: int) -> list[int]:
    """The second time while the first answer is still on its way; gives what the server said to each sending."""
    page, held = button.page, list[tuple[Route, APIResponse]]()
    page.route("**/accept", lambda route: held.append((route, route.fetch(max_redirects=0))))
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    assert box is not None
    spot = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    with page.expect_request("**/accept"):
        page.mouse.click(*spot)
    page.mouse.click(*spot)  # the bare mouse: a locator would wait for the page that is on its way
    for _ in range(100):
        if len(held) >= sendings:
            break
        page.wait_for_timeout(50)
    for route, answer in held:  # in whatever order they came back, the browser still waits for one of them
        with suppress(Error):
            route.fulfill(response=answer)
    page.locator("#notice p").or_(page.get_by_role("alert")).first.wait_for()
    page.unroute("**/accept")
    return sorted(answer.status for _, answer in held)


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_double_click_decides_once(scripts: bool, clerk: Callable[..., Clerk], office: Makers) -> None:
    one = clerk(scripts=scripts)
    day = office(one, one)
    plain, half = day.open_ticket(day.graduate_factory()).line, day.identity_ticket(day.graduate_factory()).line
    for line, button in ((plain, "同意更正"), (half, "同意（第一人）")):
        one.pick(line)
        one.unfold("accept").get_by_role("button", name=button).dblclick()
        if scripts:
            one.told("同意")
        else:  # a browser may send both, and then shows what was said to the second
            one.page.locator("#notice p").or_(one.page.get_by_role("alert")).first.wait_for()
        assert day.agreements(line) == 1
    assert (day.decided(plain), day.decided(half)) == ([(State.APPLIED, [str(one.id)], None)], [])
    slow = day.open_ticket(day.graduate_factory()).line
    one.pick(slow)
    expected = [303] if scripts else [303, 412]
    assert _press_twice(one.unfold("accept").get_by_role("button", name="同意更正"), len(expected)) == expected
    assert day.decided(slow) == [(State.APPLIED, [str(one.id)], None)]
    assert day.seen(slow).record_version == 2


def test_one_form_in_two_windows_decides_once(clerk: Callable[..., Clerk], office: Makers) -> None:
    one = clerk()
    twin = Clerk(one.desk, one.page.context.new_page(), one.site, one.clock)
    day = office(one, twin)
    line = day.open_ticket(day.graduate_factory()).line
    for window in (one, twin):
        window.pick(line)
    one.agree("同意更正")
    one.told("档案已生成新版本")
    twin.agree("同意更正")
    twin.page.get_by_role("alert").get_by_text("没有提交").wait_for()
    twin.page.get_by_role("region", name="您打开本页之后").get_by_text("您本人（另一页面）").wait_for()
    assert day.decided(line) == [(State.APPLIED, [str(one.id)], None)]
    assert day.seen(line).record_version == 2
