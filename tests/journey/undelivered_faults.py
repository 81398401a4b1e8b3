"""Planted faults of the steps about what did not arrive."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import healed_afterwards, no_inserts, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("push.dead", "失败原因没有存下来 the reason is lost on its way to the row")
def reason_lost(scene: Scene, undo: Undo) -> None:
    healed_afterwards(scene, undo)
    trigger(scene, undo, "delivery_attempt", "update", "new.reason := ''; return new;")


@fault("push.dead", "通道没有暂停 the breaker does not open")
def never_opens(scene: Scene, undo: Undo) -> None:
    healed_afterwards(scene, undo)
    trigger(scene, undo, "channel_breaker", "update", "new.open_until := null; return new;")


@fault("push.again", "重新发送写不进数据库 a new attempt cannot be written")
def no_attempts(scene: Scene, undo: Undo) -> None:
    healed_afterwards(scene, undo)
    no_inserts(scene, undo, "delivery_attempt")
