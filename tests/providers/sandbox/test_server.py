"""The sandbox on a real socket: start, faults that need a connection, many callers at once, the command line."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from providers.sandbox.config import SandboxConfig
from providers.sandbox.phones import Phone
from providers.sandbox.server import create_sandbox, running_sandbox
from tests.providers.sandbox.conftest import PERSON

ROOT = Path(__file__).parents[3]


@pytest.fixture
def http() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    return session


def _quiet(config: SandboxConfig) -> SandboxConfig:
    return dataclasses.replace(config, public_url="")


def _login(http: requests.Session, base: str, config: SandboxConfig, code: str) -> Any:
    query = {
        "appid": config.wechat_app_id,
        "secret": config.wechat_app_secret,
        "js_code": code,
        "grant_type": "authorization_code",
    }
    return http.get(f"{base}/wechat/sns/jscode2session", params=query, timeout=10).json()


def test_a_reset_is_seen_as_a_broken_connection(config: SandboxConfig, http: requests.Session) -> None:
    with running_sandbox(_quiet(config)) as base:
        fault = {"target": "wechat:/sns/jscode2session", "kind": "reset"}
        http.post(f"{base}/control/faults", json=fault, timeout=10).raise_for_status()
        with pytest.raises(requests.ConnectionError):
            _login(http, base, config, "x")
        assert _login(http, base, config, "x")["errcode"] == 40029


def test_one_code_and_many_hands(config: SandboxConfig) -> None:
    with running_sandbox(_quiet(config)) as base, requests.Session() as http:
        phone = http.post(f"{base}/control/phones", json={"platform": "wechat", **PERSON}, timeout=10).json()
        code = http.post(f"{base}/control/phones/{phone['id']}/login-code", timeout=10).json()["code"]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: _login(requests.Session(), base, config, code), range(16)))
    assert sorted(answer.get("errcode", 0) for answer in answers) == [0] + [40163] * 15


def test_phones_survive_a_restart_when_told_to(config: SandboxConfig, tmp_path: Path) -> None:
    lasting = dataclasses.replace(_quiet(config), phones_file=tmp_path / "phones.json")
    first, second = create_sandbox(lasting).test_client(), create_sandbox(lasting)
    assert first.post("/control/phones", json={"platform": "wechat", **PERSON, "id": "w"}).status_code == 201
    third = create_sandbox(lasting).extensions["sandbox"].phones.get("w")
    assert isinstance(third, Phone)
    assert third.real_name == PERSON["real_name"]
    assert second.extensions["sandbox"].phones.all() == []


def test_command_line_names_what_is_missing(tmp_path: Path) -> None:
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "providers.sandbox", "--port", "0"],
        env=bare, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "LANTAI_WECHAT_APP_ID" in done.stderr


def test_command_line_announces_a_sandbox(demo_environment: dict[str, str], http: requests.Session) -> None:
    env_file = Path(demo_environment["LANTAI_ALIPAY_PRIVATE_KEY_FILE"]).parent / "sandbox.env"
    process = subprocess.Popen(
        [sys.executable, "-m", "providers.sandbox", "--port", "0", "--env-file", str(env_file)],
        cwd=ROOT, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        lines: list[str] = []
        while not (lines and lines[-1].startswith("people: ")) and len(lines) < 50:
            lines.append(process.stderr.readline())
        assert "SANDBOX" in "".join(lines)
        address = lines[-1].removeprefix("people: ").strip()
        assert address.startswith("http://127.0.0.1:")
        assert "沙箱" in http.get(address, timeout=10).text
    finally:
        process.terminate()
        assert process.wait(20) == 0
