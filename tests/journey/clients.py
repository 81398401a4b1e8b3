"""What graduates hold in their hands: a phone of the sandbox, and the mini-program that talks to our API."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from app.ports import FaceAction, FaceChallenge, FaceClip
from tests.journey.cast import Person
from tests.journey.story import check

TIMEOUT_S = 30.0
JUDGED_LIMIT_S = 60.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]
    content: bytes = field(repr=False)

    @property
    def code(self) -> str:
        return str(self.body.get("code", "")) if isinstance(self.body, dict) else ""


Tamper = Callable[[str, str, Reply], Reply]


class Wire:
    """HTTP to one base address. ``tampers`` change real answers on their way: planted faults put them there."""

    def __init__(self) -> None:
        self.http = requests.Session()
        self.http.trust_env = False
        self.tampers: list[Tamper] = []

    def call(self, method: str, url: str, **kwargs: Any) -> Reply:
        raw = self.http.request(method, url, timeout=TIMEOUT_S, allow_redirects=False, **kwargs)
        is_json = "json" in raw.headers.get("Content-Type", "")
        headers = {name.lower(): value for name, value in raw.headers.items()}
        reply = Reply(raw.status_code, raw.json() if is_json and raw.content else None, headers, raw.content)
        for tamper in self.tampers:
            reply = tamper(method, url, reply)
        return reply


class Sandbox:
    """The control API of the sandbox, as the people with the phones."""

    def __init__(self, wire: Wire, base: str) -> None:
        self._wire, self._base = wire, base

    def call(self, method: str, path: str, body: Json | None = None) -> Json:
        reply = self._wire.call(method, f"{self._base}/control{path}", json=body or {})
        check(reply.status < 300, f"sandbox {path}: {reply.status} {reply.body}")
        return dict(reply.body)

    def phone(self, platform: str, person: Person, *, face_passes: bool = True) -> Phone:
        values = {
            "platform": platform,
            "name": "手机",
            "real_name": person.name,
            "id_number": person.id_number,
            "phone_number": person.phone,
            "face_passes": face_passes,
        }
        return Phone(self, str(self.call("POST", "/phones", values)["id"]), platform)

    def fault(self, target: str, kind: str, value: Any = None, times: int = 1) -> None:
        self.call("POST", "/faults", {"target": target, "kind": kind, "value": value, "times": times})


@dataclass(frozen=True, slots=True)
class Phone:
    sandbox: Sandbox
    id: str
    platform: str

    def do(self, action: str, **body: Any) -> Json:
        return self.sandbox.call("POST", f"/phones/{self.id}/{action}", body)

    def phone_proof(self) -> str:
        """WeChat's code, or Alipay's signed text."""
        given = self.do("phone-code")
        if self.platform == "wechat":
            return str(given["code"])
        response = given["response"]
        return response if isinstance(response, str) else json.dumps(response)

    def messages(self) -> list[Json]:
        return list(self.sandbox.call("GET", f"/phones/{self.id}/messages")["messages"])


class MiniProgram:
    """One graduate's session with /api/v1; its address is told by the trusted proxy's header."""

    def __init__(self, wire: Wire, base: str, address: str, keep_secret: Callable[[str, str], None]) -> None:
        self._wire, self._base, self._address, self._keep = wire, base, address, keep_secret
        self.token = ""

    def call(self, method: str, path: str, *, token: str | None = None, **kwargs: Any) -> Reply:
        headers = {"X-Forwarded-For": self._address, **kwargs.pop("headers", {})}
        carried = self.token if token is None else token
        if carried:
            headers["Authorization"] = f"Bearer {carried}"
        if method == "POST":
            headers.setdefault("Idempotency-Key", uuid.uuid4().hex)
        return self._wire.call(method, f"{self._base}/api/v1{path}", headers=headers, **kwargs)

    def ask(self, method: str, path: str, want: int, **kwargs: Any) -> Any:
        """The body of an answer with the wanted status. Raises StepFailed."""
        reply = self.call(method, path, **kwargs)
        check(reply.status == want, f"{method} {path}: {reply.status} {reply.code or reply.body}, wanted {want}")
        return reply.body

    def get(self, path: str) -> Any:
        return self.ask("GET", path, 200)

    def login(self, platform: str, code: str) -> bool:
        """Whether the account is bound."""
        self._keep("login code", code)
        body = self.ask("POST", "/sessions", 201, json={"platform": platform, "code": code})
        self.carry(body)
        return bool(body["bound"])

    def carry(self, session: Json) -> None:
        self.token = str(session["access_token"])
        self._keep("session token", self.token)

    def claim(self, person: Person) -> Reply:
        values = {"student_number": person.student_number, "id_number": person.id_number, "name": person.name}
        return self.call("POST", "/claims", json=values)

    def begin(self, factor: str, purpose: str) -> Json:
        body: Json = self.ask("POST", "/verifications", 201, json={"factor": factor, "purpose": purpose})
        return body

    def prove(self, verification: Json, **proof: str) -> Json:
        """The verification after the proof; a pass changes the token."""
        for text in proof.values():
            self._keep("proof", text)
        body: Json = self.ask("POST", f"/verifications/{verification['id']}/proof", 200, json=proof)
        if body.get("session"):
            self.carry(body["session"])
        return body

    def send_clip(self, verification: Json, clip: FaceClip) -> Json:
        """Upload the frames and poll until they are judged."""
        frames = [
            {
                "action": f.action,
                "at_ms": f.at_ms,
                "mac": f.mac.hex(),
                "image": base64.b64encode(f.image).decode(),
            }
            for f in clip.frames
        ]
        address = f"/verifications/{verification['id']}"
        self.ask("POST", f"{address}/frames", 202, json={"frames": frames})
        deadline = time.monotonic() + JUDGED_LIMIT_S
        while True:
            body: Json = self.get(address)
            if body["state"] not in ("waiting", "queued"):
                return body
            check(time.monotonic() < deadline, "the face worker gave no verdict")
            time.sleep(0.15)


def challenge_of(verification: Json) -> FaceChallenge:
    asked = verification["client"]
    return FaceChallenge(
        bytes.fromhex(asked["nonce"]), tuple(FaceAction(a) for a in asked["actions"]), int(asked["deadline_ms"])
    )


@dataclass(slots=True)
class Graduate:
    """A person with what they hold. ``ids`` are the public ids they have come to know."""

    person: Person
    app: MiniProgram
    phone: Phone | None = None
    ids: dict[str, str] = field(default_factory=dict)

    @property
    def handset(self) -> Phone:
        check(self.phone is not None, "this graduate has no phone")
        assert self.phone is not None
        return self.phone


def altered(reply: Reply, change: Callable[[Any], Any]) -> Reply:
    return replace(reply, body=change(reply.body))


def until(true: Callable[[], bool], what: str, limit_s: float = 10.0) -> None:
    """Wait for something that comes by a job. Raises StepFailed."""
    deadline = time.monotonic() + limit_s
    while not true():
        check(time.monotonic() < deadline, f"{what}: not within {limit_s:g} s")
        time.sleep(0.15)
