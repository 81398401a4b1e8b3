"""Planted faults of the forecast, the list and the catalogue."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import no_inserts, run_sql, swap_cells
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("full.forecast", "预测结果写不进数据库 findings cannot be stored")
def no_gaps(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "completeness_gap")


@fault("full.list", "材料的展示规则被改成密封 a material was marked as sealed in the database")
def sealed_form(scene: Scene, undo: Undo) -> None:
    dossier = scene.graduate("wei").app.get("/dossier")["dossier_id"]
    run_sql(scene, "update material set zone = 'C', zone_rule = 'C-1' where dossier_id = %s", dossier)


@fault("full.catalogue", "两份材料的题名密文被对调 two materials' sealed titles were swapped")
def swapped_titles(scene: Scene, undo: Undo) -> None:
    dossier = scene.graduate("wei").app.get("/dossier")["dossier_id"]
    swap_cells(
        scene,
        undo,
        "material_version",
        "sealed_about",
        "select v.id from material_version v join material m on m.id = v.material_id where m.dossier_id = %s"
        " order by v.id limit 2",
        dossier,
    )
