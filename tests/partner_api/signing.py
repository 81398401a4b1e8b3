"""A signer written apart from the library that checks: RFC 9421 §2.5 by hand, over a test client."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from flask.testing import FlaskClient

from auth.machine_keys import NewKey
from parts import Lantai
from tests.fakes import FakeClock

BASE, API = "http://localhost", "/partner/api/v1"
STEERING = ("content-digest", "content-type", "idempotency-key", "if-match")
Sign = Callable[[bytes], bytes]


def digest_of(body: bytes, name: str = "sha-256") -> str:
    made = hashlib.new(name.replace("-", ""), body).digest()
    return f"{name}=:{base64.b64encode(made).decode()}:"


def by_secret(secret: str) -> Sign:
    return lambda base: hmac.digest(secret.encode(), base, "sha256")


@dataclass
class Signer:
    """One key of a client. ``cover``: components instead of the usual ones; ``said``: parameters instead of the usual
    ones, None leaves one out; ``label``: of the signature.
    """

    key_id: str
    sign: Sign
    clock: FakeClock
    cover: tuple[str, ...] | None = None
    said: dict[str, Any] = field(default_factory=dict)
    label: str = "sig1"

    def headers(self, method: str, path: str, body: bytes = b"", **headers: str) -> dict[str, str]:
        """All headers of a request with its signature."""
        of_body = {"Content-Digest": digest_of(body), "Content-Type": "application/json"} if body else {}
        sent = {**of_body, **headers}
        url = urlsplit(f"{BASE}{path}")
        values = {
            "@method": method,
            "@target-uri": url.geturl(),
            "@authority": url.netloc,
            "@path": url.path,
            "@query": f"?{url.query}",
            **{name.lower(): value for name, value in sent.items()},
        }
        usual = ("@method", "@target-uri", *(n for n in STEERING if n in values))
        covered = self.cover if self.cover is not None else usual
        said = {"created": int(self.clock.now().timestamp()), "keyid": self.key_id, "nonce": secrets.token_hex(12)}
        told = {n: v for n, v in (said | self.said).items() if v is not None}
        listed = " ".join(f'"{name}"' for name in covered)
        parameters = "".join(f";{n}={v}" if isinstance(v, int) else f';{n}="{v}"' for n, v in told.items())
        base = "".join(f'"{name}": {values.get(name, "")}\n' for name in covered)
        base += f'"@signature-params": ({listed}){parameters}'
        made = base64.b64encode(self.sign(base.encode())).decode()
        sent["Signature-Input"] = f"{self.label}=({listed}){parameters}"
        sent["Signature"] = f"{self.label}=:{made}:"
        return sent

    def call(self, http: FlaskClient, method: str, path: str, json_body: Any = None, key: str = "") -> Any:
        body = json.dumps(json_body).encode() if json_body is not None else b""
        more = {"Idempotency-Key": key} if key else {}
        headers = self.headers(method, f"{API}{path}", body, **more)
        return http.open(f"{API}{path}", method=method, data=body or None, headers=headers)


def ed25519_signer(lantai: Lantai, clock: FakeClock, client: str, **wanted: Any) -> Signer:
    """A key pair whose public half is registered for the client."""
    private = Ed25519PrivateKey.generate()
    made = lantai.machine_keys.add(client, NewKey(private.public_key().public_bytes_raw(), **wanted))
    return Signer(made.key_id, private.sign, clock)


def hmac_signer(lantai: Lantai, clock: FakeClock, client: str, **wanted: Any) -> Signer:
    made = lantai.machine_keys.add(client, NewKey(**wanted))
    assert made.secret is not None
    return Signer(made.key_id, by_secret(made.secret), clock)


def code(reply: Any) -> tuple[int, str]:
    return reply.status_code, (reply.json or {}).get("code", "")
