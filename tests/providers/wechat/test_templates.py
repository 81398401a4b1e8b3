"""What WeChat's console says of our templates."""

from __future__ import annotations

from typing import Any

import pytest

from app.errors import Unavailable
from providers.wechat.client import WeChatClient
from providers.wechat.templates import WeChatTemplates
from tests.providers.fake_server import as_json
from tests.providers.wechat.fake_wechat import FakeWeChat, refusal

ROW = {
    "priTmplId": "T1",
    "title": "进度通知",
    "content": "业务类型:{{thing1.DATA}}\n编号:{{character_string12.DATA}}\n日期：{{ date3.DATA }}\n",
    "example": "业务类型:示例\n",
    "type": 2,
}


def test_keys_by_template_id(wechat: FakeWeChat, client: WeChatClient) -> None:
    rows = [ROW, {**ROW, "priTmplId": "T2", "content": ""}]
    wechat.api = lambda seen: as_json({"errcode": 0, "errmsg": "ok", "data": rows})
    assert WeChatTemplates(client).keys() == {
        "T1": frozenset({"thing1", "character_string12", "date3"}),
        "T2": frozenset(),
    }
    assert wechat.calls()[0].path == "/wechat/wxaapi/newtmpl/gettemplate"


@pytest.mark.parametrize("data", [None, {}, "x", 7])
def test_garbage_is_no_answer(wechat: FakeWeChat, client: WeChatClient, data: Any) -> None:
    wechat.api = lambda seen: as_json({"errcode": 0, "errmsg": "ok", "data": data})
    with pytest.raises(Unavailable):
        WeChatTemplates(client).keys()


def test_rows_of_no_use_are_passed_over(wechat: FakeWeChat, client: WeChatClient) -> None:
    rows = ["x", {}, {"priTmplId": 7, "content": "a"}, {"priTmplId": "T3"}, ROW]
    wechat.api = lambda seen: as_json({"errcode": 0, "errmsg": "ok", "data": rows})
    assert set(WeChatTemplates(client).keys()) == {"T1"}


def test_a_refusal_is_no_answer_either(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: refusal(48001)
    with pytest.raises(Unavailable):
        WeChatTemplates(client).keys()
