"""Drafts and taking back through the console's forms, as a browser without scripts sends them."""

from __future__ import annotations

from collections.abc import Callable

from app.corrections.rules import State
from app.corrections.views import TicketView
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Opener = Callable[..., TicketView]
Desks = Callable[..., Desk]
People = Callable[..., Person]


def test_a_saved_draft_stands_in_its_form_again_and_leaves_with_sending(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, other, path = desk(), desk(), f"/tickets/{open_ticket(graduate_factory()).line.id}"
    ask = {**clerk.read(path).forms[f"/console{path}/ask"], "text": "请补充学籍卡照片。"}
    saved = clerk.post(f"{path}/draft", ask)
    assert (saved.status_code, saved.location) == (303, f"/console{path}")
    page = clerk.read(path)
    assert "草稿已保存" in page.text
    assert "已恢复" in page.text
    assert page.forms[f"/console{path}/ask"]["text"] == "请补充学籍卡照片。"
    assert other.read(path).forms[f"/console{path}/ask"]["text"] == ""
    part = clerk.post(f"{path}/draft", {**ask, "text": "请补充学籍卡。"}, headers={"HX-Request": "true"})
    assert "草稿已保存" in part.text
    assert "<html" not in part.text
    refused = clerk.post(f"{path}/ask", {**ask, "version": "99"})
    assert refused.status_code == 412
    sent = clerk.post(f"{path}/ask", {**clerk.read(path).forms[f"/console{path}/ask"]})
    assert sent.status_code == 303
    late = clerk.post(
        f"{path}/draft", {**clerk.read(path).forms[f"/console{path}/reject"], "explanation": "原件如此。"}
    )
    assert late.status_code == 303
    page = clerk.read(path)
    assert page.forms[f"/console{path}/reject"]["explanation"] == "原件如此。"
    assert "请补充学籍卡。" in page.text  # as what was said, and in no form any more
    assert "请补充学籍卡。" not in page.forms.get(f"/console{path}/ask", {}).values()
    assert clerk.post(f"{path}/draft/forget", {"draft": "reject"}).status_code == 303
    assert clerk.read(path).forms[f"/console{path}/reject"]["explanation"] == ""


def test_a_draft_outlives_the_sign_out(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    clerk, line = desk(), open_ticket(graduate_factory()).line
    path = f"/tickets/{line.id}"
    clerk.post(f"{path}/draft", {**clerk.read(path).forms[f"/console{path}/ask"], "text": "请补充学籍卡照片。"})
    clock.advance(minutes=16)
    assert clerk.get(path).status_code == 303
    assert lantai.drafts.of_ticket(clerk.login.actor, line.id)["ask"].fields["text"] == "请补充学籍卡照片。"
    too_late = clerk.post(f"{path}/draft", {"draft": "ask", "text": "x"}, headers={"HX-Request": "true"})
    assert (too_late.status_code, too_late.headers["HX-Redirect"].split("?")[0]) == (401, "/console/sign-in")


def test_taking_up_is_taken_back_from_the_message_that_tells_of_it(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    clerk, line = desk(), open_ticket(graduate_factory()).line
    path = f"/tickets/{line.id}"
    clerk.post(f"{path}/take", clerk.read(path).forms[f"/console{path}/take"])
    page = clerk.read(path)
    assert "撤销“受理”" in page.text
    back = clerk.post(f"{path}/undo", page.forms[f"/console{path}/undo"])
    assert back.status_code == 303
    assert "已撤销" in clerk.read(path).text
    assert lantai.desk.ticket(clerk.login.actor, line.id).line.state is State.SUBMITTED
    clerk.post(f"{path}/take", clerk.read(path).forms[f"/console{path}/take"])
    form = clerk.read(path).forms[f"/console{path}/undo"]
    clock.advance(seconds=16)
    assert clerk.post(f"{path}/undo", form).status_code == 303
    assert "没有撤销" in clerk.read(path).text
    assert lantai.desk.ticket(clerk.login.actor, line.id).line.state is State.IN_REVIEW
    assert clerk.post(f"{path}/undo", {"version": "x"}).status_code == 422


def test_the_file_as_one_paper_holds_everything_but_notes_among_staff(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, line = desk(), open_ticket(graduate_factory("欧阳文静"), proofs=(b"%PDF-1.4",)).line
    lantai.desk.reject(clerk.login.actor, line.id, line.version, "record_is_right", "原件如此。")
    text = clerk.read(f"/tickets/{line.id}/print").text
    for words in (
        line.number,
        "更正前",
        "二班",
        "请核对学籍卡",
        "PDF 文件",
        "原件如此。",
        "现有记录无误",
        "签字",
        "欧阳**",
    ):
        assert words in text, words
