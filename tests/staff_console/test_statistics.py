"""The statistics page: tables, charts, files, refusals."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from app.actors import SYSTEM, Role
from parts import Lantai
from staff_console.charts import bars, trends
from staff_console.csv_files import csv_text
from tests.conftest import Person
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture
def released(lantai: Lantai, graduate_factory: People) -> None:
    for n in range(17):
        graduate_factory(
            cohort_year=2025 if n % 3 else 2026,
            degree_level="硕士" if n in (1, 2, 3, 5, 6) else "本科",
            materials=(),
            photo=None,
        )
    lantai.statistics.publish(SYSTEM)


def test_before_the_first_release_the_page_says_so(desk: Desks) -> None:
    page = desk().read("/statistics")
    assert "还没有统计结果" in page.text
    assert "/console/statistics/publish" in page.forms
    assert "/console/statistics/publish" not in desk(Role.AUDITOR).read("/statistics").forms
    assert "在库不足 5 人" in desk().post("/statistics/publish").text


def test_a_small_cell_is_marked_in_the_page_and_in_the_file(desk: Desks, released: None) -> None:
    clerk = desk(Role.AUDITOR)
    text = clerk.read("/statistics?rows=degree&across=cohort").text
    assert "<5" in text
    assert "＊" in text
    answer = clerk.get("/statistics.csv?rows=degree&across=cohort")
    assert answer.mimetype == "text/csv"
    assert answer.data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert rows[0] == ["学历层次", "2025", "2026", "合计"]
    inner = [c for row in rows[1:3] for c in row[1:3]]
    assert "<5" in inner
    assert not [c for c in inner if c.isdecimal() and int(c) < 5]
    assert rows[3][0] == "合计"
    assert rows[3][-1] == "17"


def test_the_chart_is_drawn_without_inline_style_and_says_what_it_shows(desk: Desks, released: None) -> None:
    for query, what in (("rows=cohort&across=", "横向条形图"), ("rows=degree&across=cohort", "折线图")):
        html = desk().get(f"/statistics?{query}").text
        svg = html[html.index("<svg viewBox") : html.index("</svg>") + 6]
        tree = ElementTree.fromstring(svg)
        assert [child.tag for child in tree][:2] == ["title", "desc"]
        assert what in (tree[1].text or "")
        assert not any("style" in node.attrib for node in tree.iter())


def test_what_is_not_published_is_refused_with_the_reason(desk: Desks, released: None) -> None:
    answer = desk().get("/statistics?rows=college&across=degree&within=cohort:2025")
    assert answer.status_code == 409
    assert "不予公布" in answer.text
    assert desk().get("/statistics.csv?rows=college&across=major").status_code == 409
    assert desk().get("/statistics?rows=zzz&across=%3Cscript%3E&base=zzz&within=zzz").status_code == 200


def test_publishing_anew_needs_enough_change(desk: Desks, released: None) -> None:
    answer = desk().post("/statistics/publish")
    assert answer.status_code == 409
    assert "变动不足 5 人" in answer.text
    assert desk(Role.REVIEWER).post("/statistics/publish").status_code == 403
    assert desk(Role.DISPATCHER).get("/statistics").status_code == 403


def test_cells_of_a_file_cannot_calculate() -> None:
    text = csv_text([["=1+1", "+8", "-1", "@x", "\tx", "正常", 5]])
    assert text.lstrip("\ufeff").strip() == "'=1+1,'+8,'-1,'@x,'\tx,正常,5"


def test_suppressed_years_break_the_line() -> None:
    found = trends(("2023", "2024", "2025"), [("甲", [10, None, 30]), ("乙", [None, None, None])])
    assert found is not None
    assert [len(run) for run in found.lines[0].runs] == [1, 1]
    assert found.lines[1].runs == []
    assert trends(("2025",), [("甲", [1])]) is None
    drawn = bars([("甲", 10, "10"), ("乙", None, "<5"), ("丙", 5, "5")])
    assert [b.width for b in drawn.bars] == [420, None, 210]
