"""The chat inside the mini-program, for accounts bound and not, on either platform."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from notifications.chat import texts
from notifications.chat.desk import Look
from notifications.chat.rules import MAX_TEXT
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin, World


def say(http: ApiClient, text: str, key: str = "") -> Any:
    return http.post("/chat/messages", json={"text": text}, headers={"Idempotency-Key": key or uuid.uuid4().hex})


@pytest.fixture
def alipay(api: Callable[[], ApiClient]) -> ApiClient:
    """An Alipay account that stands for nobody."""
    http = api()
    http.token = http.post("/sessions", json={"platform": "alipay", "code": "code-for:open-ali"}).json["access_token"]
    return http


def test_an_account_of_nobody_talks_and_is_told_how_to_bind(
    alipay: ApiClient, run_jobs: Callable[[], None], world: World
) -> None:
    made = say(alipay, "我的档案到哪了")
    assert (made.status_code, made.json["author"]) == (201, "person")
    run_jobs()
    items = alipay.get("/chat/messages").json["items"]
    assert [i["author"] for i in items] == ["bot", "person"]
    assert items[0]["text"] == texts.fitted(texts.NOT_BOUND)
    assert world.chat.sent == []


def test_the_bound_get_live_answers(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], run_jobs: Callable[[], None]
) -> None:
    http = signed_in(graduate_factory(), 2)
    say(http, "我的档案到哪了")
    run_jobs()
    assert "还没有办理转递" in http.get("/chat/messages").json["items"][0]["text"]


def test_a_repeated_request_says_it_once(alipay: ApiClient, run_jobs: Callable[[], None]) -> None:
    first, second = (say(alipay, "你好", "same-key-123") for _ in range(2))
    assert (first.json, second.headers["Idempotent-Replayed"]) == (second.json, "true")
    assert say(alipay, "您好", "same-key-123").status_code == 422
    run_jobs()
    assert len(alipay.get("/chat/messages").json["items"]) == 2


def test_pages_follow_one_another(alipay: ApiClient, run_jobs: Callable[[], None]) -> None:
    for _ in range(3):
        say(alipay, "你好")
    run_jobs()
    first = alipay.get("/chat/messages?limit=4").json
    rest = alipay.get(f"/chat/messages?limit=4&cursor={first['next']}").json
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (4, 2, None)
    assert not {i["id"] for i in first["items"]} & {i["id"] for i in rest["items"]}


@pytest.mark.parametrize(
    ("text", "status"),
    [("", 422), (" \u200b\n", 422), ("长" * (MAX_TEXT + 1), 422), ("长" * 3000, 422), ("👩\u200d🎓你好\x07", 201)],
)
def test_words_that_are_none(alipay: ApiClient, text: str, status: int) -> None:
    answer = say(alipay, text)
    assert answer.status_code == status
    if status == 422:
        assert answer.json["errors"][0]["pointer"] == "/text"


def test_a_post_needs_its_key_and_a_session(alipay: ApiClient, api: Callable[[], ApiClient]) -> None:
    assert alipay.post("/chat/messages", json={"text": "你好"}).status_code == 400
    assert api().get("/chat").status_code == 401


def test_too_many_in_a_minute_are_refused(alipay: ApiClient) -> None:
    assert [say(alipay, "你好").status_code for _ in range(21)][-2:] == [201, 429]


def test_the_button_leads_to_staff_and_their_reply_comes_back(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    run_jobs: Callable[[], None],
    world: World,
) -> None:
    http, staff = signed_in(graduate_factory(), 2), staff_factory().actor
    assert http.get("/chat").json["state"] == "bot"
    assert http.post("/chat/handover", headers={"Idempotency-Key": "hand-over-1"}).status_code == 201
    run_jobs()
    standing = http.get("/chat").json
    assert (standing["state"], standing["answers_from"]) == ("waiting", None)

    ((line,), _) = lantai.chat_desk.listed(staff, Look.WAITING, offset=0, limit=5)
    lantai.chat_desk.take(staff, line.id, line.version)
    lantai.chat_desk.reply(staff, line.id, line.version + 1, "请核对去向。")
    run_jobs()
    assert http.get("/chat/messages").json["items"][0] | {"id": "", "at": ""} == {
        "id": "",
        "author": "staff",
        "text": "请核对去向。",
        "at": "",
    }
    assert world.chat.sent == []
    assert http.get("/notices").json["items"][0]["title"] == "在线咨询：客服已答复"


def test_one_account_never_sees_anothers(alipay: ApiClient, api: Callable[[], ApiClient]) -> None:
    say(alipay, "只有我知道")
    other = api()
    other.token = other.post("/sessions", json={"platform": "alipay", "code": "code-for:open-b"}).json["access_token"]
    assert other.get("/chat/messages").json == {"items": [], "next": None}
