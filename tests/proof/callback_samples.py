"""What platforms really send, as the fuzzed call-backs' corpus: every kind of message, in both forms."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

HEAD = {"ToUserName": "gh_97417a04a28d", "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY", "CreateTime": 1714112445}
CHOICE = {"TemplateId": "VRR0UEO9VJOLs0MHlU0OilqX6MVFDwH3_3gz3Oc0NIc", "SubscribeStatusString": "accept"}
FINISHED = {"TemplateId": "BEwX0BO", "MsgID": "1864323726461255680", "ErrorCode": "0", "ErrorStatus": "success"}
HOLDERS = {
    "subscribe_msg_popup_event": "SubscribeMsgPopupEvent",
    "subscribe_msg_change_event": "SubscribeMsgChangeEvent",
    "subscribe_msg_sent_event": "SubscribeMsgSentEvent",
}
MEMBERS = (
    "ToUserName",
    "FromUserName",
    "CreateTime",
    "MsgType",
    "Event",
    "MsgId",
    "Content",
    "List",
    *HOLDERS.values(),
)
WORDS = (*MEMBERS, *HOLDERS, *CHOICE, *FINISHED, "text", "event", "user_enter_tempsession", "Encrypt", "PopupScene")
NASTY = (
    "<![CDATA[",
    "]]>",
    "<!DOCTYPE xml [<!ENTITY a 'b'>]>",
    "&a;",
    "&#0;",
    '<?xml version="1.0" encoding="utf-7"?>',
    "\\u0000",
    "\\ud800",
    "👩\u200d🎓",
    "中" * 40,
    "1e999",
    "NaN",
    "9" * 21,
    "[[[[[[[[",
)


def messages() -> list[Mapping[str, Any]]:
    """``List`` as an object and as an array, numbers as numbers and as texts."""
    events: list[Mapping[str, Any]] = [
        {"MsgType": "event", "Event": event, "List": entries}
        for event, entry in zip(HOLDERS, (CHOICE, CHOICE, FINISHED), strict=True)
        for entries in (entry, [entry, {**entry, "PopupScene": 0}])
    ]
    others: list[Mapping[str, Any]] = [
        {"MsgType": "text", "Content": "我的档案到哪了？👩\u200d🎓", "MsgId": 18446744073709551615},
        {"MsgType": "text", "Content": "", "MsgId": "6054768590064713728", "CreateTime": "1409735668"},
        {"MsgType": "image", "PicUrl": "https://x", "MediaId": "m", "MsgId": 7},
        {"MsgType": "event", "Event": "user_enter_tempsession", "SessionFrom": "a]]>b"},
        {"MsgType": "event", "Event": "wxa_media_check", "trace_id": "t", "result": {"suggest": "risky"}},
    ]
    return [{**HEAD, **each} for each in (*events, *others)]


def as_json(message: Mapping[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False)


def as_xml(message: Mapping[str, Any]) -> str:
    """A list stands in the holder of its event."""
    flat = dict(message)
    entries = flat.pop("List", None)
    if entries is not None:
        several = entries if isinstance(entries, list) else [entries]
        flat[HOLDERS.get(str(message.get("Event")), "List")] = {"List": several}
    return _element("xml", flat)


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, Mapping):
        return f"<{name}>{''.join(_element(str(k), v) for k, v in value.items())}</{name}>"
    if value is None or isinstance(value, int):
        return f"<{name}>{'' if value is None else value}</{name}>"
    text = str(value).replace("]]>", "]]]]><![CDATA[>")
    return f"<{name}><![CDATA[{text}]]></{name}>"


def inner() -> Iterator[bytes]:
    for message in messages():
        yield as_json(message).encode()
        yield as_xml(message).encode()


def forms(app_id: str) -> Iterator[bytes]:
    """Alipay's notifications, before they are signed."""
    base = {"app_id": app_id, "charset": "utf-8", "version": "1.0", "notify_time": "2026-06-01 09:00:00"}
    yield urlencode({**base, "notify_id": "a" * 34, "notify_type": "open_app_auth_notify", "memo": ""}).encode()
    content = '{"template_id":"t","状态":"& = +"}'
    yield urlencode({**base, "notify_id": "b", "msg_method": "alipay.open.x", "biz_content": content}).encode()
    yield urlencode({**base, "app_id": "2099", "notify_id": "c"}).encode()
    yield urlencode({**base, "notify_id": ""}).encode()


def dictionary() -> str:
    """libFuzzer's: one quoted word a line."""
    quoted = ("".join(f"\\x{byte:02x}" for byte in word.encode()) for word in (*WORDS, *NASTY))
    return "".join(f'"{word}"\n' for word in quoted)
