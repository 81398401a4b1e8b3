"""Planted faults of the four-property check."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import one_value, run_sql, spoilt_file
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


def _graduate_id(scene: Scene) -> str:
    clerk = scene.clerk("archivist")
    return scene.seen.setdefault("checked", clerk.find(scene.graduate("kai").person.student_number))


@fault("check.run", "扫描件在磁盘上坏了一位 one bit of the stored scan turned over")
def spoilt_scan(scene: Scene, undo: Undo) -> None:
    name = one_value(
        scene,
        "select v.file_name from material_version v join material m on m.id = v.material_id join dossier d"
        " on d.id = m.dossier_id where d.graduate_id = %s and v.file_name is not null",
        _graduate_id(scene),
    )
    spoilt_file(scene, undo, name)


@fault("check.package", "检测之后档案又变了 the dossier changed after its check")
def changed_since(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update dossier set version = version + 1 where graduate_id = %s", _graduate_id(scene))


@fault("check.flip", "那一位没有翻转 the bit was not turned over")
def not_flipped(scene: Scene, undo: Undo) -> None:
    scene.seen["flip"] = "0"
