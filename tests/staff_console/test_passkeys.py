"""Passkeys in a real Chromium with its virtual authenticator, and what the server refuses without one."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, Route

from app.actors import SYSTEM, Role
from app.settings import Settings
from auth.guards import STAFF_COOKIE
from parts import Lantai
from tests.fakes import FakeClock
from tests.staff_console.authenticators import Device, free_port
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, served
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The house at http://localhost, the one plain address where browsers offer passkeys."""
    return settings.model_copy(update={"public_url": f"http://localhost:{free_port()}"})


@pytest.fixture
def site(app: Flask, settings: Settings) -> Iterator[str]:
    with served(app, int(urlsplit(settings.public_url).port or 0)):
        yield settings.public_url


def enter(one: Device, site: str, desk: Desk) -> None:
    cookie = desk.login.client.get_cookie(STAFF_COOKIE, path="/console")
    assert cookie is not None
    one.context.add_cookies([{"name": STAFF_COOKIE, "value": cookie.value, "url": f"{site}/console"}])


def register(one: Device, site: str, desk: Desk, name: str = "办公电脑") -> None:
    enter(one, site, desk)
    one.page.goto(f"{site}/console/account")
    one.page.locator("#passkey-name").fill(name)
    one.page.get_by_role("button", name="登记通行密钥").click()
    one.page.get_by_text("通行密钥已登记").wait_for()


def sign_out(one: Device, site: str) -> None:
    one.context.clear_cookies()
    one.page.goto(f"{site}/console/sign-in")


def sign_in(one: Device) -> None:
    one.page.get_by_role("button", name="用通行密钥登录").click()


def test_register_then_sign_in_without_typing_a_name(
    device: Callable[[], Device], site: str, desk: Desks, lantai: Lantai
) -> None:
    clerk, one = desk(), device()
    register(one, site, clerk)
    assert [c["isResidentCredential"] for c in one.credentials()] == [True]
    sign_out(one, site)
    sign_in(one)
    one.page.get_by_role("heading", name="工作台").or_(one.page.locator("nav.side")).first.wait_for()
    assert one.page.get_by_text(lantai.staff.view(clerk.login.id).display_name).first.is_visible()
    one.page.goto(f"{site}/console/account")
    row = one.page.locator("#passkeys tbody tr")
    assert (row.count(), "尚未使用" in row.inner_text()) == (1, False)
    assert one.page.get_by_text("Linux 上的 Chrome").first.is_visible()
    assert one.complaints == []
    # the same device is not taken twice
    one.page.locator("#passkey-name").fill("又一个")
    one.page.get_by_role("button", name="登记通行密钥").click()
    one.page.get_by_text("已登记过您的通行密钥").wait_for()


def test_a_removed_passkey_opens_nothing(device: Callable[[], Device], site: str, desk: Desks) -> None:
    clerk, one = desk(), device()
    register(one, site, clerk)
    one.page.locator("summary", has_text="改名或移除").click()
    one.page.get_by_role("button", name="移除", exact=True).click()
    one.page.get_by_text("通行密钥已移除").wait_for()
    assert len(one.credentials()) == 1  # the device still has it
    sign_out(one, site)
    sign_in(one)
    one.page.get_by_text("通行密钥未通过验证").wait_for()
    assert STAFF_COOKIE not in {c["name"] for c in one.context.cookies()}


def test_user_verification_is_required_even_of_a_page_that_does_not_ask(
    device: Callable[[], Device], site: str, desk: Desks
) -> None:
    clerk, one = desk(), device()
    register(one, site, clerk)
    sign_out(one, site)
    one.verified(False)
    sign_in(one)
    one.page.get_by_text("没有完成验证").wait_for()

    def careless(route: Route) -> None:
        told = route.fetch()
        body = told.json()
        body["options"]["userVerification"] = "discouraged"
        route.fulfill(response=told, body=json.dumps(body))

    one.page.route("**/sign-in/passkey/options", careless)
    sign_in(one)
    one.page.get_by_text("通行密钥未通过验证").wait_for()
    assert STAFF_COOKIE not in {c["name"] for c in one.context.cookies()}
    one.verified(True)
    one.page.unroute("**/sign-in/passkey/options")
    sign_in(one)
    one.page.locator("nav.side").wait_for()


def test_another_origin_of_the_same_domain_is_refused(
    device: Callable[[], Device], site: str, desk: Desks, app: Flask
) -> None:
    """A second port of localhost shares the domain, so the authenticator signs; the origin gives it away."""
    clerk, one = desk(), device()
    register(one, site, clerk)
    port = free_port()
    with served(app, port):
        other = f"http://localhost:{port}"
        sign_out(one, other)
        assert not one.page.get_by_role("button", name="用通行密钥登录").is_visible()

        def lure(route: Route) -> None:
            told = route.fetch()
            route.fulfill(response=told, body=told.text().replace(f'data-origin="{site}"', f'data-origin="{other}"'))

        one.page.route("**/console/sign-in", lure)
        one.page.goto(f"{other}/console/sign-in")
        with one.page.expect_response("**/console/sign-in/passkey") as caught:
            sign_in(one)
        assert caught.value.status == 401
        one.page.get_by_text("通行密钥未通过验证").wait_for()
        one.page.goto(f"http://127.0.0.1:{port}/console/sign-in")
        assert not one.page.get_by_role("button", name="用通行密钥登录").is_visible()


def test_stepping_up_by_passkey(device: Callable[[], Device], site: str, desk: Desks, clock: FakeClock) -> None:
    clerk, one = desk(), device()
    register(one, site, clerk)
    clock.advance(seconds=301)
    one.page.goto(f"{site}/console/step-up?next=/console/account")
    one.page.get_by_role("button", name="用通行密钥验证并提交").click()
    one.page.get_by_role("heading", name="我的账号").wait_for()
    one.page.goto(f"{site}/console/step-up")
    one.page.get_by_text("身份刚刚验证过").wait_for()
    assert one.complaints == []


def test_a_disabled_account_a_copied_counter_and_a_replayed_answer(
    device: Callable[[], Device], site: str, desk: Desks, lantai: Lantai
) -> None:
    clerk, one = desk(), device()
    register(one, site, clerk)
    sign_out(one, site)
    with one.page.expect_request("**/console/sign-in/passkey") as sent:
        sign_in(one)
    one.page.locator("nav.side").wait_for()
    body = sent.value.post_data or ""
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    again = clerk.login.client.application.test_client().post("/console/sign-in/passkey", data=body, headers=kind)
    assert again.status_code == 401
    # a copy of the key whose counter lags behind
    held = one.credentials()[0]
    one.tools.send(
        "WebAuthn.removeCredential", {"authenticatorId": one.authenticator, "credentialId": held["credentialId"]}
    )
    copy = {**held, "signCount": 0}
    one.tools.send("WebAuthn.addCredential", {"authenticatorId": one.authenticator, "credential": copy})
    sign_out(one, site)
    sign_in(one)
    one.page.get_by_text("通行密钥未通过验证").wait_for()
    lantai.staff.disable(SYSTEM, clerk.login.credentials.username)
    one.page.goto(f"{site}/console/sign-in")
    sign_in(one)
    one.page.get_by_text("通行密钥未通过验证").wait_for()


def test_an_invited_colleague_joins_by_passkey_and_keeps_the_last_one(
    device: Callable[[], Device], site: str, desk: Desks
) -> None:
    administrator, one = desk(Role.ADMINISTRATOR), device()
    told = administrator.post("/staff/invitations", {"label": "林一", "roles": ["reviewer"]}).text
    code = re.search(r"/console/welcome#([\w-]+)", told)
    assert code is not None
    one.page.goto(f"{site}/console/welcome#{code[1]}")
    form = one.page.locator("form[action='/console/welcome/passkey']")
    form.get_by_label("用户名").fill("lin")
    form.get_by_label("这个通行密钥的名称").fill("办公电脑")
    form.get_by_role("button", name="创建通行密钥并登录").click()
    one.page.locator("nav.side").wait_for()
    one.page.goto(f"{site}/console/account")
    one.page.locator("summary", has_text="改名或移除").click()
    one.page.get_by_role("button", name="移除", exact=True).click()
    one.page.get_by_text("这是您最后一种登录方式").first.wait_for()
    sign_out(one, site)
    sign_in(one)
    one.page.locator("nav.side").wait_for()
    assert [c for c in one.complaints if "409" not in c] == []


def test_without_scripts_the_password_is_the_way(browser: Browser, site: str) -> None:
    context = browser.new_context(locale="zh-CN", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/console/sign-in")
    assert not page.get_by_role("button", name="用通行密钥登录").is_visible()
    assert page.get_by_role("button", name="登录", exact=True).is_visible()
    page.goto(f"{site}/console/welcome")
    assert page.get_by_label("邀请码").is_visible()
    context.close()
