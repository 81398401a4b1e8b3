"""Whatever a test asks of this door, the reply must be the one its document promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.replies import ReplyWatch


@pytest.fixture(autouse=True)
def watch(app: Flask) -> Iterator[ReplyWatch]:
    watching = ReplyWatch(app)
    yield watching
    assert watching.faults == []
