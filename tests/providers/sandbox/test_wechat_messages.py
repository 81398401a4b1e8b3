"""Subscription credits, value rules, chat windows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from notifications.catalogue.fields import WECHAT_KEYS
from providers.sandbox.config import SandboxConfig, Template
from providers.sandbox.refusals import WeChatRefusal
from providers.sandbox.server import create_sandbox
from providers.sandbox.template_values import check_data
from providers.sandbox.wechat_messages import row_of
from providers.wechat.templates import KEY
from tests.providers.sandbox.conftest import SUBSCRIBE, Bench

SEND = SUBSCRIBE.removeprefix("/wechat")
CUSTOM = "/cgi-bin/message/custom/send"


def _template(bench: Bench, name: str = "TICKET_DECIDED") -> str:
    return bench.environment[f"LANTAI_WECHAT_TEMPLATE_{name}"]


def _message(open_id: str, template_id: str, **fields: str) -> dict[str, Any]:
    data = {key: {"value": value} for key, value in (fields or {"thing1": "成绩单更正"}).items()}
    return {"touser": open_id, "template_id": template_id, "page": "pages/inbox?id=1", "data": data}


def _subscribe(bench: Bench, phone: Any, template_id: str, accept: bool = True) -> Any:
    return bench.control(f"/phones/{phone['id']}/subscribe", {"template_ids": [template_id], "accept": accept})


def test_a_credit_is_good_for_one_message(bench: Bench) -> None:
    phone, template_id = bench.phone(), _template(bench)
    assert bench.wechat(SEND, _message(phone["open_id"], template_id))["errcode"] == 43101
    _subscribe(bench, phone, template_id)
    sent = bench.wechat(SEND, _message(phone["open_id"], template_id))
    assert (sent["errcode"], sent["errmsg"]) == (0, "ok")
    assert bench.wechat(SEND, _message(phone["open_id"], template_id))["errcode"] == 43101
    shown = bench.client.get(f"/control/phones/{phone['id']}/messages").get_json()["messages"]
    assert [(m["kind"], m["fields"], m["page"], m["message_id"]) for m in shown] == [
        ("subscribe", {"thing1": "成绩单更正"}, "pages/inbox?id=1", str(sent["msgid"]))
    ]


def test_credits_add_up_and_a_rejection_gives_none(bench: Bench) -> None:
    phone, template_id = bench.phone(), _template(bench)
    for accept in (True, True, False):
        _subscribe(bench, phone, template_id, accept)
    codes = [bench.wechat(SEND, _message(phone["open_id"], template_id))["errcode"] for _ in range(3)]
    assert codes == [0, 0, 43101]


def test_credits_are_per_person_and_template(bench: Bench) -> None:
    phone, other = bench.phone(), bench.phone()
    _subscribe(bench, phone, _template(bench))
    assert bench.wechat(SEND, _message(other["open_id"], _template(bench)))["errcode"] == 43101
    assert bench.wechat(SEND, _message(phone["open_id"], _template(bench, "TRANSFER_STEP")))["errcode"] == 43101


def test_long_term_templates_last_until_taken_back(bench: Bench) -> None:
    bench.control("/templates", {"platform": "wechat", "template_id": "LT", "long_term": True}, status=201)
    phone = bench.phone()
    _subscribe(bench, phone, "LT")
    assert [bench.wechat(SEND, _message(phone["open_id"], "LT"))["errcode"] for _ in range(4)] == [0] * 4
    bench.control(f"/phones/{phone['id']}/unsubscribe", {"template_ids": ["LT"]})
    assert bench.wechat(SEND, _message(phone["open_id"], "LT"))["errcode"] == 43101
    mixed = {"template_ids": ["LT", _template(bench)], "accept": True}
    assert "20002" in bench.control(f"/phones/{phone['id']}/subscribe", mixed, status=409)["detail"]


def test_main_switch(bench: Bench) -> None:
    phone = bench.phone()
    _subscribe(bench, phone, _template(bench))
    bench.control(f"/phones/{phone['id']}/main-switch", {"on": False})
    assert bench.wechat(SEND, _message(phone["open_id"], _template(bench)))["errcode"] == 43101
    bench.control(f"/phones/{phone['id']}/main-switch", {"on": True})
    assert bench.wechat(SEND, _message(phone["open_id"], _template(bench)))["errcode"] == 0


def test_unknown_recipient_template_and_broken_value_cost_no_credit(bench: Bench) -> None:
    phone, template_id = bench.phone(), _template(bench)
    _subscribe(bench, phone, template_id)
    assert bench.wechat(SEND, _message("o-nobody", template_id))["errcode"] == 40003
    assert bench.wechat(SEND, _message(phone["open_id"], "nope"))["errcode"] == 40037
    refused = bench.wechat(SEND, _message(phone["open_id"], template_id, phrase2="not chinese"))
    assert refused["errcode"] == 47003
    assert "data.phrase2.value" in refused["errmsg"]
    assert bench.wechat(SEND, _message(phone["open_id"], template_id))["errcode"] == 0


def test_escaped_text_is_refused_on_old_endpoints(bench: Bench) -> None:
    phone = bench.phone()
    _subscribe(bench, phone, _template(bench))
    escaped = json.dumps(_message(phone["open_id"], _template(bench)))
    assert "\\u" in escaped
    for path in (SEND, CUSTOM):
        reply = bench.client.post(f"/wechat{path}?access_token={bench.token()}", data=escaped)
        assert reply.get_json(force=True)["errcode"] == 40033


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("thing1", "一" * 20, "一" * 21),
        ("number2", "0123456789", "12a"),
        ("letter3", "abcXYZ", "abc1"),
        ("symbol4", "@#￥", "a#"),
        ("character_string5", "LT-2026/07 #1", "单号1"),
        ("time6", "2019年10月1日 15:01", "25:00"),
        ("date7", "2019年10月1日", "10月1日"),
        ("amount8", "¥1234567890.50", "¥12345678901"),
        ("phone_number9", "+86-0766-66888866", "+86-0766-668888667"),
        ("car_number10", "粤A8Z888挂", "粤A8Z888888"),
        ("name11", "欧阳小兰", "欧阳小兰欧阳小兰欧阳小"),
        ("phrase12", "已办结", "已办结了啊哈"),
        ("thing13", "行", "两\n行"),
    ],
)
def test_value_rules(key: str, good: str, bad: str) -> None:
    template = Template("t", "标题")
    assert check_data(template, {key: {"value": good}}) == {key: good}
    with pytest.raises(WeChatRefusal) as refused:
        check_data(template, {key: {"value": bad}})
    assert refused.value.errcode == 47003
    assert key in refused.value.errmsg


def test_known_fields_must_all_be_there_and_others_are_dropped() -> None:
    template = Template("t", "标题", {"thing1": "事项", "phrase2": "结果"})
    full = {"thing1": {"value": "a"}, "phrase2": {"value": "通过"}, "thing9": {"value": "b"}}
    assert check_data(template, full) == {"thing1": "a", "phrase2": "通过"}
    with pytest.raises(WeChatRefusal, match=r"data\.phrase2\.value is empty"):
        check_data(template, {"thing1": {"value": "a"}})


def test_template_list(bench: Bench) -> None:
    fields = {"thing1": "事项", "phrase2": "结果"}
    bench.control("/templates", {"platform": "wechat", "template_id": "T9", "fields": fields}, status=201)
    reply = bench.client.get("/wechat/wxaapi/newtmpl/gettemplate", query_string={"access_token": bench.token()})
    rows = {row["priTmplId"]: row for row in reply.get_json(force=True)["data"]}
    assert rows["T9"]["content"] == "事项:{{thing1.DATA}}\n结果:{{phrase2.DATA}}\n"
    assert rows[_template(bench)]["type"] == 2


def test_chat_window_is_five_messages_in_48_hours(bench: Bench) -> None:
    phone = bench.phone()
    answer = {"touser": phone["open_id"], "msgtype": "text", "text": {"content": "您好"}}
    assert bench.wechat(CUSTOM, answer)["errcode"] == 45015
    bench.control(f"/phones/{phone['id']}/say", {"text": "在吗"})
    assert [bench.wechat(CUSTOM, answer)["errcode"] for _ in range(6)] == [0, 0, 0, 0, 0, 45047]
    bench.control(f"/phones/{phone['id']}/say", {"text": "还在吗"})
    bench.world.clock.advance(48 * 3600 + 1)
    assert bench.wechat(CUSTOM, answer)["errcode"] == 45015
    bench.control(f"/phones/{phone['id']}/enter-chat")
    assert [bench.wechat(CUSTOM, answer)["errcode"] for _ in range(3)] == [0, 0, 45047]


def test_chat_content_limits(bench: Bench) -> None:
    phone = bench.phone()
    bench.control(f"/phones/{phone['id']}/say", {"text": "在吗"})
    long = {"touser": phone["open_id"], "msgtype": "text", "text": {"content": "长" * 683}}
    assert bench.wechat(CUSTOM, long)["errcode"] == 45002
    assert bench.wechat(CUSTOM, {"touser": phone["open_id"], "msgtype": "voice"})["errcode"] == 40008


def test_the_school_s_templates_ask_for_what_we_fill(demo_environment: dict[str, str]) -> None:
    world = create_sandbox(SandboxConfig.from_environment(demo_environment)).extensions["sandbox"]
    rows = [row_of(t) for t in world.wechat_subscriptions.templates()]
    assert len(rows) == 3
    assert {frozenset(KEY.findall(row["content"])) for row in rows} == {WECHAT_KEYS}
