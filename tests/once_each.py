"""A pytest plugin for trying another PostgreSQL: the tests that reach a database, each with its first case alone.

``make test ARGS="-p tests.once_each"``: the other cases send the server the same statements.
"""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kept, left, seen = list[pytest.Item](), list[pytest.Item](), set[str]()
    for item in items:
        name = item.nodeid.partition("[")[0]
        reaches = "servers" in getattr(item, "fixturenames", ())
        (kept if reaches and name not in seen else left).append(item)
        seen.add(name)
    config.hook.pytest_deselected(items=left)
    items[:] = kept
