"""The paper's custody at the console: places, scanning, lending, returns, and what each page says."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.actors import Role
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
PLACE = "A-03-2-05"
OUTSIDE = {
    "borrower": "outside",
    "name": "借阅人甲",
    "unit": "某市某局",
    "letter": "函 7 号",
    "purpose": "political_review",
    "days": "15",
}


@pytest.fixture
def clerk(desk: Desks, lantai: Lantai) -> Desk:
    made = desk(Role.ARCHIVIST)
    lantai.places.add(made.login.actor, PLACE, "A-03-2-06")
    return made


def code_of(lantai: Lantai, clerk: Desk, person: Person) -> str:
    return lantai.custody.paper(clerk.login.actor, person.id).code


def lent(clerk: Desk, lantai: Lantai, person: Person, **changes: str) -> UUID:
    form = {"borrower": "staff", "staff": str(clerk.login.id), "purpose": "sorting", "days": "15", **changes}
    answer = clerk.post(f"/graduates/{person.id}/paper/loans", form)
    assert answer.status_code == 303, answer.text
    loan = lantai.custody.paper(clerk.login.actor, person.id).open_loan
    assert loan is not None
    return loan.line.id


def test_places_are_named_in_a_range_listed_printed_and_closed(desk: Desks, lantai: Lantai) -> None:
    clerk = desk(Role.ARCHIVIST)
    assert "没有这样的位置" in clerk.read("/custody/places").text
    made = clerk.post("/custody/places", {"first": "b-01-1-01", "last": "b-01-2-02"})
    assert (made.status_code, "新登记 4 个位置" in made.text) == (200, True)
    again = clerk.post("/custody/places", {"first": "B-01-1-01", "last": ""})
    assert "另有 1 个原已登记" in again.text
    for form, words in (
        ({"first": "", "last": ""}, "必填"),
        ({"first": "书架一", "last": ""}, "A-03-2-05"),
        ({"first": "B-1-1", "last": "C-1-1"}, "同一库房"),
        ({"first": "B-1-1", "last": "B-9999-9999"}, "最多登记 1000"),
    ):
        wrong = clerk.post("/custody/places", form)
        assert (wrong.status_code, words in wrong.text) == (422, True), form
    labels = clerk.get("/custody/places/labels?q=B-01-1").text
    assert labels.count("<svg") == 2
    (place,), _ = lantai.places.search(clerk.login.actor, "B-01-1-01")
    assert "此位置是空的" in clerk.read(f"/custody/places/{place.id}").text
    assert clerk.post(f"/custody/places/{place.id}/close", {}).status_code == 303
    assert clerk.post(f"/custody/places/{place.id}/close", {}).status_code == 409
    assert "B-01-1-01" in clerk.read("/custody/places?closed=1").text


def test_a_place_then_dossiers_each_with_a_clear_line(clerk: Desk, lantai: Lantai, graduate_factory: People) -> None:
    first, second = graduate_factory("欧阳文静"), graduate_factory("司马相如")
    scan = "/custody/shelving/scan"
    assert "请扫描位置条码" in clerk.read("/custody/shelving").text
    early = clerk.post(scan, {"code": code_of(lantai, clerk, first), "place": ""})
    assert (early.status_code, "请先扫描位置条码" in early.text) == (422, True)
    page = clerk.post(scan, {"code": "a-03-2-05", "place": ""}).text
    assert f'name="place" value="{PLACE}"' in page
    shelved = clerk.post(scan, {"code": code_of(lantai, clerk, first), "place": PLACE}).text
    for words in ("欧阳**", "已上架", f'name="place" value="{PLACE}"'):
        assert words in shelved
    assert "没有变化" in clerk.post(scan, {"code": code_of(lantai, clerk, first), "place": PLACE}).text
    assert lantai.custody.paper(clerk.login.actor, first.id).place == PLACE
    # another place takes the place of the first
    assert 'value="A-03-2-06"' in clerk.post(scan, {"code": "A-03-2-06", "place": PLACE}).text
    clerk.post(scan, {"code": code_of(lantai, clerk, second), "place": "A-03-2-06"})
    undone = clerk.post("/custody/shelving/undo", {"place": "A-03-2-06"})
    assert (undone.status_code, "已撤销" in undone.text, "待上架" in undone.text) == (200, True, True)
    twice = clerk.post("/custody/shelving/undo", {"place": "A-03-2-06"})
    assert (twice.status_code, "没有可撤销的扫描" in twice.text) == (409, True)
    for code, words in (("Z-9-9", "没有登记这个位置"), ("ZD2026999999", "没有这份档案"), ("", "没有这份档案")):
        wrong = clerk.post(scan, {"code": code, "place": PLACE})
        assert (wrong.status_code, words in wrong.text) == (422, True), code
    assert PLACE in clerk.read(f"/graduates/{first.id}/paper").text
    assert PLACE in clerk.read(f"/graduates/{first.id}/dossier").text
    assert "司马**" in clerk.read("/custody/unplaced").text


def test_a_loan_inside_and_its_return_by_scan(clerk: Desk, lantai: Lantai, graduate_factory: People) -> None:
    person = graduate_factory("欧阳文静")
    page = clerk.read(f"/graduates/{person.id}/paper")
    for words in ("尚未登记位置", "登记借阅", code_of(lantai, clerk, person)):
        assert words in page.text
    assert "<svg" in clerk.get(f"/graduates/{person.id}/paper/label").text
    loan = lent(clerk, lantai, person)
    page = clerk.read(f"/graduates/{person.id}/paper")
    assert "已借出" in page.text
    assert f"/console/graduates/{person.id}/paper/loans" not in page.forms
    assert "已借出" in clerk.read(f"/graduates/{person.id}/dossier").text
    assert "欧阳**" in clerk.read("/custody").text
    returns, code = "/custody/returns", code_of(lantai, clerk, person)
    assert clerk.get(returns).status_code == 200
    for form, status, words in (
        ({"code": code, "condition": "missing", "note": ""}, 422, "必填"),
        ({"code": code, "condition": ""}, 422, "必填"),
        ({"code": "x", "condition": "intact"}, 422, "没有这份档案"),
    ):
        wrong = clerk.post(returns, form)
        assert (wrong.status_code, words in wrong.text) == (status, True), form
    back = clerk.post(returns, {"code": code, "condition": "missing", "note": "缺第 3 页"})
    assert (back.status_code, "已归还（缺件）" in back.text) == (200, True)
    assert clerk.post(returns, {"code": code, "condition": "intact"}).status_code == 409
    assert "缺件" in clerk.read(f"/graduates/{person.id}/dossier").text
    assert "缺第 3 页" in clerk.read(f"/custody/loans/{loan}").text
    assert clerk.post(f"/custody/loans/{loan}/settle", {"settled": ""}).status_code == 422
    assert clerk.post(f"/custody/loans/{loan}/settle", {"settled": "已补回"}).status_code == 303
    assert "缺件处理" in clerk.read(f"/custody/loans/{loan}").text


def test_what_leaves_is_approved_by_another_then_extended_and_overdue(
    clerk: Desk, desk: Desks, lantai: Lantai, graduate_factory: People
) -> None:
    person, other = graduate_factory(), desk(Role.REVIEWER)
    loan = lent(clerk, lantai, person, **OUTSIDE)
    path = f"/custody/loans/{loan}"
    assert "须由另一名工作人员批准" in clerk.read(path).text
    assert clerk.post(f"{path}/approve", {}).status_code == 409
    assert clerk.post(f"{path}/refuse", {"reason": "不妥"}).status_code == 409
    assert other.post(f"{path}/refuse", {"reason": ""}).status_code == 422
    assert "批准借出" in other.read(path).text
    assert other.post(f"{path}/approve", {}).status_code == 303
    page = clerk.read(path).text
    for words in ("借阅人甲", "某市某局", "函 7 号", "借出中"):
        assert words in page
    assert clerk.post(f"{path}/extend", {"reason": "尚未用毕"}).status_code == 303
    assert "第 1 次续借" in clerk.read(path).text
    due = lantai.custody.loan(clerk.login.actor, loan).line.due_on
    assert due is not None
    assert "没有这样的借阅" in clerk.read("/custody?shown=overdue").text
    assert clerk.post(f"{path}/return", {"condition": "intact"}).status_code == 303
    assert "已归还" in clerk.read("/custody?shown=returned").text
    assert clerk.get(f"/custody/loans/{uuid4()}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"borrower": ""}, "必填"),
        ({"purpose": "curiosity"}, "必填"),
        ({"days": "九"}, "1 至 15"),
        ({"days": "99"}, "1 至 15"),
        ({"letter": ""}, "必填"),
        ({"name": "看\u202e见"}, "看"),
        ({"borrower": "staff", "staff": "nobody"}, "没有这位工作人员"),
        ({"borrower": "staff", "staff": ""}, "必填"),
    ],
)
def test_a_wrong_form_is_said_and_what_was_typed_stays(
    clerk: Desk, graduate_factory: People, changes: dict[str, str], words: str
) -> None:
    answer = clerk.post(f"/graduates/{graduate_factory().id}/paper/loans", {**OUTSIDE, **changes})
    assert (answer.status_code, words in answer.text, "某市某局" in answer.text) == (422, True, True)


def test_dispatchers_lend_and_reviewers_only_look(
    clerk: Desk, desk: Desks, lantai: Lantai, graduate_factory: People
) -> None:
    person, reviewer, dispatcher = graduate_factory(), desk(Role.REVIEWER), desk(Role.DISPATCHER)
    assert "登记借阅" not in reviewer.read(f"/graduates/{person.id}/paper").text
    assert reviewer.get("/custody/shelving").status_code == 403
    assert dispatcher.post("/custody/places", {"first": "C-1-1"}).status_code == 403
    lent(dispatcher, lantai, person)
    assert "借出中" in reviewer.read("/custody").text
