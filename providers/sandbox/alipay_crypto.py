"""Alipay's own side of its cryptography: RSA2 over signing strings and raw text, AES of the content."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection, Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

ZERO_IV = bytes(16)


class BadContent(ValueError):
    """An encrypted content that does not open with the app's key."""


def signing_text(parameters: Mapping[str, str], drop: Collection[str] = ("sign",)) -> str:
    """``k=v`` joined by ``&`` in ASCII order of the keys, without ``drop`` and without empty values."""
    return "&".join(f"{k}={v}" for k, v in sorted(parameters.items()) if k not in drop and v != "")


def rsa2_sign(key: RSAPrivateKey, text: str) -> str:
    """Base64 RSA PKCS#1 v1.5 signature with SHA-256 over the UTF-8 text."""
    return base64.b64encode(key.sign(text.encode(), rsa_padding.PKCS1v15(), hashes.SHA256())).decode()


def rsa2_valid(key: RSAPublicKey, text: str, signature: str) -> bool:
    try:
        key.verify(base64.b64decode(signature, validate=True), text.encode(), rsa_padding.PKCS1v15(), hashes.SHA256())
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def aes_encrypt(key: str, plain: str) -> str:
    """AES-128-CBC, zero IV, PKCS#7; key and result in base64."""
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(ZERO_IV)).encryptor()
    padded = padder.update(plain.encode()) + padder.finalize()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def aes_decrypt(key: str, text: str) -> str:
    """Raises BadContent."""
    try:
        decryptor = Cipher(algorithms.AES(base64.b64decode(key)), modes.CBC(ZERO_IV)).decryptor()
        padded = decryptor.update(base64.b64decode(text, validate=True)) + decryptor.finalize()
        unpadder = padding.PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError as error:
        raise BadContent("content does not open with this key") from error
