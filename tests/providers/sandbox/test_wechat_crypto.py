"""The sandbox's own WeChat cryptography against published values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.sandbox.wechat_crypto import BadCiphertext, PushCipher, cert_hash, session_signature, sha1_signature

KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"


@pytest.mark.parametrize("name", ["wx.push.get_echo", "wx.push.post_plain_json", "wx.wechatpy.plain_signature"])
def test_plain_signatures(vectors: dict[str, Any], name: str) -> None:
    given = vectors[name]["inputs"]
    assert sha1_signature(given["token"], given["timestamp"], given["nonce"]) == given["signature"]


def test_secure_push_opens(vectors: dict[str, Any]) -> None:
    given, expected = (vectors["wx.push.post_secure_json"][part] for part in ("inputs", "expected"))
    cipher = PushCipher(given["token"], given["encoding_aes_key"], given["appid"])
    encrypted = given["body"]["Encrypt"]
    query = given["query"]
    assert cipher.signature(query["timestamp"], query["nonce"]) == query["signature"]
    assert cipher.signature(query["timestamp"], query["nonce"], encrypted) == query["msg_signature"]
    opened = cipher.decrypt(encrypted)
    assert (opened.random.decode(), opened.message.decode(), opened.app_id) == (
        expected["random"],
        expected["msg"],
        expected["appid"],
    )
    assert len(opened.message) == expected["msg_len"]
    assert cipher.encrypt(opened.message, opened.random) == encrypted


def test_reply_is_made_and_opened(vectors: dict[str, Any]) -> None:
    given, expected = (vectors["wx.push.reply_secure_json"][part] for part in ("inputs", "expected"))
    cipher = PushCipher(given["token"], given["encoding_aes_key"], given["appid"])
    assert cipher.encrypt(given["msg"].encode(), given["random"].encode()) == expected["Encrypt"]
    plain = cipher.open_reply(
        expected["Encrypt"], expected["MsgSignature"], str(expected["TimeStamp"]), expected["Nonce"]
    )
    assert json.loads(plain) == {"demo_resp": "good luck"}


def test_chinese_is_counted_in_bytes(vectors: dict[str, Any]) -> None:
    given = vectors["wx.biz.java_encrypt1"]["inputs"]
    cipher = PushCipher(given["token"], given["encoding_aes_key"], given["appid"])
    assert (
        cipher.encrypt(given["msg"].encode(), given["random"].encode())
        == (vectors["wx.biz.java_encrypt1"]["expected"]["Encrypt"])
    )


@pytest.mark.parametrize(
    ("name", "app", "field", "result"),
    [
        ("wx.biz.verify_url", "receive_id", "echostr", "plain"),
        ("wx.biz.python_sample", "appid", "Encrypt", "msg"),
    ],
)
def test_sample_code_values_open(vectors: dict[str, Any], name: str, app: str, field: str, result: str) -> None:
    given = vectors[name]["inputs"]
    cipher = PushCipher(given["token"], given["encoding_aes_key"], given[app])
    assert cipher.signature(given["timestamp"], given["nonce"], given[field]) == given["msg_signature"]
    opened = cipher.decrypt(given[field])
    assert opened.message.decode() == vectors[name]["expected"][result]
    assert opened.app_id == given[app]


def test_envelope_of_another_library(vectors: dict[str, Any]) -> None:
    given, expected = (vectors["wx.wechatpy.encrypt_message"][part] for part in ("inputs", "expected"))
    cipher = PushCipher(given["token"], given["encoding_aes_key"], given["receive_id"])
    encrypted = cipher.encrypt(given["msg"].encode(), given["random"].encode())
    assert encrypted == expected["Encrypt"]
    assert cipher.signature(given["timestamp"], given["nonce"], encrypted) == expected["MsgSignature"]


def test_wrong_nonce_is_seen(vectors: dict[str, Any]) -> None:
    given = vectors["wx.wechatpy.check_signature_bad_nonce"]["inputs"]
    computed = sha1_signature(given["token"], given["timestamp"], given["nonce"], given["echostr"])
    assert computed != given["msg_signature"]


def test_face_hash(vectors: dict[str, Any]) -> None:
    given = vectors["wx.face.cert_hash"]["inputs"]
    assert cert_hash(**given) == vectors["wx.face.cert_hash"]["expected"]["cert_hash"]


@pytest.mark.parametrize("name", ["wx.session_hmac", "wx.session_hmac_empty"])
def test_session_signature(vectors: dict[str, Any], name: str) -> None:
    given = vectors[name]["inputs"]
    assert session_signature(given["session_key"], given["post_data"]) == vectors[name]["expected"]["signature"]


@pytest.mark.parametrize("size", [0, 11, 12, 13, 200])
def test_every_padding_length_comes_back(size: int) -> None:
    cipher = PushCipher("t", KEY, "wx1")
    assert cipher.decrypt(cipher.encrypt(b"x" * size)).message == b"x" * size


def test_replies_that_must_not_open() -> None:
    ours, theirs = PushCipher("t", KEY, "wx1"), PushCipher("t", KEY, "wx2")
    foreign = theirs.encrypt(b"{}")
    with pytest.raises(BadCiphertext, match="app"):
        ours.open_reply(foreign, ours.signature("1", "2", foreign), "1", "2")
    with pytest.raises(BadCiphertext, match="MsgSignature"):
        ours.open_reply(foreign, ours.signature("1", "3", foreign), "1", "2")
    for broken in ("", "AAAA", "%%%", foreign[:-4]):
        with pytest.raises(BadCiphertext):
            ours.decrypt(broken)


def test_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="43"):
        PushCipher("t", "AAAA", "wx1")
