"""Packed rows are what PostgreSQL reads back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Uuid,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.copying import pack
from app.db import packed_json
from parts import Lantai

KINDS = Table(
    "kinds_of_values",
    MetaData(),
    Column("id", Uuid),
    Column("raw", LargeBinary),
    Column("words", String(80)),
    Column("small", SmallInteger),
    Column("whole", Integer),
    Column("big", BigInteger),
    Column("yes", Boolean),
    Column("day", Date),
    Column("at", DateTime(timezone=True)),
    Column("data", JSONB),
    prefixes=["TEMPORARY"],
)
NAMES = tuple(KINDS.columns.keys())
ROWS = [
    (
        UUID(int=7),
        b"\x00\xff",
        "兰台",
        -3,
        2**31 - 1,
        -(2**63),
        True,
        date(1999, 12, 31),
        datetime(1969, 7, 20, 20, 17, 40, 123456, UTC),
        {"a": ["乙", None]},
    ),
    (UUID(int=2**128 - 1), b"", "", 0, 0, 0, False, date(2026, 2, 28), datetime(2026, 11, 29, 1, 2, 3, 4, UTC), []),
    (None,) * 10,
    (UUID(int=7), b"x" * 70_000, "长" * 80, 1, 1, 1, True, date(9999, 12, 31), datetime(2000, 1, 1, tzinfo=UTC), 1),
]


def test_every_kind_of_value_comes_back(lantai: Lantai) -> None:
    packed = [(*row[:-1], None if row[0] is None else packed_json(row[-1])) for row in ROWS]
    with lantai.db.transaction() as session:
        KINDS.create(session.connection())
        lantai.db.copy_in(session, KINDS, NAMES, packed)
        back = [tuple(found) for found in session.execute(select(KINDS))]
        session.execute(text("drop table kinds_of_values"))
    assert back == ROWS


def test_nothing_packs_to_nothing(lantai: Lantai) -> None:
    assert pack(KINDS, NAMES, []) == b""
    with lantai.db.transaction() as session:
        lantai.db.copy_in(session, KINDS, NAMES, [])  # not even asked: the table does not exist
