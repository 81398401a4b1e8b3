"""The migrations go up, down and up again with data in every table, and say what the models say."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import ARRAY, Connection, create_engine, inspect, text

from app.db import Base
from commands.database import alembic_config, downgrade, grant, upgrade
from providers.embedded.services import ServiceUrls
from wiring import libpq_url

APPEND_ONLY = {
    "event",
    "record_version",
    "material_version",
    "completeness_reminder",
    "retrieval_purpose",
    "check_run",
    "check_item",
    "ticket_decision",
    "voided_approval",
    "transfer_manifest",
    "dispatch",
    "receiver_version",
    "tracking_event",
    "custody_move",
}


def _drop(connection: psycopg.Connection, name: str) -> None:
    """The server's own vacuum may be in it, which the owner cannot end and which ends soon."""
    deadline = time.monotonic() + 30
    while True:
        try:
            connection.execute(f"drop database {name} with (force)".encode())
            return
        except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectInUse):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.fixture
def empty(servers: ServiceUrls) -> Iterator[ServiceUrls]:
    """A database without any table."""
    name = f"m{uuid.uuid4().hex[:16]}"
    with psycopg.connect(libpq_url(servers.database_owner_url), autocommit=True) as connection:
        connection.execute(f"create database {name}")
    yield replace(
        servers,
        database_url=servers.database_url.rsplit("/", 1)[0] + f"/{name}",
        database_owner_url=servers.database_owner_url.rsplit("/", 1)[0] + f"/{name}",
    )
    with psycopg.connect(libpq_url(servers.database_owner_url), autocommit=True) as connection:
        _drop(connection, name)


def owner(urls: ServiceUrls) -> Any:
    return create_engine(urls.database_owner_url)


def objects(connection: Connection) -> dict[str, list[str]]:
    """Everything of ours in the schema: tables, functions, types, sequences and triggers by name."""
    queries = {
        "tables": "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'",
        "functions": "select p.oid::regprocedure::text from pg_proc p where pronamespace = 'public'::regnamespace",
        "types": "select typname from pg_type where typnamespace = 'public'::regnamespace"
        " and typtype in ('e', 'c') and typname <> 'alembic_version'",
        "sequences": "select sequencename from pg_sequences where schemaname = 'public'",
        "triggers": "select tgname from pg_trigger where not tgisinternal",
        "indexes": "select indexname from pg_indexes where schemaname = 'public' and tablename <> 'alembic_version'",
    }
    return {kind: sorted(connection.scalars(text(query)).all()) for kind, query in queries.items()}


VALUES = {
    "BYTEA": b"x",
    "BOOLEAN": True,
    "UUID": None,
    "DATE": "2026-06-01",
    "TIMESTAMP": "2026-06-01T00:00:00Z",
    "JSONB": "{}",
    "ARRAY": ["x"],
}


def fill(connection: Connection) -> set[str]:
    """One row in every table of ours, parents first; gives the tables."""
    made: dict[tuple[str, str], Any] = {}
    for table in Base.metadata.sorted_tables:
        row: dict[str, Any] = {}
        for column in table.columns:
            if column.identity is not None or column.computed is not None:
                continue
            parent = next(iter(column.foreign_keys), None)
            kind = str(column.type.compile(connection.dialect)).split("(")[0].split(" ")[0]
            if isinstance(column.type, ARRAY):
                kind = "ARRAY"
            value = uuid.uuid4() if kind == "UUID" else VALUES.get(kind, "x" if kind == "VARCHAR" else 1)
            row[column.name] = made[parent.column.table.name, parent.column.name] if parent is not None else value
            made[table.name, column.name] = row[column.name]
        names = ", ".join(row)
        connection.execute(text(f"insert into {table.name} ({names}) values ({', '.join(':' + n for n in row)})"), row)
    return {t.name for t in Base.metadata.sorted_tables}


def test_up_down_and_up_again_with_data_in_every_table(empty: ServiceUrls) -> None:
    engine = owner(empty)
    with engine.connect() as connection:
        assert not any(objects(connection).values())
    upgrade(empty)
    with engine.begin() as connection:
        first = objects(connection)
        ours = {n for n in inspect(connection).get_table_names() if not n.startswith(("procrastinate_", "alembic_"))}
        assert fill(connection) == ours
    downgrade(empty, "base")
    with engine.connect() as connection:
        left = objects(connection)
        assert {kind: names for kind, names in left.items() if names} == {}
    upgrade(empty)
    with engine.connect() as connection:
        assert objects(connection) == first
    engine.dispose()


def test_every_single_step_can_be_taken_back(empty: ServiceUrls) -> None:
    engine = owner(empty)
    steps = [s.revision for s in ScriptDirectory.from_config(alembic_config("")).walk_revisions()][::-1]
    assert len(steps) >= 4
    for revision in steps:
        with engine.connect() as connection:
            before = objects(connection)
        command.upgrade(alembic_config(empty.database_owner_url), revision)
        with engine.connect() as connection:
            after = objects(connection)
        command.downgrade(alembic_config(empty.database_owner_url), "-1")
        with engine.connect() as connection:
            assert objects(connection) == before, revision
        command.upgrade(alembic_config(empty.database_owner_url), revision)
        with engine.connect() as connection:
            assert objects(connection) == after, revision
    engine.dispose()


def test_migrations_and_models_do_not_drift(urls: ServiceUrls) -> None:
    command.check(alembic_config(urls.database_owner_url))
    engine = owner(urls)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        drift = [d for d in compare_metadata(context, Base.metadata) if "procrastinate_" not in str(d)]
    assert drift == []
    engine.dispose()


def test_the_application_may_not_change_history_nor_the_schema(urls: ServiceUrls) -> None:
    grant(urls)  # twice is once
    engine = create_engine(urls.database_url)
    with engine.connect() as connection:
        role = connection.scalar(text("select current_user"))
        rights = connection.execute(
            text(
                "select t.tablename, p from pg_tables t,"
                " unnest(array['SELECT','INSERT','UPDATE','DELETE','TRUNCATE','TRIGGER']) p"
                " where t.schemaname = 'public' and has_table_privilege(:role, 'public.' || t.tablename, p)"
            ),
            {"role": role},
        )
        held: dict[str, set[str]] = {}
        for table, right in rights:
            held.setdefault(table, set()).add(right)
        for table in {t.name for t in Base.metadata.sorted_tables}:
            wanted = {"SELECT", "INSERT"} if table in APPEND_ONLY else {"SELECT", "INSERT", "UPDATE", "DELETE"}
            assert held[table] == wanted, table
        assert connection.scalar(text("select has_schema_privilege(:r, 'public', 'CREATE')"), {"r": role}) is False
        flags = connection.execute(
            text("select rolsuper, rolcreaterole, rolcreatedb, rolbypassrls from pg_roles where rolname = :r"),
            {"r": role},
        ).one()
        assert not any(flags)
    engine.dispose()


Contents = dict[str, list[dict[str, Any]]]


def contents(connection: Connection) -> Contents:
    """Every row of every table of ours, in no order that matters."""
    names = [n for n in inspect(connection).get_table_names() if not n.startswith(("procrastinate_", "alembic_"))]
    found: Contents = {}
    for name in names:
        rows = connection.scalars(text(f'select to_jsonb(t) from "{name}" t')).all()
        found[name] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def differences(before: Contents, after: Contents) -> list[str]:
    """Tables that stand on both sides and differ in the columns that both have."""
    wrong = []
    for name in before.keys() & after.keys():
        shared = {c for row in before[name] for c in row} & {c for row in after[name] for c in row}
        old, new = (
            sorted(json.dumps({c: row[c] for c in shared}, sort_keys=True) for row in side[name])
            for side in (before, after)
        )
        if old != new or not shared:
            wrong.append(name)
    return wrong


def test_rows_outlive_every_step_down_and_up_again(empty: ServiceUrls) -> None:
    """One step at a time: what stands in both schemas stands there unchanged, whichever way the step is taken."""
    engine = owner(empty)
    upgrade(empty)
    with engine.begin() as connection:
        fill(connection)
    with engine.connect() as connection:
        before = contents(connection)
    assert all(before.values())
    config = alembic_config(empty.database_owner_url)
    steps = [s.revision for s in ScriptDirectory.from_config(config).walk_revisions()]
    for revision in steps:
        command.downgrade(config, "-1")
        with engine.connect() as connection:
            below = contents(connection)
        assert differences(before, below) == [], f"down from {revision}"
        command.upgrade(config, revision)
        with engine.connect() as connection:
            assert differences(below, contents(connection)) == [], f"up to {revision}"
        command.downgrade(config, "-1")
        before = below
    engine.dispose()


def test_a_lost_row_and_a_changed_value_are_noticed(urls: ServiceUrls) -> None:
    engine = owner(urls)
    with engine.begin() as connection:
        fill(connection)
        before = contents(connection)
        assert differences(before, contents(connection)) == []
        connection.execute(text("update graduate set college = 'y'"))
        connection.execute(text("delete from import_segment"))
        assert sorted(differences(before, contents(connection))) == ["graduate", "import_segment"]
    engine.dispose()


def test_what_is_held_already_is_held_by_wish_since_it_was(empty: ServiceUrls) -> None:
    upgrade(empty)
    engine = owner(empty)
    with engine.begin() as connection:
        fill(connection)
    downgrade(empty, "0027")
    with engine.begin() as connection:
        late = "moved_at = '2026-06-30T17:00:00Z'"
        connection.execute(text(f"update transfer set state = 'held_at_school', destination_case = null, {late}"))
    upgrade(empty, "0030")
    with engine.connect() as connection:
        found = connection.execute(text("select destination_case, held_since::text, hold_told from transfer")).one()
    assert tuple(found) == ("kept_at_school", "2026-07-01", None)
    engine.dispose()


def test_a_hold_that_has_ended_counts_from_its_first_day(empty: ServiceUrls) -> None:
    upgrade(empty)
    engine = owner(empty)
    with engine.begin() as connection:
        fill(connection)
    downgrade(empty, "0027")
    with engine.begin() as connection:
        for day in ("2025-07-02", "2025-06-30"):
            connection.execute(
                text(
                    "insert into event (public_id, at, type, actor_kind, actor_id, object_kind, object_id, data,"
                    " request_id) select gen_random_uuid(), cast(:at as timestamptz), 'transfer.moved', 'system',"
                    " gen_random_uuid(), 'transfer', id, '{\"state\": \"held_at_school\"}', '' from transfer"
                ),
                {"at": f"{day}T17:00:00Z"},
            )
    upgrade(empty, "0030")
    with engine.connect() as connection:
        assert connection.execute(text("select held_since::text from transfer")).scalar_one() == "2025-07-01"
    engine.dispose()


@pytest.mark.parametrize(
    ("dossier", "transfer", "standing", "kind"),
    [
        ("sealed", "in_transit", "left", "left"),
        ("open", "rebuilding", "left", "left"),
        ("transferred", "closed", "left", "left"),
        ("sealed", "returned", "unplaced", "came_back"),
        ("sealed", "sealed", None, None),
        ("open", "draft", None, None),
    ],
)
def test_custody_takes_over_what_is_away_already(
    empty: ServiceUrls, dossier: str, transfer: str, standing: str | None, kind: str | None
) -> None:
    upgrade(empty)
    engine = owner(empty)
    with engine.begin() as connection:
        fill(connection)
        connection.execute(text("update dossier set state = :s"), {"s": dossier})
        connection.execute(text("update transfer set state = :s, supplements = null"), {"s": transfer})
    downgrade(empty, "0026")
    upgrade(empty, "0027")
    with engine.connect() as connection:
        found = connection.execute(
            text("select c.standing, m.kind, m.number, m.why from custody c join custody_move m using (dossier_id)")
        ).all()
    assert [tuple(row) for row in found] == ([] if standing is None else [(standing, kind, 1, "before")])
    engine.dispose()


@pytest.mark.parametrize(
    ("tries", "trouble", "pending", "stuck"),
    [
        (0, None, True, False),
        (3, "push_unreachable", True, False),
        (9, "push_unreachable", False, True),
        (0, "push_target_refused", False, True),
    ],
)
def test_pushes_that_were_still_to_be_tried_are_and_what_gave_up_waits_for_staff(
    empty: ServiceUrls, tries: int, trouble: str | None, pending: bool, stuck: bool
) -> None:
    upgrade(empty)
    engine = owner(empty)
    with engine.begin() as connection:
        fill(connection)
    downgrade(empty, "0027")
    with engine.begin() as connection:
        connection.execute(
            text("update electronic_leg set state = 'submitted', pushed_at = null, push_tries = :n, trouble = :t"),
            {"n": tries, "t": trouble},
        )
    upgrade(empty, "0029")
    with engine.connect() as connection:
        found = connection.execute(
            text("select push_due_at is not null, trouble_at is not null, due_on from electronic_leg")
        ).one()
    assert tuple(found) == (pending, stuck, None)
    engine.dispose()


def test_of_the_breakers_those_of_templates_outlive_the_step_down(empty: ServiceUrls) -> None:
    upgrade(empty)
    engine = owner(empty)
    stands = (
        "insert into channel_breaker (platform, template, failures, openings, reason, changed_at)"
        " values ('wechat', 'ticket_decided', 5, 1, '40037', now()), ('email', '', 5, 1, '535', now())"
    )
    with engine.begin() as connection:
        connection.execute(text(stands))
    downgrade(empty, "0040")
    upgrade(empty)
    with engine.connect() as connection:
        assert connection.execute(text("select platform, reason from channel_breaker")).all() == [("wechat", "40037")]
    engine.dispose()


def test_processes_of_the_release_before_find_all_their_columns_while_they_are_changed_over(empty: ServiceUrls) -> None:
    """docs/production.md: migrate first, then change the processes over. 0040 is the last step of that release."""
    query = text("select table_name, column_name from information_schema.columns where table_schema = 'public'")
    engine, found = owner(empty), list[set[tuple[str, str]]]()
    upgrade(empty)
    for step in ("0040", "head"):
        (downgrade if step == "0040" else upgrade)(empty, step)
        with engine.connect() as connection:
            found.append({(row[0], row[1]) for row in connection.execute(query)})
    engine.dispose()
    before, after = found
    assert before - after == set()
