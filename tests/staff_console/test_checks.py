"""The four-property check as staff see it: run, confirm, download, and the list of dossiers in trouble."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest

from app.actors import Role
from app.dossiers.incoming import NewMaterial
from app.file_ports import CleanDocument
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person, StaffLogin
from tests.fakes import jpeg
from tests.moving import desk_pair, lead, opened

SCAN = NewMaterial("4-1", "transcript", "成绩单", "2026-05-01", 1, None, CleanDocument("image/jpeg", jpeg(), 1))


@pytest.fixture
def held(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory(materials=(SCAN,))


def paths(person: Person) -> tuple[str, str]:
    return f"/console/graduates/{person.id}/checks", f"/console/graduates/{person.id}/checks/items"


def test_from_nothing_to_a_package(lantai: Lantai, held: Person, staff_factory: Callable[..., StaffLogin]) -> None:
    login = staff_factory(Role.ARCHIVIST)
    http, csrf = login.client, {"csrf_token": login.csrf}
    page, items = paths(held)
    assert "尚未检测" in http.get(page).text
    ran = http.post(page, data={**csrf, "stage": "archiving"})
    assert (ran.status_code, ran.location) == (303, page)
    waiting = http.get(page).text
    for word in ("检测已完成", "待人工确认", "真实性", "完整性", "可用性", "安全性", "处理：", "Z-1-61"):
        assert word in waiting, word
    refused = http.post(f"{items}/Z-1-61", data={**csrf, "agreed": "no", "note": "", "stage": "archiving"})
    assert refused.status_code == 422
    assert 'aria-invalid="true"' in refused.text
    for item in ("Z-1-51", "Z-1-61", "Z-3-51"):
        done = http.post(f"{items}/{item}", data={**csrf, "agreed": "yes", "note": "核对<b>", "stage": "archiving"})
        assert done.status_code == 303
    assert "核对&lt;b&gt;" in http.get(page).text
    http.post(page, data={**csrf, "stage": "archiving"})
    passed = http.get(page).text
    assert "通过，有提示项" in passed
    run = lantai.checks.runs_of(login.actor, held.id)[0]
    report = http.get(f"{page}/{run.id}/report")
    assert json.loads(report.data)["format"] == "lantai-four-property-report-1"
    assert (report.headers["Cache-Control"], "attachment" in report.headers["Content-Disposition"]) == (
        "no-store",
        True,
    )
    package = http.get(f"{page}/{run.id}/package")
    with zipfile.ZipFile(io.BytesIO(package.data)) as archive:
        assert archive.testzip() is None
        assert any(n.endswith("data/materials/4-1/001.jpg") for n in archive.namelist())
    assert held.card.student_number not in package.headers["Content-Disposition"]


def test_a_changed_dossier_offers_no_package_of_its_old_check(
    lantai: Lantai, held: Person, staff_factory: Callable[..., StaffLogin]
) -> None:
    login = staff_factory(Role.ARCHIVIST)
    page, _ = paths(held)
    login.client.post(page, data={"csrf_token": login.csrf, "stage": "hand_over"})
    run = lantai.checks.runs_of(login.actor, held.id)[0]
    assert f"{run.id}/package" in login.client.get(page).text
    lantai.filing.add_material(login.actor, held.id, NewMaterial("7", "", "证书", "2026-05-01", 1))
    text = login.client.get(page).text
    assert "检测后档案有变动" in text
    assert f"{run.id}/package" not in text
    late = login.client.get(f"{page}/{run.id}/package")
    assert late.status_code == 409
    assert "请重新检测后再下载档案包" in late.text


def test_readers_see_and_only_the_desk_acts(held: Person, staff_factory: Callable[..., StaffLogin]) -> None:
    archivist, dispatcher, reviewer = (staff_factory(r) for r in (Role.ARCHIVIST, Role.DISPATCHER, Role.REVIEWER))
    page, items = paths(held)
    archivist.client.post(page, data={"csrf_token": archivist.csrf, "stage": "archiving"})
    assert "下载档案包" in archivist.client.get(page).text
    text = dispatcher.client.get(page).text
    assert "下载档案包" not in text
    assert f'action="{page}"' not in text
    assert f'action="{items}' not in text
    assert "下载档案包" not in reviewer.client.get(page).text
    assert dispatcher.client.post(page, data={"csrf_token": dispatcher.csrf, "stage": "archiving"}).status_code == 403


def test_the_list_of_dossiers_in_trouble(
    lantai: Lantai,
    held: Person,
    staff_factory: Callable[..., StaffLogin],
) -> None:
    login = staff_factory(Role.ARCHIVIST)
    assert "没有待处理的检测" in login.client.get("/console/checks").text
    login.client.post(paths(held)[0], data={"csrf_token": login.csrf, "stage": "archiving"})
    text = login.client.get("/console/checks").text
    assert f"/console/graduates/{held.id}/checks" in text
    assert held.card.name not in text
    assert "没有待处理的检测" in login.client.get("/console/checks?outcome=failed").text
    assert f"{held.id}" in login.client.get("/console/checks?outcome=waiting&page=1").text


def test_a_transfer_shows_the_check_before_it_is_recorded_as_checked(
    lantai: Lantai, held: Person, staff_factory: Callable[..., StaffLogin], run_jobs: Callable[[], None]
) -> None:
    actor = staff_factory(Role.DISPATCHER)
    lead(lantai, desk_pair(lantai), opened(lantai, actor.actor, held.id), State.ASSEMBLED)
    page = f"/console/graduates/{held.id}/transfers"
    assert "尚未完成" in actor.client.get(page).text
    run_jobs()
    assert "待人工确认" in actor.client.get(page).text
