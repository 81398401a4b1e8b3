"""Governance in the console: rules where the work is done, a review from draw to report, training, duties."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from app.actors import Actor, Role
from app.governance.seeds import SEED_RULES
from parts import Lantai
from staff_console.rule_text import render_rule
from tests.conftest import Person
from tests.pdf_reading import conformance_of, fonts_of, text_of
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
HOME = "/governance"


@pytest.mark.parametrize(
    ("body", "html"),
    [
        (
            "## 小标题\n- 一\n- **二**\n\n段落",
            "<h3>小标题</h3>\n<ul>\n<li>一</li>\n<li><b>二</b></li>\n</ul>\n<p>段落</p>",
        ),
        ("1. 甲\n2. 乙", "<ol>\n<li>甲</li>\n<li>乙</li>\n</ol>"),
        (
            "<script>alert(1)</script>\n- <img src=x onerror=y>",
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n<ul>\n<li>&lt;img src=x onerror=y&gt;</li>\n</ul>",
        ),
        ("[链接](javascript:x) **<b>粗**", "<p>[链接](javascript:x) <b>&lt;b&gt;粗</b></p>"),
    ],
)
def test_a_rules_text_brings_no_tags_of_its_own(body: str, html: str) -> None:
    assert render_rule(body) == html


def test_rules_stand_where_the_work_is_done(desk: Desks, lantai: Lantai, open_ticket: object) -> None:
    lantai.rulebook.seed(SEED_RULES)
    clerk = desk()
    for path, title in (
        ("/import", "电子档案归档制度"),
        ("/transfers", "岗位责任制度"),
        ("/governance/reviews", "档案定期审查制度"),
        ("/governance/training", "工作人员考核与培训制度"),
        ("/governance/duties", "岗位责任制度"),
    ):
        page = clerk.read(path)
        assert "本环节制度" in page.text, path
        assert title in page.text, path


def test_a_rule_is_drafted_published_and_its_typing_kept(desk: Desks, lantai: Lantai) -> None:
    clerk = desk()
    assert "还没有制度" in clerk.read(f"{HOME}/rules").text
    wrong = clerk.post(f"{HOME}/rules", {"code": "x", "system": "filing", "title": "细则", "body": "- 要求"})
    assert (wrong.status_code, "要求" in wrong.text) == (422, True)
    made = clerk.post(
        f"{HOME}/rules", {"code": "scan", "system": "filing", "title": "细则", "body": "- 要求", "topics": "import"}
    )
    assert made.status_code == 303
    path = made.location.removeprefix("/console")
    assert "草稿（第 1 版）" in clerk.read(path).text
    stale = clerk.post(f"{path}/draft", {"version": "7", "title": "细则", "body": "我写的字"})
    assert (stale.status_code, "我写的字" in stale.text) == (412, True)
    assert clerk.post(f"{path}/publish", {"version": "1"}).status_code == 303
    assert "细则" in clerk.read("/import").text
    assert f"/console{path}/draft" not in desk(Role.AUDITOR).read(path).forms


def test_a_review_from_the_draw_to_the_signed_report(desk: Desks, lantai: Lantai, graduate_factory: People) -> None:
    people = [graduate_factory(materials=(), photo=None) for _ in range(3)]
    clerk, reviewer, auditor = desk(), desk(Role.REVIEWER), desk(Role.AUDITOR)
    form = {"title": "六月抽查", "cohort_year": "2026", "starts_on": "2026-06-01", "ends_on": "2026-06-30"}
    assert "填一项" in clerk.post(f"{HOME}/reviews", form).text
    assert clerk.post(f"{HOME}/reviews", {**form, "cohort_year": "1999", "size": "1"}).status_code == 409
    path = clerk.post(f"{HOME}/reviews", {**form, "size": "2"}).location.removeprefix("/console")
    assert "2 份待检查" in reviewer.read("/").text
    view = lantai.reviews.campaign(reviewer.login.actor, _last(path))
    first, second = (f"{path}/items/{i.id}" for i in view.items)
    page = reviewer.read(path)
    assert f"/console{first}" in page.forms
    assert not any("/items/" in action for action in clerk.read(path).forms)
    empty = reviewer.post(first, {"version": "1", "outcome": "finding", "kind": "missing", "note": "", "owner": "x"})
    assert empty.status_code == 422
    finding = {
        "version": "1",
        "outcome": "finding",
        "kind": "missing",
        "note": "缺成绩单",
        "owner": str(clerk.login.id),
        "due_on": "2026-06-20",
    }
    assert reviewer.post(first, finding).status_code == 303
    assert reviewer.post(first, finding).status_code == 412
    assert reviewer.post(second, {"version": "1", "outcome": "ok"}).status_code == 303
    assert "1</b> 项审查问题待您整改" in clerk.get("/").text
    found = next(i.finding for i in lantai.reviews.campaign(clerk.login.actor, _last(path)).items if i.finding)
    move = f"{path}/findings/{found.id}"
    assert clerk.post(move, {"version": "1", "move": "mend", "words": "已补归"}).status_code == 303
    assert clerk.post(move, {"version": "2", "move": "confirm"}).status_code == 403
    assert reviewer.post(move, {"version": "2", "move": "confirm"}).status_code == 303
    assert "缺成绩单" not in auditor.get(path).text
    version = str(lantai.reviews.campaign(clerk.login.actor, _last(path)).version)
    refused = reviewer.post(f"{path}/sign", {"version": version})
    assert (refused.status_code, "未参加检查" in refused.text) == (409, True)
    assert auditor.get(f"{path}/report").status_code == auditor.get(f"{path}/report.pdf").status_code == 404
    assert clerk.post(f"{path}/sign", {"version": version}).status_code == 303
    report = auditor.read(f"{path}/report")
    assert "均已整改销号" in report.text
    digest = lantai.reviews.campaign(clerk.login.actor, _last(path)).report_digest
    assert digest in report.text
    rows = auditor.get(f"{path}/report.csv").data.decode("utf-8-sig").splitlines()
    assert len([r for r in rows if ",合格," in r or ",有问题," in r]) == 2
    assert not any(p.card.name in report.text for p in people)
    _printed(auditor, path, clerk.login.actor, lantai)


def _printed(auditor: Desk, path: str, actor: Actor, lantai: Lantai) -> None:
    """The PDF says what the frozen report says, for good, and to nobody but its readers."""
    answer = auditor.get(f"{path}/report.pdf")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="review-report.pdf"'
    view = lantai.reviews.campaign(actor, _last(path))
    assert view.report is not None
    text = text_of(answer.data)
    bare = "".join(text.split())
    words = [
        "档案定期审查报告",
        "六月抽查",
        "均已整改销号",
        "2026-06-01至2026-06-30",
        "合格1份，有问题1份",
        "应有材料缺失",
    ]
    for each in [*words, view.seed, view.report_digest, view.signed_by, *(i["dossier"] for i in view.report["items"])]:
        assert "".join(each.split()) in bare, each
    assert "缺成绩单" not in bare
    assert conformance_of(answer.data) == "2U"
    assert all(fonts_of(answer.data).values())
    assert auditor.get(f"{path}/report.pdf").data == answer.data


def _last(path: str) -> UUID:

    return UUID(path.rsplit("/", 1)[1])


def test_training_and_duties_are_the_administrators(desk: Desks, lantai: Lantai) -> None:
    admin, clerk = desk(Role.ADMINISTRATOR), desk()
    assert (
        admin.post(f"{HOME}/training/courses", {"title": "培训", "role": "archivist", "months": "x"}).status_code == 422
    )
    course = {"title": "档案员培训", "role": "archivist", "months": "12", "required": "yes"}
    assert admin.post(f"{HOME}/training/courses", course).status_code == 303
    course_id = str(lantai.training.courses(admin.login.actor)[0].id)
    held = {"course": course_id, "staff": str(clerk.login.id), "issued_on": "2026-05-01"}
    assert admin.post(f"{HOME}/training/certificates", {**held, "staff": str(admin.login.id)}).status_code == 409
    assert admin.post(f"{HOME}/training/policy", {"role": "archivist", "enforced": "yes"}).status_code == 303
    assert clerk.get("/tickets").status_code == 403
    assert admin.post(f"{HOME}/training/certificates", held).status_code == 303
    assert clerk.get("/tickets").status_code == 200
    page = clerk.read(f"{HOME}/training")
    assert "已启用" in page.text
    assert not any("/training/" in action for action in page.forms)
    lantai.duties.seed()
    duty = next(d for d in lantai.duties.table(admin.login.actor) if d.role is Role.ARCHIVIST)
    form = {"kind": "primary", "staff": str(clerk.login.id)}
    assert admin.post(f"{HOME}/duties/{duty.id}/assign", form).status_code == 303
    assert admin.post(f"{HOME}/duties/{duty.id}/assign", {**form, "kind": "stand_in"}).status_code == 409
    assert clerk.login.credentials is not None
    assert "员工" in clerk.read(f"{HOME}/duties").text


def test_the_overview_sets_plan_beside_done(desk: Desks, lantai: Lantai, graduate_factory: People) -> None:
    graduate_factory(photo=None)
    clerk = desk()
    assert "还没有进度记录" in clerk.read(HOME).text
    lantai.meters.snapshot()
    form = {"cohort_year": "2026", "meter": "digitised", "percent": "80", "due_on": "2026-05-01"}
    assert clerk.post(f"{HOME}/targets", {**form, "percent": "800"}).status_code == 422
    assert clerk.post(f"{HOME}/targets", form).status_code == 303
    text = clerk.read(HOME).text
    assert "0 / 3" in text
    assert "计划 80%" in text
    assert "未达到" in text
    assert "计划与完成" in clerk.read("/").text
    assert desk(Role.DISPATCHER).get(HOME).status_code == 403
