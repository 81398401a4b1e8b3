from __future__ import annotations

import pytest

from providers.wechat.client import WeChatClient
from tests.providers.fake_server import FakeClock, FakeServer
from tests.providers.wechat.fake_wechat import FakeWeChat


@pytest.fixture
def wechat(platform_server: FakeServer) -> FakeWeChat:
    return FakeWeChat(platform_server)


@pytest.fixture
def client(wechat: FakeWeChat, fake_clock: FakeClock) -> WeChatClient:
    return wechat.client(fake_clock)
