"""Several processes that need an access token at the same moment fetch it once between them."""

from __future__ import annotations

import mmap
import time
from pathlib import Path

import redis
import requests

from app.settings import load_settings
from providers.clock import SystemClock
from providers.embedded.children import free_port
from providers.embedded.services import ServiceUrls
from providers.sandbox.config import SandboxConfig
from providers.sandbox.server import running_sandbox
from providers.sandbox.setup import read_environment_file, write_demo_environment
from providers.wechat.client import WeChatClient
from providers.wechat.tokens import RedisTokenStore
from tests.proof.forked import Forked

PROCESSES, PATH = 6, "/cgi-bin/stable_token"


def test_one_fetch_for_all_processes(servers: ServiceUrls, tmp_path: Path) -> None:
    port, gate = free_port(), mmap.mmap(-1, 1)
    file = write_demo_environment(tmp_path, port, "http://127.0.0.1:9")
    settings = load_settings(file, environment="test", data_dir=tmp_path, key_dir=tmp_path)

    def ask() -> None:
        client = WeChatClient(
            settings.wechat_app_id,
            settings.wechat_app_secret.get_secret_value(),
            clock=SystemClock(),
            store=RedisTokenStore(redis.Redis.from_url(servers.redis_url)),
            base_url=settings.wechat_base_url,
        )
        while not gate[0]:
            time.sleep(0.001)
        assert client.access_token

    asking = [Forked(ask) for _ in range(PROCESSES)]
    with running_sandbox(SandboxConfig.from_environment(read_environment_file(file)), port) as base:
        fault = {"target": f"wechat:{PATH}", "kind": "slow", "value": 0.5}
        requests.post(f"{base}/control/faults", json=fault, timeout=5).raise_for_status()
        gate[0] = 1
        assert [each.wait() for each in asking] == [0] * PROCESSES
        calls = requests.get(f"{base}/control/calls", params={"api": PATH}, timeout=5).json()["calls"]
    assert len(calls) == 1
