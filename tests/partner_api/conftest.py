"""A campus system at the partner door."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.actors import Actor, ActorKind
from parts import Lantai
from tests.replies import ReplyWatch, machines_document

API = "/partner/api/v1"


@dataclass
class Machine:
    """One client with its credential."""

    http: FlaskClient
    actor: Actor
    credential: str

    def call(self, method: str, path: str, key: str = "", **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.credential}", **more.pop("headers", {})}
        if key:
            headers["Idempotency-Key"] = key
        return self.http.open(f"{API}{path}", method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> Any:
        return self.call("GET", path, **more)

    def post(self, path: str, key: str = "", **more: Any) -> Any:
        return self.call("POST", path, key, **more)


@pytest.fixture
def app(app: Flask) -> Iterator[Flask]:
    """Every answer of the door must be the one its document promises."""
    watching = ReplyWatch(app, f"{API}/", machines_document(app))
    yield app
    assert watching.faults == []


@pytest.fixture
def new_machine(app: Flask, lantai: Lantai) -> Callable[[], Machine]:
    count = iter(range(1, 100))

    def make() -> Machine:
        client_id, credential = lantai.partners.add(f"教务系统{next(count)}", ["dossiers:push"])
        return Machine(app.test_client(), Actor(ActorKind.PARTNER, client_id), credential)

    return make


@pytest.fixture
def campus(new_machine: Callable[[], Machine]) -> Machine:
    return new_machine()
