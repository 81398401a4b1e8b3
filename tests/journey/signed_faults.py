"""The planted fault of the signing system's step."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene


@fault("signed.send", "外来通知没有进入收件箱 a notice is taken and never written to the inbox")
def never_written(scene: Scene, undo: contextlib.ExitStack) -> None:
    trigger(
        scene, undo, "notice", "insert", "if new.event_type = 'partner.notice' then return null; end if; return new;"
    )
