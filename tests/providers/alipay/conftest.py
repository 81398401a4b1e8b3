from __future__ import annotations

import pytest

from tests.providers.alipay.fake_alipay import FakeAlipay
from tests.providers.fake_server import FakeServer


@pytest.fixture
def alipay(platform_server: FakeServer) -> FakeAlipay:
    return FakeAlipay(platform_server)


@pytest.fixture
def secret_alipay(platform_server: FakeServer) -> FakeAlipay:
    """With content encryption on."""
    return FakeAlipay(platform_server, encrypted=True)
