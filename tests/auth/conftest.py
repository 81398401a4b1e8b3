"""A graduate's way in, step by step, and the same house with other settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.settings import Settings
from auth.factors import FACE_HEARTBEAT
from auth.local_face import FaceWork
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests.conftest import ApiClient, Person
from tests.fakes import FakeEngine
from tests.replies import ReplyWatch
from wiring import build
from wsgi import create_app

Rebuild = Callable[..., Callable[[], ApiClient]]


def claim_of(person: Person, **changes: str) -> dict[str, str]:
    card = person.card
    return {"student_number": card.student_number, "id_number": card.id_number, "name": card.name, **changes}


def enter(http: ApiClient, open_id: str, platform: str = "wechat", serial: str = "1") -> ApiClient:
    """Log in with a platform's code."""
    reply = http.post("/sessions", json={"platform": platform, "code": f"code-for:{open_id}:{serial}"})
    assert reply.status_code == 201, reply.json
    http.token = reply.json["access_token"]
    return http


def factors_of(http: ApiClient) -> set[str]:
    return {f["factor"] for f in http.get("/factors").json["factors"]}


def begin(http: ApiClient, factor: str, purpose: str = "bind") -> Any:
    return http.post("/verifications", json={"factor": factor, "purpose": purpose})


def prove(http: ApiClient, factor: str, purpose: str, proof: dict[str, str]) -> Any:
    """Begin and show a factor; the reply to the proof, whatever it says. The client's token follows a pass."""
    begun = begin(http, factor, purpose)
    assert begun.status_code == 201, begun.json
    done = http.post(f"/verifications/{begun.json['id']}/proof", json=proof)
    if done.status_code == 200 and done.json["session"]:
        http.token = done.json["session"]["access_token"]
    return done


@pytest.fixture(autouse=True)
def watch(request: pytest.FixtureRequest) -> Iterator[ReplyWatch | None]:
    """Whatever a test asks of the door, the reply must be the one its document promises."""
    if "app" not in request.fixturenames:
        yield None  # a pure test: no door, no database
        return
    watching = ReplyWatch(request.getfixturevalue("app"))
    yield watching
    assert watching.faults == []


@pytest.fixture
def claimed(api: Callable[[], ApiClient]) -> Callable[..., ApiClient]:
    """A client on L1: logged in, claimed, consented to face."""

    def make(person: Person, open_id: str = "open-1", platform: str = "wechat", **changes: str) -> ApiClient:
        http = enter(api(), open_id, platform)
        assert http.post("/claims", json=claim_of(person, **changes)).status_code == 202
        http.put("/consents/face", json={"granted": True})
        return http

    return make


@pytest.fixture
def rebuilt(lantai: Lantai, urls: ServiceUrls, settings: Settings) -> Iterator[Rebuild]:
    """The same database and world under other settings or other outside parts."""
    made: list[Lantai] = []

    def make(outside: dict[str, Any] | None = None, **changes: Any) -> Callable[[], ApiClient]:
        other = replace(lantai.outside, **(outside or {}))
        parts = build(settings.model_copy(update=changes), urls, other)
        made.append(parts)
        app = create_app(parts)
        return lambda: ApiClient(app.test_client())

    yield make
    for parts in made:
        parts.close()


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def face_work(lantai: Lantai, engine: FakeEngine) -> FaceWork:
    """The face worker's handler around a scripted engine, with its heartbeat set."""
    lantai.outside.cache.put(FACE_HEARTBEAT, b"1", 60)
    return FaceWork(
        lantai.db,
        lantai.keys,
        lantai.dossiers,
        lantai.outside.frames,
        engine,
        lantai.lockouts,
        lantai.log,
        lantai.clock,
    )


@pytest.fixture
def counter(lantai: Lantai) -> Actor:
    """The member of staff at the counter."""
    made = lantai.staff.add(SYSTEM, "counter", "柜台", (Role.ARCHIVIST,))
    return Actor(ActorKind.STAFF, made.staff_id, roles=frozenset({Role.ARCHIVIST}))


@pytest.fixture
def school_code(lantai: Lantai, counter: Actor) -> Callable[[Person], str]:
    """An activation code issued at the counter."""
    return lambda person: lantai.activation.issue(counter, person.id, "id_card", identity_checked=True).code
