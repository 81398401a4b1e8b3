"""Drafts and taking back through the console's forms, as a browser without scripts sends them."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg
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


def scanned() -> tuple[io.BytesIO, str]:
    return io.BytesIO(jpeg(9)), "scan.jpg"


@pytest.fixture
def forming_ticket(open_ticket: Opener, lantai: Lantai, desk: Desks) -> Callable[[Person], TicketView]:
    """With the forming unit, whose answer is waited for."""

    def make(person: Person) -> TicketView:
        line = open_ticket(person, Kind.FORMING_UNIT, proofs=(jpeg(),)).line
        return lantai.casework.send_out(desk().login.actor, line.id, line.version, "已函请教务处核实")

    return make


@pytest.mark.parametrize("form", ["edit", "collect", "unit-answered", "merge"])
def test_every_longer_form_keeps_what_is_typed_until_it_is_sent(
    form: str,
    desk: Desks,
    graduate_factory: People,
    open_ticket: Opener,
    forming_ticket: Callable[[Person], TicketView],
    lantai: Lantai,
) -> None:
    person, clerk = graduate_factory(), desk()
    other = open_ticket(person, Kind.OTHER, None, {})
    made: dict[str, Callable[[], TicketView]] = {
        "edit": lambda: open_ticket(person),
        "collect": lambda: open_ticket(person, Kind.MISSING_MATERIAL, None, {}),
        "unit-answered": lambda: forming_ticket(person),
        "merge": lambda: open_ticket(person),
    }
    typed = {
        "edit": {"field-class_name": "三班"},
        "collect": {"class_code": "7", "title": "实习鉴定表", "collect_note": "已收到原件"},
        "unit-answered": {"unit_note": "教务处已更正"},
        "merge": {"survivor": str(other.line.id)},
    }[form]
    ticket = made[form]().line
    path, actor = f"/tickets/{ticket.id}", clerk.login.actor
    action = f"/console{path}/{form}"
    # a browser names the file it does not send
    sent = {**clerk.read(path).forms[action], **typed, "file": "scan.jpg"}
    assert clerk.post(f"{path}/draft", sent).location == f"/console{path}"
    kept = lantai.drafts.of_ticket(actor, ticket.id)[form].fields
    assert typed.items() <= kept.items()
    assert not {"file", "version", "csrf_token"} & set(kept)
    page = clerk.read(path)
    assert typed.items() <= page.forms[action].items()
    assert ("details", True) in [(t, "open" in a) for t, a in page.tags if a.get("id") == f"do-{form}"]
    assert lantai.desk.ticket(actor, ticket.id).line.version == ticket.version
    file = {"file": scanned()} if form in ("collect", "unit-answered") else {}
    # refused, it stays kept
    assert clerk.post(f"{path}/{form}", {**page.forms[action], "version": "99", **file}).status_code == 412
    assert form in lantai.drafts.of_ticket(actor, ticket.id)
    file = {"file": scanned()} if file else {}
    assert clerk.post(f"{path}/{form}", {**page.forms[action], **file}).location == f"/console{path}"
    assert lantai.drafts.of_ticket(actor, ticket.id) == {}
    # and what the page that was left saves late does not come back
    clerk.post(f"{path}/draft", sent | {"draft_key": page.forms[action]["draft_key"]})
    assert lantai.drafts.of_ticket(actor, ticket.id) == {}


def test_a_draft_of_changes_does_not_bring_back_what_the_record_said_before(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    """Only what was typed is the draft's; the rest of the form is the record as it stands now, emptied fields too."""
    clerk, colleague, ticket = desk(), desk(), open_ticket(graduate_factory()).line
    path = f"/tickets/{ticket.id}"
    action = f"/console{path}/edit"
    shown = clerk.read(path).forms[action]
    clerk.post(f"{path}/draft", {**shown, "field-class_name": ""})
    assert lantai.drafts.of_ticket(clerk.login.actor, ticket.id)["edit"].fields["field-class_name"] == ""
    changes = {"class_name": shown["field-class_name"], "study_length": "五年"}
    lantai.casework.edit(colleague.login.actor, ticket.id, ticket.version, changes)
    again = clerk.read(path).forms[action]
    assert shown["field-study_length"] != "五年"
    assert (again["field-class_name"], again["field-study_length"]) == ("", "五年")
    # typed back to what the page shows, nothing is left to keep
    clerk.post(f"{path}/draft", {**again, "field-class_name": again["was-field-class_name"]})
    assert lantai.drafts.of_ticket(clerk.login.actor, ticket.id) == {}


def test_a_factor_is_not_kept(
    desk: Desks, graduate_factory: People, identity_ticket: Callable[[Person], TicketView], lantai: Lantai
) -> None:
    clerk, ticket = desk(), identity_ticket(graduate_factory()).line
    path = f"/tickets/{ticket.id}"
    accept = clerk.read(path).forms[f"/console{path}/accept"]
    secret = {"fresh_code": "123456", "fresh_credential": "{}", "fresh_ceremony": "x"}
    clerk.post(f"{path}/draft", {**accept, **secret, "note": "已核"})
    assert lantai.drafts.of_ticket(clerk.login.actor, ticket.id)["accept"].fields == {"note": "已核"}


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
