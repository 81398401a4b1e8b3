"""One fault for each step of statistics and review."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import run_sql, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("gov.statistics", "小单元的人数被写进统计 the numbers of small cells are in the release")
def unsuppressed(scene: Scene, undo: Undo) -> None:
    body = "new.body := replace(new.body::text, 'null, \"small\"', '3, \"\"')::jsonb; return new;"
    trigger(scene, undo, "statistic_release", "insert", body)


@fault("gov.review", "检查结果没有留下 outcomes of checks are lost")
def forgotten_outcome(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "review_item", "update", "new.outcome := 'waiting'; return new;")


@fault("gov.report", "检查人被换成别人 another person is written down as the checker")
def other_checker(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update review_item set checked_person = gen_random_uuid() where checked_person is not null")
