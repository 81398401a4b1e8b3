"""Faults for the steps of electronic packages."""

from __future__ import annotations

import contextlib

import pyrage

from tests.journey.electronic_steps import folder_of
from tests.journey.mischief import no_inserts, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("elec.key", "名录记不进新版本 the registry takes no new version")
def no_version(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "receiver_version")


@fault("elec.accepted", "接收单位手里是另一把私钥 the office holds another private key")
def other_identity(scene: Scene, undo: Undo) -> None:
    (folder_of(scene) / "identity").write_text(str(pyrage.x25519.Identity.generate()), "ascii")


@fault("elec.again", "退回原因没有存下来 the reasons are lost on their way to the row")
def reasons_lost(scene: Scene, undo: Undo) -> None:
    body = "if new.state = 'rejected' then raise exception 'planted'; end if; return new;"
    trigger(scene, undo, "electronic_leg", "update", body)
