"""The page for whoever doubts a message: no session, no script, and the code in no address."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from app.actors import SYSTEM
from app.errors import Unavailable
from app.jobs import Announce
from notifications.check_codes import TRIES, WINDOW_S
from parts import Lantai
from tests.conftest import Person


@pytest.fixture
def code(lantai: Lantai, graduate_factory: Callable[..., Person]) -> str:
    person = graduate_factory("欧阳文静")
    with lantai.db.transaction() as session:
        told = lantai.log.record(session, SYSTEM, "account.rebound", graduate_id=person.id)
    lantai.announcing.announce(Announce(told))
    (view,), _ = lantai.inbox.notices(person.actor(), before=None, limit=1)
    assert view.check_code is not None
    return view.check_code


def test_a_message_of_ours_is_told_by_kind_and_day(
    client: FlaskClient, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = client.get("/check")
    assert asked.status_code == 200
    assert "核验码" in asked.text
    found = client.post("/check", data={"code": f"{code[:4].lower()} {code[4:]}"})
    assert found.status_code == 200
    for words in ("是学校发出的消息", "账号安全提醒", "2026年6月1日"):
        assert words in found.text, words
    for more in ("欧阳文静", "新账号绑定提醒", code):
        assert more not in found.text, more
    assert code not in caplog.text


def test_others_codes_are_all_answered_alike(client: FlaskClient, code: str) -> None:
    others = ("ABCDEFGH", code[:-1], code + "A", "<b>", "\x00", "核验")
    answers = [client.post("/check", data={"code": c}) for c in others]
    assert {a.status_code for a in answers} == {200}
    assert len({a.text for a in answers}) == 1
    assert "没有查到这个核验码" in answers[0].text


def test_nothing_typed_is_told_what_to_type(client: FlaskClient) -> None:
    for form in ({}, {"code": "  "}):
        answer = client.post("/check", data=form)
        assert answer.status_code == 422
        assert "请填写消息中的核验码" in answer.text
        assert 'aria-invalid="true"' in answer.text


def test_too_many_tries_are_told_to_wait(client: FlaskClient, code: str) -> None:
    answers = [client.post("/check", data={"code": "ABCDEFGH"}) for _ in range(TRIES + 1)]
    assert answers[-1].status_code == 429
    assert "操作过于频繁" in answers[-1].text
    assert 0 < int(answers[-1].headers["Retry-After"]) <= WINDOW_S
    assert client.post("/check", data={"code": code}).status_code == 429


def test_whatever_goes_wrong_is_told_on_a_page(
    client: FlaskClient, lantai: Lantai, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("database_unavailable")

    monkeypatch.setattr(lantai.message_checks, "ask", away)
    answers = [client.post("/check", data={"code": "ABCDEFGH"}), client.delete("/check")]
    assert [a.status_code for a in answers] == [503, 405]
    for answer in answers:
        assert answer.content_type.startswith("text/html")
        assert 'role="alert"' in answer.text
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "稍后" in answers[0].text
    assert [a.headers.get("Retry-After") for a in answers] == ["5", None]


def test_headers_are_strict_and_nothing_is_kept(client: FlaskClient, code: str) -> None:
    for answer in (client.get("/check"), client.post("/check", data={"code": code})):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in answer.headers
        assert "<script" not in answer.text
        assert " style=" not in answer.text
