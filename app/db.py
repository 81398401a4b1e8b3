"""The database: declarative base, column types and the one place where a transaction is committed."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import DateTime, Dialect, MetaData, Row, Select, String, Table, create_engine, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, DisconnectionError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.types import TypeDecorator

from app.copying import HEAD, TAIL, pack
from app.errors import Conflict, Unavailable

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
STATEMENT_TIMEOUT_MS = 8_000
LOCK_TIMEOUT_MS = 3_000
TRUSTED_S = 1.0
# SQLSTATE classes that mean "not now" rather than "wrong": connection, resources, shutdown, and the two timeouts
_AWAY = ("08", "53", "57")
_COLLISION = {"40001", "40P01", "55P03"}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


E = TypeVar("E", bound=StrEnum)


class UtcTime(TypeDecorator[datetime]):
    """timestamptz that takes and gives aware UTC datetimes only."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError("a naive datetime was about to be stored")
        return value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else value.astimezone(UTC)


class EnumText(TypeDecorator[StrEnum]):
    """A StrEnum stored by value as text, so that adding a member needs no lock on the table."""

    impl = String
    cache_ok = True

    def __init__(self, enum: type[StrEnum], length: int = 40) -> None:
        self.enum = enum
        super().__init__(length)

    def process_bind_param(self, value: StrEnum | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else self.enum(value).value

    def process_result_value(self, value: Any, dialect: Dialect) -> StrEnum | None:  # noqa: ARG002
        return None if value is None else self.enum(value)


def new_id() -> uuid.UUID:
    """A random 128-bit public id (version 4): says nothing about order or count."""
    return uuid.uuid4()


def new_ids() -> Iterator[uuid.UUID]:
    """The same without end, many from one draw: a cohort needs a million."""
    while True:
        drawn = os.urandom(16 * 512)
        for start in range(0, len(drawn), 16):
            yield uuid.UUID(bytes=drawn[start : start + 16], version=4)


class Database:
    """Owns the engine. ``transaction()`` is the only way to a session; an inner one joins the outer."""

    def __init__(self, url: str, *, pool_size: int = 8, trusted_s: float = TRUSTED_S) -> None:
        """A connection that has rested longer than ``trusted_s`` is asked whether it lives before it is used."""
        self.engine: Engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=2,
            pool_timeout=3,
            hide_parameters=True,
            connect_args={
                "connect_timeout": 2,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS}"
                " -c idle_in_transaction_session_timeout=30000 -c timezone=UTC",
            },
        )
        event.listen(self.engine, "checkin", _note_return)
        event.listen(
            self.engine, "checkout", lambda connection, record, _: _check_rested(connection, record, trusted_s)
        )
        self._alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._current: ContextVar[Session | None] = ContextVar("lantai_session", default=None)

    @property
    def in_transaction(self) -> bool:
        return self._current.get() is not None

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Commit on leaving, roll back on any exception. Raises Unavailable when PostgreSQL is away and
        Conflict('busy') when another transaction held the lock too long.
        """
        outer = self._current.get()
        if outer is not None:
            yield outer
            return
        session = Session(self.engine, expire_on_commit=False)
        token = self._current.set(session)
        try:
            yield session
            session.commit()
        except PoolTimeout as error:
            raise Unavailable("database_unavailable") from error
        except DBAPIError as error:
            raise self._translate(error) from error
        finally:
            self._current.reset(token)
            _leave(session)

    def look_up(self, statement: Select[Any], parameters: Mapping[str, Any]) -> Row[Any] | None:
        """At most one row of one reading statement, in the open transaction or else in none: one round trip instead of
        three. Raises Unavailable when PostgreSQL is away.
        """
        outer = self._current.get()
        if outer is not None:
            return outer.connection().execute(statement, parameters).one_or_none()
        try:
            with self._alone.connect() as connection:
                return connection.execute(statement, parameters).one_or_none()
        except PoolTimeout as error:
            raise Unavailable("database_unavailable") from error
        except DBAPIError as error:
            raise self._translate(error) from error

    @staticmethod
    def _translate(error: DBAPIError) -> Exception:
        state = getattr(error.orig, "sqlstate", None) or ""
        if state in _COLLISION:
            return Conflict("busy")
        if (
            error.connection_invalidated
            or state.startswith(_AWAY)
            or (isinstance(error, OperationalError) and not state)
        ):
            return Unavailable("database_unavailable")
        return error

    def copy_in(self, session: Session, table: Table, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Many rows at once by COPY, in the caller's transaction. Raises Conflict('taken') for a row that is there
        already, and as ``transaction`` does.
        """
        self.copy_packed(session, table, columns, pack(table, columns, rows))

    def copy_packed(self, session: Session, table: Table, columns: Sequence[str], packed: bytes) -> None:
        """The same for rows that app.copying.pack has packed, maybe in another process."""
        if not packed:
            return
        connection = session.connection().connection.driver_connection
        assert connection is not None
        names = ", ".join(f'"{name}"' for name in columns)
        try:
            with (
                connection.cursor() as cursor,
                cursor.copy(f'copy "{table.name}" ({names}) from stdin (format binary)') as copy,
            ):
                for part in (HEAD, packed, TAIL):
                    copy.write(part)
        except psycopg.errors.UniqueViolation:
            raise Conflict("taken") from None
        except psycopg.OperationalError as error:
            state = error.sqlstate or ""
            raise (Conflict("busy") if state in _COLLISION else Unavailable("database_unavailable")) from error

    @contextmanager
    def alone(self, name: UUID) -> Iterator[bool]:
        """Whether this process alone holds ``name`` while the block lasts: an advisory lock on a connection of its
        own, which PostgreSQL gives back by itself when the process dies.
        """
        number = int.from_bytes(name.bytes[:8], "big", signed=True)
        try:
            with self._alone.connect() as connection:
                held = bool(connection.scalar(text("select pg_try_advisory_lock(:n)"), {"n": number}))
                try:
                    yield held
                finally:
                    if held:
                        connection.execute(text("select pg_advisory_unlock(:n)"), {"n": number})
        except PoolTimeout as error:
            raise Unavailable("database_unavailable") from error
        except DBAPIError as error:
            raise self._translate(error) from error

    def ping(self) -> None:
        """Raises Unavailable when PostgreSQL does not answer."""
        with self.transaction() as session:
            session.execute(text("select 1"))

    def dispose(self) -> None:
        self.engine.dispose()


def _leave(session: Session) -> None:
    """Ends what is not committed. A server that is gone has done so itself: what was raised or committed before stands,
    and the connection is given up.
    """
    try:
        session.close()
    except DBAPIError:
        session.invalidate()


def limit_waiting(session: Session, seconds: float) -> None:
    """No later statement of this transaction may take longer, nor wait longer for a lock."""
    limits = "select set_config('statement_timeout', :ms, true), set_config('lock_timeout', :ms, true)"
    session.execute(text(limits), {"ms": str(int(seconds * 1000))})


def packed_json(value: Any) -> bytes:
    """A JSONB value as COPY's binary form has it: version 1, then the text."""
    return b"\x01" + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _note_return(_connection: Any, record: Any) -> None:
    record.info["returned"] = time.monotonic()


def _check_rested(connection: Any, record: Any, trusted_s: float) -> None:
    """Ask a connection that has rested whether it is alive. One used a moment ago is taken at its word: asking every
    time costs each transaction three more round trips, and a dead one is found at once by the statement that follows.
    """
    if time.monotonic() - record.info.get("returned", time.monotonic()) < trusted_s:
        return
    try:
        connection.autocommit = True
        connection.execute("select 1")
        connection.autocommit = False
    except psycopg.OperationalError as error:
        raise DisconnectionError from error


@event.listens_for(Session, "do_orm_execute")
def _no_bulk_surprise(state: Any) -> None:
    """ORM bulk updates must say how they synchronise; the default re-reads rows under a lock."""
    if state.is_update or state.is_delete:
        state.update_execution_options(synchronize_session=False)
