"""A house on real embedded servers with the platforms faked, for the parts that need no processes of ours."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from pydantic import SecretStr

from app.actors import SYSTEM, Actor, ActorKind, Assurance, Purpose, Role, StepUp
from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import Section
from app.file_ports import CleanDocument
from app.people.rules import id_check_digit
from app.people.service import Card
from app.ports import Clock, Platform
from app.settings import Settings
from auth.sessions import SessionView
from commands.database import upgrade
from parts import Lantai
from providers.embedded.services import EmbeddedServices, ServiceUrls
from providers.keys import FileKeys
from providers.outside import build_outside
from tests import fakes
from wiring import build, libpq_url

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    card: Card = field(repr=False)


class House:
    """``parts`` wired for many threads; the fakes take any code or proof that names whom it is for."""

    def __init__(self, parts: Lantai, urls: ServiceUrls, wechat: fakes.FakeLogin, folder: Path) -> None:
        self.parts, self.urls, self.wechat, self.folder = parts, urls, wechat, folder
        self._serial = 0
        self.reply_owner = SYSTEM.id

    def graduate(self, *complete: NewMaterial) -> Person:
        """A filed graduate with seven records and three materials, one of them a file, and a photo; with the materials
        given instead where a dossier has to be complete.
        """
        self._serial += 1
        n = self._serial
        body = f"11010520040{n // 1000 % 9 + 1}{15 + n // 9000}{n % 1000:03d}"
        card = Card(f"测试{'甲乙丙丁戊'[n % 5]}", body + id_check_digit(body), f"2022{n:06d}", f"138{n:08d}")
        records = {
            Section.IDENTITY: [{"name": card.name, "id_number": card.id_number, "phone": card.phone}],
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
                for i in range(5)
            ],
        }
        scan = CleanDocument("image/jpeg", fakes.jpeg(60, 40 + n % 50), 1, 60, 40)
        materials = (
            NewMaterial("4-1", "transcript", "成绩单", "2026-06-01", 2, "备注", scan),
            NewMaterial("3", "", "学年鉴定表", "2025-06-01", 1),
            NewMaterial("10", "confidential", "组织函件", "2025-06-01", 1),
        )
        filed = NewDossier(
            card, 2026, "文学院", "档案学", "本科", records, complete or materials, fakes.jpeg(40, 50 + n % 50)
        )
        return Person(self.parts.filing.file_dossier(SYSTEM, filed), card)

    def staff(self, *roles: Role) -> Actor:
        self._serial += 1
        made = self.parts.staff.add(SYSTEM, f"staff{self._serial}", f"员工{self._serial}", roles)
        return Actor(ActorKind.STAFF, made.staff_id, frozenset(roles))

    def actor(self, person: Person) -> Actor:
        """The graduate, freshly stepped up for everything."""
        now = self.parts.clock.now()
        steps = tuple(StepUp(purpose, now) for purpose in Purpose)
        return Actor(ActorKind.GRADUATE, person.id, assurance=Assurance.L3_STEPPED_UP, step_ups=steps)

    def claimed(self, person: Person, number: int) -> SessionView:
        """A session of a new account that claims to be this person."""
        code = f"code-for:open-{person.id.hex[:12]}-{number}"
        issued, _ = self.parts.logins.login(Platform.WECHAT, code, f"10.0.{number}.{self._serial % 250}")
        view = self.parts.sessions.resolve(issued.token)
        self.parts.claims.claim(
            view,
            student_number=person.card.student_number,
            id_number=person.card.id_number,
            name=person.card.name,
            address=f"10.1.{number}.{self._serial % 250}",
        )
        return self.parts.sessions.resolve(issued.token)

    def owner(self) -> psycopg.Connection[tuple[Any, ...]]:
        """The owner's own connection, committing each statement: what an intruder with the database would have."""
        return psycopg.connect(libpq_url(self.urls.database_owner_url), autocommit=True)

    def count(self, query: str, *values: object) -> int:
        with self.owner() as connection:
            row = connection.execute(query.encode(), values).fetchone()
        return int(row[0]) if row else 0


def wired(urls: ServiceUrls, folder: Path, clock: Clock | None = None) -> tuple[Lantai, fakes.FakeLogin]:
    """The application on these servers and keys; a second process may have its own. To be closed by the caller.

    ``clock``: in place of the real one.
    """
    settings = Settings(
        environment="test",
        database_url=SecretStr(urls.database_url),
        redis_url=SecretStr(urls.redis_url),
        data_dir=folder / "data",
        key_dir=folder / "keys",
        database_pool=20,
        quiet_begins="00:00",  # no night: these tests go by the real clock
        quiet_ends="00:00",
    )
    wechat = fakes.FakeLogin(Platform.WECHAT)
    outside = replace(
        build_outside(settings, urls.redis_url),
        logins={Platform.WECHAT: wechat},
        phones={Platform.WECHAT: fakes.FakePhone(Platform.WECHAT)},
        certifiers={"wechat_face": fakes.FakeCertifier()},
        cleaner=fakes.PlainCleaner(),
    )
    if clock is not None:
        outside = replace(outside, clock=clock)
    return build(settings, urls, outside), wechat


@contextmanager
def house(clock: Clock | None = None) -> Iterator[House]:
    with tempfile.TemporaryDirectory(prefix="lantai-proof-") as name:
        folder = Path(name)
        FileKeys.create(folder / "keys")
        services = EmbeddedServices(folder / "data", fsync=False)
        urls = services.start()
        try:
            upgrade(urls)
            parts, wechat = wired(urls, folder, clock)
            try:
                yield House(parts, urls, wechat, folder)
            finally:
                parts.close()
        finally:
            services.stop()


def at_once(number: int, work: Callable[[int], T]) -> Sequence[T | Exception]:
    """What each of ``number`` threads got, all let go at the same moment."""
    gate = Barrier(number)
    results: list[Any] = [None] * number

    def run(index: int) -> None:
        gate.wait()
        try:
            results[index] = work(index)
        except Exception as error:
            results[index] = error

    threads = [Thread(target=run, args=(index,)) for index in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
