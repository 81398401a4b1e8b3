"""A clerk's day without a mouse, and what is typed saving itself, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import FilePayload, Page

from app.corrections.drafts import DraftView
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, Visit
from tests.staff_console.conftest import Desk
from wsgi import BODY_MOST

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]
WORDS = "请补充学籍卡照片。"


def wait_until_kept(page: Page, lantai: Lantai, clerk: Desk, ticket_id: UUID, words: dict[str, str]) -> None:
    """The last keys follow when the typing rests."""
    kept: list[DraftView] = []
    for _ in range(50):
        kept = list(lantai.drafts.of_ticket(clerk.login.actor, ticket_id).values())
        if any(words.items() <= draft.fields.items() for draft in kept):
            return
        page.wait_for_timeout(200)
    raise AssertionError(f"kept {[dict(draft.fields) for draft in kept]}")


def test_a_ticket_is_worked_by_keys_alone_and_its_draft_comes_back(
    visit: Callable[..., Visit],
    desk: Callable[..., Desk],
    graduate_factory: Callable[..., Person],
    open_ticket: Callable[..., TicketView],
    lantai: Lantai,
) -> None:
    line, clerk = open_ticket(graduate_factory()).line, desk()
    one = visit(clerk)
    page = one.open("/")
    keys = page.keyboard
    keys.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"  # the first stop leads past the navigation
    keys.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    keys.press("j")
    keys.press("Enter")
    page.wait_for_url(f"**/tickets/{line.id}")
    keys.press("a")
    page.get_by_text("已受理，由您办理").wait_for()
    keys.press("u")
    page.get_by_text("已撤销").wait_for()
    keys.press("a")
    page.get_by_text("已受理，由您办理").wait_for()
    keys.press("r")
    assert page.evaluate("document.activeElement.tagName") == "TEXTAREA"
    keys.insert_text(WORDS)
    keys.type("?agn")  # typing is typing
    page.get_by_text("草稿已保存").wait_for()
    wait_until_kept(page, lantai, clerk, line.id, {"text": f"{WORDS}?agn"})
    page.reload()
    field = page.get_by_label("需要补充什么")
    assert field.input_value() == f"{WORDS}?agn"
    page.locator("main").focus()
    keys.press("?")
    page.get_by_role("dialog", name="键盘快捷键").wait_for()
    keys.press("Escape")
    page.get_by_role("dialog").wait_for(state="hidden")
    page.get_by_role("button", name="请申请人补充").focus()
    keys.press("Enter")
    page.get_by_text("已请申请人补充").wait_for()
    assert lantai.desk.ticket(clerk.login.actor, line.id).line.state is State.NEEDS_INFO
    assert lantai.drafts.of_ticket(clerk.login.actor, line.id) == {}
    page.locator("main").focus()
    for key in "gh":
        keys.press(key)
    page.wait_for_url("**/console/")
    assert one.complaints == []


def test_a_form_with_a_file_saves_its_words_by_itself(
    visit: Callable[..., Visit],
    desk: Callable[..., Desk],
    graduate_factory: Callable[..., Person],
    open_ticket: Callable[..., TicketView],
    lantai: Lantai,
) -> None:
    """The file stays in the browser: only what was typed is sent, by itself and by the button."""
    ticket, clerk = open_ticket(graduate_factory(), Kind.MISSING_MATERIAL, None, {}).line, desk()
    large = FilePayload(name="scan.jpg", mimeType="image/jpeg", buffer=bytes(2 * BODY_MOST))
    page = visit(clerk).open(f"/tickets/{ticket.id}")
    page.get_by_text("登记收到的材料").click()
    form = page.locator("#do-collect")
    form.locator("[name=file]").set_input_files(large)
    form.locator("[name=title]").fill("实习鉴定表")
    form.get_by_text("草稿已保存").wait_for()
    wait_until_kept(page, lantai, clerk, ticket.id, {"title": "实习鉴定表"})
    form.locator("[name=title]").fill("毕业实习鉴定表")
    form.get_by_role("button", name="保存草稿").click()
    page.get_by_text("已恢复").wait_for()
    assert page.locator("#do-collect [name=title]").input_value() == "毕业实习鉴定表"
    assert "file" not in lantai.drafts.of_ticket(clerk.login.actor, ticket.id)["collect"].fields
