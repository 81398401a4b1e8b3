"""Planted faults of the steps on every kind of ticket, the clock, the appeal and the timeline."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import no_inserts, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("case.missing", "收集到的材料写不进档案 the collected material cannot be filed")
def no_material(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "material")


@fault("case.unit", "单位答复没有记为证明 the unit's reply is not kept as what it proves")
def reply_unnamed(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "evidence", "insert", "new.proof := null; return new;")


@fault("case.other", "申请状态停住不动 the ticket's state does not move")
def stuck_ticket(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "ticket", "update", "new.state := old.state; return new;")


@fault("case.clock", "提醒与上报写不进去 reminders and escalations cannot be written")
def no_reminders(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "ticket_reminder")


@fault("case.appeal", "复核标记没有存下来 that it is an appeal is lost on its way to the row")
def appeal_unmarked(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "ticket", "update", "new.appealed_at := null; return new;")


@fault("case.timeline", "受理一步没有记下 the taking of the ticket is not recorded", before="ali.asked")
def step_unrecorded(scene: Scene, undo: Undo) -> None:
    body = "if new.type = 'ticket.taken' then return null; end if; return new;"
    trigger(scene, undo, "event", "insert", body)
