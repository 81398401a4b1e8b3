"""Rows as COPY takes them in its binary form, built without a connection: by another process, if need be.

Source: PostgreSQL's documentation of COPY, "Binary Format".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache
from itertools import chain, repeat
from typing import Any

from sqlalchemy import Dialect, Table
from sqlalchemy.dialects import postgresql

HEAD = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TAIL = b"\xff\xff"

_NULL = b"\xff\xff\xff\xff"
_DAY_ZERO = date(2000, 1, 1)
_ZERO = datetime(2000, 1, 1, tzinfo=UTC)
_DIALECT: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]


def pack(table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """The rows of these columns, to stand between HEAD and TAIL; JSON comes packed (app.db.packed_json)."""
    if not rows:
        return b""
    count = len(columns).to_bytes(2, "big")
    # column by column, for a call per value would be most of the cost
    packed = [_column(table, name, values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)]
    return b"".join(chain.from_iterable(zip(repeat(count, len(rows)), *packed, strict=True)))


def _column(table: Table, name: str, values: Sequence[Any]) -> list[bytes]:
    kind = _kind(table, name)
    if kind == "UUID":
        return [_NULL if v is None else b"\x00\x00\x00\x10" + v.bytes for v in values]
    if kind == "BYTEA":
        return [_NULL if v is None else _length(len(v)) + v for v in values]
    packer = _PACKERS.get(kind, _text)
    known = {v: _NULL if v is None else packer(v) for v in set(values)}
    return [known[v] for v in values]


@lru_cache(maxsize=256)
def _kind(table: Table, name: str) -> str:
    return table.columns[name].type.compile(dialect=_DIALECT).partition("(")[0]


def _text(value: str) -> bytes:
    data = value.encode()
    return _length(len(data)) + data


def _number(form: str, size: int) -> Callable[[Any], bytes]:
    packed = struct.Struct(f">i{form}").pack
    return lambda value: packed(size, value)


def _time(value: datetime) -> bytes:
    since = value - _ZERO
    return _eight(8, (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds)


def _date(value: date) -> bytes:
    return _four(4, (value - _DAY_ZERO).days)


_length, _four, _eight = struct.Struct(">i").pack, struct.Struct(">ii").pack, struct.Struct(">iq").pack
_PACKERS: Mapping[str, Callable[[Any], bytes]] = {
    "JSONB": lambda value: _length(len(value)) + value,
    "SMALLINT": _number("h", 2),
    "INTEGER": _number("i", 4),
    "BIGINT": _number("q", 8),
    "BOOLEAN": _number("?", 1),
    "DATE": _date,
    "TIMESTAMP WITH TIME ZONE": _time,
}
