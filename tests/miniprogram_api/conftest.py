"""Whatever a test asks of this door, the reply must be the one its document promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.replies import ReplyWatch


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> Iterator[ReplyWatch | None]:
    if "app" not in request.fixturenames:
        yield None  # a pure test: no door, no database
        return
    watching = ReplyWatch(request.getfixturevalue("app"))
    yield watching
    assert watching.faults == []
