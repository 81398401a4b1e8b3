from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from app.ports import PhoneProofRejected, PlatformPhone
from providers.alipay.phone import AlipayPhone
from providers.outbound import PlatformUnavailable
from tests.providers.alipay.fake_alipay import FakeAlipay, aes, signed_by


class RememberingCache:
    """app.ports.Cache in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.kept.get(key)

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        self.kept[key] = value

    def add(self, key: str, value: bytes, ttl_s: int) -> bool:
        if key in self.kept:
            return False
        self.kept[key] = value
        return True

    def forget(self, key: str) -> None:
        self.kept.pop(key, None)


def proof(inner: Mapping[str, object] | str, *, owner: str = "alipay", **changes: object) -> str:
    response = aes(inner if isinstance(inner, str) else json.dumps(inner))
    found: dict[str, object] = {
        "response": response,
        "sign": signed_by(owner, f'"{response}"'.encode()),
        "sign_type": "RSA2",
        "encrypt_type": "AES",
        "charset": "UTF-8",
        **changes,
    }
    return json.dumps({key: value for key, value in found.items() if value is not None})


GOOD = {"code": "10000", "msg": "Success", "mobile": "13800001111"}


@pytest.mark.parametrize(
    ("mobile", "number"),
    [
        ("13800001111", "13800001111"),
        ("86-13800001111", "13800001111"),
        ("1-1234432112", "11234432112"),
        ("852-91234567", "85291234567"),
    ],
)
def test_a_signed_number_is_believed(secret_alipay: FakeAlipay, mobile: str, number: str) -> None:
    phone: PlatformPhone = AlipayPhone(secret_alipay.gateway())
    assert phone.phone_number("o1", proof({**GOOD, "mobile": mobile})) == number


def test_sign_type_may_be_missing(secret_alipay: FakeAlipay) -> None:
    text = proof(GOOD, sign_type=None, encrypt_type=None, charset=None)
    assert AlipayPhone(secret_alipay.gateway()).phone_number("o1", text) == "13800001111"


@pytest.mark.parametrize(
    "text",
    [
        proof(GOOD, sign=None),
        proof(GOOD, sign=""),
        proof(GOOD, sign=7),
        proof(GOOD, owner="stranger"),
        proof(GOOD, owner="app"),
        proof(GOOD, sign=signed_by("alipay", aes(json.dumps(GOOD)).encode())),  # the quotes were not signed
        proof(GOOD, response=aes(json.dumps({**GOOD, "mobile": "13900001111"}))),
        proof(GOOD, sign_type="RSA"),
        proof(GOOD, encrypt_type="NONE"),
        proof(GOOD, response=json.dumps(GOOD)),  # plain text
        json.dumps({"response": json.dumps(GOOD), "sign": signed_by("alipay", json.dumps(GOOD).encode())}),
        json.dumps({"response": '{"code":"40001","subCode":"isv.missing-encrypt-key"}'}),
        proof("not json"),
        proof("[1]"),
        proof({"code": "10000"}),
        proof({**GOOD, "mobile": "1 3 8"}),
        proof({**GOOD, "mobile": 13800001111}),
        proof({"code": "40003", "subCode": "isv.invalid-auth-relations"}),
        proof(GOOD, response="\ud800"),
        "",
        "null",
        "[" * 5000,
        "x" * 10_000,
    ],
)
def test_everything_else_is_refused(secret_alipay: FakeAlipay, text: str) -> None:
    with pytest.raises(PhoneProofRejected):
        AlipayPhone(secret_alipay.gateway()).phone_number("o1", text)


@pytest.mark.parametrize(
    "inner",
    [
        {"code": "40001", "subCode": "isv.missing-encrypt-key"},
        {"code": "40006", "subCode": "isv.insufficient-isv-permissions"},
        {"code": "20000", "subCode": "isp.unknow-error"},
    ],
)
def test_our_own_faults_are_unavailable(secret_alipay: FakeAlipay, inner: dict[str, object]) -> None:
    with pytest.raises(PlatformUnavailable):
        AlipayPhone(secret_alipay.gateway()).phone_number("o1", proof(inner))


def test_without_a_content_key_everything_is_refused(alipay: FakeAlipay) -> None:
    with pytest.raises(PhoneProofRejected):
        AlipayPhone(alipay.gateway()).phone_number("o1", proof(GOOD))


def test_a_text_is_good_once_however_it_is_written(secret_alipay: FakeAlipay) -> None:
    phone, text = AlipayPhone(secret_alipay.gateway(), seen=RememberingCache()), proof(GOOD)
    assert phone.phone_number("o1", text) == "13800001111"
    for again in (text, " " + text, text.replace(", ", ",")):
        with pytest.raises(PhoneProofRejected):
            phone.phone_number("o1", again)
    other = proof({**GOOD, "mobile": "13900001111"})
    assert phone.phone_number("o1", other) == "13900001111"
