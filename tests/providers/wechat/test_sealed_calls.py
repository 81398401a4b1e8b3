"""Calls that are encrypted and signed both ways; the platform's side is written here, from its guide."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient
from providers.wechat.sealed_calls import SealedCalls, SealKeys, seal_keys
from tests.providers.fake_server import Answer, FakeClock, Seen
from tests.providers.wechat.fake_wechat import APP_ID, SECRET, FakeWeChat, refusal

PATH = "/wxa/business/getuserphonenumber"
URL = f"https://api.weixin.qq.com{PATH}"
KEY, KEY_SN, PLATFORM_SN = bytes(range(32)), "fa05fe1e5bcc79b81ad5ad4b58acf787", "7A9C"
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
FOUND = {"errcode": 0, "phone_info": {"phoneNumber": "13800000001"}}


@cache
def key_of(owner: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def private_pem(key: Any) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()  # type: ignore[no-any-return]


def certificate(key: Any) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "platform")])
    day = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(day).not_valid_after(day + timedelta(days=9000))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def keys(**changes: str) -> SealKeys:
    texts = {
        "sealing_sn": KEY_SN,
        "sealing": base64.b64encode(KEY).decode(),
        "own_pem": private_pem(key_of("app")),
        "platform_sn": PLATFORM_SN,
        "platform_pem": certificate(key_of("platform")),
    }
    return seal_keys(**{**texts, **changes})


class SealedWeChat:
    """``changes`` makes the reply one that must not be believed."""

    def __init__(self, wechat: FakeWeChat, clock: FakeClock) -> None:
        self.asked: dict[str, Any] = {}
        self.changes: dict[str, Any] = {}
        self._clock = clock
        wechat.api = self._answer
        base = wechat.server.url + "/wechat"
        self.client = WeChatClient(
            APP_ID, SECRET, clock=clock, base_url=base, sealed=SealedCalls(APP_ID, keys(), clock)
        )

    def _answer(self, seen: Seen) -> Answer:
        stamp = seen.headers["wechatmp-timestamp"]
        assert seen.headers["wechatmp-appid"] == APP_ID
        signed = f"{URL}\n{APP_ID}\n{stamp}\n".encode() + seen.body
        mark = base64.b64decode(seen.headers["wechatmp-signature"])
        key_of("app").public_key().verify(mark, signed, PSS, hashes.SHA256())
        parts = {name: base64.b64decode(value) for name, value in seen.json.items()}
        bound = f"{URL}|{APP_ID}|{stamp}|{KEY_SN}".encode()
        self.asked = json.loads(AESGCM(KEY).decrypt(parts["iv"], parts["data"] + parts["authtag"], bound))
        return self._reply()

    def _reply(self) -> Answer:
        told = {"url": URL, "app_id": APP_ID, "late": 0, "key": KEY, "signer": "platform", "inner": {}, "ending": ""}
        now = {**told, **self.changes}
        stamp = int(self._clock.now().timestamp()) - now["late"]
        inner = {"_n": "x", "_appid": now["app_id"], "_timestamp": stamp, **FOUND, **now["inner"]}
        iv, bound = b"i" * 12, f"{now['url']}|{now['app_id']}|{stamp}|{KEY_SN}".encode()
        sealed = AESGCM(now["key"]).encrypt(iv, json.dumps(inner).encode(), bound)
        parts = {"iv": iv, "data": sealed[:-16], "authtag": sealed[-16:]}
        body = json.dumps({name: base64.b64encode(part).decode() for name, part in parts.items()}).encode()
        mark = key_of(now["signer"]).sign(
            f"{now['url']}\n{now['app_id']}\n{stamp}\n".encode() + body, PSS, hashes.SHA256()
        )
        headers = {
            "Wechatmp-Appid": now["app_id"],
            "Wechatmp-TimeStamp": now.get("stamp", str(stamp)),
            "Wechatmp-Serial": "new" if now["ending"] else PLATFORM_SN,
            "Wechatmp-Signature": "bmV3" if now["ending"] else base64.b64encode(mark).decode(),
        }
        if now["ending"]:
            headers |= {
                "Wechatmp-Serial-Deprecated": PLATFORM_SN,
                "Wechatmp-Signature-Deprecated": base64.b64encode(mark).decode(),
            }
        headers |= now.get("headers", {})
        return Answer(now.get("body", body), headers=headers)


@pytest.fixture
def sealed(wechat: FakeWeChat, fake_clock: FakeClock) -> SealedWeChat:
    return SealedWeChat(wechat, fake_clock)


def test_a_call_and_its_reply_are_sealed(sealed: SealedWeChat, wechat: FakeWeChat, fake_clock: FakeClock) -> None:
    found = sealed.client.post_json(PATH, {"code": "张三", "openid": "o1"})
    assert found["phone_info"] == FOUND["phone_info"]
    asked = dict(sealed.asked)
    assert len(asked.pop("_n")) == 24
    stamp = int(fake_clock.now().timestamp())
    assert asked == {"_appid": APP_ID, "_timestamp": stamp, "code": "张三", "openid": "o1"}
    (seen,) = wechat.calls()
    assert "张三" not in seen.body.decode()
    sealed.client.post_json(PATH, {"code": "张三", "openid": "o1"})
    assert wechat.calls()[1].body != seen.body


def test_other_calls_go_as_before(wechat: FakeWeChat, sealed: SealedWeChat) -> None:
    wechat.api = lambda seen: Answer(json.dumps({"errcode": 0, "asked": seen.json}).encode())
    assert sealed.client.post_json("/wxa/thing", {"a": 1})["asked"] == {"a": 1}


def test_while_the_certificate_is_replaced_the_old_one_is_believed(sealed: SealedWeChat) -> None:
    sealed.changes = {"ending": "-deprecated"}
    assert sealed.client.post_json(PATH, {})["phone_info"] == FOUND["phone_info"]


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "https://api.weixin.qq.com/wxa/getuserriskrank"},
        {"app_id": "wx0000000000000002"},
        {"late": 301},
        {"late": -301},
        {"key": bytes(32)},
        {"signer": "stranger"},
        {"inner": {"_appid": "wx0000000000000002"}},
        {"inner": {"_timestamp": 1}},
        {"body": b"{}"},
        {"stamp": "soon"},
        {"stamp": "9" * 400},
        {"headers": {"Wechatmp-Serial": "other"}},
        {"headers": {"Wechatmp-Signature": "!"}},
    ],
)
def test_a_reply_that_was_not_made_for_this_call_is_not_believed(sealed: SealedWeChat, changes: dict[str, Any]) -> None:
    sealed.changes = changes
    with pytest.raises(PlatformUnavailable) as caught:
        sealed.client.post_json(PATH, {})
    assert caught.value.reason == "seal_broken"


def test_without_a_signature_only_a_refusal_is_believed(sealed: SealedWeChat, wechat: FakeWeChat) -> None:
    wechat.api = lambda seen: Answer(json.dumps(FOUND).encode())
    with pytest.raises(PlatformUnavailable) as caught:
        sealed.client.post_json(PATH, {})
    assert caught.value.reason == "not_signed"
    answers = [refusal(40001), refusal(40001)]
    wechat.api = lambda seen: answers.pop()
    with pytest.raises(PlatformUnavailable):
        sealed.client.post_json(PATH, {})
    assert answers == []  # a refused token is still replaced once


@pytest.mark.parametrize(
    "changes",
    [
        {"sealing": "short"},
        {"sealing": base64.b64encode(bytes(16)).decode()},
        {"sealing_sn": ""},
        {"platform_sn": ""},
        {"own_pem": "x"},
        {"own_pem": private_pem(ec.generate_private_key(ec.SECP256R1()))},
        {"platform_pem": "x"},
        {"platform_pem": certificate(ec.generate_private_key(ec.SECP256R1()))},
    ],
)
def test_keys_that_cannot_be_used_are_refused_at_start(changes: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="WeChat's sealed calls"):
        keys(**changes)
