"""Faults for the steps of lost and rebuilt mail, and of 机要."""

from __future__ import annotations

import contextlib
from typing import Any

from tests.journey.clients import Reply, altered
from tests.journey.mischief import no_inserts, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("carry.lost", "轨迹一行也存不下 no line of the trace can be kept")
def no_trace(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "tracking_event")


@fault("carry.trace", "打印函件没有留痕 the printing of letters leaves no trace, so none is printed")
def no_letter(scene: Scene, undo: Undo) -> None:
    body = "if new.type = 'transfer.letter_printed' then raise exception 'planted'; end if; return new;"
    trigger(scene, undo, "event", "insert", body)


@fault("carry.rebuild", "第二次冻结的目录存不下 the catalogue cannot be frozen a second time")
def no_second_manifest(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "transfer_manifest")


@fault("carry.scan", "扫到的一行记不进批次 what is scanned cannot be entered in the batch")
def no_items(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "dispatch_item")


@fault("carry.arrives", "中间缓存把送达说成已接收 a cache on the way shows delivered as received")
def said_received(scene: Scene, undo: Undo) -> None:
    def changed(body: Any) -> Any:
        return {"items": [item | {"received": True} for item in body["items"]]}

    def lie(method: str, url: str, reply: Reply) -> Reply:
        wanted = method == "GET" and url.endswith("/transfers") and reply.status == 200
        return altered(reply, changed) if wanted else reply

    scene.house.wire.tampers.append(lie)
    undo.callback(scene.house.wire.tampers.remove, lie)


@fault("carry.closed", "转递停在送达 the transfer cannot leave its state in the database")
def stuck(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "transfer", "update", "new.state := old.state; return new;")


@fault("post.open", "转递行不许新增 no transfer can be opened in the database")
def no_opening(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "transfer")


@fault("post.closed", "交寄记录存不下 the hand-over cannot be kept")
def no_hand_over(scene: Scene, undo: Undo) -> None:
    no_inserts(scene, undo, "dispatch")
