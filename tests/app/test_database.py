"""Connections that died while they rested, and single look-ups."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import bindparam, literal, select, text

from app.db import Database
from app.errors import Conflict, Unavailable
from providers.embedded.services import ServiceUrls
from wiring import libpq_url

NUMBER = select(bindparam("given", type_=literal(1).type).label("number"))


@pytest.fixture
def database(urls: ServiceUrls) -> Iterator[Database]:
    found = Database(urls.database_url, pool_size=1)
    yield found
    found.dispose()


def end_connections(urls: ServiceUrls, database: Database) -> None:
    with database.transaction() as session:
        backend = session.scalar(text("select pg_backend_pid()"))
    owner = urls.database_url
    with psycopg.connect(libpq_url(owner), autocommit=True) as connection:
        assert connection.execute("select pg_terminate_backend(%s)", (backend,)).fetchone() == (True,)
        while connection.execute("select from pg_stat_activity where pid = %s", (backend,)).fetchone() is not None:
            time.sleep(0.01)


def test_a_connection_that_died_while_resting_is_replaced_unnoticed(urls: ServiceUrls) -> None:
    database = Database(urls.database_url, pool_size=1, trusted_s=-1.0)
    end_connections(urls, database)
    database.ping()
    database.dispose()


def test_one_that_died_a_moment_after_use_costs_one_refusal_and_no_more(urls: ServiceUrls, database: Database) -> None:
    end_connections(urls, database)
    with pytest.raises(Unavailable):
        database.ping()
    database.ping()


def test_a_refusal_stands_though_the_connection_died_meanwhile(urls: ServiceUrls, database: Database) -> None:
    def refused() -> None:
        with database.transaction():
            end_connections(urls, database)
            raise Conflict("ticket_closed")

    with pytest.raises(Conflict):
        refused()
    for _ in range(3):
        database.ping()


def test_a_look_up_stands_alone_or_joins_the_open_transaction(database: Database) -> None:
    row = database.look_up(NUMBER, {"given": 7})
    assert row is not None
    assert row.number == 7
    assert not database.in_transaction
    with database.transaction() as session:
        session.execute(text("create temporary table only_here (number int) on commit drop"))
        session.execute(text("insert into only_here values (8)"))
        joined = database.look_up(select(text("number from only_here")), {})
        assert joined is not None
        assert joined.number == 8


def test_a_look_up_finds_nothing_or_says_that_the_database_is_away(database: Database) -> None:
    assert database.look_up(NUMBER.where(literal(1) == 2), {"given": 7}) is None
    nowhere = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing", pool_size=1)
    with pytest.raises(Unavailable):
        nowhere.look_up(NUMBER, {"given": 7})
