"""Signing in and out, the initial password, expiry, and where one lands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.settings import Settings
from auth.guards import STAFF_COOKIE
from auth.staff import Credentials
from parts import Lantai
from tests.conftest import StaffLogin
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader
from wsgi import create_app

PASSWORD = "quiet-paper-and-ink"


@pytest.fixture
def clerk(lantai: Lantai, clock: FakeClock) -> Credentials:
    made = lantai.staff.add(SYSTEM, "clerk", "周文", [Role.ARCHIVIST])
    lantai.staff.change_password(Actor(ActorKind.STAFF, made.staff_id), made.password, PASSWORD)
    clock.advance(seconds=31)
    return made


def _form(made: Credentials, clock: FakeClock, password: str = PASSWORD) -> dict[str, str]:
    second = pyotp.TOTP(made.totp_secret).at(clock.now())
    return {"username": made.username, "password": password, "second": second, "next": "/console/tickets?mine=1"}


def test_a_stranger_is_led_to_sign_in_and_back(client: FlaskClient, clerk: Credentials, clock: FakeClock) -> None:
    answer = client.get("/console/tickets?mine=1")
    assert answer.status_code == 303
    assert answer.location == "/console/sign-in?next=/console/tickets%3Fmine%3D1"
    form = Reader(client.get(answer.location).text).forms["/console/sign-in"]
    assert form["next"] == "/console/tickets?mine=1"
    done = client.post("/console/sign-in", data=_form(clerk, clock))
    assert (done.status_code, done.location) == (303, "/console/tickets?mine=1")
    assert client.get(done.location).status_code == 200


def test_the_cookie_is_locked_down(client: FlaskClient, clerk: Credentials, clock: FakeClock) -> None:
    cookie = client.post("/console/sign-in", data=_form(clerk, clock)).headers["Set-Cookie"]
    assert cookie.startswith(f"{STAFF_COOKIE}=")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/console"):
        assert part in cookie
    assert "Secure" not in cookie  # the test's public address is plain http
    assert "Expires" not in cookie


def test_the_cookie_is_secure_where_the_service_is(
    lantai: Lantai, settings: Settings, clerk: Credentials, clock: FakeClock
) -> None:
    secure = settings.model_copy(update={"public_url": "https://archive.example.edu.cn"})
    client = create_app(replace(lantai, settings=secure)).test_client()
    assert "Secure" in client.post("/console/sign-in", data=_form(clerk, clock)).headers["Set-Cookie"]


@pytest.mark.parametrize("wrong", ["username", "password", "second"])
def test_a_refusal_does_not_say_which_part_was_wrong(
    wrong: str, client: FlaskClient, clerk: Credentials, clock: FakeClock
) -> None:
    answer = client.post("/console/sign-in", data={**_form(clerk, clock), wrong: "nobody-999"})
    assert answer.status_code == 401
    assert "用户名、密码或动态口令不正确" in answer.text
    assert PASSWORD not in answer.text
    assert STAFF_COOKIE not in answer.headers.get("Set-Cookie", "")


def test_a_recovery_code_opens_once(client: FlaskClient, clerk: Credentials, clock: FakeClock) -> None:
    form = {**_form(clerk, clock), "second": clerk.recovery_codes[0].lower()}
    assert client.post("/console/sign-in", data=form).status_code == 303
    assert client.post("/console/sign-in", data=form).status_code == 401


def test_hammering_is_slowed_down(client: FlaskClient, clerk: Credentials, clock: FakeClock) -> None:
    form = {**_form(clerk, clock), "password": "wrong-wrong-wrong"}
    answers = [client.post("/console/sign-in", data=form) for _ in range(12)]
    assert answers[-1].status_code == 429
    assert "分钟后再试" in answers[-1].text


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}],
)
def test_another_site_cannot_post_the_form(
    headers: dict[str, str], client: FlaskClient, clerk: Credentials, clock: FakeClock
) -> None:
    answer = client.post("/console/sign-in", data=_form(clerk, clock), headers=headers)
    assert answer.status_code == 403
    assert client.get("/console/").status_code == 303


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/console/",
        "//evil.example/console/",
        "/console/\\evil",
        "/console/\r\nSet-Cookie: a=b",
        "/api/v1/dossier",
        "/consoleevil",
        "javascript:alert(1)",
        "/console/sign-out",
        "",
    ],
)
def test_signing_in_never_leads_elsewhere(
    target: str, client: FlaskClient, clerk: Credentials, clock: FakeClock
) -> None:
    done = client.post("/console/sign-in", data={**_form(clerk, clock), "next": target})
    assert done.location == "/console/"


def test_the_initial_password_must_go_first(client: FlaskClient, lantai: Lantai, clock: FakeClock) -> None:
    made = lantai.staff.add(SYSTEM, "fresh", "新同事", [Role.ARCHIVIST])
    client.post("/console/sign-in", data=_form(made, clock, made.password))
    for path in ("/console/", "/console/tickets", "/console/account"):
        assert client.get(path).location == "/console/password"
    page = Reader(client.get("/console/password").text)
    assert "首次登录，请设置密码" in page.text
    assert "更正申请" not in page.text
    form = {**page.forms["/console/password"], "current_password": made.password}
    unlike = client.post("/console/password", data={**form, "new_password": PASSWORD, "repeated_password": "x" * 12})
    assert (unlike.status_code, "两次输入的新密码不一致" in unlike.text) == (422, True)
    short = client.post("/console/password", data={**form, "new_password": "short", "repeated_password": "short"})
    assert (short.status_code, "过短" in short.text) == (422, True)
    wrong = {**form, "current_password": "no", "new_password": PASSWORD, "repeated_password": PASSWORD}
    assert "不正确" in client.post("/console/password", data=wrong).text
    done = client.post("/console/password", data={**form, "new_password": PASSWORD, "repeated_password": PASSWORD})
    assert done.location == "/console/"
    assert client.get("/console/tickets").status_code == 200


def test_an_idle_session_ends_with_an_explanation(desk: Callable[..., Desk], clock: FakeClock) -> None:
    clerk = desk()
    clock.advance(minutes=16)
    answer = clerk.get("/tickets")
    assert answer.location == "/console/sign-in?next=/console/tickets&expired=1"
    assert "登录已过期" in clerk.login.client.get(answer.location).text


def test_an_expired_post_leads_back_to_the_page_of_the_form(desk: Callable[..., Desk], clock: FakeClock) -> None:
    clerk = desk()
    clock.advance(minutes=16)
    here = {"Referer": "http://localhost/console/account"}
    assert clerk.post("/account/sessions/end-all", headers=here).location == (
        "/console/sign-in?next=/console/account&expired=1"
    )
    elsewhere = {"Referer": "https://evil.example/console/account"}
    assert clerk.post("/account/sessions/end-all", headers=elsewhere).location.startswith(
        "/console/sign-in?next=/console/&"
    )


def test_htmx_is_told_to_leave_the_page(client: FlaskClient) -> None:
    answer = client.get(
        "/console/tickets",
        headers={"HX-Request": "true", "HX-Current-URL": "http://localhost/console/tickets?kind=other"},
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/console/sign-in?next=/console/tickets%3Fkind%3Dother"
    assert answer.text == ""


def test_signing_out_ends_the_session_on_the_server(app: Flask, staff_factory: Callable[..., StaffLogin]) -> None:
    login = staff_factory(Role.ARCHIVIST)
    cookie = login.client.get_cookie(STAFF_COOKIE, path="/console")
    assert cookie is not None
    assert login.client.post("/console/sign-out").status_code == 403
    assert login.client.post("/console/sign-out", data={"csrf_token": login.csrf}).location == "/console/sign-in"
    assert "您已退出登录" in login.client.get("/console/sign-in").text
    thief = app.test_client()
    thief.set_cookie(STAFF_COOKIE, cookie.value, path="/console")
    assert thief.get("/console/").status_code == 303


def test_one_sees_and_ends_ones_own_sessions_only(desk: Callable[..., Desk], lantai: Lantai) -> None:
    mine, foreign = desk(), desk()
    with lantai.db.transaction() as session:
        second = lantai.sessions.open_staff(session, mine.login.id)
    page = mine.read("/account")
    assert page.text.count("其他设备或浏览器") == 1
    assert mine.post(f"/account/sessions/{foreign.login.actor.session_id}/end").status_code == 404
    assert foreign.get("/").status_code == 200
    assert mine.post(f"/account/sessions/{second.session_id}/end").location == "/console/account"
    assert "其他设备或浏览器" not in mine.read("/account").text
    assert mine.post("/account/sessions/end-all").location == "/console/sign-in"
    assert mine.get("/").status_code == 303
