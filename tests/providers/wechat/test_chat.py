"""Customer-service messages: what goes out, and what each refusal means."""

from __future__ import annotations

import pytest

from app.ports import SendFailed, SendFault
from providers.wechat.chat import MAX_BYTES, WeChatChat
from providers.wechat.client import WeChatClient
from tests.providers.fake_server import as_json
from tests.providers.wechat.fake_wechat import FakeWeChat, refusal


def test_a_text_goes_out_as_it_is(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: as_json({"errcode": 0, "errmsg": "ok"})
    WeChatChat(client).send("o1", "您好\n“转人工”")
    asked = wechat.calls()[0]
    assert asked.path == "/wechat/cgi-bin/message/custom/send"
    assert asked.json == {"touser": "o1", "msgtype": "text", "text": {"content": "您好\n“转人工”"}}
    assert b"\\u" not in asked.body


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (-1, SendFault.RETRY),
        (40003, SendFault.RECIPIENT),
        (45002, SendFault.CONTENT),
        (45009, SendFault.LATER),
        (45015, SendFault.NO_CREDIT),
        (45047, SendFault.NO_CREDIT),
        (48001, SendFault.CONFIG),
        (70000, SendFault.RECIPIENT),
        (88888, SendFault.CONFIG),
    ],
)
def test_every_code_of_the_table(wechat: FakeWeChat, client: WeChatClient, code: int, fault: SendFault) -> None:
    wechat.api = lambda seen: refusal(code)
    with pytest.raises(SendFailed) as caught:
        WeChatChat(client).send("o1", "您好")
    assert (caught.value.fault, caught.value.reason) == (fault, str(code))


@pytest.mark.parametrize("text", ["", "长" * (MAX_BYTES // 3 + 1)])
def test_what_does_not_fit_is_not_sent(wechat: FakeWeChat, client: WeChatClient, text: str) -> None:
    with pytest.raises(SendFailed) as caught:
        WeChatChat(client).send("o1", text)
    assert caught.value.fault is SendFault.CONTENT
    assert wechat.calls() == []
