"""Absences: who may record them, whom assignment finds, and that no right passes to the stand-in."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from app.actors import Role
from app.corrections.rules import Move
from app.corrections.views import TicketView
from app.errors import Conflict, Invalid
from app.people.absences import NewAbsence, stood_in_for
from parts import Lantai
from staff_console.words import STAFF_NOTICES
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
FORM = {"starts_on": "2026-06-01", "ends_on": "2026-06-05", "reason": "年休假"}


def test_one_records_ones_own_and_the_stand_in_hears_of_it(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    away, other = desk(Role.ARCHIVIST, Role.REVIEWER), desk()
    done = away.post("/absences", {**FORM, "stand_in": str(other.login.id)})
    assert done.location == "/console/absences"
    page = other.read("/absences").text
    for words in ("年休假", "离岗中", "不代办：复核员"):
        assert words in page
    assert "代办" in other.read("/").text
    with lantai.db.transaction() as session:
        assert list(lantai.absences.present_members(session)) == [other.login.id]
        assert stood_in_for(session, other.login.id, lantai.absences.today) == [away.login.id]
    clock.advance(days=5)  # Saturday in the office
    with lantai.db.transaction() as session:
        assert set(lantai.absences.present_members(session)) == {away.login.id, other.login.id}
        assert stood_in_for(session, other.login.id, lantai.absences.today) == []


def test_the_last_day_is_the_office_s_day(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    away = desk()
    away.post("/absences", FORM)
    clock.advance(days=4, hours=14)  # 23:00 on the fifth in China
    with lantai.db.transaction() as session:
        assert list(lantai.absences.present_members(session)) == []
    clock.advance(hours=1)
    with lantai.db.transaction() as session:
        assert list(lantai.absences.present_members(session)) == [away.login.id]


def test_standing_in_lends_no_right(desk: Desks, lantai: Lantai) -> None:
    administrator, auditor = desk(Role.ADMINISTRATOR), desk(Role.AUDITOR)
    reviewer = desk(Role.REVIEWER)
    reviewer.post("/absences", {**FORM, "stand_in": str(auditor.login.id)})
    assert auditor.get("/tickets").status_code == 403
    administrator.post("/absences", {**FORM, "stand_in": str(auditor.login.id)})
    assert auditor.get("/staff").status_code == 403


def test_coming_back_early(desk: Desks, lantai: Lantai) -> None:
    away, other = desk(), desk()
    away.post("/absences", FORM)
    absence = lantai.absences.coming(away.login.actor)[0].id
    assert other.post(f"/absences/{absence}/cancel").status_code == 403
    assert away.post(f"/absences/{absence}/cancel").status_code == 303
    assert away.post(f"/absences/{absence}/cancel").status_code == 404
    with lantai.db.transaction() as session:
        assert away.login.id in lantai.absences.present_members(session)


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"ends_on": "2026-05-31"}, 422, "不能早于开始日期"),
        ({"starts_on": "2026-05-01", "ends_on": "2026-05-02"}, 422, "不能早于今天"),
        ({"ends_on": "2027-06-05"}, 422, "过长"),
        ({"ends_on": "yesterday"}, 422, "应为日期"),
        ({"reason": "  "}, 422, "必填"),
        ({"reason": "长" * 201}, 422, "过长"),
        ({"stand_in": "x"}, 422, "请选择在岗"),
        ({"stand_in": str(uuid4())}, 422, "请选择在岗"),
    ],
)
def test_bad_input_is_explained(changes: dict[str, str], status: int, words: str, desk: Desks) -> None:
    answer = desk().post("/absences", {**FORM, **changes})
    assert (answer.status_code, words in answer.text) == (status, True)


def test_overlaps_the_absent_as_stand_in_and_other_people_s_absences(desk: Desks, lantai: Lantai) -> None:
    one, two, administrator = desk(), desk(), desk(Role.ADMINISTRATOR)
    one.post("/absences", FORM)
    assert one.post("/absences", {**FORM, "starts_on": "2026-06-05", "ends_on": "2026-06-09"}).status_code == 409
    refused = two.post("/absences", {**FORM, "stand_in": str(one.login.id)})
    assert (refused.status_code, "代办人在该时段也离岗" in refused.text) == (409, True)
    assert two.post("/absences", {**FORM, "staff": str(administrator.login.id)}).status_code == 403
    assert administrator.post("/absences", {**FORM, "staff": str(two.login.id)}).status_code == 303
    first, last = (lantai.absences.today + timedelta(days=n) for n in (30, 31))
    own = NewAbsence(two.login.id, two.login.id, first, last, "x")
    with pytest.raises(Invalid):
        lantai.absences.record(two.login.actor, own)


def test_every_notice_told_has_words() -> None:
    told = {
        code
        for folder in ("app", "auth")
        for path in Path(folder).rglob("*.py")
        for code in re.findall(r'\.tell\(\s*session,\s*[^,]+,\s*"([a-z_]+)"', path.read_text("utf-8"))
    }
    assert told
    assert told <= set(STAFF_NOTICES)


def test_the_work_of_somebody_away_stands_on_the_stand_ins_lists(
    desk: Desks,
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
    open_ticket: Callable[..., TicketView],
    clock: FakeClock,
) -> None:
    away, other, third = desk(), desk(), desk()
    line = open_ticket(graduate_factory()).line
    taken = lantai.desk.take(away.login.actor, line.id, line.version).line
    assert line.number not in other.read("/tickets?queue=mine").text
    with pytest.raises(Conflict, match="not_the_handler"):
        lantai.casework.release(other.login.actor, line.id, taken.version)
    form = {**FORM, "ends_on": "2026-06-22", "stand_in": str(other.login.id)}
    assert away.post("/absences", form).status_code == 303
    name = lantai.people.staff_names([away.login.id])[away.login.id]
    home, queue = other.read("/").text, other.read("/tickets?queue=mine").text
    for text in (home, queue):
        assert line.number in text
        assert f"代 {name} 办理" in text
    assert "我经办的 1" in queue
    assert "我经办的 0" in third.read("/tickets?queue=mine").text
    assert line.number not in third.read("/").text
    clock.advance(days=21)  # the last day of the absence, the day before the decision is due
    (notice,) = lantai.clock_board.notices(other.login.actor).mine
    assert (notice.id, notice.stands_in) == (line.id, True)
    assert lantai.clock_board.notices(third.login.actor).mine == ()
    assert Move.RELEASE in lantai.desk.ticket(other.login.actor, line.id).moves
    clock.advance(days=1)
    assert lantai.clock_board.notices(other.login.actor).mine == ()
    assert Move.RELEASE not in lantai.desk.ticket(other.login.actor, line.id).moves
    clock.advance(days=-1)
    assert lantai.casework.release(other.login.actor, line.id, taken.version).line.assigned_to is None
