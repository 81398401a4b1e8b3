"""Staff accounts: administrators only, credentials shown once, forms kept on error."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pyotp
import pytest
from flask import Flask

from app.actors import Role
from parts import Lantai
from staff_console.people import qr_svg
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
NEW = {"username": "lin", "display_name": "林一", "roles": ["archivist", "dispatcher"]}


def test_adds_somebody_who_can_sign_in(desk: Desks, app: Flask, clock: FakeClock) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    answer = administrator.post("/staff", NEW)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "<svg" in answer.text
    codes = [p.strip() for p in Reader(answer.text).text.split("初始密码")[1].split()]
    password = codes[0]
    secret = next(w for w in codes if len(w) == 32 and w.isalnum())
    http = app.test_client()
    form = {"username": "lin", "password": password, "second": pyotp.TOTP(secret).at(clock.now())}
    assert http.post("/console/sign-in", data=form).status_code == 303
    listed = administrator.read("/staff").text
    assert "林一" in listed
    assert "档案员、转递员" in listed
    assert "待首次登录" in listed
    assert password not in listed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"username": "林"}, "只能包含字母"),
        ({"username": "x"}, "只能包含字母"),
        ({"display_name": ""}, "必填"),
        ({"roles": []}, "必填"),
        ({"roles": ["archivist", "emperor"]}, "必填"),
    ],
)
def test_bad_input_is_explained_and_kept(changes: dict[str, object], words: str, desk: Desks, lantai: Lantai) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    answer = administrator.post("/staff", {**NEW, **changes})
    assert answer.status_code == 422
    assert words in answer.text
    assert Reader(answer.text).forms["/console/staff"]["username"] == {**NEW, **changes}["username"]
    assert len(lantai.staff.list_all(administrator.login.actor)) == 1


def test_a_double_submit_makes_one_account(desk: Desks, lantai: Lantai) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    administrator.post("/staff", NEW)
    again = administrator.post("/staff", NEW)
    assert (again.status_code, "该用户名已被使用" in again.text) == (409, True)
    assert len(lantai.staff.list_all(administrator.login.actor)) == 2


def test_a_reset_ends_sessions_and_old_credentials(desk: Desks) -> None:
    administrator, clerk = desk(Role.ADMINISTRATOR), desk()
    path = f"/staff/{clerk.login.id}/reset"
    assert "原密码、原动态口令和全部恢复码作废" in administrator.read(path).text
    assert administrator.post(path).status_code == 422
    assert clerk.get("/").status_code == 200
    done = administrator.post(path, {"identity_checked": "yes"})
    assert clerk.login.credentials.totp_secret not in done.text
    assert "登录已重置" in done.text
    assert clerk.get("/").status_code == 303
    assert administrator.get(f"/staff/{uuid4()}/reset").status_code == 404


def test_only_administrators_and_they_read_no_dossiers(desk: Desks) -> None:
    clerk = desk()
    assert clerk.get("/staff").status_code == 403
    assert clerk.post("/staff", NEW).status_code == 403
    assert clerk.post(f"/staff/{clerk.login.id}/reset", {"identity_checked": "yes"}).status_code == 403
    for path in ("/tickets", "/graduates", "/transfers", "/import"):
        assert desk(Role.ADMINISTRATOR).get(path).status_code == 403


def test_the_drawing_is_only_a_drawing() -> None:
    drawing = str(qr_svg('otpauth://totp/x?secret="><script>'))
    assert drawing.startswith("<svg")
    assert "script" not in drawing
    assert "style" not in drawing
