"""Runs and packages inside the archive: what is kept, who may, and what a spoilt store leads to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import ProgrammingError

from app.actors import SYSTEM, Role
from app.checks import report as reports
from app.checks.models import CheckRun
from app.checks.rules import Outcome, Stage, Verdict
from app.checks.service import CheckService
from app.checks.views import RunView
from app.dossiers.incoming import NewMaterial
from app.envelope import BlindIndex
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.file_ports import CleanDocument
from app.jobs import CheckDossier
from app.transfers.service import TransferService
from app.transfers.states import State
from app.transfers.steps import TransferSteps
from parts import Lantai
from tests.app.checks.conftest import scan
from tests.conftest import Person, StaffLogin, World
from tests.moving import desk_pair, lead, opened

SCHEMA = Path(__file__).resolve().parents[3] / "docs/schemas/four-property-report-1.json"
HUMAN = ("Z-1-51", "Z-1-61", "Z-3-51")


def outcome_of(run: RunView, check_id: str) -> Outcome:
    return next(i.outcome for p in run.properties for i in p.items if i.line.id == check_id)


def test_a_run_waits_for_people_and_passes_once_they_have_spoken(
    lantai: Lantai, held: Person, archivist: StaffLogin, world: World
) -> None:
    run = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    assert run.outcome is Verdict.WAITING
    assert {outcome_of(run, c) for c in HUMAN} == {Outcome.WAITING}
    for check in HUMAN:
        lantai.checks.confirm(archivist.actor, held.id, check, True, "已核对原件")
    world.clock.advance(minutes=1)
    again = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    assert again.outcome is Verdict.NOTED
    assert {outcome_of(again, c) for c in HUMAN} == {Outcome.PASS}
    items = lantai.checks.human_items(archivist.actor, held.id, Stage.ARCHIVING)
    assert [(i.agreed, i.note, i.by) for i in items] == [(True, "已核对原件", archivist.id)] * 3
    assert [r.outcome for r in lantai.checks.runs_of(archivist.actor, held.id)] == [Verdict.NOTED, Verdict.WAITING]


def test_a_persons_no_fails_a_veto_item_and_their_word_ends_with_the_version(
    lantai: Lantai, held: Person, archivist: StaffLogin, world: World
) -> None:
    lantai.checks.confirm(archivist.actor, held.id, "Z-1-61", False, "签字为复印件")
    assert lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING).outcome is Verdict.FAILED
    lantai.filing.add_material(archivist.actor, held.id, NewMaterial("7", "", "获奖证书", "2026-05-01", 1))
    world.clock.advance(minutes=1)
    run = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    assert outcome_of(run, "Z-1-61") is Outcome.WAITING
    first = lantai.checks.runs_of(archivist.actor, held.id)[-1]
    assert first.current is False


def test_confirmations_are_asked_for_in_full(lantai: Lantai, held: Person, archivist: StaffLogin) -> None:
    for check, agreed, note, pointer in (
        ("Z-1-01", True, "x", "/check"),
        ("Z-9-99", True, "x", "/check"),
        ("Z-1-61", True, " ", "/note"),
        ("Z-1-51", False, "", "/note"),
        ("Z-1-51", True, "x" * 301, "/note"),
    ):
        with pytest.raises(Invalid) as caught:
            lantai.checks.confirm(archivist.actor, held.id, check, agreed, note)
        assert [f.pointer for f in caught.value.faults] == [pointer]


def test_the_report_follows_its_published_schema_and_names_nobody(
    lantai: Lantai, held: Person, archivist: StaffLogin
) -> None:
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert schema == reports.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    run = lantai.checks.run(archivist.actor, held.id, Stage.HAND_OVER)
    signed = lantai.checks.report(archivist.actor, held.id, run.id)
    told = json.loads(signed.report)
    jsonschema.validate(told, schema)
    for personal in (held.card.name, held.card.id_number, held.card.phone, held.card.student_number):
        assert personal not in signed.report.decode()
    assert told["by"] == {"kind": "staff", "id": str(archivist.id)}
    assert told["checklist"]["missing"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "verdict": "fine"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**told, "name": "x"}, schema)


def test_the_checklist_of_the_completeness_room_is_told_in_the_report(
    lantai: Lantai, held: Person, archivist: StaffLogin
) -> None:
    run = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    assert outcome_of(run, "Z-2-15") is Outcome.FAIL
    told = reports.read_report(lantai.checks.report(archivist.actor, held.id, run.id).report)
    assert told.checklist is not None
    lacking = lantai.completeness.of(archivist.actor, held.id).lacking
    assert told.checklist.version == lantai.completeness.checklist.version
    assert sorted(m.where for m in told.checklist.missing) == sorted(i.kind for i in lacking) != []


def test_a_spoilt_file_fails_the_check_and_no_package_is_made(
    lantai: Lantai, held: Person, archivist: StaffLogin, world: World
) -> None:
    material = next(m for m in lantai.holdings.of(held.id).materials if m.file_name)
    name = material.file_name or ""
    world.files.files[name] = world.files.files[name][:-1] + bytes([world.files.files[name][-1] ^ 1])
    run = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    assert run.outcome is Verdict.FAILED
    assert outcome_of(run, "Z-1-01") is Outcome.FAIL
    assert run.packageable is False
    with pytest.raises(Conflict) as caught:
        lantai.checks.package(archivist.actor, held.id, run.id)
    assert caught.value.code == "package_unreadable"


def test_a_package_is_of_the_version_that_was_checked(lantai: Lantai, held: Person, archivist: StaffLogin) -> None:
    run = lantai.checks.run(archivist.actor, held.id, Stage.HAND_OVER)
    first, second = (b"".join(lantai.checks.package(archivist.actor, held.id, run.id).write()) for _ in range(2))
    assert first == second
    with zipfile.ZipFile(BytesIO(first)) as archive:
        names = archive.namelist()
        assert len({n.split("/")[0] for n in names}) == 1
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        photo = next(n for n in names if n.endswith("data/photo.jpg"))
        assert archive.read(photo) == lantai.dossiers.reference_photo(held.id)
    lantai.filing.add_material(
        archivist.actor,
        held.id,
        NewMaterial("7", "", "证书", "2026-05-01", 1, None, CleanDocument("image/jpeg", scan(5), 1)),
    )
    with pytest.raises(Conflict) as caught:
        lantai.checks.package(archivist.actor, held.id, run.id)
    assert caught.value.code == "package_outdated"


def test_roles_and_foreign_runs(
    lantai: Lantai,
    held: Person,
    archivist: StaffLogin,
    staff_factory: Callable[..., StaffLogin],
    graduate_factory: Callable[..., Person],
) -> None:
    run = lantai.checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    dispatcher, reviewer, auditor = (staff_factory(r).actor for r in (Role.DISPATCHER, Role.REVIEWER, Role.AUDITOR))
    for refused in (
        lambda: lantai.checks.run(dispatcher, held.id, Stage.ARCHIVING),
        lambda: lantai.checks.package(reviewer, held.id, run.id),
        lambda: lantai.checks.package(dispatcher, held.id, run.id),
        lambda: lantai.checks.report(auditor, held.id, run.id),
        lambda: lantai.checks.confirm(dispatcher, held.id, "Z-1-51", True, ""),
    ):
        with pytest.raises(Forbidden):
            refused()
    other = graduate_factory()
    with pytest.raises(NotFound):
        lantai.checks.run_view(archivist.actor, other.id, run.id)
    assert lantai.checks.package(archivist.actor, held.id, run.id).name.startswith("lantai-")


def test_openings_are_recorded_and_history_stays(lantai: Lantai, held: Person, archivist: StaffLogin) -> None:
    run = lantai.checks.run(archivist.actor, held.id, Stage.HAND_OVER)
    lantai.checks.report(archivist.actor, held.id, run.id)
    lantai.checks.package(archivist.actor, held.id, run.id)
    with lantai.db.transaction() as session:
        seen = [e.type for e in lantai.log.of_graduate(session, held.id)]
        row = session.scalars(select(CheckRun)).one()
        assert held.card.name.encode() not in row.sealed_report
    assert {"dossier.checked", "dossier.check_report_read", "dossier.packaged"} <= set(seen)
    with pytest.raises(ProgrammingError, match="permission denied"), lantai.db.transaction() as session:
        session.execute(text("update check_run set outcome = 'passed'"))


def test_batches_take_up_where_they_stopped_and_the_trouble_list_follows(
    lantai: Lantai, held: Person, archivist: StaffLogin, graduate_factory: Callable[..., Person]
) -> None:
    other = graduate_factory()
    assert set(lantai.checks.due(2026, Stage.ARCHIVING)) == {held.id, other.id}
    lantai.checks.run(SYSTEM, held.id, Stage.ARCHIVING)
    assert lantai.checks.due(2026, Stage.ARCHIVING) == [other.id]
    assert set(lantai.checks.due(2026, Stage.HAND_OVER)) == {held.id, other.id}
    assert lantai.checks.due(2025, Stage.ARCHIVING) == []
    lines, total = lantai.checks.troubled(archivist.actor)
    assert (total, [r.graduate_id for r in lines]) == (1, [held.id])
    assert lantai.checks.troubled(archivist.actor, Verdict.FAILED) == ([], 0)
    lantai.filing.add_material(archivist.actor, held.id, NewMaterial("7", "", "证书", "2026-05-01", 1))
    assert set(lantai.checks.due(2026, Stage.ARCHIVING)) == {held.id, other.id}


def strict_transfers(lantai: Lantai) -> TransferService:
    log, queue, clock, calendar = lantai.log, lantai.queue, lantai.clock, lantai.calendar
    footing = lantai.transfer_steps.footing
    steps = TransferSteps(log, queue, clock, calendar, BlindIndex(b"k" * 32), lantai.paper_custody, footing)
    holdings = lantai.holdings
    return TransferService(
        lantai.db, lantai.keys, steps, holdings, log, queue, clock, calendar, "档案科", lantai.checks, "require"
    )


def move_to(lantai: Lantai, person: Person, last: State) -> None:
    pair = desk_pair(lantai)
    lead(lantai, pair, opened(lantai, pair.first, person.id), last)


def test_an_assembled_dossier_is_checked_by_itself(
    lantai: Lantai, held: Person, archivist: StaffLogin, run_jobs: Callable[[], None]
) -> None:
    move_to(lantai, held, State.ASSEMBLED)
    run_jobs()
    assert [r.stage for r in lantai.checks.runs_of(archivist.actor, held.id)] == [Stage.ARCHIVING]
    lantai.checks.run_due(CheckDossier(held.id))
    assert len(lantai.checks.runs_of(archivist.actor, held.id)) == 1


def test_where_it_is_required_nothing_is_checked_without_a_pass(
    lantai: Lantai, held: Person, archivist: StaffLogin
) -> None:
    """The default only advises: the first transfer goes through; the strict one asks for a pass of this version."""
    checks: CheckService = lantai.checks
    strict = replace(lantai, transfers=strict_transfers(lantai))
    with pytest.raises(Conflict) as caught:
        move_to(strict, held, State.CHECKED)
    assert caught.value.code == "check_required"
    for check in HUMAN:
        checks.confirm(archivist.actor, held.id, check, True, "已核对")
    checks.run(archivist.actor, held.id, Stage.ARCHIVING)
    view = lantai.transfers.of_graduate(archivist.actor, held.id)[0]
    assert strict.transfers.move(archivist.actor, view.id, view.version, State.CHECKED).state is State.CHECKED
