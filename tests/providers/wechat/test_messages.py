from __future__ import annotations

import pytest

from app.ports import MessageSender, OutboundMessage, SendFailed, SendFault
from providers.wechat.client import WeChatClient
from providers.wechat.messages import WeChatMessages, fit_value
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, FakeClock, as_json, closed_port_url
from tests.providers.wechat.fake_wechat import APP_ID, SECRET, FakeWeChat, refusal

MESSAGE = OutboundMessage("o1", "tmpl", "pages/ticket?id=1", {"thing1": "档案 更正", "date2": "2026年6月1日"})


def fault_of(sender: MessageSender, message: OutboundMessage = MESSAGE) -> tuple[SendFault, str]:
    with pytest.raises(SendFailed) as caught:
        sender.send(message)
    return caught.value.fault, caught.value.reason


def test_a_message_goes_out_whole(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: as_json({"errcode": 0, "errmsg": "ok", "msgid": 1864323726461255680})
    sender = WeChatMessages(client, miniprogram_state="trial")
    assert sender.send(MESSAGE) == "1864323726461255680"
    asked = wechat.calls()[0]
    assert asked.path == "/wechat/cgi-bin/message/subscribe/send"
    assert asked.json == {
        "touser": "o1",
        "template_id": "tmpl",
        "page": "pages/ticket?id=1",
        "data": {"thing1": {"value": "档案 更正"}, "date2": {"value": "2026年6月1日"}},
        "miniprogram_state": "trial",
        "lang": "zh_CN",
    }


def test_no_id_and_no_page(wechat: FakeWeChat, client: WeChatClient) -> None:
    assert WeChatMessages(client).send(OutboundMessage("o1", "tmpl", "", {"thing1": "甲"})) == ""
    assert "page" not in wechat.calls()[0].json


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (-1, SendFault.RETRY),
        (40003, SendFault.RECIPIENT),
        (40037, SendFault.CONFIG),
        (43101, SendFault.NO_CREDIT),
        (43107, SendFault.CONFIG),
        (43108, SendFault.RETRY),
        (45168, SendFault.CONTENT),
        (47003, SendFault.CONTENT),
        (41030, SendFault.CONFIG),
        (45009, SendFault.LATER),
        (45011, SendFault.RETRY),
        (88888, SendFault.CONFIG),
    ],
)
def test_every_code_of_the_table(wechat: FakeWeChat, client: WeChatClient, code: int, fault: SendFault) -> None:
    wechat.api = lambda seen: refusal(code)
    assert fault_of(WeChatMessages(client)) == (fault, str(code))
    assert len(wechat.calls()) == 1


@pytest.mark.parametrize("code", [40001, 40014, 42001])
def test_token_trouble_is_retried_once_and_then_later(wechat: FakeWeChat, client: WeChatClient, code: int) -> None:
    wechat.api = lambda seen: refusal(code)
    assert fault_of(WeChatMessages(client))[0] is SendFault.RETRY
    assert len(wechat.calls()) == 2


@pytest.mark.parametrize("answer", [SILENT, RESET, HTML, Answer(b"{}", status=502)])
def test_sent_but_unanswered_is_unknown(wechat: FakeWeChat, answer: Answer) -> None:
    wechat.api = lambda seen: answer
    assert fault_of(WeChatMessages(wechat.client(timeout_s=0.3)))[0] is SendFault.UNKNOWN
    assert len(wechat.calls()) == 1


def test_never_connected_may_be_retried() -> None:
    client = WeChatClient(APP_ID, SECRET, clock=FakeClock(), base_url=closed_port_url(), timeout_s=0.5)
    assert fault_of(WeChatMessages(client))[0] is SendFault.RETRY


@pytest.mark.parametrize("answer", [SILENT, HTML, refusal(40164)])
def test_no_token_means_nothing_was_sent(wechat: FakeWeChat, answer: Answer) -> None:
    wechat.token_answer = answer
    assert fault_of(WeChatMessages(wechat.client(timeout_s=0.3)))[0] is SendFault.RETRY
    assert wechat.calls() == []


def test_an_unfit_value_is_not_sent(wechat: FakeWeChat, client: WeChatClient) -> None:
    message = OutboundMessage("o1", "tmpl", "", {"phrase1": "六个字就太长"})
    assert fault_of(WeChatMessages(client), message) == (SendFault.CONTENT, "phrase1:bad_phrase")
    assert wechat.server.seen == []


def test_an_unknown_state_is_refused_at_start(client: WeChatClient) -> None:
    with pytest.raises(ValueError, match="miniprogram_state"):
        WeChatMessages(client, miniprogram_state="release")


@pytest.mark.parametrize(
    ("key", "value", "fitted"),
    [
        ("thing1", "您的档案更正已办结", "您的档案更正已办结"),
        ("thing1", "一" * 20, "一" * 20),
        ("thing1", "一" * 21, "一" * 19 + "…"),
        ("thing12", "两行\n变\t一行\x00 好", "两行 变 一行 好"),
        ("number1", "12345678901234567890123456789012", "12345678901234567890123456789012"),
        ("number1", "3.5", "3.5"),
        ("letter1", "ABC", "ABC"),
        ("symbol1", "!?", "!?"),
        ("character_string3", "EX-2026/001 a", "EX-2026/001 a"),
        ("time1", "15:01", "15:01"),
        ("time1", "2019年10月1日 15:01", "2019年10月1日 15:01"),
        ("date1", "2019年10月1日", "2019年10月1日"),
        ("date1", "2018-01-01", "2018-01-01"),
        ("date1", "2018/01/01", "2018/01/01"),
        ("date1", "2018.01.01", "2018.01.01"),
        ("amount1", "¥100.5", "¥100.5"),
        ("amount1", "1234567890元", "1234567890元"),
        ("phone_number1", "+86-0766-66888866", "+86-0766-66888866"),
        ("car_number1", "粤A8Z888挂", "粤A8Z888挂"),
        ("name1", "欧阳若兰", "欧阳若兰"),
        ("name1", "Anna-Maria O'Neil", "Anna-Maria O'Neil"),
        ("phrase1", "已办结", "已办结"),
        ("enum1", "任意", "任意"),
    ],
)
def test_values_that_fit(key: str, value: str, fitted: str) -> None:
    assert fit_value(key, value) == fitted


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("thing1", ""),
        ("thing1", " \n\t\x07 "),
        ("number1", "1" * 33),
        ("number1", "１２"),
        ("number1", "12a"),
        ("letter1", "甲"),
        ("letter1", "A" * 33),
        ("symbol1", "!!!!!!"),
        ("symbol1", "a"),
        ("character_string1", "单号1"),
        ("character_string1", "x" * 33),
        ("time1", "25:01"),
        ("time1", "15:60"),
        ("time1", "2019年2月30日 15:01"),
        ("date1", "2019年13月1日"),
        ("date1", "2019-02-30"),
        ("date1", "2019-02/03"),
        ("date1", "昨天"),
        ("amount1", "¥12345678901"),
        ("amount1", "一百元"),
        ("phone_number1", "1" * 18),
        ("phone_number1", "---"),
        ("car_number1", "粤A8Z888888"),
        ("name1", "一" * 11),
        ("name1", "a" * 21),
        ("phrase1", "六个字就太长"),
        ("phrase1", "ok"),
        ("widget1", "x"),
        ("1", "x"),
        ("name1", "\ud800"),
    ],
)
def test_values_that_do_not_fit(key: str, value: str) -> None:
    with pytest.raises(SendFailed) as caught:
        fit_value(key, value)
    assert caught.value.fault is SendFault.CONTENT
    assert caught.value.reason.startswith(f"{key}:")
    assert caught.value.reason.isascii()  # the value itself stays out of it
