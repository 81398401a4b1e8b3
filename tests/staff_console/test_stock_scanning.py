"""A place is counted with a keyboard-wedge scanner alone, in a real Chromium, with and without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from app.actors import Role
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, Visit
from tests.staff_console.conftest import Desk

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]
PLACE, OTHER = "A-03-2-05", "A-03-2-06"


def scan(page: Page, code: str, role: str, words: str) -> None:
    """Keys without a pause and Enter, into whatever has the focus; what came of it is said to all senses."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.get_by_role(role).get_by_text(words).first.wait_for()  # type: ignore[arg-type]  # one of two roles
    page.wait_for_load_state("load")
    assert page.evaluate("document.activeElement.id") == "code"


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_scanner_alone_counts_a_place(
    scripts: bool,
    visit: Callable[..., Visit],
    desk: Callable[..., Desk],
    lantai: Lantai,
    graduate_factory: Callable[..., Person],
) -> None:
    clerk = desk(Role.ARCHIVIST)
    actor = clerk.login.actor
    lantai.places.add(actor, PLACE, OTHER)
    here, astray, unseen = (graduate_factory() for _ in range(3))
    codes = {person: lantai.custody.paper(actor, person.id).code for person in (here, astray, unseen)}
    for person, place in ((here, PLACE), (astray, OTHER), (unseen, PLACE)):
        lantai.shelving.shelve(actor, place, codes[person])
    page = visit(clerk, java_script_enabled=scripts).open("/custody/stock-takes")
    assert page.evaluate("document.activeElement.id") == "code"
    page.keyboard.type(PLACE)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=f"清点 {PLACE}").wait_for()
    scan(page, codes[here], "status", "在位")
    scan(page, codes[here], "status", "已扫过")  # a finger that stays on the trigger
    scan(page, PLACE, "alert", "不是档案条码")
    scan(page, "DA00000000ABCD", "status", "查无此档案")
    scan(page, codes[astray], "status", "错位")
    page.get_by_role("status").get_by_role("button", name="移到本处").click()
    page.get_by_text("已移到本处").first.wait_for()
    assert lantai.custody.paper(actor, astray.id).place == PLACE
    page.locator("summary", has_text="结束清点").click()
    page.get_by_role("button", name="确认结束").click()
    page.get_by_role("heading", name=f"清点报告 {PLACE}").wait_for()
    assert "应在未见" in page.get_by_role("row", name=codes[unseen]).inner_text()
    # what only a script can do is offered where there are scripts
    assert page.get_by_role("button", name="打印").count() == int(scripts)
