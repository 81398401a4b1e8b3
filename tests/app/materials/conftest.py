"""Dossiers with files, a store with a replica, and somebody with the database owner's rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from app.actors import SYSTEM, Purpose
from app.dossiers.incoming import NewMaterial
from app.file_ports import CleanDocument
from app.materials.fixity import FixityService
from app.materials.rules import Pace
from app.materials.service import NewSupplement
from app.materials.views import SupplementView
from parts import Lantai
from providers.embedded.services import ServiceUrls
from tests import fakes
from tests.conftest import Person, World
from wiring import libpq_url


@pytest.fixture
def world(clock: fakes.FakeClock) -> World:
    return World(clock, files=fakes.MemoryReplica())


@pytest.fixture
def replica(world: World) -> fakes.MemoryReplica:
    assert isinstance(world.files, fakes.MemoryReplica)
    return world.files


@pytest.fixture
def fixity(lantai: Lantai, replica: fakes.MemoryReplica) -> Callable[..., FixityService]:
    """The service on two copies, with small slices; ``copies=False``: on one."""

    def make(rows: int = 5, *, copies: bool = True) -> FixityService:
        other = replica if copies else None
        return FixityService(
            lantai.db, lantai.keys, replica, other, lantai.log, lantai.queue, lantai.clock, Pace(rows=rows)
        )

    return make


@dataclass
class Intruder:
    """Writes past the application, as somebody with the owner's password would."""

    url: str

    @contextmanager
    def inside(self) -> Iterator[psycopg.Connection]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            for table in ("record_version", "material_version"):
                connection.execute(sql.SQL("alter table {} disable trigger user").format(sql.Identifier(table)))
            yield connection

    def flip(self, table: str, column: str, row: UUID, key: str = "id") -> None:
        """One bit of one cell."""
        names = {"t": sql.Identifier(table), "c": sql.Identifier(column), "k": sql.Identifier(key)}
        with self.inside() as connection:
            connection.execute(
                sql.SQL(
                    "update {t} set {c} = set_bit({c}, 8 * (length({c}) / 2), 1 - get_bit({c}, 8 * (length({c}) / 2)))"
                    " where {k} = %s"
                ).format(**names),
                (row,),
            )

    def rows(self, query: LiteralString, *values: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return list(connection.execute(query, values).fetchall())

    def swap(self, table: str, column: str, one: UUID, other: UUID) -> None:
        """Two cells change places."""
        names = {"t": sql.Identifier(table), "c": sql.Identifier(column)}
        with self.inside() as connection:
            connection.execute(
                sql.SQL(
                    "update {t} set {c} = o.{c} from {t} o where {t}.id in (%(a)s, %(b)s)"
                    " and o.id in (%(a)s, %(b)s) and o.id <> {t}.id"
                ).format(**names),
                {"a": one, "b": other},
            )


@pytest.fixture
def intruder(urls: ServiceUrls) -> Intruder:
    return Intruder(libpq_url(urls.database_owner_url))


def scan(mark: int = 0, dpi: int | None = 300, pages: int = 1) -> CleanDocument:
    """A cleaned scan with a preview; ``mark`` makes its content its own."""
    data = fakes.jpeg(60 + mark, 50)
    return CleanDocument("image/jpeg", data, pages, 2480, 3508, dpi, fakes.jpeg(20 + mark, 20))


@pytest.fixture
def with_files(lantai: Lantai, graduate_factory: Callable[..., Person]) -> Callable[[], Person]:
    """A graduate with a scanned material."""

    def make() -> Person:
        person = graduate_factory()
        new = NewMaterial("4-1", "transcript", "学位证书", "2026-06-01", 1, document=scan(uuid4().int % 200))
        lantai.filing.add_material(SYSTEM, person.id, new)
        return person

    return make


@pytest.fixture
def send_in(lantai: Lantai, clock: fakes.FakeClock) -> Callable[..., SupplementView]:
    """A graduate's supplement, straight through the service."""

    def make(person: Person, data: bytes = b"", **changes: str) -> SupplementView:
        values = {"class_code": "7", "kind": "", "title": "获奖证书", "formed_on": "2025-05", "statement": "请补入"}
        actor = person.actor(Purpose.CORRECT, now=clock.now())
        prepared = lantai.supplements.prepare(
            actor, NewSupplement(**{**values, **changes}), data or fakes.jpeg(), "image/jpeg"
        )
        return lantai.supplements.submit(actor, prepared)

    return make
