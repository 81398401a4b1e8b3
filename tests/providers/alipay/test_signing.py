from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from providers.alipay.signing import (
    AlipayKeyError,
    ContentCipher,
    is_signed,
    private_key,
    public_key,
    sign,
    signing_string,
)
from tests.providers.alipay.fake_alipay import CONTENT_KEY, aes, key_of, private_pem, public_pem, signed_by, un_aes


def test_the_signing_string_is_sorted_and_without_sign_and_empties() -> None:
    params = {"b": "2 =&", "a": "1", "sign": "x", "notify_url": "", "A": "中"}
    assert signing_string(params) == "A=中&a=1&b=2 =&"


def test_signatures_agree_with_another_hand() -> None:
    ours = sign(private_key(private_pem("app")), "a=中")
    assert ours == signed_by("app", "a=中".encode())
    assert is_signed(public_key(public_pem("app")), "a=中".encode(), ours)
    assert not is_signed(public_key(public_pem("app")), "a=中 ".encode(), ours)
    assert not is_signed(public_key(public_pem("stranger")), "a=中".encode(), ours)


@pytest.mark.parametrize("algorithm", [hashes.SHA1(), hashes.MD5()])
def test_weaker_hashes_are_not_accepted(algorithm: hashes.HashAlgorithm) -> None:
    weak = base64.b64encode(key_of("alipay").sign(b"a=1", padding.PKCS1v15(), algorithm)).decode()
    assert not is_signed(public_key(public_pem("alipay")), b"a=1", weak)


@pytest.mark.parametrize("signature", ["", "!!", "é", "AAAA", "A" * 344])
def test_rubbish_is_no_signature(signature: str) -> None:
    assert not is_signed(public_key(public_pem("alipay")), b"a=1", signature)


def test_keys_as_alipays_tool_writes_them() -> None:
    bare_private = "".join(private_pem("app").splitlines()[1:-1])
    bare_public = "\n".join(public_pem("app").splitlines()[1:-1])
    assert private_key(bare_private).private_numbers() == key_of("app").private_numbers()
    assert public_key(bare_public).public_numbers() == key_of("app").public_key().public_numbers()
    old_form = key_of("app").private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    assert private_key(base64.b64encode(old_form).decode()).key_size == 2048


def test_unfit_keys_are_refused_without_being_shown() -> None:
    small = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    for key in (small, curve):
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        with pytest.raises(AlipayKeyError) as caught:
            private_key(pem)
        assert pem.splitlines()[1] not in str(caught.value)
    for text in ("", "not a key", private_pem("app"), "-----BEGIN PUBLIC KEY-----"):
        with pytest.raises(AlipayKeyError):
            public_key(text)


def test_content_cipher_agrees_with_another_hand() -> None:
    cipher = ContentCipher(CONTENT_KEY)
    assert cipher.encrypt('{"名":1}') == aes('{"名":1}')
    assert un_aes(cipher.encrypt("x" * 16)) == "x" * 16
    assert cipher.decrypt(aes("进度")) == "进度"
    for sealed in ("", "AAAA", "é", base64.b64encode(bytes(16)).decode()):
        with pytest.raises(ValueError):
            cipher.decrypt(sealed)
    for key in ("", "short", base64.b64encode(bytes(32)).decode()):
        with pytest.raises(AlipayKeyError):
            ContentCipher(key)
