from __future__ import annotations

import json

import pytest

from app.ports import MessageSender, OutboundMessage, SendFailed, SendFault
from providers.alipay.messages import AlipayMessages, fit_keyword
from tests.providers.alipay.fake_alipay import FakeAlipay, content_of, node_name, reply
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, closed_port_url

METHOD = "alipay.open.app.mini.templatemessage.send"
MESSAGE = OutboundMessage("074a1CcTG1", "tmpl", "pages/ticket?id=1", {"keyword1": "档案更正", "keyword2": "EX-1"})


def fault_of(sender: MessageSender, message: OutboundMessage = MESSAGE) -> tuple[SendFault, str]:
    with pytest.raises(SendFailed) as caught:
        sender.send(message)
    return caught.value.fault, caught.value.reason


def test_a_message_goes_out_whole(alipay: FakeAlipay) -> None:
    assert AlipayMessages(alipay.gateway()).send(MESSAGE) == ""
    form = alipay.server.seen[0].form
    content = content_of(form)
    assert form["method"] == METHOD
    assert json.loads(content.pop("data")) == {"keyword1": {"value": "档案更正"}, "keyword2": {"value": "EX-1"}}
    assert content == {"to_open_id": "074a1CcTG1", "user_template_id": "tmpl", "page": "pages/ticket?id=1"}


def test_an_old_user_id_goes_under_its_own_name(alipay: FakeAlipay) -> None:
    AlipayMessages(alipay.gateway()).send(OutboundMessage("2088102150477652", "tmpl", "p", {"keyword1": "x"}))
    content = content_of(alipay.server.seen[0].form)
    assert content["to_user_id"] == "2088102150477652"
    assert "to_open_id" not in content


@pytest.mark.parametrize(
    ("code", "sub_code", "fault"),
    [
        ("40004", "USER_TEMPLATE_ILLEGAL", SendFault.CONFIG),
        ("40004", "USER_TEMPLATE_LACK_KEYWORD", SendFault.CONTENT),
        ("40004", "USER_KEYWORD_LENGTH_ERROR", SendFault.CONTENT),
        ("40004", "FORM_ID_OVER_TIME", SendFault.NO_CREDIT),
        ("40004", "FORM_ID_NOT_MATCH_APPID", SendFault.CONFIG),
        ("40004", "TRADE_NO_NOT_MATCH_USERID", SendFault.RECIPIENT),
        ("40004", "SOMETHING_NEW", SendFault.NO_CREDIT),
        ("20000", "isp.unknow-error", SendFault.RETRY),
        ("20001", "aop.invalid-auth-token", SendFault.CONFIG),
        ("40001", "isv.missing-signature", SendFault.CONFIG),
        ("40002", "isv.invalid-signature", SendFault.CONFIG),
        ("40005", "", SendFault.RETRY),
        ("40006", "isv.insufficient-isv-permissions", SendFault.CONFIG),
    ],
)
def test_refusals_are_sorted_and_sent_once(alipay: FakeAlipay, code: str, sub_code: str, fault: SendFault) -> None:
    alipay.node = lambda form: {"code": code, "sub_code": sub_code}
    assert fault_of(AlipayMessages(alipay.gateway())) == (fault, sub_code or code)
    assert len(alipay.server.seen) == 1


@pytest.mark.parametrize(
    "answer", [SILENT, RESET, HTML, Answer(b"", status=502), reply(node_name(METHOD), b'{"code":"10000"}', "stranger")]
)
def test_sent_but_not_believably_answered_is_unknown(alipay: FakeAlipay, answer: Answer) -> None:
    alipay.answer = lambda seen: answer
    assert fault_of(AlipayMessages(alipay.gateway(timeout_s=0.3)))[0] is SendFault.UNKNOWN
    assert len(alipay.server.seen) == 1


def test_never_connected_may_be_retried(alipay: FakeAlipay) -> None:
    assert fault_of(AlipayMessages(alipay.gateway(url=closed_port_url())))[0] is SendFault.RETRY


@pytest.mark.parametrize(
    ("fields", "page", "fault"),
    [
        ({"keyword1": " "}, "p", (SendFault.CONTENT, "keyword1:empty")),
        ({"keyword1": "x" * 51}, "p", (SendFault.CONTENT, "keyword1:too_long")),
        ({f"keyword{n}": "字" * 50 for n in range(40)}, "p", (SendFault.CONTENT, "data:too_long")),
        ({"keyword1": "x"}, "p" * 129, (SendFault.CONFIG, "page:too_long")),
    ],
)
def test_what_cannot_fit_is_not_sent(
    alipay: FakeAlipay, fields: dict[str, str], page: str, fault: tuple[SendFault, str]
) -> None:
    assert fault_of(AlipayMessages(alipay.gateway()), OutboundMessage("o", "t", page, fields)) == fault
    assert alipay.server.seen == []


def test_prose_is_cut_at_fifty() -> None:
    assert fit_keyword("keyword1", "字" * 50) == "字" * 50
    assert fit_keyword("keyword1", "字" * 51) == "字" * 49 + "…"
    assert fit_keyword("keyword1", " 两\n行 ") == "两 行"
