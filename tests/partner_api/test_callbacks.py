"""The platforms' call-backs with their real crypto: forged ones are refused, resent ones handled once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from app.jobs import HandlePush
from notifications.models import InboundPush, Subscription
from partner_api.callbacks import MOST
from parts import Lantai
from providers.wechat.crypto import signature
from tests.auth.conftest import Rebuild, rebuilt
from tests.fakes import FakeClock
from tests.partner_api.platforms import TOKEN, accepted, door, open_id, popup, wechat
from tests.providers.alipay.fake_alipay import APP_ID as ALIPAY_APP
from tests.providers.alipay.fake_alipay import signed_by

__all__ = ["door", "open_id", "rebuilt"]


def test_wechats_address_check(door: Any, clock: FakeClock) -> None:
    stamp = str(int(clock.now().timestamp()))
    query = {"timestamp": stamp, "nonce": "n", "echostr": "4375", "signature": signature(TOKEN, stamp, "n")}
    good = door.get("/partner/callbacks/wechat", query_string=query)
    assert (good.status_code, good.text) == (200, "4375")
    bad = door.get("/partner/callbacks/wechat", query_string={**query, "signature": "0" * 40})
    assert (bad.status_code, bad.json["code"]) == (403, "callback_signature")
    assert "4375" not in bad.text


def test_forged_stale_and_foreign_pushes_are_refused_and_kept_nowhere(
    door: Any, clock: FakeClock, lantai: Lantai, open_id: str
) -> None:
    now = int(clock.now().timestamp())
    message = popup(clock, open_id, accepted())
    good = wechat(message, now)
    tries: list[tuple[str, dict[str, Any]]] = [
        ("callback_signature", {**good, "query_string": {**good["query_string"], "msg_signature": "0" * 40}}),
        ("callback_signature", {**good, "data": good["data"].replace('"Encrypt": "', '"Encrypt": "A')}),
        ("callback_time", wechat(message, now - 601)),
        ("callback_time", wechat(message, now + 601)),
        ("callback_envelope", wechat(message, now, app="wx-another-app")),
        ("callback_not_secure", {**good, "query_string": {**good["query_string"], "encrypt_type": "raw"}}),
        ("callback_query", {**good, "query_string": {}}),
        ("callback_unreadable", {**good, "data": b"\xff"}),
    ]
    for code, request in tries:
        reply = door.post("/partner/callbacks/wechat", **request)
        assert reply.status_code == 403, code
        assert reply.json["code"] in (code, "callback_time"), code
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(InboundPush.id))) == 0


def test_a_resent_push_changes_the_ledger_once(door: Any, clock: FakeClock, lantai: Lantai, open_id: str) -> None:
    parts = door.application.extensions["lantai"]

    def deliver(message: dict[str, Any]) -> None:
        for _ in range(3):  # WeChat sends again until it is answered
            reply = door.post("/partner/callbacks/wechat", **wechat(message, int(clock.now().timestamp())))
            assert (reply.status_code, reply.text) == (200, "success")
        with lantai.db.transaction() as session:
            ids = session.scalars(select(InboundPush.id).where(InboundPush.handled_at.is_(None))).all()
        for push_id in [*ids, *ids]:
            parts.pushes.handle(HandlePush(push_id))

    def ledger() -> tuple[bool, int]:
        with lantai.db.transaction() as session:
            row = session.scalars(select(Subscription)).one()
            return row.accepted, row.credits

    deliver(popup(clock, open_id, accepted()))
    assert ledger() == (True, 1)
    clock.advance(seconds=1)
    deliver(popup(clock, open_id, accepted(), accepted("reject")))
    assert ledger() == (False, 2)
    clock.advance(seconds=1)
    deliver(popup(clock, open_id, accepted()))
    assert ledger() == (True, 3)
    clock.advance(seconds=1)
    deliver(popup(clock, open_id, accepted("reject"), event="subscribe_msg_change_event"))
    assert ledger() == (False, 0)
    clock.advance(seconds=1)
    deliver(popup(clock, "nobody-we-know", accepted()))
    deliver(popup(clock, open_id, {**accepted(), "TemplateId": "not-ours"}))
    assert ledger() == (False, 0)


def test_a_nonce_carries_one_message_however_often_it_comes(
    door: Any, clock: FakeClock, lantai: Lantai, open_id: str
) -> None:
    now = int(clock.now().timestamp())
    first, second = (popup(clock, open_id, accepted(choice)) for choice in ("accept", "reject"))
    for _ in range(2):  # sealed anew, as another message would be
        assert door.post("/partner/callbacks/wechat", **wechat(first, now, nonce="n7")).text == "success"
    other = door.post("/partner/callbacks/wechat", **wechat(second, now, nonce="n7"))
    assert (other.status_code, other.json["code"]) == (403, "callback_replayed")
    assert door.post("/partner/callbacks/wechat", **wechat(second, now, nonce="n8")).text == "success"
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(InboundPush.id))) == 2


def test_what_is_too_long_or_ambiguous_is_not_read(door: Any, clock: FakeClock) -> None:
    long = door.post("/partner/callbacks/wechat?timestamp=1", data=b"x" * (MOST + 1))
    assert (long.status_code, long.json["code"]) == (413, "too_large")
    form = door.post("/partner/callbacks/alipay", data={"notify_id": "x" * (MOST + 1)})
    assert (form.status_code, form.json["code"]) == (413, "too_large")
    twice = door.post("/partner/callbacks/alipay", data={"notify_id": ["n1", "n2"], "sign": "x", "sign_type": "RSA2"})
    assert (twice.status_code, twice.json["code"]) == (403, "callback_query")


def test_entering_the_chat_and_finished_sends_are_taken(door: Any, clock: FakeClock, lantai: Lantai) -> None:
    now = int(clock.now().timestamp())
    entered = {"ToUserName": "gh", "FromUserName": "o9", "CreateTime": now, "MsgType": "event",
               "Event": "user_enter_tempsession", "SessionFrom": "首页"}  # fmt: skip
    sent = popup(clock, "o9", {"TemplateId": "t", "MsgID": "1", "ErrorCode": "0"}, event="subscribe_msg_sent_event")
    for message in (entered, sent, entered, sent):
        assert door.post("/partner/callbacks/wechat", **wechat(message, now)).text == "success"
    with lantai.db.transaction() as session:
        kept = session.scalars(select(InboundPush.event).order_by(InboundPush.event)).all()
    assert kept == ["subscribe_msg_sent_event", "user_enter_tempsession"]


def test_texts_of_chats_are_not_kept(door: Any, clock: FakeClock, lantai: Lantai, open_id: str) -> None:
    now = int(clock.now().timestamp())
    message = {"ToUserName": "gh", "FromUserName": open_id, "CreateTime": now, "MsgType": "text",
               "Content": "我的身份证号是 110105200403150012", "MsgId": "77"}  # fmt: skip
    assert door.post("/partner/callbacks/wechat", **wechat(message, now)).text == "success"
    with lantai.db.transaction() as session:
        row = session.scalars(select(InboundPush)).one()
        assert (row.kind, row.items, row.event) == ("text", [], "")
        assert "110105200403150012" not in str(vars(row))


def test_alipays_notifications(door: Any, lantai: Lantai) -> None:
    params = {
        "app_id": ALIPAY_APP,
        "notify_id": "n1",
        "msg_method": "alipay.open.x",
        "charset": "UTF-8",
        "sign_type": "RSA2",
    }

    def post(changes: dict[str, str], owner: str = "alipay", **after: str) -> Any:
        sent = {**params, **changes}
        text = "&".join(f"{k}={v}" for k, v in sorted(sent.items()) if k != "sign_type")
        return door.post("/partner/callbacks/alipay", data={**sent, "sign": signed_by(owner, text.encode()), **after})

    for _ in range(2):
        reply = post({})
        assert (reply.status_code, reply.text) == (200, "success")
    for code, reply in (
        ("callback_signature", post({"notify_id": "n2"}, notify_id="n3")),
        ("callback_signature", post({"notify_id": "n2"}, "app")),
        ("callback_app", post({"notify_id": "n2", "app_id": "2021000000000000"})),
        ("callback_signature", door.post("/partner/callbacks/alipay", data=params)),
    ):
        assert (reply.status_code, reply.json["code"]) == (403, code)
    assert post({"notify_id": "n2"}).text == "success"
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(InboundPush.id))) == 2


def test_a_platform_that_is_not_configured_has_no_address(rebuilt: Rebuild) -> None:
    bare = rebuilt({"wechat_push": None, "alipay_notify": None})().http
    for method, path in (("GET", "wechat"), ("POST", "wechat"), ("POST", "alipay")):
        assert bare.open(f"/partner/callbacks/{path}", method=method).status_code == 404
    page = bare.get("/partner/certified?certify_id=1")
    assert (page.status_code, page.content_type) == (200, "text/plain; charset=utf-8")
