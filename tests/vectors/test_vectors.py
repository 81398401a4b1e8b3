"""The platforms' published sample values, run through our own code.

LANTAI_VECTORS names the file (default: shared/vectors/platforms.json beside the checkout). manifest.json says which
issue owns each sample; one owned by an issue already built must have a check here.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.ports import CallbackRejected, CertifyState, LoginCodeRejected, OutboundMessage, SendFailed, SendFault
from providers.alipay.certificates import certificate_sn, root_sn
from providers.alipay.certify import AlipayCertify
from providers.alipay.gateway import AlipayGateway, AlipayRefused
from providers.alipay.login import AlipayLogin
from providers.alipay.messages import AlipayMessages
from providers.alipay.signing import ContentCipher
from providers.wechat.crypto import PushCrypto, signature_fits
from providers.wechat.face import cert_hash
from providers.wechat.login import (
    UserDataRejected,
    open_user_data,
    raw_data_is_genuine,
    raw_data_signature,
    session_signature,
)
from providers.wechat.push import WeChatPushDecoder
from providers.wechat.sealed_calls import SealedCalls, SealKeys
from tests.providers.alipay.fake_alipay import FakeAlipay, key_of
from tests.providers.fake_server import FakeClock, FakeServer

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parent.parent.parent / "shared" / "vectors" / "platforms.json"
FILE = Path(os.environ.get("LANTAI_VECTORS", str(DEFAULT)))
MANIFEST = json.loads((HERE / "manifest.json").read_text("utf-8"))
OWNERS: dict[str, int] = MANIFEST["owners"]
BUILT: int = MANIFEST["built"]

Vector = dict[str, Any]
Check = Callable[[Any, Any], None]
SAMPLE_KEY = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
SAMPLE_APP = "wx0000000000000001"


if not FILE.is_file():
    pytest.skip("sample values not found: set LANTAI_VECTORS to the platforms.json file", allow_module_level=True)
VECTORS: dict[str, Vector] = {vector["id"]: vector for vector in json.loads(FILE.read_text("utf-8"))["vectors"]}


def plain(token: str, at: float) -> WeChatPushDecoder:
    return WeChatPushDecoder(SAMPLE_APP, token, None, FakeClock(at))


def signed_query(token: str, at: int) -> dict[str, str]:
    mark = hashlib.sha1("".join(sorted([token, str(at), "n"])).encode()).hexdigest()
    return {"signature": mark, "timestamp": str(at), "nonce": "n"}


# --- message push ---


def get_echo(given: Any, expected: Any) -> None:
    push = plain(given["token"], int(given["timestamp"]))
    assert push.verify_url(given) == expected["body"]
    with pytest.raises(CallbackRejected):
        push.verify_url({**given, "nonce": given["nonce"] + "1"})


def post_plain_json(given: Any, expected: Any) -> None:
    push = plain(given["token"], int(given["timestamp"]))
    body = json.dumps(given["body"]).encode()
    message = push.decode(given, body)
    assert (message.kind, message.event) == ("event", "debug_demo")
    assert message.open_id == given["body"]["FromUserName"]
    with pytest.raises(CallbackRejected):
        push.decode({**given, "signature": "0" * 40}, body)


def post_secure_json(given: Any, expected: Any) -> None:
    query = given["query"]
    crypto = PushCrypto(given["appid"], given["token"], given["encoding_aes_key"])
    envelope = crypto.open(query["msg_signature"], query["timestamp"], query["nonce"], given["body"]["Encrypt"])
    assert envelope.random.decode() == expected["random"]
    assert len(envelope.message) == expected["msg_len"]
    assert envelope.message.decode() == expected["msg"]
    assert envelope.receiver == expected["appid"]
    clock = FakeClock(int(query["timestamp"]))
    push = WeChatPushDecoder(given["appid"], given["token"], given["encoding_aes_key"], clock)
    assert push.decode(query, json.dumps(given["body"]).encode()).event == "debug_demo"
    other = WeChatPushDecoder(SAMPLE_APP, given["token"], given["encoding_aes_key"], clock)
    with pytest.raises(CallbackRejected):
        other.decode(query, json.dumps(given["body"]).encode())


def reply_secure_json(given: Any, expected: Any) -> None:
    push = WeChatPushDecoder(given["appid"], given["token"], given["encoding_aes_key"], FakeClock())
    reply = push.encrypt_reply_json(given["msg"], given["timestamp"], given["nonce"], given["random"].encode())
    assert json.loads(reply) == expected


def java_encrypt(given: Any, expected: Any) -> None:
    crypto = PushCrypto(given["appid"], given["token"], given["encoding_aes_key"])
    assert crypto.seal(given["msg"], given["random"].encode()) == expected["Encrypt"]


def encrypted_echo(given: Any, expected: Any) -> None:
    crypto = PushCrypto(given["receive_id"], given["token"], given["encoding_aes_key"])
    opened = crypto.open(given["msg_signature"], given["timestamp"], given["nonce"], given["echostr"])
    assert opened.message.decode() == expected["plain"]


def python_sample(given: Any, expected: Any) -> None:
    crypto = PushCrypto(given["appid"], given["token"], given["encoding_aes_key"])
    opened = crypto.open(given["msg_signature"], given["timestamp"], given["nonce"], given["Encrypt"])
    assert opened.message.decode() == expected["msg"]
    clock = FakeClock(int(given["timestamp"]))
    push = WeChatPushDecoder(given["appid"], given["token"], given["encoding_aes_key"], clock)
    body = f"<xml><ToUserName>x</ToUserName><Encrypt><![CDATA[{given['Encrypt']}]]></Encrypt></xml>".encode()
    message = push.decode({**given, "encrypt_type": "aes"}, body)
    assert (message.content, message.dedupe_key) == ("abcdteT", "6054768590064713728")


def bad_nonce(given: Any, expected: Any) -> None:
    assert expected["valid"] is False
    parts = (given["token"], given["timestamp"], given["nonce"], given["echostr"])
    assert not signature_fits(given["msg_signature"], *parts)
    with pytest.raises(CallbackRejected):
        PushCrypto(SAMPLE_APP, given["token"], SAMPLE_KEY).open(given["msg_signature"], *parts[1:])


def encrypt_message(given: Any, expected: Any) -> None:
    crypto = PushCrypto(given["receive_id"], given["token"], given["encoding_aes_key"])
    sealed = crypto.seal(given["msg"], given["random"].encode())
    assert sealed == expected["Encrypt"]
    assert crypto.sign(given["timestamp"], given["nonce"], sealed) == expected["MsgSignature"]


def plain_signature(given: Any, expected: Any) -> None:
    push = plain(given["token"], int(given["timestamp"]))
    assert push.verify_url({**given, "echostr": "e"}) == "e"


def subscribe_events(given: Any, expected: Any) -> None:
    accepts = {
        "popup_json": ["accept"],
        "popup_json_single_real": ["accept"],
        "change_json": ["reject"],
        "popup_xml": ["accept", "reject"],
        "change_xml": ["reject"],
    }
    assert set(expected) == {*accepts, "sent_json", "sent_xml"}
    for name, sample in expected.items():
        body = sample.encode() if isinstance(sample, str) else json.dumps(sample).encode()
        push = plain("token", 1_700_000_000)
        message = push.decode(signed_query("token", 1_700_000_000), body)
        assert message.event == f"subscribe_msg_{name.split('_')[0]}_event"
        assert message.open_id.startswith("o")
        assert message.dedupe_key == f"{message.open_id}:{message.created_at}:{message.event}"
        assert all(entry["TemplateId"] for entry in message.items)
        if name in accepts:
            assert [entry["SubscribeStatusString"] for entry in message.items] == accepts[name]
        else:
            assert [(entry["ErrorCode"], entry["ErrorStatus"]) for entry in message.items] == [("0", "success")]
            assert len(message.items[0]["MsgID"]) == 19


def sealed_call(given: Any, expected: Any) -> None:
    url, app_id, stamp, sn = given["aad"].split("|")
    assert sn == given["sn"]
    own = key_of("app")
    keys = SealKeys(sn, base64.b64decode(given["key"]), own, "0", own.public_key())
    sealed = SealedCalls(app_id, keys, FakeClock(int(stamp)))
    found = sealed.encrypted(url, int(stamp), given["plaintext"].encode(), base64.b64decode(given["iv"]))
    assert found == {"iv": given["iv"], **expected}


# --- sessions, user data, face ---


def session_hmac(given: Any, expected: Any) -> None:
    assert session_signature(given["session_key"], given["post_data"]) == expected["signature"]


def raw_data(given: Any, expected: Any) -> None:
    assert raw_data_signature(given["raw_data"], given["session_key"]) == expected["signature"]
    assert raw_data_is_genuine(given["raw_data"], expected["signature"], given["session_key"])
    assert not raw_data_is_genuine(given["raw_data"] + " ", expected["signature"], given["session_key"])


def user_data(given: Any, expected: Any) -> None:
    clock = FakeClock(expected["watermark"]["timestamp"] + 60)
    sealed = (given["session_key"], given["encrypted_data"], given["iv"])
    assert open_user_data(*sealed, app_id=given["appid"], clock=clock) == expected
    with pytest.raises(UserDataRejected):
        open_user_data(*sealed, app_id=SAMPLE_APP, clock=clock)
    clock.forward(3600)
    with pytest.raises(UserDataRejected):
        open_user_data(*sealed, app_id=given["appid"], clock=clock)
    wrong = base64.b64encode(bytes(16)).decode()
    with pytest.raises(UserDataRejected):
        open_user_data(wrong, *sealed[1:], app_id=given["appid"], clock=clock)


def face_hash(given: Any, expected: Any) -> None:
    assert hashlib.sha256(expected["joined"].encode()).hexdigest() == expected["cert_hash"]
    assert cert_hash(given["cert_name"], given["cert_no"], given["cert_type"]) == expected["cert_hash"]


# --- Alipay ---


def content_aes(given: Any, expected: Any) -> None:
    cipher = ContentCipher(given["key"])
    assert cipher.encrypt(given["plaintext"]) == expected["ciphertext"]
    assert cipher.decrypt(expected["ciphertext"]) == given["plaintext"]


def app_certificate(given: Any, expected: Any) -> None:
    assert certificate_sn(given["cert_pem"]) == expected["sn"]


def root_certificates(given: Any, expected: Any) -> None:
    assert root_sn(given["bundle_pem"]) == expected["sn"]


def observed_errors(given: Any, expected: Any) -> None:
    """Each observed reply, served over HTTP, ends as the word our code has for it."""
    checks = {
        "isv.code-invalid": refused_login,
        "isv.refresh-token-invalid": refused_refresh,
        "USER_TEMPLATE_ILLEGAL": refused_template,
        "CERTIFY_ID_EXPIRED": expired_certify,
    }
    assert {case["sub_code"] for case in expected} == set(checks)
    server = FakeServer()
    try:
        alipay = FakeAlipay(server)
        for case in expected:
            node = {name: case[name] for name in ("code", "msg", "sub_code", "sub_msg")}
            alipay.node = lambda form, node=node: node  # type: ignore[misc]
            checks[case["sub_code"]](alipay.gateway())
            assert server.seen[-1].form["method"] == case["method"]
    finally:
        server.close()


def refused_login(gateway: AlipayGateway) -> None:
    with pytest.raises(LoginCodeRejected):
        AlipayLogin(gateway).exchange_code("used")


def refused_refresh(gateway: AlipayGateway) -> None:
    with pytest.raises(AlipayRefused) as caught:
        gateway.call("alipay.system.oauth.token", top={"grant_type": "refresh_token", "refresh_token": "x"})
    assert (caught.value.code, caught.value.sub_code) == ("40002", "isv.refresh-token-invalid")


def refused_template(gateway: AlipayGateway) -> None:
    with pytest.raises(SendFailed) as caught:
        AlipayMessages(gateway).send(OutboundMessage("o", "t", "p", {"keyword1": "x"}))
    assert caught.value.fault is SendFault.CONFIG


def expired_certify(gateway: AlipayGateway) -> None:
    face = AlipayCertify(gateway, return_url="https://school.example/")
    outcome = face.result(order_no="0" * 32, ticket="old", open_id="o", name="张三", id_number="1")
    assert outcome.state is CertifyState.RETRY


CHECKS: dict[str, Check] = {
    "wx.push.get_echo": get_echo,
    "wx.push.post_plain_json": post_plain_json,
    "wx.push.post_secure_json": post_secure_json,
    "wx.push.reply_secure_json": reply_secure_json,
    "wx.biz.java_encrypt1": java_encrypt,
    "wx.biz.verify_url": encrypted_echo,
    "wx.biz.python_sample": python_sample,
    "wx.wechatpy.check_signature_bad_nonce": bad_nonce,
    "wx.wechatpy.encrypt_message": encrypt_message,
    "wx.wechatpy.plain_signature": plain_signature,
    "wx.events.subscribe": subscribe_events,
    "wx.apisign.aes256gcm_request": sealed_call,
    "wx.session_hmac": session_hmac,
    "wx.session_hmac_empty": session_hmac,
    "wx.rawdata_signature": raw_data,
    "wx.WXBizDataCrypt": user_data,
    "wx.face.cert_hash": face_hash,
    "ali.aes.easysdk": content_aes,
    "ali.cert.app_sn": app_certificate,
    "ali.cert.root_sn": root_certificates,
    "ali.errors.observed": observed_errors,
}


def test_every_vector_has_an_owner() -> None:
    assert set(VECTORS) == set(OWNERS)


def test_every_owned_vector_has_a_check() -> None:
    due = {name for name, issue in OWNERS.items() if issue <= BUILT}
    assert due == set(CHECKS)


@pytest.mark.parametrize("name", sorted(name for name in VECTORS if OWNERS.get(name, 0) <= BUILT))
def test_vector(name: str) -> None:
    vector = VECTORS[name]
    assert name in CHECKS, f"no check for {name}"
    CHECKS[name](vector["inputs"], vector["expected"])
