"""Alipay's RSA2 (RSA PKCS#1 v1.5, SHA-256) and AES (128-CBC, zero IV), done directly with ``cryptography``.

RSA2 is the only algorithm: neither a request nor a reply can choose a weaker one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ZERO_IV = bytes(16)
MIN_BITS = 2048


class AlipayKeyError(ValueError):
    """A key cannot be used. The text never holds the key."""


def signing_string(params: Mapping[str, str]) -> str:
    """``k=v`` joined by ``&``, keys in ASCII order, without ``sign`` and empty values, before URL-encoding."""
    return "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "sign" and params[key])


def sign(key: RSAPrivateKey, text: str) -> str:
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), hashes.SHA256())).decode()


def is_signed(key: RSAPublicKey, data: bytes, signature: str) -> bool:
    """Whether base64 ``signature`` is the RSA2 signature of ``data``."""
    try:
        key.verify(base64.b64decode(signature, validate=True), data, PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


def private_key(text: str) -> RSAPrivateKey:
    """From PEM, or from the bare base64 that Alipay's key tool writes."""
    try:
        if "-----BEGIN" in text:
            found = serialization.load_pem_private_key(text.encode(), password=None)
        else:
            found = serialization.load_der_private_key(base64.b64decode("".join(text.split()), validate=True), None)
    except (ValueError, TypeError, binascii.Error):
        raise AlipayKeyError("the Alipay private key is unreadable") from None
    if not isinstance(found, RSAPrivateKey) or found.key_size < MIN_BITS:
        raise AlipayKeyError("the Alipay private key must be RSA of 2048 bits or more")
    return found


def public_key(text: str) -> RSAPublicKey:
    """Alipay's own public key (支付宝公钥), from PEM or bare base64."""
    try:
        if "-----BEGIN" in text:
            found = serialization.load_pem_public_key(text.encode())
        else:
            found = serialization.load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, TypeError, binascii.Error):
        raise AlipayKeyError("the Alipay public key is unreadable") from None
    if not isinstance(found, RSAPublicKey) or found.key_size < MIN_BITS:
        raise AlipayKeyError("the Alipay public key must be RSA of 2048 bits or more")
    return found


class ContentCipher:
    """Alipay's content encryption (接口内容加密)."""

    def __init__(self, key_base64: str) -> None:
        try:
            key = base64.b64decode(key_base64, validate=True)
        except ValueError:
            key = b""
        if len(key) != 16:
            raise AlipayKeyError("the Alipay content key must be 16 bytes in base64")
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(ZERO_IV))  # the zero IV is the protocol's

    def encrypt(self, text: str) -> str:
        padder = padding.PKCS7(128).padder()
        padded = padder.update(text.encode(errors="replace")) + padder.finalize()
        sealer = self._cipher.encryptor()
        return base64.b64encode(sealer.update(padded) + sealer.finalize()).decode()

    def decrypt(self, sealed: str) -> str:
        """Raises ValueError. Only ever called on text whose signature was verified."""
        opener = self._cipher.decryptor()
        padded = opener.update(base64.b64decode(sealed, validate=True)) + opener.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
