"""Readiness: the database decides, all else is said beside it."""

from __future__ import annotations

import pytest
from alembic.script import ScriptDirectory
from flask.testing import FlaskClient
from sqlalchemy import text

from app.errors import Unavailable
from app.ports import Platform, SendFault
from commands.database import alembic_config
from notifications.breaker import Breakers, Outlet
from notifications.catalogue.text import Template
from parts import Lantai
from wired.operations import newest_schema


def test_warnings_take_nothing_down(lantai: Lantai, client: FlaskClient) -> None:
    well = {"status": "ok", "database": "ok", "redis": "ok", "schema": "ok", "templates": "unknown"}
    well |= {"pushes": "ok", "letters": "ok"}
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json) == (200, {**well, "workers": "silent"})
    with lantai.db.transaction() as session:
        session.execute(text("insert into procrastinate_workers default values"))
    assert client.get("/readyz").json == {**well, "workers": "ok"}
    with lantai.db.transaction() as session:
        session.execute(text("update alembic_version set version_num = '0001'"))
    reply = client.get("/readyz")
    assert (reply.status_code, reply.json) == (
        200,
        {**well, "schema": "behind", "workers": "ok", "pushes": "unknown", "letters": "unknown"},
    )


def test_an_empty_database_is_behind_and_breaks_nothing(lantai: Lantai, client: FlaskClient) -> None:
    with lantai.db.transaction() as session:
        session.execute(text("set local search_path to pg_catalog"))
        assert lantai.figures.schema().value == "behind"
        assert lantai.figures.workers() == 0


def test_without_the_database_it_is_not_ready(
    lantai: Lantai, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise Unavailable("database_unavailable")

    monkeypatch.setattr(type(lantai.db), "ping", away)
    reply = client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json == {
        "status": "unavailable",
        "database": "away",
        "redis": "ok",
        "schema": "unknown",
        "workers": "unknown",
        "templates": "unknown",
        "pushes": "unknown",
        "letters": "unknown",
    }


def test_figures_that_take_too_long_are_unknown(
    lantai: Lantai, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> None:
        raise Unavailable("database_unavailable")

    monkeypatch.setattr(type(lantai.figures), "workers", away)
    reply = client.get("/readyz")
    assert reply.status_code == 200
    unknown = dict.fromkeys(("schema", "workers", "templates", "pushes", "letters"), "unknown")
    assert reply.json == {"status": "ok", "database": "ok", "redis": "ok", **unknown}


def test_a_stopped_template_is_told(lantai: Lantai, client: FlaskClient) -> None:
    with lantai.db.transaction() as session:
        Breakers(lantai.clock).failed(
            session, Outlet.of_push(Platform.WECHAT, Template.TICKET_DECIDED), SendFault.CONFIG, "40037", tried=False
        )
    reply = client.get("/readyz")
    told = reply.json or {}
    assert (reply.status_code, told["pushes"], told["letters"]) == (200, "stopped", "ok")
    with lantai.db.transaction() as session:
        session.execute(text("update channel_breaker set platform = 'sms', template = ''"))
    told = client.get("/readyz").json or {}
    assert (told["pushes"], told["letters"]) == ("ok", "stopped")


def test_the_newest_schema_is_the_last_migration() -> None:
    assert newest_schema() == ScriptDirectory.from_config(alembic_config("postgresql://")).get_current_head()
