from __future__ import annotations

import logging
import traceback

import pytest
from wechatpy.exceptions import APILimitedException, WeChatClientException

from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, as_json
from tests.providers.wechat.fake_wechat import RID, SECRET, FakeWeChat, refusal


def test_bodies_are_utf8_without_escapes(wechat: FakeWeChat, client: WeChatClient) -> None:
    client.post_json("/wxa/thing", {"name": "张三"})
    sent = wechat.calls()[0]
    assert sent.body == '{"name": "张三"}'.encode()
    assert sent.path == "/wechat/wxa/thing"
    assert sent.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        RESET,
        SILENT,
        Answer(b"{}", status=503),
        Answer(b""),
        Answer(b"null"),
        Answer(b'"text"'),
        Answer(b"[1]"),
        Answer(b'{"errcode": 0'),
        Answer(b"\xff\xff{}"),
        Answer(b'{"errcode": null}'),
        Answer(b"[" * 100_000),
        Answer(b'{"errcode": ' + b"9" * 5000 + b"}"),
    ],
)
def test_anything_but_a_json_object_is_unavailable(wechat: FakeWeChat, answer: Answer) -> None:
    wechat.api = lambda seen: answer
    with pytest.raises(PlatformUnavailable) as caught:
        wechat.client(timeout_s=0.3).post_json("/wxa/thing", {})
    assert caught.value.sent is True
    assert len(wechat.calls()) == 1


def test_refusals_keep_code_and_rid(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: refusal(47003, "argument invalid! data.thing1.value is empty")
    with pytest.raises(WeChatClientException) as caught:
        client.post_json("/wxa/thing", {})
    assert caught.value.errcode == 47003
    assert "data.thing1.value is empty" in str(caught.value)
    assert RID in str(caught.value)
    assert caught.value.request is None
    assert caught.value.response is None


def test_the_day_limit_has_wechatpys_own_class(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: refusal(45009)
    with pytest.raises(APILimitedException):
        client.post_json("/wxa/thing", {})


def test_an_echoing_platform_gives_no_secret_away(
    wechat: FakeWeChat, client: WeChatClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    code = "0a3Xy0000abcdefghijklmnopqrstu1v"
    wechat.api = lambda seen: refusal(40029, f"bad url ?secret={SECRET} {SECRET} js_code={code} {code}")
    with pytest.raises(WeChatClientException) as caught:
        client.code_to_session(code)
    told = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert SECRET not in told
    assert code not in told
    assert wechat.calls()[0].query["secret"] == SECRET


def test_a_picture_comes_back_as_it_is(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: Answer(b"\x89PNG", content_type="image/png")
    assert client.wxa.get_wxa_code_unlimited("scene").content == b"\x89PNG"


def test_a_picture_where_json_is_due_is_unavailable(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: Answer(b"\x89PNG", content_type="image/png")
    with pytest.raises(PlatformUnavailable):
        client.code_to_session("code")


def test_no_other_host_ever_gets_the_token(wechat: FakeWeChat, client: WeChatClient) -> None:
    for url in ("https://mp.weixin.qq.com/x", "https://api.weixin.qq.com.evil.example/x", wechat.server.url + "/x"):
        with pytest.raises(PlatformUnavailable) as caught:
            client.get(url)
        assert caught.value.reason == "foreign_host"
    assert wechat.server.seen == []


def test_result_processors_of_wechatpy_still_work(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: as_json({"errcode": 0, "ip_list": ["1.1.1.1"]})
    assert client.misc.get_wechat_ips() == ["1.1.1.1"]
