"""One fault for each step of the import chapter."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import run_sql, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("doors.import", "数据库不记各行的理由 the reasons of rows are lost")
def no_reasons(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "import_row", "insert", "new.faults := '[]'; return new;")


@fault("doors.mend", "未通过的行的原文没有留下 what stood in refused rows was not kept")
def no_cells(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update import_row set sealed_cells = null")


@fault("doors.push", "登记接入系统时丢了权限 the client was registered without its scope")
def no_scope(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "partner_client", "insert", "new.scopes := '{}'; return new;")


@fault("doors.undo", "数据库不肯删除毕业生 the database keeps whoever is deleted")
def undeletable(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "graduate", "delete", "return null;")
