"""Planted faults of the materials' steps."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import no_inserts, stopped, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("full.scan", "材料版本行写不进去 versions of materials cannot be written")
def no_versions(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "material_version")


@fault("full.supplement", "补充材料的状态不能改变 a supplement's state cannot change")
def stuck_supplement(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "supplement", "update", "new.state := old.state; return new;")


@fault("full.supplement", "后台任务进程被停 the job worker was stopped")
def worker_gone(scene: Scene, undo: Undo) -> None:
    stopped(scene, undo, "worker")


@fault("full.fixity", "检查的发现写不进去 findings cannot be written")
def no_findings(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "fixity_finding")
