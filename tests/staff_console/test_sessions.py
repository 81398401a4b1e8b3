"""Sessions: named by device, ended one by one, and those of others by administrators."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.actors import Role
from app.errors import Forbidden
from parts import Lantai
from staff_console.devices import device_words
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
            "Windows 上的 Chrome",
        ),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/130.0 Safari/537.36 Edg/130.0", "Windows 上的 Edge"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) Version/17 Safari/605", "Mac 上的 Safari"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0", "iPhone 上的 微信"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130) Gecko Firefox/130", "Linux 上的 Firefox"),
        ("curl/8.0", ""),
        ("", ""),
        ("<script>" * 500, ""),
    ],
)
def test_devices_in_few_words(agent: str, words: str) -> None:
    assert device_words(agent) == words


def test_administrators_see_and_end_the_sessions_of_others(desk: Desks, lantai: Lantai) -> None:
    administrator, clerk, other = desk(Role.ADMINISTRATOR), desk(), desk()
    with lantai.db.transaction() as session:
        second = lantai.sessions.open_staff(session, clerk.login.id, device="Windows 上的 Edge")
    page = administrator.read(f"/staff/{clerk.login.id}")
    assert "Windows 上的 Edge" in page.text
    path = f"/staff/{clerk.login.id}/sessions"
    foreign = other.login.actor.session_id
    assert administrator.post(f"{path}/{foreign}/end").status_code == 404
    assert administrator.post(f"{path}/{second.session_id}/end").status_code == 303
    assert clerk.get("/").status_code == 200
    assert administrator.post(f"{path}/end-all").status_code == 303
    assert clerk.get("/").status_code == 303
    assert other.get("/").status_code == 200
    for call in (
        lambda: lantai.staff_sessions.of(other.login.actor, clerk.login.id),
        lambda: lantai.staff_sessions.end_all(other.login.actor, clerk.login.id),
    ):
        with pytest.raises(Forbidden):
            call()
