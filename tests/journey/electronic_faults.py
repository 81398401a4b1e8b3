"""Faults for the steps of electronic packages."""

from __future__ import annotations

import contextlib

import pyrage

from tests.journey.electronic_steps import folder_of
from tests.journey.mischief import no_inserts, one_value, spoilt_file, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("elec.key", "名录记不进新版本 the registry takes no new version")
def no_version(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "receiver_version")


@fault("elec.accepted", "接收单位手里是另一把私钥 the office holds another private key")
def other_identity(scene: Scene, undo: Undo) -> None:
    (folder_of(scene) / "identity").write_text(str(pyrage.x25519.Identity.generate()), "ascii")


@fault("elec.rejected", "退回原因没有存下来 the reasons are lost on their way to the row")
def reasons_lost(scene: Scene, undo: Undo) -> None:
    body = "if new.state = 'rejected' then raise exception 'planted'; end if; return new;"
    trigger(scene, undo, "electronic_leg", "update", body)


@fault("elec.opened", "启封后新材料写不进档案 the material cannot be filed though the seal is open")
def not_filed(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "material")


@fault("elec.again", "新收材料的扫描件在磁盘上坏了一位 one bit of the new material's scan turned over")
def spoilt_supplement(scene: Scene, undo: Undo) -> None:
    path = scene.graduate("su").ids["transfers"]
    name = one_value(
        scene,
        "select v.file_name from material_version v join material m on m.id = v.material_id join dossier d"
        " on d.id = m.dossier_id where d.graduate_id = %s and v.file_name is not null"
        " order by v.created_at desc limit 1",
        path.split("/")[3],
    )
    spoilt_file(scene, undo, name)
