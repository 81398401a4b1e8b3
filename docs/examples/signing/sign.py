"""Sends one signed request (RFC 9421 over a Content-Digest of RFC 9530). Needs `pip install cryptography requests`.

    python sign.py KEYID key.pem POST https://archive.example.edu/partner/api/v1/notices notice.json retry-key-0001

``key.pem`` is an Ed25519 private key; a file that is none is taken for a shared secret (HMAC). The body and the
Idempotency-Key may be left out. Prints the answer's body; exits with 1 where it is no success.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import sys
import time
from pathlib import Path

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def signature(key: bytes, base: bytes) -> bytes:
    if not key.startswith(b"-----BEGIN"):
        return hmac.digest(key.strip(), base, "sha256")
    private = load_pem_private_key(key, password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise TypeError("the key is no Ed25519 key")
    return private.sign(base)


def signed(key_id: str, key: bytes, method: str, url: str, body: bytes = b"", **sent: str) -> dict[str, str]:
    """All headers of a signed request. ``url`` is exactly the one that is sent, with its query; ``sent`` are the
    headers that have to be signed beside the body: Content-Type, Idempotency-Key, If-Match.
    """
    headers = dict(sent)
    if body:
        headers["Content-Digest"] = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    values = {"@method": method, "@target-uri": url, **{name.lower(): value for name, value in headers.items()}}
    listed = " ".join(f'"{name}"' for name in values)
    said = f'({listed});created={int(time.time())};keyid="{key_id}";nonce="{secrets.token_urlsafe(18)}"'
    lines = [f'"{name}": {value}' for name, value in values.items()]
    base = "\n".join([*lines, f'"@signature-params": {said}'])
    headers["Signature-Input"] = f"sig1={said}"
    headers["Signature"] = f"sig1=:{base64.b64encode(signature(key, base.encode())).decode()}:"
    return headers


def main(key_id: str, key_file: str, method: str, url: str, body_file: str = "", retry_key: str = "") -> int:
    body = Path(body_file).read_bytes() if body_file else b""
    sent = {"Content-Type": "application/json"} if body else {}
    if retry_key:
        sent["Idempotency-Key"] = retry_key
    headers = signed(key_id, Path(key_file).read_bytes(), method, url, body, **sent)
    answer = requests.request(method, url, data=body, headers=headers, timeout=30, allow_redirects=False)
    print(answer.text)
    return 0 if answer.ok else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
