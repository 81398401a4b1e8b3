"""The graduate searches the own dossier and sees it summed up; nobody else's, and nothing masked."""

from __future__ import annotations

from collections.abc import Callable

from app.dossiers.incoming import NewMaterial
from tests.conftest import ApiClient, Person

People = Callable[..., Person]
SignedIn = Callable[..., ApiClient]


def titles(http: ApiClient, words: str) -> list[str]:
    return [i["title"] for i in http.post("/dossier/search", json={"q": words}).json["items"]]


def test_own_titles_are_found_and_nobody_elses(graduate_factory: People, signed_in: SignedIn) -> None:
    graduate_factory(materials=(NewMaterial("4-1", "", "他人的论文"),))
    http = signed_in(graduate_factory(), level=2)
    assert titles(http, "三好") == ["三好学生"]
    assert titles(http, "课程 ２") == ["课程2"]
    assert titles(http, "鉴定表") == ["学年鉴定表"]  # zone B: that it exists may be known
    for words in ("组织函件", "题名", "不予显示", "他人", "2022000002"):
        assert titles(http, words) == [], words
    for wrong in ({"q": " "}, {"q": ""}, {"q": "长" * 61}, {}, {"q": "三好", "of": "x"}):
        assert http.post("/dossier/search", json=wrong).status_code == 422


def test_awards_and_grades_are_summed_up_after_a_step_up(graduate_factory: People, signed_in: SignedIn) -> None:
    person = graduate_factory()
    early = signed_in(person, level=2)
    for path in ("/dossier/awards", "/dossier/summary"):
        assert early.get(path).json["code"] == "step_up_required"
    http = signed_in(person)
    awards = http.get("/dossier/awards").json
    assert awards["total"] == 1
    assert awards["by_level"] == [{"value": "school", "label": "校级", "count": 1}]
    assert awards["items"][0]["name"] == "三好学生"
    summary = http.get("/dossier/summary").json
    assert summary["grades"] == {"term": "", "courses": 3, "credits": 6.0, "numeric": 3, "mean": 81.0}
    assert [t["term"] for t in summary["terms"]] == ["2024-2025-1"]
    log = http.get("/dossier/access-log").json["items"]
    assert [(e["type"], e["purpose"]) for e in log[:4]] == [("dossier.section_read", None)] * 4
