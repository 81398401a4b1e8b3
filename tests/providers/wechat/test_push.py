from __future__ import annotations

import base64
import json
from collections.abc import Mapping

import pytest
import xmltodict  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from app.ports import CallbackRejected, PushedMessage, WeChatPush
from providers.wechat.crypto import PushCrypto, signature
from providers.wechat.push import MAX_BODY, WINDOW_S, WeChatPushDecoder, cdata, text_reply_xml
from tests.providers.fake_server import FakeClock

APP_ID, TOKEN = "wx0000000000000001", "push-token"
AES_KEY = base64.b64encode(bytes(range(32))).decode().rstrip("=")
NOW = 1_760_000_000
TEXT = {
    "ToUserName": "gh_1",
    "FromUserName": "o1",
    "CreateTime": NOW,
    "MsgType": "text",
    "Content": "进度",
    "MsgId": "77",
}


def decoder(*, secure: bool = True, at: float = NOW) -> WeChatPushDecoder:
    return WeChatPushDecoder(APP_ID, TOKEN, AES_KEY if secure else None, FakeClock(at))


def plain_query(timestamp: object = NOW, **more: str) -> dict[str, str]:
    return {
        "signature": signature(TOKEN, str(timestamp), "n1"),
        "timestamp": str(timestamp),
        "nonce": "n1",
        **more,
    }


def sealed(text: str, app_id: str = APP_ID, timestamp: int = NOW) -> tuple[dict[str, str], str]:
    """(query, Encrypt) as WeChat would send them."""
    crypto = PushCrypto(app_id, TOKEN, AES_KEY)
    encrypt = crypto.seal(text)
    query = plain_query(timestamp, encrypt_type="aes", openid="o1")
    return {**query, "msg_signature": crypto.sign(str(timestamp), "n1", encrypt)}, encrypt


def sealed_raw(plain: bytes) -> tuple[dict[str, str], str]:
    """Any plain bytes, rightly signed: what only the holder of both keys could send."""
    key = bytes(range(32))
    sealer = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    encrypt = base64.b64encode(sealer.update(plain) + sealer.finalize()).decode()
    mark = signature(TOKEN, str(NOW), "n1", encrypt)
    return plain_query(encrypt_type="aes", msg_signature=mark), encrypt


def as_body(encrypt: str) -> bytes:
    return json.dumps({"ToUserName": "gh_1", "Encrypt": encrypt}).encode()


def secure_push(message: Mapping[str, object]) -> PushedMessage:
    query, encrypt = sealed(json.dumps(message, ensure_ascii=False))
    return decoder().decode(query, as_body(encrypt))


# --- address check ---


def test_the_address_check_is_answered_and_forgery_is_not() -> None:
    push: WeChatPush = decoder()
    assert push.verify_url(plain_query(echostr="4375")) == "4375"
    for changes in ({"signature": "0" * 40}, {"nonce": "n2"}, {"signature": ""}, {"echostr": ""}, {"signature": "é"}):
        with pytest.raises(CallbackRejected):
            push.verify_url({**plain_query(echostr="4375"), **changes})


@pytest.mark.parametrize("offset", [-WINDOW_S, 0, WINDOW_S])
def test_inside_the_time_window(offset: int) -> None:
    assert decoder().verify_url(plain_query(NOW + offset, echostr="e")) == "e"


@pytest.mark.parametrize(
    "stamp", [NOW - WINDOW_S - 1, NOW + WINDOW_S + 1, "soon", "-1", "1" * 30, "１７６０００００００"]
)
def test_outside_the_time_window(stamp: object) -> None:
    with pytest.raises(CallbackRejected):
        decoder().verify_url(plain_query(stamp, echostr="e"))


# --- modes ---


def test_secure_json() -> None:
    message = secure_push(TEXT)
    assert (message.dedupe_key, message.kind, message.event, message.open_id) == ("77", "text", "", "o1")
    assert (message.created_at, message.content, message.items) == (NOW, "进度", ())
    assert "进度" not in repr(message)


def test_secure_xml_inside_and_outside() -> None:
    inner = "<xml><FromUserName><![CDATA[o1]]></FromUserName><CreateTime>1760000000</CreateTime>"
    inner += "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[a]]]]><![CDATA[>b]]></Content><MsgId>9</MsgId></xml>"
    query, encrypt = sealed(inner)
    body = f"<xml><ToUserName>gh_1</ToUserName><Encrypt>{cdata(encrypt)}</Encrypt></xml>".encode()
    message = decoder().decode(query, body)
    assert (message.content, message.dedupe_key) == ("a]]>b", "9")


def test_plain_mode_only_without_a_key() -> None:
    body = json.dumps(TEXT).encode()
    assert decoder(secure=False).decode(plain_query(), body).content == "进度"
    with pytest.raises(CallbackRejected):
        decoder().decode(plain_query(), body)
    with pytest.raises(CallbackRejected):
        decoder().decode(plain_query(encrypt_type="aes"), body)


def test_the_plain_signature_does_not_stand_in_for_msg_signature() -> None:
    query, encrypt = sealed(json.dumps(TEXT))
    with pytest.raises(CallbackRejected):
        decoder().decode({**query, "msg_signature": query["signature"]}, as_body(encrypt))


def test_another_apps_message_is_refused() -> None:
    query, encrypt = sealed(json.dumps(TEXT), app_id="wx0000000000000002")
    with pytest.raises(CallbackRejected):
        decoder().decode(query, as_body(encrypt))


def test_the_same_message_may_come_again() -> None:
    query, encrypt = sealed(json.dumps(TEXT))
    push = decoder()
    assert push.decode(query, as_body(encrypt)) == push.decode(query, as_body(encrypt))


HEAD = b"r" * 16
BODY = json.dumps(TEXT).encode()


def padded(plain: bytes, count: int | None = None) -> bytes:
    count = count if count is not None else 32 - len(plain) % 32
    return plain + bytes([count]) * count


WHOLE = padded(HEAD + len(BODY).to_bytes(4, "big") + BODY + APP_ID.encode())


@pytest.mark.parametrize(
    "plain",
    [
        padded(HEAD + (len(BODY) + 1).to_bytes(4, "big") + BODY + APP_ID.encode()),
        padded(HEAD + b"\xff\xff\xff\xff" + BODY + APP_ID.encode()),
        padded(HEAD + len(BODY).to_bytes(4, "big") + BODY + APP_ID.encode() + b"x"),
        padded(HEAD + len(BODY).to_bytes(4, "big") + BODY),
        padded(b"short"),
        b"\x00" * 64,
        b"\x21" * 64,
        WHOLE[:-2] + b"\x00" + WHOLE[-1:],  # the count is right, the padding is not all of it
    ],
)
def test_a_rightly_signed_but_broken_envelope_is_refused(plain: bytes) -> None:
    plain = plain[: len(plain) // 32 * 32]
    query, encrypt = sealed_raw(plain)
    with pytest.raises(CallbackRejected):
        decoder().decode(query, as_body(encrypt))


def test_the_same_envelope_unbroken_is_accepted() -> None:
    assert WHOLE[-1] > 1  # so that the broken twin above breaks only the padding
    query, encrypt = sealed_raw(WHOLE)
    assert decoder().decode(query, as_body(encrypt)).dedupe_key == "77"


@pytest.mark.parametrize("encrypt", ["", "!!!!", "AAAA", "A" * 44, "é", "\ud800"])
def test_a_broken_encrypt_is_refused(encrypt: str) -> None:
    mark = signature(TOKEN, str(NOW), "n1", encrypt)
    with pytest.raises(CallbackRejected):
        decoder().decode(plain_query(encrypt_type="aes", msg_signature=mark), as_body(encrypt))


# --- what is inside ---


@pytest.mark.parametrize(
    "entries",
    [
        [{"TemplateId": "t1", "SubscribeStatusString": "accept", "PopupScene": 0}],
        {"TemplateId": "t1", "SubscribeStatusString": "accept", "PopupScene": "0"},
    ],
)
def test_list_as_object_or_array(entries: object) -> None:
    message = secure_push(
        {
            "FromUserName": "o1",
            "CreateTime": str(NOW),
            "MsgType": "event",
            "Event": "subscribe_msg_popup_event",
            "List": entries,
        }
    )
    assert message.items == ({"TemplateId": "t1", "SubscribeStatusString": "accept", "PopupScene": "0"},)
    assert message.dedupe_key == f"o1:{NOW}:subscribe_msg_popup_event"


def test_what_no_database_holds_is_left_out() -> None:
    assert secure_push({**TEXT, "Content": "a\u0000b"}).content == "ab"
    odd = json.dumps({**TEXT, "Content": "a\ud800b"}).encode()  # escaped, so it arrives as a lone surrogate
    assert decoder(secure=False).decode(plain_query(), odd).content == "a?b"


def test_a_64_bit_id_stays_exact() -> None:
    assert secure_push({**TEXT, "MsgId": 18446744073709551615}).dedupe_key == "18446744073709551615"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"MsgType":"text"}',
        json.dumps({**TEXT, "FromUserName": ""}).encode(),
        json.dumps({**TEXT, "FromUserName": ["o1"]}).encode(),
        json.dumps({**TEXT, "CreateTime": "yesterday"}).encode(),
        json.dumps({**TEXT, "CreateTime": True}).encode(),
        json.dumps({**TEXT, "CreateTime": 1.5}).encode(),
        json.dumps({**TEXT, "MsgId": 10**30}).encode(),
        json.dumps({**TEXT, "Content": {"a": 1}}).encode(),
        json.dumps({**TEXT, "List": [1]}).encode(),
        json.dumps({**TEXT, "List": {"a": {"b": 1}}}).encode(),
        b"<xml>",
        b"<other><MsgType>text</MsgType></other>",
        b"<xml>text</xml>",
        b"<xml><MsgType><a>1</a></MsgType></xml>",
        b"<" + b"a" * 300_000,
        b" " * (MAX_BODY + 1),
    ],
)
def test_every_unreadable_body_is_rejected(body: bytes) -> None:
    with pytest.raises(CallbackRejected):
        decoder(secure=False).decode(plain_query(), body)


def test_entities_are_refused() -> None:
    bomb = (
        b'<?xml version="1.0"?><!DOCTYPE xml [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        b"<xml><FromUserName>&b;</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>"
    )
    outside = bomb.replace(b'<!ENTITY a "aaaa">', b'<!ENTITY a SYSTEM "file:///etc/hostname">')
    for body in (bomb, outside):
        with pytest.raises(CallbackRejected):
            decoder(secure=False).decode(plain_query(), body)


@given(body=st.binary(max_size=300))
def test_no_bytes_raise_anything_else(body: bytes) -> None:
    for push, query in ((decoder(secure=False), plain_query()), (decoder(), plain_query(encrypt_type="aes"))):
        with pytest.raises(CallbackRejected):
            push.decode(query, body)


@given(flip=st.integers(min_value=0, max_value=10_000))
def test_any_changed_character_of_the_envelope_is_noticed(flip: int) -> None:
    query, encrypt = sealed(json.dumps(TEXT))
    at = flip % len(encrypt)
    changed = encrypt[:at] + ("A" if encrypt[at] != "A" else "B") + encrypt[at + 1 :]
    with pytest.raises(CallbackRejected):
        decoder().decode(query, as_body(changed))


# --- replies ---


def test_an_encrypted_json_reply_opens_again() -> None:
    reply = json.loads(decoder().encrypt_reply_json('{"a":"好"}', NOW, "n1"))
    assert reply["TimeStamp"] == NOW
    crypto = PushCrypto(APP_ID, TOKEN, AES_KEY)
    assert crypto.open(reply["MsgSignature"], str(NOW), "n1", reply["Encrypt"]).message == '{"a":"好"}'.encode()


def test_an_encrypted_xml_reply_opens_again_and_nobody_breaks_out() -> None:
    said = "a]]><Content>x</Content>"
    text = text_reply_xml(to_user="o1", from_user="gh_1", content=said, created_at=NOW)
    outer = xmltodict.parse(decoder().encrypt_reply_xml(text, NOW, "n]]>1"))["xml"]
    crypto = PushCrypto(APP_ID, TOKEN, AES_KEY)
    inner = crypto.open(outer["MsgSignature"], str(NOW), outer["Nonce"], outer["Encrypt"]).message
    assert xmltodict.parse(inner)["xml"] == {
        "ToUserName": "o1",
        "FromUserName": "gh_1",
        "CreateTime": str(NOW),
        "MsgType": "text",
        "Content": said,
    }


def test_two_replies_never_look_alike() -> None:
    assert decoder().encrypt_reply_json("{}", NOW, "n1") != decoder().encrypt_reply_json("{}", NOW, "n1")


def test_a_wrong_setup_is_refused_at_start() -> None:
    for key in ("short", "A" * 42, "é" * 43):
        with pytest.raises(ValueError, match="EncodingAESKey"):
            WeChatPushDecoder(APP_ID, TOKEN, key, FakeClock())
    for app_id, token in ((APP_ID, ""), ("", TOKEN)):
        with pytest.raises(ValueError, match="token"):
            WeChatPushDecoder(app_id, token, AES_KEY, FakeClock())
    with pytest.raises(RuntimeError):
        decoder(secure=False).encrypt_reply_json("{}", NOW, "n1")
