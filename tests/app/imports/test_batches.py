"""Batches: once for one key, tried before they are filed, taken up after a crash, mended, cancelled, and taken back."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import TextClause, create_engine, func, select, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.db import Base
from app.errors import Conflict, Forbidden, Invalid, NotFound, Unavailable, VersionMismatch
from app.imports.rules import KEEP_SOURCE, RECEIVING_LIMIT, BatchState
from app.imports.views import BatchView
from app.people.models import Graduate
from auth.activation import DOCUMENT_KINDS
from migrations.tables import ALL_MODELS
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.imports.test_imports import _zip, row, table
from tests.conftest import World
from tests.fakes import jpeg

assert ALL_MODELS
KEPT = {
    "event",
    "event_outbox",
    "import_batch",
    "import_row",
    "search_text",
    "search_posting",
    "search_shelf",
    "data_key",
}
"""What an undone import may leave: its history and that outside systems hear of it, and texts that belong to nobody."""


def receive(lantai: Lantai, data: bytes, name: str = "g.csv", actor: Actor = SYSTEM, **more: Any) -> BatchView:
    return lantai.importer.receive(actor, name=name, stream=io.BytesIO(data), **{"source": "console", **more})


def counts(lantai: Lantai) -> dict[str, int]:
    with lantai.db.transaction() as session:
        return {t.name: session.scalar(select(func.count()).select_from(t)) or 0 for t in Base.metadata.tables.values()}


def graduates(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(Graduate.id))) or 0


def bundle(*numbers: int, **wrong: str) -> bytes:
    people = [row(n) for n in numbers]
    people[0] |= wrong
    courses = [
        {"学号": p["学号"], "课程名称": f"课程{i}", "学期": "2024-2025-1", "学分": "2", "成绩": "90"}
        for p in people
        for i in range(2)
    ]
    awards = [{"学号": p["学号"], "奖项名称": "三好学生", "级别": "校级", "日期": "2025年5月4日"} for p in people]
    materials = [
        {"学号": p["学号"], "类别": "4-1", "种类": "transcript", "题名": "成绩单", "文件": "scan.jpg"} for p in people
    ]
    return _zip(
        {
            "graduates.csv": table(*people),
            "courses.csv": table(*courses),
            "awards.csv": table(*awards),
            "materials.csv": table(*materials),
            "materials/scan.jpg": jpeg(),
            **{f"photos/{p['学号']}.jpg": jpeg() for p in people},
        }
    )


# --- one key, one batch -----------------------------------------------------------------------------------------------


def test_the_same_key_and_content_is_the_same_batch_and_other_content_a_conflict(lantai: Lantai, world: World) -> None:
    first = receive(lantai, table(row(1)), batch_key="2026-1")
    stored = set(world.files.files)
    assert receive(lantai, table(row(1)), batch_key="2026-1").id == first.id
    with pytest.raises(Conflict, match="batch_key_reused"):
        receive(lantai, table(row(2)), batch_key="2026-1")
    assert set(world.files.files) == stored
    assert receive(lantai, table(row(1))).id == receive(lantai, table(row(1)), name="other.csv").id != first.id
    for key in ("", "a b", "x" * 129, "号"):
        with pytest.raises((Invalid, Conflict)):
            receive(lantai, table(row(3)), batch_key=key or "\n")
    with pytest.raises(Invalid, match="source_empty"):
        receive(lantai, b"")
    assert [b.state for b in lantai.importer.batches(SYSTEM).batches] == [BatchState.UPLOADED] * 2


def test_nothing_of_the_source_lies_in_the_clear(lantai: Lantai, world: World) -> None:
    view = receive(lantai, table(row(1, 姓名="欧阳修远")), name="欧阳修远.csv")
    assert view.name == "欧阳修远.csv"
    assert world.files.files
    assert not any(
        "欧阳".encode() in data or row(1)["身份证号"].encode() in data for data in world.files.files.values()
    )
    with lantai.db.transaction() as session:
        whole = session.scalars(text("select b::text from import_batch b")).all()
    assert "欧阳".encode().hex() not in "".join(whole)
    assert "欧阳" not in "".join(whole)


# --- dry run and jobs -------------------------------------------------------------------------------------------------


def test_a_dry_run_files_nothing_and_says_what_would_be(lantai: Lantai, run_jobs: Callable[[], None]) -> None:
    view = receive(lantai, _zip({"graduates.csv": table(row(1), row(2, 姓名="")), "courses.csv": _stray()}), "g.zip")
    lantai.importer.start_check(SYSTEM, view.id, view.version)
    run_jobs()
    checked = lantai.importer.batch(SYSTEM, view.id)
    assert (checked.state, checked.rows, checked.filed, checked.refused) == (BatchState.CHECKED, 2, 1, 2)
    rows = lantai.importer.rows(SYSTEM, view.id)
    assert [(r.sheet, r.line, [(f.column, f.code) for f in r.faults]) for r in rows] == [
        ("courses", 2, [("学号", "student_unknown")]),
        ("graduates", 3, [("姓名", "required")]),
    ]
    assert rows[1].student == "2022****02"
    assert rows[1].faults[0].cell == "B3"
    assert graduates(lantai) == 0
    lantai.importer.start_import(SYSTEM, view.id, checked.version)
    run_jobs()
    done = lantai.importer.batch(SYSTEM, view.id)
    assert (done.state, done.filed, done.refused, done.percent) == (BatchState.DONE, 1, 2, 100)
    assert graduates(lantai) == 1
    assert [r.outcome for r in lantai.importer.rows(SYSTEM, view.id, outcome="filed")] == ["filed"]


def _stray() -> bytes:
    return table({"学号": "2099000001", "课程名称": "档案学概论", "学期": "2025-1", "成绩": "88"})


def test_a_source_that_breaks_off_files_nothing(lantai: Lantai) -> None:
    rows = table(*(row(n) for n in range(1, 30)))
    lantai.importer.runner.chunk_rows = 5
    for data, name in ((rows + b"\xff\xfe\x81,broken", "g.csv"), (_zip({"graduates.csv": rows})[:-40], "g.zip")):
        view = receive(lantai, data, name)
        done = lantai.importer.import_now(SYSTEM, view.id)
        assert done.state is BatchState.FAILED
        assert done.problems[0].words
    assert graduates(lantai) == 0


def test_versions_states_and_roles_are_kept(lantai: Lantai, clerk: Clerk) -> None:
    view = receive(lantai, table(row(1)))
    with pytest.raises(VersionMismatch):
        lantai.importer.start_import(SYSTEM, view.id, view.version + 1)
    done = lantai.importer.import_now(SYSTEM, view.id)
    for act in (lantai.importer.start_import, lantai.importer.start_check, lantai.importer.cancel):
        with pytest.raises(Conflict, match="import_state"):
            act(SYSTEM, view.id, done.version)
    for role in set(Role) - {Role.ARCHIVIST}:
        with pytest.raises(Forbidden):
            lantai.importer.batch(clerk(role), view.id)
    partner, other = (Actor(ActorKind.PARTNER, uuid4()) for _ in range(2))
    mine = receive(lantai, table(row(2)), actor=partner, batch_key="k")
    assert [b.id for b in lantai.importer.batches(partner).batches] == [mine.id]
    asked: tuple[Callable[[Actor, UUID], object], ...] = (
        lantai.importer.batch,
        lantai.importer.start_import,
        lantai.importer.rows,
    )
    for ask in asked:
        with pytest.raises(NotFound):
            ask(other, mine.id)
    with pytest.raises(Forbidden):
        lantai.importer.undo(partner, mine.id)


def test_a_partner_files_one_record_once(lantai: Lantai) -> None:
    partner = Actor(ActorKind.PARTNER, uuid4())
    view, told = lantai.importer.file_one(partner, "r-1", row(1))
    again, same = lantai.importer.file_one(partner, "r-1", row(1))
    assert (view.id, told) == (again.id, same)
    assert told.outcome == "filed"
    assert told.graduate_id is not None
    assert graduates(lantai) == 1
    _, refused = lantai.importer.file_one(partner, "r-2", row(2, 身份证号="110105200403150"))
    assert [(f.column, f.words) for f in refused.faults] == [("身份证号", "15 位旧身份证号须提供 18 位")]
    with pytest.raises(Conflict):
        lantai.importer.file_one(partner, "r-1", row(3))
    with pytest.raises(Invalid):
        lantai.importer.file_one(partner, "r-4", {**row(4), "成绩": "90"})


# --- interruptions ----------------------------------------------------------------------------------------------------


class Cut(BaseException):
    """As a killed process: nothing that catches errors sees it."""


def test_what_was_interrupted_goes_on_where_it_was(lantai: Lantai, world: World, monkeypatch: Any) -> None:
    lantai.importer.runner.chunk_rows = 2
    view = receive(lantai, bundle(*range(1, 8)), "g.zip")
    put, left = world.files.put, [9]

    def cut(name: str, data: bytes) -> None:
        put(name, data)
        left[0] -= 1
        if not left[0]:
            raise Cut

    monkeypatch.setattr(world.files, "put", cut)
    with pytest.raises(Cut):
        lantai.importer.import_now(SYSTEM, view.id)
    half = lantai.importer.batch(SYSTEM, view.id)
    assert half.state is BatchState.IMPORTING
    assert 0 < half.filed < 7
    assert graduates(lantai) == half.filed
    done = lantai.importer.import_now(SYSTEM, view.id)
    assert (done.state, done.filed, done.refused) == (BatchState.DONE, 7, 0)
    now = counts(lantai)
    assert (now["graduate"], now["record"], now["material"], now["import_row"]) == (7, 7 * 5, 7, 7)
    assert now["import_stage"] == now["import_file"] == 0
    # segments, photos and scans, and not one orphan of the chunk that was cut
    assert len(world.files.files) == now["import_segment"] + 14


def test_a_full_disk_leaves_the_batch_to_be_taken_up_again(
    lantai: Lantai, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = receive(lantai, bundle(1, 2), "g.zip")

    def full(name: str, data: bytes) -> None:
        raise Unavailable("file_store_unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(world.files, "put", full)
        with pytest.raises(Unavailable):
            lantai.importer.import_now(SYSTEM, view.id)
        with pytest.raises(Unavailable):
            receive(lantai, table(row(9)))
    held = lantai.importer.batch(SYSTEM, view.id)
    assert (held.state, held.trouble, graduates(lantai)) == (BatchState.IMPORTING, "file_store_unavailable", 0)
    done = lantai.importer.import_now(SYSTEM, view.id)
    assert (done.state, done.trouble, done.filed) == (BatchState.DONE, "", 2)
    assert len(lantai.importer.batches(SYSTEM).batches) == 1


def test_two_workers_never_run_one_batch_and_a_race_for_a_student_is_told(lantai: Lantai) -> None:
    view = receive(lantai, table(row(1), row(2)))
    seen: list[object] = []

    def beside() -> None:
        try:
            lantai.importer.runner.run(view.id)
        except Conflict as error:
            seen.append(error.code)

    def meanwhile(*_: object) -> None:
        other = threading.Thread(target=beside)
        other.start()
        other.join()

    lantai.importer.import_now(SYSTEM, view.id, meanwhile)
    assert seen == ["import_running"]
    assert graduates(lantai) == 2


def test_a_cancelled_batch_stops_and_its_source_goes(lantai: Lantai, world: World) -> None:
    lantai.importer.runner.chunk_rows = 2
    view = receive(lantai, table(*(row(n) for n in range(1, 10))))

    def stop(done: int, *_: object) -> None:
        if done == 2:
            lantai.importer.cancel(SYSTEM, view.id)

    ended = lantai.importer.import_now(SYSTEM, view.id, stop)
    assert ended.state is BatchState.CANCELLED
    assert ended.filed == graduates(lantai) < 9
    lantai.importer.sweep()
    assert world.files.files == {}
    again = receive(lantai, table(*(row(n) for n in range(1, 10))))
    assert again.id != view.id
    assert again.state is BatchState.UPLOADED


def test_sources_have_their_time(lantai: Lantai, world: World, clock: Any) -> None:
    view = receive(lantai, table(row(1), row(2, 姓名="")))
    lantai.importer.import_now(SYSTEM, view.id)
    assert lantai.importer.sweep() == 0
    clock.advance(seconds=KEEP_SOURCE.total_seconds() + 1)
    assert lantai.importer.sweep() == 1
    assert world.files.files == {}
    with pytest.raises(Conflict, match="import_source_gone"):
        lantai.importer.error_file(SYSTEM, view.id)
    rows = lantai.importer.rows(SYSTEM, view.id, outcome="refused")
    assert [(r.student, r.faults[0].code) for r in rows] == [("", "required")]
    assert KEEP_SOURCE > RECEIVING_LIMIT > timedelta(0)


def execute(lantai: Lantai, value: UUID, *statements: TextClause) -> None:
    with lantai.db.transaction() as session:
        for statement in statements:
            session.execute(statement, {"v": str(value)} if ":v" in statement.text else {})


# --- undo -------------------------------------------------------------------------------------------------------------


def test_a_batch_nobody_depends_on_is_taken_back_whole(
    lantai: Lantai, world: World, clerk: Clerk, run_jobs: Callable[[], None]
) -> None:
    lantai.importer.import_now(SYSTEM, receive(lantai, bundle(20), "before.zip").id)
    before, files = counts(lantai), set(world.files.files)
    view = lantai.importer.import_now(SYSTEM, receive(lantai, bundle(1, 2, 3), "g.zip").id)
    actor = clerk()
    assert lantai.importer.hindrances(actor, view.id) == []
    lantai.importer.undo(actor, view.id, view.version)
    run_jobs()
    assert lantai.importer.batch(SYSTEM, view.id).state is BatchState.UNDONE
    after = counts(lantai)
    assert {t for t in after if after[t] != before[t]} - KEPT - {"staff_member"} == set()
    assert after["data_key"] == before["data_key"]
    assert set(world.files.files) == files
    with lantai.db.transaction() as session:
        told = session.scalar(text("select count(distinct graduate_id) from event where type = 'import.undone'"))
    assert told == 3
    assert lantai.importer.import_now(SYSTEM, receive(lantai, bundle(1, 2, 3), "g.zip").id).filed == 3


def test_an_undo_is_refused_while_something_depends_and_changes_nothing(lantai: Lantai, clerk: Clerk) -> None:
    view = lantai.importer.import_now(SYSTEM, receive(lantai, bundle(1, 2), "g.zip").id)
    rows = lantai.importer.rows(SYSTEM, view.id)
    owners = [r.graduate_id for r in rows if r.graduate_id is not None]
    actor = clerk()
    lantai.activation.issue(actor, owners[1], next(iter(DOCUMENT_KINDS)), identity_checked=True)
    before = counts(lantai)
    found = lantai.importer.hindrances(actor, view.id)
    assert [(h.line, h.words) for h in found] == [(3, "已发激活码")]
    with pytest.raises(Conflict, match="import_not_undoable"):
        lantai.importer.undo(actor, view.id, view.version)
    # and the database itself refuses, whoever asks it
    undoing = text("update import_batch set state = 'undoing' where id = :v")
    with pytest.raises(IntegrityError, match="depends on batch"):
        execute(lantai, view.id, undoing, text("select lantai_undo_import(:v)"))
    with pytest.raises(IntegrityError, match="not being undone"):
        execute(lantai, view.id, text("select lantai_undo_import(:v)"))
    assert counts(lantai) == before
    assert lantai.importer.batch(SYSTEM, view.id).state is BatchState.DONE


def test_versions_cannot_be_deleted_by_pretending_to_undo(lantai: Lantai, urls: Any) -> None:
    view = lantai.importer.import_now(SYSTEM, receive(lantai, table(row(1))).id)
    pretend = text("select set_config('lantai.undoing', :v, true)")
    with pytest.raises(ProgrammingError, match="permission denied"):
        execute(lantai, view.id, pretend, text("delete from record_version"))
    owner = create_engine(urls.database_owner_url)
    for setting in (str(view.id), str(UUID(int=1)), ""):
        with owner.connect() as connection:
            connection.execute(pretend, {"v": setting})
            with pytest.raises(IntegrityError, match="append-only"):
                connection.execute(text("delete from record_version"))
    owner.dispose()
