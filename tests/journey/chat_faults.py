"""Planted faults of the chat's steps."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import no_inserts, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("chat.answer", "聊天内容写不进去 what is said cannot be kept")
def nothing_kept(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "chat_message")


@fault("chat.desk", "会话状态停住不动 the conversation's state does not move")
def stuck(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "chat_conversation", "update", "new.state := old.state; return new;")
