"""The sandbox's own Alipay cryptography."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from providers.sandbox.alipay_crypto import (
    BadContent,
    aes_decrypt,
    aes_encrypt,
    rsa2_sign,
    rsa2_valid,
    signing_text,
)

KEY = rsa.generate_private_key(65537, 2048)


def test_published_ciphertext(vectors: dict[str, Any]) -> None:
    given = vectors["ali.aes.easysdk"]["inputs"]
    ciphertext = vectors["ali.aes.easysdk"]["expected"]["ciphertext"]
    assert aes_encrypt(given["key"], given["plaintext"]) == ciphertext
    assert aes_decrypt(given["key"], ciphertext) == given["plaintext"]


@pytest.mark.parametrize("text", ["", "AAAA", "%%", "ILpoMowjIQjfYMR847rnFA=="])
def test_broken_content(text: str) -> None:
    with pytest.raises(BadContent):
        aes_decrypt("aa4BtZ4tspm2wnXLb1ThQA==", text)


def test_signing_text_sorts_and_drops_empty_values_without_encoding() -> None:
    parameters = {"b": "2 &=", "a": "中", "sign": "x", "notify_url": "", "sign_type": "RSA2"}
    assert signing_text(parameters) == "a=中&b=2 &=&sign_type=RSA2"
    assert signing_text(parameters, ("sign", "sign_type")) == "a=中&b=2 &="


def test_only_sha256_and_only_this_text_verify() -> None:
    public = KEY.public_key()
    signature = rsa2_sign(KEY, "a=中")
    assert rsa2_valid(public, "a=中", signature)
    assert not rsa2_valid(public, "a=国", signature)
    assert not rsa2_valid(public, "a=中", "not base64!")
    sha1 = KEY.sign("a=中".encode(), padding.PKCS1v15(), hashes.SHA1())
    assert not rsa2_valid(public, "a=中", base64.b64encode(sha1).decode())
