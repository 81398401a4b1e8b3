"""The search pages: words out of addresses, facets that narrow, saved searches, the catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

from app.actors import Role
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]


def ask(clerk: Desk, words: str) -> str:
    """The path of the results, without /console."""
    answer = clerk.post("/retrieval/search", {"words": words})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix("/console")


def test_words_are_searched_and_stand_in_no_address(desk: Desks, graduate_factory: People) -> None:
    person, clerk = graduate_factory(name="欧阳修远"), desk()
    path = ask(clerk, "三好学生")
    assert re.fullmatch(r"/retrieval/results/[0-9a-f-]{36}", path)
    answer = clerk.get(path)
    assert "三好学生" in answer.text
    assert "欧阳**" in answer.text
    assert person.card.name not in answer.text
    assert quote("三好") not in " ".join(re.findall(r'(?:href|action)="([^"]*)"', answer.text))
    assert "没有找到" in clerk.read(ask(clerk, "量子菠萝")).text


def test_facets_narrow_and_can_be_taken_away(desk: Desks, graduate_factory: People) -> None:
    graduate_factory(major="历史学")
    graduate_factory(major="档案学", cohort_year=2025)
    clerk = desk()
    path = ask(clerk, "三好学生")
    links = [a["href"] for tag, a in clerk.read(path).tags if tag == "a" and "major=" in a.get("href", "")]
    assert len(links) == 2
    one = clerk.read(links[0].removeprefix("/console"))
    assert one.text.count("三好学生") == 1
    assert ("a", {"class": "tag", "href": f"/console{path}"}) in one.tags


def test_what_cannot_be_searched_is_said_beside_the_box(desk: Desks) -> None:
    clerk = desk()
    for words, said in (("数", "至少输入两个汉字"), ("", "请输入检索词"), ("数" * 61, "过长")):
        answer = clerk.post("/retrieval/search", {"words": words})
        assert answer.status_code == 422
        assert said in answer.text


def test_the_catalogue_leads_from_classes_to_titles_to_units(desk: Desks, graduate_factory: People) -> None:
    graduate_factory()
    graduate_factory()
    clerk = desk()
    assert "/console/retrieval/browse?group=award" in clerk.get("/retrieval").text
    page = clerk.read("/retrieval/browse?group=award&level=school")
    entry = next(a["href"] for tag, a in page.tags if tag == "a" and "entry=" in a.get("href", ""))
    units = clerk.read(entry.removeprefix("/console"))
    assert units.text.count("三好学生") >= 2
    assert clerk.get("/retrieval/browse").status_code == 303
    assert clerk.get("/retrieval/browse?degree=x").status_code == 422
    assert clerk.get("/retrieval/browse?group=nonsense&level=%00&cohort=20261").status_code == 303


def test_searches_are_saved_run_and_deleted(desk: Desks, graduate_factory: People, clock: FakeClock) -> None:
    graduate_factory()
    clerk, other = desk(), desk()
    path = ask(clerk, "三好学生")
    saved = clerk.post(f"{path}/save", {"name": "三好", "cohort": "2026"}).headers["Location"]
    assert saved.endswith("?cohort=2026")
    assert "三好" in clerk.read("/retrieval").text
    assert "三好学生" in clerk.read(saved.removeprefix("/console")).text
    assert other.get(saved.removeprefix("/console")).status_code == 404
    assert "三好" not in other.read("/retrieval").text
    assert clerk.post(f"{path}/save", {"name": ""}).status_code == 422
    number = saved.split("/")[-1].partition("?")[0]
    assert other.post(f"/retrieval/saved/{number}/delete").status_code == 404
    assert clerk.post(f"/retrieval/saved/{number}/delete").status_code == 303
    assert clerk.get(f"/retrieval/results/{number}").status_code == 404


def test_content_behind_a_hit_asks_for_a_purpose(desk: Desks, graduate_factory: People) -> None:
    graduate_factory()
    clerk = desk()
    path = ask(clerk, "三好学生")
    record = next(a["href"] for tag, a in clerk.read(path).tags if tag == "a" and "/records/" in a.get("href", ""))
    assert "/purpose?next=" in clerk.get(record.removeprefix("/console")).headers["Location"]
    dispatcher = desk(Role.DISPATCHER)
    assert "/records/" not in dispatcher.get(ask(dispatcher, "三好学生")).text
    for role in (Role.AUDITOR, Role.ADMINISTRATOR):
        assert desk(role).get("/retrieval").status_code == 403
