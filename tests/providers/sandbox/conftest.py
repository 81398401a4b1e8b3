"""A sandbox with known keys, a hand-moved clock, and a fake of our own call-back address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from providers.sandbox.clock import SandboxClock
from providers.sandbox.config import TEMPLATE_NAMES, SandboxConfig
from providers.sandbox.server import create_sandbox
from providers.sandbox.setup import read_environment_file, write_demo_environment
from providers.sandbox.world import World

PERSON = {"real_name": "王小兰", "id_number": "11010119990101001X", "phone_number": "13800000001"}
SUBSCRIBE = "/wechat/cgi-bin/message/subscribe/send"


@dataclass
class Callbacks:
    """Stands where our call-back address is: keeps what came, answers what it is told (one entry per call)."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)
    received: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        self.received.append((url, body, headers))
        return self.answers.pop(0) if self.answers else (200, b"success")


@dataclass
class Bench:
    """The sandbox seen from outside (``client``) and from inside (``world``)."""

    app: Flask
    client: FlaskClient
    world: World
    callbacks: Callbacks
    slept: list[float]
    environment: dict[str, str]

    def control(self, path: str, body: Any = None, status: int = 200) -> Any:
        reply = self.client.post(f"/control{path}", json=body or {})
        assert reply.status_code == status, reply.text
        return reply.get_json()

    def phone(self, platform: str = "wechat", **more: Any) -> Any:
        return self.control("/phones", {"platform": platform, **PERSON, **more}, status=201)

    def token(self) -> str:
        reply = self.client.post(
            "/wechat/cgi-bin/stable_token",
            json={
                "grant_type": "client_credential",
                "appid": self.environment["LANTAI_WECHAT_APP_ID"],
                "secret": self.environment["LANTAI_WECHAT_APP_SECRET"],
            },
        )
        return str(reply.get_json()["access_token"])

    def wechat(self, path: str, body: Any, token: str | None = None) -> Any:
        text = json.dumps(body, ensure_ascii=False)
        reply = self.client.post(f"/wechat{path}?access_token={token or self.token()}", data=text.encode())
        assert reply.status_code == 200
        return reply.get_json(force=True)

    def login(self, code: str, **changed: str) -> Any:
        query = {
            "appid": self.environment["LANTAI_WECHAT_APP_ID"],
            "secret": self.environment["LANTAI_WECHAT_APP_SECRET"],
            "js_code": code,
            "grant_type": "authorization_code",
        } | changed
        return self.client.get("/wechat/sns/jscode2session", query_string=query).get_json(force=True)


@pytest.fixture(scope="session")
def demo_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    path = write_demo_environment(tmp_path_factory.mktemp("sandbox") / "env", 9300, "http://lantai.test")
    return read_environment_file(path)


@pytest.fixture(scope="session")
def config(demo_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> SandboxConfig:
    """Its templates take every well-formed key."""
    # without the file that keeps phones over a restart: each test starts with none
    without = {k: v for k, v in demo_environment.items() if k != "SANDBOX_PHONES_FILE"}
    free = tmp_path_factory.mktemp("templates") / "free.json"
    free.write_text(json.dumps({p: {name: {"fields": {}} for name in TEMPLATE_NAMES} for p in ("wechat", "alipay")}))
    return SandboxConfig.from_environment(without | {"SANDBOX_TEMPLATES_FILE": str(free)})


@pytest.fixture
def bench(config: SandboxConfig, demo_environment: dict[str, str]) -> Bench:
    callbacks, slept = Callbacks(), list[float]()
    app = create_sandbox(config, clock=SandboxClock(), post=callbacks, sleep=slept.append)
    world = app.extensions["sandbox"]
    assert isinstance(world, World)
    return Bench(app, app.test_client(), world, callbacks, slept, demo_environment)


@pytest.fixture(scope="session")
def vectors() -> dict[str, Any]:
    """The published sample values, which lie beside the repository."""
    path = Path(__file__).parents[3].parent / "shared" / "vectors" / "platforms.json"
    if not path.is_file():
        pytest.skip("no ../shared/vectors/platforms.json beside the repository: published vectors not checked")
    return {row["id"]: row for row in json.loads(path.read_text(encoding="utf-8"))["vectors"]}
