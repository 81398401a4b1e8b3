"""A bare Alipay client for these tests: signs, posts, and reads the raw node the way the wire facts say."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from providers.sandbox.alipay_crypto import aes_decrypt, aes_encrypt, rsa2_valid
from tests.providers.sandbox.conftest import Bench

BEIJING = timezone(timedelta(hours=8))


@dataclass
class Answer:
    """``name`` of the node, its raw text, the parsed node, and whether the platform's key signed that very text."""

    name: str
    raw: str
    node: Any
    signed: bool
    verified: bool


def private_key(bench: Bench) -> RSAPrivateKey:
    key = load_pem_private_key(Path(bench.environment["LANTAI_ALIPAY_PRIVATE_KEY_FILE"]).read_bytes(), None)
    assert isinstance(key, RSAPrivateKey)
    return key


def sign(key: RSAPrivateKey, parameters: Mapping[str, str]) -> str:
    text = "&".join(f"{k}={parameters[k]}" for k in sorted(parameters) if parameters[k] and k != "sign")
    return base64.b64encode(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()


def request_parameters(bench: Bench, method: str, content: Any = None, **changed: str) -> dict[str, str]:
    parameters = {
        "app_id": bench.environment["LANTAI_ALIPAY_APP_ID"],
        "method": method,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": datetime.now(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
        "version": "1.0",
    } | changed
    if content is not None:
        text = json.dumps(content, ensure_ascii=False)
        sealed = parameters.get("encrypt_type") == "AES"
        parameters["biz_content"] = (
            aes_encrypt(bench.environment["LANTAI_ALIPAY_CONTENT_AES_KEY"], text) if sealed else text
        )
    return {"sign": sign(private_key(bench), parameters), **parameters}


def post(bench: Bench, parameters: Mapping[str, str]) -> Answer:
    reply = bench.client.post("/alipay/gateway.do", data=dict(parameters))
    assert reply.status_code == 200
    return read(bench, reply.text)


def call(bench: Bench, method: str, content: Any = None, **changed: str) -> Answer:
    return post(bench, request_parameters(bench, method, content, **changed))


def read(bench: Bench, text: str) -> Answer:
    """Find the node's raw text with the JSON scanner itself, so that braces in strings cannot mislead."""
    whole = json.loads(text)
    name = next(key for key in whole if key.endswith("_response"))
    start = text.index(":", text.index(f'"{name}"')) + 1
    while text[start].isspace():
        start += 1
    _, end = json.JSONDecoder().raw_decode(text, start)
    raw, node = text[start:end], whole[name]
    key = bench.world.config.alipay_platform_key.public_key()
    verified = "sign" in whole and rsa2_valid(key, raw, whole["sign"])
    if isinstance(node, str):
        node = json.loads(aes_decrypt(bench.environment["LANTAI_ALIPAY_CONTENT_AES_KEY"], node))
    return Answer(name, raw, node, "sign" in whole, verified)
