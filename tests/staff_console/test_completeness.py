"""The forecast's page, its file and reminders; one graduate's list; the catalogue as a PDF."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from app.actors import Role
from app.completeness.models import CompletenessReminder
from app.events import Event
from parts import Lantai
from tests.conftest import Person
from tests.pdf_reading import text_of
from tests.staff_console.conftest import Desk


@pytest.fixture
def cohort(graduate_factory: Callable[..., Person], lantai: Lantai) -> list[Person]:
    people = [graduate_factory(name="王𠮷㐂"), graduate_factory(college="=理学院", major="数学")]
    lantai.completeness.recompute(None)
    return people


def test_without_a_cohort_the_page_says_what_to_do(desk: Callable[..., Desk]) -> None:
    assert "还没有毕业生档案" in desk().read("/completeness").text


def test_the_forecast_names_what_is_missing_who_owes_it_and_who_lacks_it(
    cohort: list[Person], desk: Callable[..., Desk]
) -> None:
    page = desk(Role.DISPATCHER).read("/completeness").text
    for words in ("2026 届", "毕业生登记表", "教务处 / 研究生院", "人已超期", "王**", "文学院", "清单 2026-1"):
        assert words in page
    assert "王𠮷㐂" not in page
    assert "提醒本人" not in page  # a dispatcher looks, an archivist sends
    narrowed = desk().read("/completeness?kind=graduate_form&college=文学院&due=soon").text
    assert "王**" in narrowed
    assert "没有符合条件的毕业生" in desk().read("/completeness?kind=graduate_form&due=overdue").text


@pytest.mark.parametrize(
    "query", ["cohort=abcd", "cohort=1066", "kind=no_such&owner=me&due=later", "page=0", "major=x"]
)
def test_what_cannot_be_read_becomes_the_default(query: str, cohort: list[Person], desk: Callable[..., Desk]) -> None:
    answer = desk().get(f"/completeness?{query}")
    assert answer.status_code == 200
    assert "王**" in answer.text


def test_a_changed_dossier_is_told_and_can_be_recomputed(
    cohort: list[Person], desk: Callable[..., Desk], lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql("update dossier set version = version + 1")
    clerk = desk()
    assert "尚未计算或已有变化" in clerk.read("/completeness").text
    assert clerk.post("/completeness/recompute", {"cohort": "2026"}).status_code == 303
    run_jobs()
    assert "尚未计算或已有变化" not in clerk.read("/completeness").text


def test_the_file_is_masked_and_harmless_in_a_spreadsheet(cohort: list[Person], desk: Callable[..., Desk]) -> None:
    answer = desk().get("/completeness.csv?cohort=2026")
    assert answer.headers["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert {r["学院"] for r in rows} == {"文学院", "'=理学院"}
    assert not [p for p in cohort if p.card.id_number in answer.text or p.card.name in answer.text]
    assert all("毕业生登记表" in r["缺少的材料"] and r["最早期限"] == "2026-05-01" for r in rows)


def test_reminders_are_counted_before_they_are_sent(
    cohort: list[Person], desk: Callable[..., Desk], lantai: Lantai
) -> None:
    clerk = desk()
    page = clerk.read("/completeness?kind=graduate_form&remind=1")
    assert "将提醒 2 名毕业生" in page.text
    assert sent(lantai) == 0
    form = page.forms["/console/completeness/remind"]
    answer = clerk.post("/completeness/remind", form)
    assert answer.status_code == 303
    assert sent(lantai) == 2
    assert "提醒已发出" in clerk.read(answer.headers["Location"].removeprefix("/console")).text
    again = clerk.post("/completeness/remind", form)
    assert sent(lantai) == 2
    assert "没有需要提醒的毕业生" in clerk.read(again.headers["Location"].removeprefix("/console")).text
    assert desk(Role.REVIEWER).post("/completeness/remind", form).status_code == 403


def sent(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(CompletenessReminder.id))) or 0


def test_one_graduates_list_has_grounds_and_reasons(cohort: list[Person], desk: Callable[..., Desk]) -> None:
    page = desk().read(f"/graduates/{cohort[0].id}/completeness").text
    for words in ("缺少", "毕业生登记表", "本人", "2026-06-10", "教学〔1997〕6 号", "政治面貌不是党员", "目录核对值"):
        assert words in page


def test_the_catalogue_is_printed_and_its_reading_recorded(
    cohort: list[Person], desk: Callable[..., Desk], lantai: Lantai
) -> None:
    person, clerk = cohort[0], desk()
    answer = clerk.get(f"/graduates/{person.id}/catalogue.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    text = text_of(answer.data)
    assert "王𠮷㐂" in text
    assert person.card.student_number in text
    assert person.card.id_number not in text
    assert "组织函件" in text
    check = lantai.catalogue_print.check_value(person.dossier_id, 1)
    assert check in text
    assert check in clerk.read(f"/graduates/{person.id}/completeness").text
    masked = text_of(desk(Role.DISPATCHER).get(f"/graduates/{person.id}/catalogue.pdf").data)
    assert "王**" in masked
    assert person.card.student_number not in masked
    with lantai.db.transaction() as session:
        seen = session.scalars(select(Event.type).where(Event.graduate_id == person.id)).all()
    assert seen.count("dossier.catalogue_read") == seen.count("dossier.catalogue_printed_read") == 2
