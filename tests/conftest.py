"""Real PostgreSQL and Redis for everybody: one pair of servers per test process, a fresh database per test."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pyotp
import pytest
import redis
from alembic import command
from flask import Flask
from flask.testing import FlaskClient

from app.actors import SYSTEM, Actor, ActorKind, Assurance, Purpose, Role, StepUp
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import Section
from app.job_worker import work
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import Outside, Platform
from app.settings import Settings
from auth.guards import STAFF_COOKIE, csrf_token
from auth.staff import Credentials
from commands.database import alembic_config, grant
from parts import Lantai
from providers.embedded.services import EmbeddedServices, ServiceUrls
from providers.frames import RedisFrameBox
from providers.keys import FileKeys
from providers.printing import TypstPrinter
from providers.redis_store import RedisCache, RedisNonces, RedisRateLimiter, RedisTally, connect
from tests import fakes
from tests.moving import Pair, desk_pair
from wiring import build, build_queue_app, libpq_url, register_work
from wsgi import create_app


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A test that configures logging must not silence the next one's."""
    loggers = [logging.getLogger(name) for name in ("", "procrastinate", "urllib3", "sqlalchemy")]
    before = [(each, each.level, list(each.handlers)) for each in loggers]
    yield
    for each, level, handlers in before:
        each.setLevel(level)
        each.handlers[:] = handlers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceUrls]:
    """LANTAI_TEST_PG_BIN names another PostgreSQL's programs."""
    programs = os.environ.get("LANTAI_TEST_PG_BIN")
    services = EmbeddedServices(
        tmp_path_factory.mktemp("servers"), fsync=False, programs=Path(programs) if programs else None
    )
    urls = services.start()
    yield urls
    services.stop()


@pytest.fixture(scope="session")
def template_database(servers: ServiceUrls) -> str:
    """The migrated, empty database that every test copies."""
    name = "lantai_template"
    with psycopg.connect(libpq_url(servers.database_owner_url), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    urls = _renamed(servers, name)
    command.upgrade(alembic_config(urls.database_owner_url), "head")
    grant(urls)
    return name


def _renamed(urls: ServiceUrls, name: str) -> ServiceUrls:
    return replace(
        urls,
        database_url=urls.database_url.rsplit("/", 1)[0] + f"/{name}",
        database_owner_url=urls.database_owner_url.rsplit("/", 1)[0] + f"/{name}",
    )


@pytest.fixture
def urls(servers: ServiceUrls, template_database: str) -> Iterator[ServiceUrls]:
    name = f"t{uuid.uuid4().hex[:16]}"
    with psycopg.connect(libpq_url(servers.database_owner_url), autocommit=True) as connection:
        connection.execute(f"create database {name} template {template_database} strategy file_copy")
    store = redis.Redis.from_url(servers.redis_url)
    store.flushdb()
    yield _renamed(servers, name)
    store.close()
    with psycopg.connect(libpq_url(servers.database_owner_url), autocommit=True) as connection:
        try:
            connection.execute(f"drop database {name} with (force)")
        except psycopg.errors.InsufficientPrivilege:
            # the server's own vacuum was in it, which only its superuser may stop; the folder goes with the session
            connection.execute(f"alter database {name} connection limit 0")


@pytest.fixture(scope="session")
def key_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    FileKeys.create(folder)
    return folder


@pytest.fixture
def clock() -> fakes.FakeClock:
    return fakes.FakeClock()


@dataclass
class World:
    """The fakes a test may steer."""

    clock: fakes.FakeClock
    files: fakes.MemoryFiles = field(default_factory=fakes.MemoryFiles)
    wechat: fakes.FakeLogin = field(default_factory=lambda: fakes.FakeLogin(Platform.WECHAT))
    alipay: fakes.FakeLogin = field(default_factory=lambda: fakes.FakeLogin(Platform.ALIPAY))
    wechat_phone: fakes.FakePhone = field(default_factory=lambda: fakes.FakePhone(Platform.WECHAT))
    alipay_phone: fakes.FakePhone = field(default_factory=lambda: fakes.FakePhone(Platform.ALIPAY))
    wechat_face: fakes.FakeCertifier = field(default_factory=fakes.FakeCertifier)
    alipay_face: fakes.FakeCertifier = field(default_factory=fakes.FakeCertifier)
    fingerprint: fakes.FakeFingerprint = field(default_factory=fakes.FakeFingerprint)
    wechat_sender: fakes.FakeSender = field(default_factory=fakes.FakeSender)
    alipay_sender: fakes.FakeSender = field(default_factory=fakes.FakeSender)
    mailer: fakes.FakeMailer = field(default_factory=fakes.FakeMailer)
    sms: fakes.FakeSms = field(default_factory=fakes.FakeSms)
    chat: fakes.FakeChatSender = field(default_factory=fakes.FakeChatSender)
    alerts: fakes.FakeAlerts = field(default_factory=fakes.FakeAlerts)
    carrier: fakes.FakeCarrier = field(default_factory=fakes.FakeCarrier)


@pytest.fixture
def world(clock: fakes.FakeClock) -> World:
    return World(clock)


# argon2 at full strength would be most of what the console's tests do; tests/auth/test_staff.py tries the real cost
QUICK: dict[str, Any] = {"password_memory_kib": 1024, "password_passes": 1}
TEMPLATES: dict[str, Any] = {
    f"{platform}_template_{name}": f"{platform}-{name}"
    for platform in ("wechat", "alipay")
    for name in ("ticket_decided", "transfer_step", "account_notice")
} | {"wechat_push_token": "told-of-agreements"}


@pytest.fixture
def settings(key_folder: Path, tmp_path: Path) -> Settings:
    return Settings(
        environment="test", key_dir=key_folder, data_dir=tmp_path / "data", database_pool=6, **QUICK, **TEMPLATES
    )


@pytest.fixture
def lantai(urls: ServiceUrls, world: World, settings: Settings, key_folder: Path) -> Iterator[Lantai]:
    """Everything wired on a real database and Redis, with the platforms faked and the clock in hand."""
    keys = FileKeys(key_folder)
    store = connect(urls.redis_url)
    outside = Outside(
        clock=world.clock,
        keys=keys,
        files=world.files,
        cleaner=fakes.PlainCleaner(),
        limits=RedisRateLimiter(store, world.clock, keys.secret("rate-limits")),
        cache=RedisCache(store),
        nonces=RedisNonces(store),
        tally=RedisTally(store),
        frames=RedisFrameBox(connect(urls.redis_url, 2.0), keys, 120),
        redis=store,
        printer=TypstPrinter(),
        logins={Platform.WECHAT: world.wechat, Platform.ALIPAY: world.alipay},
        phones={Platform.WECHAT: world.wechat_phone, Platform.ALIPAY: world.alipay_phone},
        certifiers={"wechat_face": world.wechat_face, "alipay_certify": world.alipay_face},
        senders={Platform.WECHAT: world.wechat_sender, Platform.ALIPAY: world.alipay_sender},
        fingerprint=world.fingerprint,
        alerts=world.alerts,
        mailer=world.mailer,
        sms=world.sms,
        chat=world.chat,
        carriers={"ems": world.carrier},
    )
    parts = build(settings, urls, outside)
    yield parts
    parts.close()


@pytest.fixture
def app(lantai: Lantai) -> Flask:
    return create_app(lantai)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def run_jobs(lantai: Lantai, urls: ServiceUrls) -> Callable[[], None]:
    """Work the queue until it is empty, as the job worker does."""

    def run() -> None:
        queue = build_queue_app(urls)
        register_work(queue, lantai)
        asyncio.run(work(queue, ["default"], concurrency=1, wait=False))

    return run


# --- people -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Person:
    """A filed graduate and what was filed."""

    id: uuid.UUID
    card: Card
    dossier_id: uuid.UUID

    def actor(self, *purposes: Purpose, now: Any = None, level: Assurance = Assurance.L3_STEPPED_UP) -> Actor:
        """This graduate, stepped up for the purposes given."""
        return Actor(
            ActorKind.GRADUATE, self.id, assurance=level, step_ups=tuple(StepUp(p, now) for p in purposes if now)
        )


def make_id_number(serial: int, birth: str = "20040315") -> str:
    body = f"110105{birth}{serial:03d}"
    return body + id_check_digit(body)


@pytest.fixture
def graduate_factory(lantai: Lantai) -> Callable[..., Person]:
    """Files graduates: identity, enrolment, three courses, an award, and one material per zone."""
    count = iter(range(1, 1000))

    def make(name: str = "", **changes: Any) -> Person:
        n = next(count)
        card = Card(
            name=name or f"测试{'甲乙丙丁戊己庚辛'[n % 8]}",
            id_number=make_id_number(n),
            student_number=f"2022{n:06d}",
            phone=f"1380013{n:04d}",
        )
        records = {
            Section.IDENTITY: [{"name": card.name, "id_number": card.id_number, "sex": "女", "phone": card.phone}],
            Section.ENROLMENT: [
                {
                    "student_number": card.student_number,
                    "college": "文学院",
                    "major": "档案学",
                    "destination_code": f"ZD2026{n:012d}",
                }
            ],
            Section.COURSE: [
                {"course_name": f"课程{i}", "term": "2024-2025-1", "credit": "2", "grade": str(80 + i)}
                for i in range(3)
            ],
            Section.AWARD: [{"award_name": "三好学生", "level": "校级", "issuer": "学校", "awarded_on": "2025-05-04"}],
        }
        materials = (
            NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2, "备注"),
            NewMaterial("3", "", "学年鉴定表", "2025-06-01", 1),
            NewMaterial("10", "confidential", "组织函件", "2025-06-01", 1),
        )
        values: dict[str, Any] = {
            "card": card,
            "cohort_year": 2026,
            "college": "文学院",
            "major": "档案学",
            "degree_level": "本科",
            "records": records,
            "materials": materials,
            "photo": fakes.jpeg(),
        }
        graduate_id = lantai.filing.file_dossier(SYSTEM, NewDossier(**{**values, **changes}))
        return Person(graduate_id, card, lantai.dossiers.dossier_id_of(graduate_id))

    return make


@dataclass
class StaffLogin:
    """A member of staff with a signed-in console client. ``password`` is the one in force."""

    id: uuid.UUID
    actor: Actor
    credentials: Credentials
    client: FlaskClient
    csrf: str
    password: str


@pytest.fixture
def staff_factory(lantai: Lantai, app: Flask, clock: fakes.FakeClock) -> Callable[..., StaffLogin]:
    """Adds a member of staff with these roles and signs them in; the forced password change is done."""
    count = iter(range(1, 1000))

    def make(*roles: Role) -> StaffLogin:
        n = next(count)
        made, password = (
            lantai.staff.add(SYSTEM, f"staff{n}", f"员工{n}", roles or (Role.ARCHIVIST,)),
            f"long-password-{n}",
        )
        lantai.staff.change_password(Actor(ActorKind.STAFF, made.staff_id), made.password, password)
        clock.advance(seconds=31)
        code = pyotp.TOTP(made.totp_secret).at(clock.now())
        issued = lantai.staff.sign_in(made.username, password, code, "10.0.0.1")
        http = app.test_client()
        http.set_cookie(STAFF_COOKIE, issued.token, path="/console")
        view = lantai.sessions.resolve(issued.token)
        with app.app_context():
            csrf = csrf_token(view)
        return StaffLogin(made.staff_id, view.actor, made, http, csrf, password)

    return make


@dataclass
class ApiClient:
    """A mini-program: a bearer token that is replaced at every step-up."""

    http: FlaskClient
    token: str = ""

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        headers = {**kwargs.pop("headers", {})}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.http.open(f"/api/v1{path}", method=method, headers=headers, **kwargs)

    def get(self, path: str, **kwargs: Any) -> Any:
        return self.call("GET", path, **kwargs)

    def post(self, path: str, **kwargs: Any) -> Any:
        return self.call("POST", path, **kwargs)

    def put(self, path: str, **kwargs: Any) -> Any:
        return self.call("PUT", path, **kwargs)

    def delete(self, path: str, **kwargs: Any) -> Any:
        return self.call("DELETE", path, **kwargs)


@pytest.fixture
def api(app: Flask) -> Callable[[], ApiClient]:
    return lambda: ApiClient(app.test_client())


@pytest.fixture
def pair(lantai: Lantai) -> Pair:
    """Two persons of the desk."""
    return desk_pair(lantai)


@pytest.fixture
def signed_in(api: Callable[[], ApiClient], world: World, lantai: Lantai) -> Callable[..., ApiClient]:
    """A graduate's client: bound by 人脸核身 on WeChat, and (``level`` 3) stepped up by phone for a purpose."""
    count = iter(range(1, 1000))

    def make(person: Person, level: int = 3, purpose: str = "view_dossier") -> ApiClient:
        n = next(count)
        http = api()
        code = f"code-for:open-{person.id.hex[:8]}-{n}"
        http.token = http.post("/sessions", json={"platform": "wechat", "code": code}).json["access_token"]
        claim = {
            "student_number": person.card.student_number,
            "id_number": person.card.id_number,
            "name": person.card.name,
        }
        assert http.post("/claims", json=claim).status_code == 202
        http.put("/consents/face", json={"granted": True})
        show(http, "wechat_face", "bind", {})
        if level >= 3:
            world.wechat_phone.numbers[f"proof-{n}"] = person.card.phone
            show(http, "phone", purpose, {"proof": f"proof-{n}"})
        return http

    return make


def show(http: ApiClient, factor: str, purpose: str, proof: dict[str, str]) -> Any:
    """Begin and pass a factor; the client's token follows."""
    begun = http.post("/verifications", json={"factor": factor, "purpose": purpose})
    assert begun.status_code == 201, begun.json
    done = http.post(f"/verifications/{begun.json['id']}/proof", json=proof)
    assert done.json["state"] == "passed", done.json
    http.token = done.json["session"]["access_token"]
    return done
