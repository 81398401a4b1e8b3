"""Faults for the steps of a dossier on its way."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import no_inserts
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("move.registry", "名录记不进去 the registry takes no entry")
def no_entry(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "receiver_version")


@fault("move.choose", "转递行不许新增 no transfer can be opened in the database")
def no_opening(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "transfer")
