"""Ways to spoil the world and to put it right again, for the planted faults."""

from __future__ import annotations

import contextlib
from typing import LiteralString

from psycopg import sql

from tests.journey.scene import Scene

APP_ROLE = "lantai_app"


def run_sql(scene: Scene, statement: LiteralString, *values: object) -> None:
    with scene.stack.owner() as connection:
        connection.execute(statement, values)


def one_value(scene: Scene, query: LiteralString, *values: object) -> str:
    with scene.stack.owner() as connection:
        row = connection.execute(query, values).fetchone()
    if row is None:
        raise LookupError("the fault's own query found nothing")
    return str(row[0])


def no_inserts(scene: Scene, undo: contextlib.ExitStack, table: str) -> None:
    """The application may not write new rows there any more."""
    change(scene, sql.SQL("revoke insert on {} from {}"), table, APP_ROLE)
    undo.callback(change, scene, sql.SQL("grant insert on {} to {}"), table, APP_ROLE)


def change(scene: Scene, statement: sql.SQL, *names: str) -> None:
    with scene.stack.owner() as connection:
        connection.execute(statement.format(*map(sql.Identifier, names)))


def trigger(scene: Scene, undo: contextlib.ExitStack, table: str, event: LiteralString, body: LiteralString) -> None:
    """Somebody put a trigger on a table: ``body`` runs before each row's ``event``."""
    undo.callback(_drop_trigger, scene)
    with scene.stack.owner() as connection:
        connection.execute(
            sql.SQL(
                "create function planted() returns trigger language plpgsql as $planted$ begin {} end $planted$"
            ).format(sql.SQL(body))
        )
        connection.execute(
            sql.SQL("create trigger planted before {} on {} for each row execute function planted()").format(
                sql.SQL(event), sql.Identifier(table)
            )
        )


def _drop_trigger(scene: Scene) -> None:
    run_sql(scene, "drop function if exists planted() cascade")


def stopped(scene: Scene, undo: contextlib.ExitStack, program: str) -> None:
    """The program is stopped and started again afterwards."""
    undo.callback(scene.stack.start_program, program)
    scene.stack.stop_program(program)


def sandbox_fault(scene: Scene, undo: contextlib.ExitStack, target: str, kind: str, value: object, times: int) -> None:
    healed_afterwards(scene, undo)
    undo.callback(scene.house.sandbox.call, "DELETE", "/faults")
    scene.house.sandbox.fault(target, kind, value, times)


def healed_afterwards(scene: Scene, undo: contextlib.ExitStack) -> None:
    """No template stays paused: other tellings push by the same ones."""
    undo.callback(run_sql, scene, "delete from channel_breaker")


def swap_cells(scene: Scene, undo: contextlib.ExitStack, table: str, column: str, rows: str, *values: object) -> None:
    """Two sealed cells of an append-only table change places; ``rows`` selects the two ids. Taken back by ``undo``:
    commands that read the whole house must not meet the damage of an earlier fault.
    """

    def write(cells: list[tuple[object, bytes]]) -> None:
        with scene.stack.owner() as connection:
            connection.execute(f"alter table {table} disable trigger user")
            for row_id, cell in cells:
                connection.execute(f"update {table} set {column} = %s where id = %s", (cell, row_id))
            connection.execute(f"alter table {table} enable trigger user")

    with scene.stack.owner() as connection:
        found = connection.execute(f"select id, {column} from {table} where id in ({rows})", values).fetchall()
    (first, one), (second, other) = found
    undo.callback(write, [(first, one), (second, other)])
    write([(first, other), (second, one)])


def spoilt_file(scene: Scene, undo: contextlib.ExitStack, name: str) -> None:
    """As ``spoil_file``, and the bit back afterwards."""
    undo.callback(spoil_file, scene, name)
    spoil_file(scene, name)


def spoil_file(scene: Scene, name: str) -> None:
    """One bit of a stored file turns over, as on a dying disk."""
    path = next((scene.stack.data / "files").rglob(name))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
