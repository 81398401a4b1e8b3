"""Chapter 壬, machines that sign: a campus system with a key of its own sends a notice, and nobody sends it again."""

from __future__ import annotations

import importlib.util
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import ModuleType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.journey.clients import Reply, until
from tests.journey.doors_steps import API, WHOLE, new_client
from tests.journey.scene import Scene
from tests.journey.stack import PROJECT
from tests.journey.story import check, step

SIGN = PROJECT / "docs/examples/signing/sign.py"
TITLE = "请到校办理"
ANSWER_LIMIT_S = 20.0


def example() -> ModuleType:
    """The signer of docs/, as a campus system would have copied it."""
    spec = importlib.util.spec_from_file_location("sign", SIGN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class System:
    """A campus system with an Ed25519 key; only its public half is given away."""

    def __init__(self, scene: Scene) -> None:
        self._scene, self._sign, private = scene, example(), Ed25519PrivateKey.generate()
        self._key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        name = f"学工系统{scene.number}"
        new_client(scene, name, "--scope", "notices:send")
        public = scene.house.folder / f"public-{scene.number}.pem"
        public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        ran = scene.stack.cli("partner", "key", "add", name, "--public-key", str(public))
        check(ran.code == 0, f"partner key add: {ran.output.strip()[-200:]}")
        self.key_id = ran.output.strip().splitlines()[-1].partition("：")[2]

    def headers(self, method: str, path: str, body: bytes = b"", key: str = "") -> dict[str, str]:
        sent = {"Idempotency-Key": key, "Content-Type": "application/json"} if body else {}
        signed: dict[str, str] = self._sign.signed(self.key_id, self._key, method, self._url(path), body, **sent)
        return {**signed, "X-Forwarded-For": "10.9.9.8"}

    def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        return self._scene.house.wire.call(method, self._url(path), headers=headers, data=body)

    def _url(self, path: str) -> str:
        return f"{self._scene.stack.web}{API}{path}"


@step(
    "signed.send",
    WHOLE,
    "校园系统用自己的密钥签名发送通知：毕业生收到，重放和改动被拒",
    "a campus system signs a notice, the graduate sees it; replayed or altered it is refused",
    "news.decided",
)
def send(scene: Scene) -> Iterator[str]:
    wei, system = scene.graduate("wei"), System(scene)
    until_day = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"
    said = {
        "kind": "ask_visit",
        "recipient": {"student_number": wei.person.student_number},
        "fields": {"place": "archive_desk", "until": until_day},
    }
    body, key = json.dumps(said).encode(), uuid.uuid4().hex
    headers = system.headers("POST", "/notices", body, key)
    altered = system.send("POST", "/notices", headers, body.replace(b"archive_desk", b"registry"))
    check((altered.status, altered.code) == (401, "digest_mismatch"), f"altered: {altered.status} {altered.code}")
    elsewhere = system.send("POST", "/notices", headers | {"Idempotency-Key": uuid.uuid4().hex}, body)
    check((elsewhere.status, elsewhere.code) == (401, "signature_wrong"), f"another key: {elsewhere.status}")
    sent = system.send("POST", "/notices", headers, body)
    check(sent.status == 202, f"signed: {sent.status} {sent.code}")
    again = system.send("POST", "/notices", headers, body)
    check((again.status, again.code) == (401, "signature_replayed"), f"replayed: {again.status} {again.code}")
    until(
        lambda: TITLE in [n["title"] for n in wei.app.get("/notices")["items"]],
        "the notice in the inbox",
        ANSWER_LIMIT_S,
    )
    shown = next(n for n in wei.app.get("/notices")["items"] if n["title"] == TITLE)
    check(shown["body"].startswith(sent.body["preview"]["body"]), f"another text in the inbox: {shown['body']}")
    retry = system.send("POST", "/notices", system.headers("POST", "/notices", body, key), body)
    check((retry.status, retry.body["id"]) == (202, sent.body["id"]), f"signed anew: {retry.status} {retry.code}")
    ran = scene.stack.cli("partner", "key", "revoke", system.key_id, "--yes")
    check(ran.code == 0, f"partner key revoke: {ran.output.strip()[-200:]}")
    path = f"/notices/{sent.body['id']}"
    closed = system.send("GET", path, system.headers("GET", path))
    check((closed.status, closed.code) == (401, "credential_refused"), f"revoked: {closed.status} {closed.code}")
    yield f"密钥 {system.key_id[:14]}… 签名的通知：{sent.body['preview']['body']}"
    yield "改动正文、换幂等键、原样重放得到 401；换 nonce 重签得到同一条；吊销后下一个请求即被拒绝"
