"""What is spoilt so that each step of the search chapter fails."""

from __future__ import annotations

import contextlib

from tests.journey.mischief import run_sql, trigger
from tests.journey.planted import fault
from tests.journey.scene import Scene

Undo = contextlib.ExitStack


@fault("search.own", "课程成绩被错误划入乙区 the grades were put into zone B")
def grades_hidden(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "update record set zone = 'B', zone_rule = 'B-1' where section = 'course'")
    undo.callback(run_sql, scene, "update record set zone = 'A', zone_rule = 'A-1' where section = 'course'")


@fault("search.staff", "索引的词条丢失 the postings are lost")
def postings_lost(scene: Scene, undo: Undo) -> None:
    run_sql(scene, "create table planted_postings as select * from search_posting")
    run_sql(scene, "delete from search_posting")
    undo.callback(run_sql, scene, "drop table planted_postings")
    undo.callback(run_sql, scene, "insert into search_posting select * from planted_postings")


@fault("search.purpose", "事件里没有目的 the event forgets the purpose")
def purpose_forgotten(scene: Scene, undo: Undo) -> None:
    trigger(scene, undo, "event", "insert", "new.data := new.data - 'purpose'; return new;")
