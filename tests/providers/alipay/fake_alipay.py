"""A gateway in Alipay's manner: checks our signature, signs raw text.

Written apart from providers/alipay/signing.py, so that the two cannot share a mistake.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from providers.alipay.gateway import AlipayGateway
from tests.providers.fake_server import Answer, FakeClock, FakeServer, Seen

APP_ID = "2021000000000001"
CONTENT_KEY = base64.b64encode(b"sixteen byte key").decode()


@cache
def key_of(owner: str) -> rsa.RSAPrivateKey:
    """One key each for "app", "alipay", "stranger"."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def private_pem(owner: str) -> str:
    form = serialization.PrivateFormat.PKCS8
    return key_of(owner).private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def public_pem(owner: str) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key_of(owner).public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def signed_by(owner: str, raw: bytes) -> str:
    return base64.b64encode(key_of(owner).sign(raw, rsa_padding.PKCS1v15(), hashes.SHA256())).decode()


def aes(text: str) -> str:
    pad = padding.PKCS7(128).padder()
    sealer = Cipher(algorithms.AES(b"sixteen byte key"), modes.CBC(bytes(16))).encryptor()
    return base64.b64encode(sealer.update(pad.update(text.encode()) + pad.finalize()) + sealer.finalize()).decode()


def un_aes(sealed: str) -> str:
    opener = Cipher(algorithms.AES(b"sixteen byte key"), modes.CBC(bytes(16))).decryptor()
    pad = padding.PKCS7(128).unpadder()
    return (pad.update(opener.update(base64.b64decode(sealed)) + opener.finalize()) + pad.finalize()).decode()


def reply(name: str, raw: bytes, owner: str | None = "alipay", sign: str | None = None) -> Answer:
    """A gateway reply whose node is exactly ``raw``; unsigned when ``owner`` is None and no ``sign`` is given."""
    mark = sign if sign is not None else signed_by(owner, raw) if owner else None
    tail = f',"sign":"{mark}"'.encode() if mark is not None else b""
    return Answer(b'{"' + name.encode() + b'":' + raw + tail + b"}", content_type="text/html;charset=utf-8")


def node_name(method: str) -> str:
    return method.replace(".", "_") + "_response"


class FakeAlipay:
    """``node`` makes the raw node for a form; ``owner`` signs it."""

    def __init__(self, server: FakeServer, *, encrypted: bool = False) -> None:
        self.server, self.encrypted = server, encrypted
        self.node: Callable[[dict[str, str]], dict[str, Any]] = lambda form: {"code": "10000", "msg": "Success"}
        self.answer: Callable[[Seen], Answer] | None = None
        server.answer = self._answer

    def _answer(self, seen: Seen) -> Answer:
        self.check(seen.form)
        if self.answer is not None:
            return self.answer(seen)
        text = json.dumps(self.node(seen.form), ensure_ascii=False)
        raw = f'"{aes(text)}"' if seen.form.get("encrypt_type") == "AES" else text
        return reply(node_name(seen.form["method"]), raw.encode())

    def check(self, form: dict[str, str]) -> None:
        """Raises unless the form is signed by the app's key over everything but ``sign``."""
        text = "&".join(f"{k}={v}" for k, v in sorted(form.items()) if k != "sign")
        mark = base64.b64decode(form["sign"])
        key_of("app").public_key().verify(mark, text.encode(), rsa_padding.PKCS1v15(), hashes.SHA256())

    def gateway(
        self, clock: FakeClock | None = None, *, timeout_s: float = 2.0, url: str | None = None
    ) -> AlipayGateway:
        return AlipayGateway(
            APP_ID,
            private_pem("app"),
            public_pem("alipay"),
            gateway_url=url or self.server.url + "/gateway.do",
            clock=clock or FakeClock(),
            content_aes_key=CONTENT_KEY if self.encrypted else None,
            timeout_s=timeout_s,
        )


def content_of(form: dict[str, str]) -> Any:
    """The biz_content of a form, decrypted where it says so."""
    text = form["biz_content"]
    return json.loads(un_aes(text) if form.get("encrypt_type") == "AES" else text)
