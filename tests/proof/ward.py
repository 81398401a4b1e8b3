"""The application with its real clients, on servers and a sandbox that can be taken away one by one."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import requests
from flask import Flask
from pydantic import SecretStr

from app.actors import SYSTEM, Purpose
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import Section
from app.file_ports import CleanDocument
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import Platform, PlatformAccount
from app.settings import Settings, load_settings
from auth.rules import Factor, Proof
from commands.database import upgrade
from deploy.programs import next_free_port
from parts import Lantai
from providers.embedded.services import EmbeddedServices, ServiceUrls
from providers.keys import FileKeys
from providers.sandbox.setup import write_demo_environment
from tests import fakes
from wiring import build
from wsgi import create_app

PROJECT = Path(__file__).resolve().parents[2]
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Answer:
    operation: str
    status: int
    seconds: float
    content_type: str
    code: str = ""
    passed: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """The graduate of the drill, with a phone in the sandbox."""

    card: Card
    phone: str
    token: str
    record: str
    material: str


class Ward:
    """``operations`` are all of the OpenAPI document; ``declared`` the status codes each may answer."""

    def __init__(self, parts: Lantai, urls: ServiceUrls, app: Flask, services: EmbeddedServices, sandbox: str) -> None:
        self.parts, self.urls, self.app = parts, urls, app
        self._services, self._sandbox = services, sandbox
        self._routes: dict[str, tuple[str, str]] = {}
        self.declared: dict[str, set[str]] = {}
        document = app.test_client().get("/api/v1/openapi.json").json or {}
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                self._routes[operation["operationId"]] = (method, path)
                self.declared[operation["operationId"]] = set(operation["responses"])
        self._serial = 0
        self.subject = self._file_subject()

    @property
    def operations(self) -> Sequence[str]:
        """Those that end sessions come last."""
        return sorted(self._routes, key=lambda name: name.startswith("end_"))

    reads = ("catalogue", "section", "record", "material", "tickets", "me", "status", "notices", "transfers", "kinds")

    def at(self, app: Flask) -> Ward:
        """The same ward with another application."""
        other = Ward.__new__(Ward)
        other.__dict__.update(self.__dict__, app=app)
        return other

    # --- calling ------------------------------------------------------------------------------------------------------

    def call(self, operation: str) -> Answer:
        """A request that would succeed or be refused for its content alone, with a fresh session's token."""
        method, path = self._routes[operation]
        if operation == "open_session":
            return self.login()
        names = {"record_id": self.subject.record, "material_id": self.subject.material, "section": "course"}
        names |= {"kind": "face", "template": "ticket_decided", "dossier_id": NOBODY}
        for part in path.split("/"):
            if part.startswith("{"):
                path = path.replace(part, names.get(part[1:-1], NOBODY))
        self._serial += 1
        headers = {"Idempotency-Key": f"ward-{self._serial:08d}", "If-Match": '"1"'}
        return self._send(operation, method, path, self._body(operation), headers, self.subject.token)

    def _body(self, operation: str) -> dict[str, Any]:
        card = self.subject.card
        claim = {"student_number": card.student_number, "id_number": card.id_number, "name": card.name}
        frame = {"action": 0, "at_ms": 0, "mac": "0" * 64, "image": "aGVsbG8="}
        bodies: dict[str, dict[str, Any]] = {
            "make_claim": {"json": claim},
            "set_consent": {"json": {"granted": True}},
            "open_ticket": {"json": {"kind": "other", "statement": "请核对"}},
            "add_information": {"json": {"text": "补充"}},
            "confirm_totp": {"json": {"code": "123456"}},
            "choose_subscription": {"json": {"accepted": True}},
            "begin_verification": {"json": {"factor": "phone", "purpose": "view_dossier"}},
            "submit_proof": {"json": {"code": "123456"}},
            "check_message": {"json": {"code": "2345-6789"}},
            "submit_frames": {"json": {"frames": [frame]}},
            "upload_evidence": {"data": {"file": (io.BytesIO(fakes.jpeg()), "a.jpg", "image/jpeg")}},
        }
        return bodies.get(operation, {})

    def _send(
        self,
        operation: str,
        method: str,
        path: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str],
        token: str,
        address: str = "10.60.0.1",
    ) -> Answer:
        sent = {"X-Forwarded-For": address, **headers}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        started = time.monotonic()
        reply = self.app.test_client().open(path, method=method.upper(), headers=sent, **body)
        took = time.monotonic() - started
        value = reply.get_json(silent=True)
        extra = value if isinstance(value, dict) else {}
        kind = reply.content_type.split(";")[0] if reply.content_type else ""
        passed = extra.get("state") == "passed"
        return Answer(operation, reply.status_code, took, kind, str(extra.get("code", "")), passed, extra)

    # --- the platform's side ------------------------------------------------------------------------------------------

    def play(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> dict[str, Any]:
        reply = requests.request(method, f"{self._sandbox}/control{path}", json=body or {}, timeout=15)
        reply.raise_for_status()
        value: dict[str, Any] = reply.json()
        return value

    def login(self, address: str = "10.61.0.1", code: str = "") -> Answer:
        code = code or self.play(f"/phones/{self.subject.phone}/login-code")["code"]
        body = {"json": {"platform": "wechat", "code": code}}
        return self._send("open_session", "post", "/api/v1/sessions", body, {}, "", address)

    def begin(self, factor: str, token: str) -> Answer:
        body = {"json": {"factor": factor, "purpose": "view_dossier"}}
        return self._send("begin_verification", "post", "/api/v1/verifications", body, {}, token)

    def prove(self, begun: Answer, body: dict[str, Any], token: str) -> Answer:
        path = f"/api/v1/verifications/{begun.extra.get('id', NOBODY)}/proof"
        return self._send("submit_proof", "post", path, {"json": body}, {}, token)

    def step_up(self) -> list[Answer]:
        """By phone, in a session of its own, as the platform lets it."""
        token = self.login().extra.get("access_token", "")
        begun = self.begin("phone", token)
        code = self.play(f"/phones/{self.subject.phone}/phone-code")["code"]
        return [begun, self.prove(begun, {"proof": code}, token)]

    def logins_and_proofs(self, fault: dict[str, Any], code: str = "") -> list[Answer]:
        """With the fault in force: a login, a phone proof, a face check begun, and one finished."""
        token = self.login().extra["access_token"] if not code else self.subject.token
        phone, face = self.begin("phone", token), self.begin("wechat_face", token)
        phone_code = self.play(f"/phones/{self.subject.phone}/phone-code")["code"]
        login_code = code or self.play(f"/phones/{self.subject.phone}/login-code")["code"]
        self.play("/faults", fault)
        try:
            return [
                self.login(code=login_code),
                self.prove(phone, {"proof": phone_code}, token),
                self.begin("wechat_face", token),
                self.prove(face, {}, token),
            ]
        finally:
            self.play("/faults", method="DELETE")

    def begin_local_face(self) -> Answer:
        """On a channel that local face may serve."""
        token = self._session(Platform.CAMPUS_TERMINAL, f"terminal-{uuid4().hex}")
        self._send("set_consent", "put", "/api/v1/consents/face", {"json": {"granted": True}}, {}, token)
        return self.begin("local_face", token)

    # --- taking away --------------------------------------------------------------------------------------------------

    @contextmanager
    def without(self, server: str) -> Iterator[None]:
        """Killed, and started again at the end."""
        process = psutil.Process(self._services.process_ids()[server])
        process.kill()
        psutil.wait_procs([process], timeout=5)
        time.sleep(0.5)
        try:
            yield
        finally:
            self._bring_back(server, process.pid, time.monotonic() + 20)
            self.renew()

    def _bring_back(self, server: str, killed: int, ends: float) -> None:
        def stopped(seconds: float) -> bool:
            time.sleep(seconds)
            return self._services.process_ids().get(server) not in (None, killed) or time.monotonic() > ends

        self._services.supervise(stopped)

    def renew(self) -> None:
        """Another session for the subject: the one before may have been ended by a call of the drill."""
        self.subject = replace(self.subject, token=self._session(Platform.WECHAT, self._open_id))

    # --- people -------------------------------------------------------------------------------------------------------

    def _file_subject(self) -> Subject:
        body = "11010520040315777"
        card = Card("测试甲", body + id_check_digit(body), "2022000777", "13800130777")
        document = CleanDocument("image/jpeg", fakes.jpeg(), 1, 40, 50)
        filed = NewDossier(
            card=card,
            cohort_year=2026,
            college="文学院",
            major="档案学",
            degree_level="本科",
            records={Section.COURSE: [{"course_name": "档案学", "term": "2024-2025-1", "grade": "88"}]},
            materials=[NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2, None, document)],
        )
        self._graduate = self.parts.filing.file_dossier(SYSTEM, filed)
        phone = self.play(
            "/phones",
            {"platform": "wechat", "real_name": card.name, "id_number": card.id_number, "phone_number": card.phone},
        )
        self._open_id = str(phone["open_id"])
        token = self._session(Platform.WECHAT, self._open_id)
        self.subject = Subject(card, phone["id"], token, "", "")
        items = self._items(token)
        return Subject(card, phone["id"], token, items["record"], items["material"])

    def _items(self, token: str) -> dict[str, str]:
        headers = {"Authorization": f"Bearer {token}"}
        found = self.app.test_client().get("/api/v1/dossier", headers=headers).json or {}
        return {item["kind"]: item["id"] for item in found["items"]}

    def _session(self, platform: Platform, open_id: str) -> str:
        """A bound and fully stepped-up session of an account of the graduate."""
        app_id = self.parts.settings.wechat_app_id if platform is Platform.WECHAT else platform.value
        now = self.parts.clock.now()
        with self.parts.db.transaction() as session:
            identity = self.parts.people.remember_identity(session, PlatformAccount(platform, app_id, open_id))
            self.parts.people.bind(session, identity.id, self._graduate)
            issued = self.parts.sessions.open_graduate(session, self.parts.people.identity(identity.id))
            for purpose in Purpose:
                for factor in (Factor.WECHAT_FACE, Factor.PHONE):
                    proof = Proof(factor, purpose, now)
                    issued = self.parts.sessions.add_proof(session, issued.session_id, proof, self._graduate)
        return issued.token


@dataclass(frozen=True, slots=True)
class Grounds:
    """What processes of ours stand on: servers, a sandbox of the platforms, and the settings that name them."""

    folder: Path
    settings: Settings
    urls: ServiceUrls
    services: EmbeddedServices
    sandbox: str


@contextmanager
def grounds(public_url: str = "http://127.0.0.1:9") -> Iterator[Grounds]:
    """``public_url`` is where the sandbox sends its call-backs; by default nobody answers there."""
    with tempfile.TemporaryDirectory(prefix="lantai-proof-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        FileKeys.create(folder / "keys")
        port = next_free_port(18300)
        env_file = write_demo_environment(folder / "sandbox", port, public_url)
        services = EmbeddedServices(folder / "data", fsync=False)
        sandbox = subprocess.Popen(
            [sys.executable, "-m", "providers.sandbox", "--port", str(port), "--env-file", str(env_file)],
            cwd=PROJECT,
            env={k: v for k, v in os.environ.items() if not k.startswith(("LANTAI_", "SANDBOX_"))},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            urls = services.start()
            upgrade(urls)
            settings = load_settings(
                env_file,
                environment="demo",
                data_dir=folder / "data",
                key_dir=folder / "keys",
                database_url=SecretStr(urls.database_url),
                redis_url=SecretStr(urls.redis_url),
                trusted_proxies=1,
            )
            yield Grounds(folder, settings, urls, services, f"http://127.0.0.1:{port}")
        finally:
            sandbox.terminate()
            sandbox.wait(10)
            services.stop()


@contextmanager
def ward() -> Iterator[Ward]:
    with grounds() as on:
        parts = build(on.settings, on.urls)
        try:
            yield Ward(parts, on.urls, create_app(parts), on.services, on.sandbox)
        finally:
            parts.close()
