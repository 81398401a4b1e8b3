"""WeChat's optional encryption and signature of calls (服务端 API 签名加密): AES-256-GCM and RSA-PSS with SHA-256.

Once it is switched on in the console (API 安全), WeChat takes an app's calls that support it in this form only, and
answers them in it. Source: WeChat's server guide "服务端 API 签名加密指南"; the published sample is among the vectors.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.ports import Clock

PATHS = frozenset({"/wxa/business/getuserphonenumber"})  # of those that support it, the one we call
WINDOW_S = 300
IV, TAG, MIN_BITS = 12, 16, 2048
PADDING = PSS(mgf=MGF1(hashes.SHA256()), salt_length=32)


class SealBroken(ValueError):
    """A reply that WeChat did not make for this call. The text never holds what was in it."""


@dataclass(frozen=True, slots=True)
class SealKeys:
    """What the console shows and takes. ``sealing``: 32 bytes; each key has a number (``…_sn``)."""

    sealing_sn: str
    sealing: bytes = field(repr=False)
    own: RSAPrivateKey = field(repr=False)
    platform_sn: str
    platform: RSAPublicKey = field(repr=False)


def seal_keys(*, sealing_sn: str, sealing: str, own_pem: str, platform_sn: str, platform_pem: str) -> SealKeys:
    """From the console's texts: the key in base64, our private key and the platform's certificate in PEM.

    Raises ValueError, which never holds a key.
    """
    try:
        key = base64.b64decode(sealing, validate=True)
        own = serialization.load_pem_private_key(own_pem.encode(), password=None)
        platform = x509.load_pem_x509_certificate(platform_pem.encode()).public_key()
    except (ValueError, TypeError):
        raise ValueError("a key or certificate of WeChat's sealed calls is unreadable") from None
    if len(key) != 32 or not sealing_sn or not platform_sn:
        raise ValueError("the key of WeChat's sealed calls must be 32 bytes in base64, and both keys have a number")
    if not isinstance(own, RSAPrivateKey) or not isinstance(platform, RSAPublicKey) or own.key_size < MIN_BITS:
        raise ValueError("WeChat's sealed calls need RSA keys of 2048 bits or more")
    return SealKeys(sealing_sn, key, own, platform_sn, platform)


class SealedCalls:
    """Seals the bodies of one app's calls and opens the replies. Addresses are the official ones, without a query."""

    def __init__(self, app_id: str, keys: SealKeys, clock: Clock) -> None:
        self._app_id, self._keys, self._clock = app_id, keys, clock

    def seal(self, url: str, body: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
        """(what is posted, the headers it needs)."""
        stamp = int(self._clock.now().timestamp())
        noise = base64.b64encode(secrets.token_bytes(18)).decode()
        whole = {"_n": noise, "_appid": self._app_id, "_timestamp": stamp, **body}
        text = json.dumps(whole, ensure_ascii=False).encode(errors="replace")
        posted = json.dumps(self.encrypted(url, stamp, text, secrets.token_bytes(IV))).encode()
        mark = self._keys.own.sign(self._signed(url, stamp, posted), PADDING, hashes.SHA256())
        headers = {
            "Wechatmp-Appid": self._app_id,
            "Wechatmp-TimeStamp": str(stamp),
            "Wechatmp-Signature": base64.b64encode(mark).decode(),
        }
        return posted, headers

    def encrypted(self, url: str, stamp: int, text: bytes, iv: bytes) -> dict[str, str]:
        sealed = AESGCM(self._keys.sealing).encrypt(iv, text, self._bound(url, stamp))
        parts = {"iv": iv, "data": sealed[:-TAG], "authtag": sealed[-TAG:]}
        return {name: base64.b64encode(part).decode() for name, part in parts.items()}

    def open(self, url: str, headers: Mapping[str, str], content: bytes) -> bytes:
        """The reply's JSON. ``headers`` by lower-case name. Raises SealBroken."""
        told = headers.get("wechatmp-timestamp", "")
        if not (told.isascii() and told.isdigit() and len(told) <= 10):
            raise SealBroken("no time")
        stamp = int(told)
        if abs(self._clock.now().timestamp() - stamp) > WINDOW_S or headers.get("wechatmp-appid") != self._app_id:
            raise SealBroken("another time or another app")
        self._verify(self._signed(url, stamp, content), headers)
        return self._decrypted(url, stamp, content)

    def _verify(self, signed: bytes, headers: Mapping[str, str]) -> None:
        """While a certificate is replaced WeChat signs by both: the second pair is the one that goes."""
        for ending in ("", "-deprecated"):
            if hmac.compare_digest(
                headers.get(f"wechatmp-serial{ending}", "").encode(), self._keys.platform_sn.encode()
            ):
                try:
                    mark = base64.b64decode(headers.get(f"wechatmp-signature{ending}", ""), validate=True)
                    return self._keys.platform.verify(mark, signed, PADDING, hashes.SHA256())
                except (InvalidSignature, ValueError):
                    break
        raise SealBroken("not signed by the platform's certificate")

    def _decrypted(self, url: str, stamp: int, content: bytes) -> bytes:
        try:
            parts = json.loads(content)
            iv, data, tag = (base64.b64decode(parts[name], validate=True) for name in ("iv", "data", "authtag"))
            text = AESGCM(self._keys.sealing).decrypt(iv, data + tag, self._bound(url, stamp))
            inside = json.loads(text)
            ours = inside["_appid"] == self._app_id and inside["_timestamp"] == stamp
        except (InvalidTag, ValueError, TypeError, KeyError, RecursionError):
            raise SealBroken("does not open") from None
        if len(iv) != IV or len(tag) != TAG or not ours:
            raise SealBroken("made for another call")
        return text

    def _bound(self, url: str, stamp: int) -> bytes:
        return f"{url}|{self._app_id}|{stamp}|{self._keys.sealing_sn}".encode()

    def _signed(self, url: str, stamp: int, body: bytes) -> bytes:
        return f"{url}\n{self._app_id}\n{stamp}\n".encode() + body
