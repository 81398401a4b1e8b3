"""Pushes that are replayed, cut off, at the limits of length, or clever: read whole or refused, never half."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.ports import CallbackRejected, PushedMessage
from providers.wechat.crypto import PushCrypto, signature
from providers.wechat.push import MAX_BODY, MOST_EVENT, MOST_ID, MOST_KIND, WINDOW_S, WeChatPushDecoder, cdata
from tests.providers.fake_server import FakeClock, FakeServer
from tests.providers.wechat.test_push import AES_KEY, APP_ID, NOW, TEXT, TOKEN, as_body, plain_query, sealed

EVENT = {"FromUserName": "o1", "CreateTime": NOW, "MsgType": "event", "Event": "subscribe_msg_popup_event"}


class Memory:
    """app.ports.Cache with its lifetimes noted; ``away`` as Redis may be."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.lifetimes: set[int] = set()
        self.away = False

    def add(self, key: str, value: bytes, ttl_s: int) -> bool:
        self.lifetimes.add(ttl_s)
        if self.away or key not in self.kept:
            self.kept.setdefault(key, value)
            return True
        return False

    def get(self, key: str) -> bytes | None:
        return None if self.away else self.kept.get(key)

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self.kept[key] = value

    def forget(self, key: str) -> None:
        self.kept.pop(key, None)


def decoder(memory: Memory | None = None, *, secure: bool = True) -> WeChatPushDecoder:
    return WeChatPushDecoder(APP_ID, TOKEN, AES_KEY if secure else None, FakeClock(NOW), seen=memory)


def secure(text: str, push: WeChatPushDecoder | None = None) -> PushedMessage:
    query, encrypt = sealed(text)
    return (push or decoder()).decode(query, as_body(encrypt))


def code(push: WeChatPushDecoder, query: dict[str, str], body: bytes) -> str:
    with pytest.raises(CallbackRejected) as caught:
        push.decode(query, body)
    return caught.value.code


def as_xml(message: dict[str, Any]) -> str:
    return "<xml>" + "".join(f"<{name}>{cdata(str(value))}</{name}>" for name, value in message.items()) + "</xml>"


# --- replayed ---------------------------------------------------------------------------------------------------------


def test_an_overheard_plain_signature_carries_no_other_body() -> None:
    memory = Memory()
    push = decoder(memory, secure=False)
    body, other = (json.dumps({**TEXT, "MsgId": n}).encode() for n in (1, 2))
    assert push.decode(plain_query(), body) == push.decode(plain_query(), body)
    assert code(push, plain_query(), other) == "callback_replayed"
    fresh = {**plain_query(), "nonce": "n2", "signature": signature(TOKEN, str(NOW), "n2")}
    assert push.decode(fresh, other).dedupe_key == "2"
    assert memory.lifetimes == {2 * WINDOW_S}
    assert not any("n1" in key or TOKEN in key for key in memory.kept)


def test_a_resend_may_be_sealed_anew_and_another_message_may_not() -> None:
    push = decoder(Memory())
    assert secure(json.dumps(TEXT), push) == secure(json.dumps(TEXT), push)
    query, encrypt = sealed(json.dumps({**TEXT, "Content": "别的"}))
    assert code(push, query, as_body(encrypt)) == "callback_replayed"


def test_an_overheard_address_check_echoes_nothing_else() -> None:
    push = decoder(Memory())
    assert push.verify_url(plain_query(echostr="4375")) == push.verify_url(plain_query(echostr="4375"))
    with pytest.raises(CallbackRejected):
        push.verify_url(plain_query(echostr="<script>"))


def test_what_was_refused_uses_up_no_nonce() -> None:
    memory = Memory()
    push = decoder(memory)
    query, encrypt = sealed(json.dumps(TEXT))
    assert code(push, {**query, "msg_signature": "0" * 40}, as_body(encrypt)) == "callback_signature"
    assert memory.kept == {}
    assert push.decode(query, as_body(encrypt)).dedupe_key == "77"


def test_without_redis_pushes_are_still_read() -> None:
    memory = Memory()
    memory.away = True
    push = decoder(memory)
    assert secure(json.dumps(TEXT), push) == secure(json.dumps(TEXT), push)


# --- cut off ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "xml"])
def test_no_part_of_a_body_is_taken_for_the_whole(form: str) -> None:
    query, encrypt = sealed(json.dumps(TEXT))
    body = as_body(encrypt) if form == "json" else as_xml({"ToUserName": "gh_1", "Encrypt": encrypt}).encode()
    assert decoder().decode(query, body).dedupe_key == "77"
    for end in range(len(body)):
        code(decoder(), query, body[:end])


@pytest.mark.parametrize("form", ["json", "xml"])
def test_no_part_of_a_message_is_taken_for_the_whole(form: str) -> None:
    """Rightly sealed, and cut off before, in the middle of a character, too."""
    whole = (json.dumps(TEXT, ensure_ascii=False) if form == "json" else as_xml(TEXT)).encode()
    plain = decoder(secure=False)
    assert plain.decode(plain_query(), whole).content == "进度"
    for end in range(len(whole)):
        code(plain, plain_query(), whole[:end])


# --- limits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("letter", ["长", "👩\u200d🎓", "é", "x"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_a_text_of_any_script_is_read_whole_up_to_the_limit(letter: str, form: str) -> None:
    def message(content: str) -> str:
        changed = {**TEXT, "Content": content}
        return json.dumps(changed, ensure_ascii=False) if form == "json" else as_xml(changed)

    plain = decoder(secure=False)
    room = MAX_BODY - len(message("").encode())
    content = letter * (room // len(letter.encode()))
    content += "." * (room - len(content.encode()))
    body = message(content).encode()
    assert len(body) == MAX_BODY
    assert plain.decode(plain_query(), body).content == content
    assert code(plain, plain_query(), body + b" ") == "callback_too_long"


@pytest.mark.parametrize(
    "content", ["长" * 2048, "👩\u200d🎓" * 600, "\U00020bb7", "]]>" * 300, "&lt;&amp;<x>", "\u202e"]
)
@pytest.mark.parametrize("form", ["json", "xml"])
def test_long_and_odd_texts_come_out_as_they_went_in(content: str, form: str) -> None:
    changed = {**TEXT, "Content": content}
    text = json.dumps(changed, ensure_ascii=False) if form == "json" else as_xml(changed)
    assert secure(text).content == content


@pytest.mark.parametrize(
    ("name", "most"), [("MsgType", MOST_KIND), ("Event", MOST_EVENT), ("FromUserName", MOST_ID), ("MsgId", MOST_ID)]
)
def test_names_are_no_longer_than_their_columns(name: str, most: int) -> None:
    plain = decoder(secure=False)
    plain.decode(plain_query(), json.dumps({**EVENT, name: "长" * most}).encode())
    assert code(plain, plain_query(), json.dumps({**EVENT, name: "长" * (most + 1)}).encode()) == "callback_unreadable"


@pytest.mark.parametrize("created", [10**10, "1" * 11, -1, "１７６０００００００", "0x10", 1e9])
def test_a_time_that_is_none_is_refused(created: object) -> None:
    body = json.dumps({**EVENT, "CreateTime": created}).encode()
    assert code(decoder(secure=False), plain_query(), body) == "callback_unreadable"


def test_names_of_entries_hold_nothing_the_database_cannot() -> None:
    body = json.dumps({**EVENT, "List": {"Template\0Id": "t", "x\ud800": "y\ud800"}}).encode()
    assert decoder(secure=False).decode(plain_query(), body).items == ({"TemplateId": "t", "x?": "y?"},)


# --- clever XML -------------------------------------------------------------------------------------------------------


def test_the_entities_of_xml_itself_are_read() -> None:
    text = as_xml(TEXT).replace(cdata("进度"), "&lt;&amp;&#20013;&#x8FDB;")
    assert secure(text).content == "<&中进"


@pytest.mark.parametrize(
    "external", ['SYSTEM "{url}/a.dtd"', 'PUBLIC "-//x" "{url}/a.dtd"', '[<!ENTITY % a SYSTEM "{url}"> %a;]']
)
def test_nothing_is_fetched_from_outside(external: str, platform_server: FakeServer) -> None:
    text = f"<!DOCTYPE xml {external.replace('{url}', platform_server.url)}>" + as_xml(TEXT)
    try:
        assert secure(text).content == "进度"
    except CallbackRejected as refusal:
        assert refusal.code == "callback_unreadable"  # noqa: PT017  # either may be, but nothing else
    assert platform_server.seen == []


@pytest.mark.parametrize(
    "inside",
    [
        "<FromUserName>o2</FromUserName>",
        "<MsgType>event</MsgType>",
        "<CreateTime><![CDATA[1]]]]><![CDATA[>]]></CreateTime>",
        "<xml></xml></xml><xml>",
        "<!ENTITY a 'b'>",
        "<a xmlns:b='c'><b:d/></a",
        "\x01",
    ],
)
def test_what_says_a_thing_twice_or_is_not_well_formed_is_refused(inside: str) -> None:
    body = as_xml(TEXT).replace("</xml>", f"{inside}</xml>").encode()
    assert code(decoder(secure=False), plain_query(), body) == "callback_unreadable"


@pytest.mark.parametrize("inside", ['"MsgType":"event"', '"List":{"a":"1","a":"2"}'])
def test_json_that_says_a_thing_twice_is_refused(inside: str) -> None:
    body = json.dumps(TEXT)[:-1] + f",{inside}}}"
    assert code(decoder(secure=False), plain_query(), body.encode()) == "callback_unreadable"


def test_another_apps_key_seals_nothing_for_us() -> None:
    crypto = PushCrypto(APP_ID, TOKEN, "A" * 43)
    encrypt = crypto.seal(json.dumps(TEXT))
    query = plain_query(encrypt_type="aes", msg_signature=crypto.sign(str(NOW), "n1", encrypt))
    assert code(decoder(), query, as_body(encrypt)) == "callback_envelope"
