"""The planted fault of the bot's step."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene


@fault("bot.hears", "事件没有进入事件流 an event is marked and never published")
def never_published(scene: Scene, undo: contextlib.ExitStack) -> None:
    trigger(scene, undo, "event_outbox", "insert", "return null;")
