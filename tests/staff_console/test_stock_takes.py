"""Taking stock at the console: one scan after another, what to do with each, and the report."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from uuid import uuid4

import pytest

from app.actors import Role
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
PLACE, OTHER, LIST = "A-03-2-05", "A-03-2-06", "/custody/stock-takes"


@pytest.fixture
def clerk(desk: Desks, lantai: Lantai) -> Desk:
    made = desk(Role.DISPATCHER)
    lantai.places.add(desk(Role.ARCHIVIST).login.actor, PLACE, OTHER)
    return made


def code_of(lantai: Lantai, clerk: Desk, person: Person) -> str:
    return lantai.custody.paper(clerk.login.actor, person.id).code


def begun(clerk: Desk, place: str = PLACE) -> str:
    answer = clerk.post(LIST, {"code": place})
    assert answer.status_code == 303, answer.text
    return answer.location.removeprefix("/console")


def test_a_stock_take_from_the_first_scan_to_the_report(clerk: Desk, lantai: Lantai, graduate_factory: People) -> None:
    here, unseen, wrong = graduate_factory("欧阳文静"), graduate_factory("司马相如"), graduate_factory("诸葛孔明")
    for person, place in ((here, PLACE), (unseen, PLACE), (wrong, OTHER)):
        lantai.shelving.shelve(clerk.login.actor, place, code_of(lantai, clerk, person))
    assert "清点一个位置" in clerk.read(LIST).text
    path = begun(clerk, "a-3-2-5")
    assert "还没有扫描" in clerk.read(path).text
    good = clerk.post(f"{path}/scan", {"code": code_of(lantai, clerk, here)})
    assert (good.status_code, "在位" in good.text, "欧阳**" in good.text) == (200, True, True)
    assert "已扫过" in clerk.post(f"{path}/scan", {"code": code_of(lantai, clerk, here)}).text
    astray = clerk.post(f"{path}/scan", {"code": code_of(lantai, clerk, wrong)}).text
    for words in ("错位", OTHER, "移到本处", 'id="code"', "autofocus"):
        assert words in astray
    assert "没有这份档案" in clerk.post(f"{path}/scan", {"code": "DA00000000ABCD"}).text
    (move,) = [action for action in clerk.read(path).forms if action.endswith("/move")]
    moved = clerk.post(move.removeprefix("/console"), {})
    assert (moved.status_code, moved.location) == (303, f"/console{path}")
    assert lantai.custody.paper(clerk.login.actor, wrong.id).place == PLACE
    assert begun(clerk) == path  # goes on where it stopped
    assert clerk.post(f"{path}/finish", {}).status_code == 303
    page = clerk.read(path)
    for words in ("清点报告", "应在未见", "司马**", "已移到本处", "导出 CSV"):
        assert words in page.text
    assert f"/console{path}/scan" not in page.forms
    assert "欧阳**" not in clerk.read(f"{path}?shown=wrong").text
    rows = list(csv.DictReader(io.StringIO(clerk.get(f"{path}/report.csv").data.decode("utf-8-sig"))))
    assert [(r["结果"], r["档案条码"], r["已移到本处"]) for r in rows] == [
        ("在位", code_of(lantai, clerk, here), ""),
        ("错位", code_of(lantai, clerk, wrong), "是"),
        ("查无此档案", "DA00000000ABCD", ""),
        ("应在未见", code_of(lantai, clerk, unseen), ""),
    ]
    assert "欧阳" not in str(rows)
    assert "已完成" in clerk.read(LIST).text


def test_what_is_wrong_is_said_and_the_scanner_goes_on(clerk: Desk, lantai: Lantai, graduate_factory: People) -> None:
    for code, words in (("", "请先扫描位置条码"), ("Z-9-9", "没有登记这个位置"), ("ZD2026000001", "请先扫描位置条码")):
        wrong = clerk.post(LIST, {"code": code})
        assert (wrong.status_code, words in wrong.text) == (422, True), code
    path = begun(clerk)
    for code in ("", PLACE, "11010519491231002X"):
        wrong = clerk.post(f"{path}/scan", {"code": code})
        assert (wrong.status_code, "不是档案条码" in wrong.text) == (422, True), code
        assert "11010519491231002X" not in wrong.text
    clerk.post(f"{path}/scan", {"code": code_of(lantai, clerk, graduate_factory())})
    assert clerk.post(f"{path}/lines/{uuid4()}/move", {}).status_code == 404
    assert clerk.post(f"{path}/drop", {}).status_code == 303
    for act in ("scan", "finish", "drop"):
        late = clerk.post(f"{path}/{act}", {"code": "DA00000000ABCD"})
        assert (late.status_code, "已结束" in late.text) == (409, True), act
    assert clerk.get(f"{LIST}/{uuid4()}").status_code == 404


def test_reviewers_look_and_auditors_do_not(clerk: Desk, desk: Desks) -> None:
    path, reviewer, auditor = begun(clerk), desk(Role.REVIEWER), desk(Role.AUDITOR)
    assert f"/console{path}/scan" not in reviewer.read(path).forms
    assert f"/console{LIST}" not in reviewer.read(LIST).forms
    for act in ("", "/scan", "/finish", "/drop", f"/lines/{uuid4()}/move"):
        assert reviewer.post(path + act, {"code": "DA00000000ABCD"}).status_code in (403, 405), act
    assert reviewer.get(f"{path}/report.csv").status_code == 200
    for address in (LIST, path, f"{path}/report.csv"):
        assert auditor.get(address).status_code == 403
