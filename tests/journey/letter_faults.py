"""Planted faults of the letters' steps."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import run_sql, sandbox_fault
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("letter.address", "邮件服务器暂时拒收 the mail server takes no letters")
def no_mail(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "mail", "errcode", 451, 50)


@fault("letter.sent", "邮箱已不存在 the mailbox is gone")
def no_mailbox(scene: Scene, undo: Undo) -> None:
    sandbox_fault(scene, undo, "mail", "errcode", 550, 50)


@fault("letter.checked", "核验码的摘要丢失 the check-code's hash is lost")
def code_lost(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update notice set check_hash = null where event_type = 'partner.notice'")
