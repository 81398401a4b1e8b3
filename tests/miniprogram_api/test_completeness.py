"""The graduate's own list of what is missing, and the catalogue to print."""

from __future__ import annotations

from collections.abc import Callable

from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.pdf_reading import conformance_of, text_of


def test_the_graduate_reads_what_is_missing_and_who_owes_it(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    http = signed_in(graduate_factory(), level=2)
    answer = http.get("/dossier/completeness")
    assert answer.status_code == 200
    body = answer.json
    lines = {i["kind"]: i for i in body["items"]}
    form = lines["graduate_form"]
    assert (form["standing"], form["owner_label"], form["due_on"], form["overdue"]) == (
        "missing", "本人", "2026-06-10", False,
    )  # fmt: skip
    assert form["ground"]
    assert lines["report_card"]["standing"] == "not_applicable"
    assert body["complete"] is False
    assert "由您本人提交的有 2 项：毕业生登记表、高中材料" in body["summary"]
    assert "confidential" not in lines
    log = http.get("/dossier/access-log").json["items"]
    assert log[0]["type"] == "dossier.completeness_read"


def test_the_catalogue_can_be_taken_along_with_sealed_titles_masked(
    graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient], lantai: Lantai
) -> None:
    person = graduate_factory(name="王𠮷㐂")
    http = signed_in(person, level=2)
    answer = http.get("/dossier/catalogue.pdf")
    assert (answer.status_code, answer.content_type) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    text = text_of(answer.data)
    for words in ("档案材料目录", "成绩单", "学年鉴定表", "（题名不予显示）", "备注", "王**"):
        assert words in text
    for secret in ("组织函件", "王𠮷㐂", person.card.id_number, person.card.student_number):
        assert secret not in text
    assert conformance_of(answer.data) == "2U"
    assert lantai.catalogue_print.check_value(person.dossier_id, 1) in text
