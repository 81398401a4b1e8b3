"""A table of sealed dossiers handed over with a keyboard-wedge scanner, in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from app.actors import Role
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.conftest import Person
from tests.moving import Pair, lead, now, opened
from tests.staff_console.browsing import CHROMIUM, COLOUR_RULES, NO_CHROMIUM, Visit, apart, axe
from tests.staff_console.conftest import Desk

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]
FOCUSED = "document.activeElement.id"
SLIP_NEXT, WAYBILL_NEXT = "请扫描档案袋上的二维码", "请扫描运单号"


@pytest.fixture
def sealed(lantai: Lantai, graduate_factory: Callable[..., Person], pair: Pair) -> Callable[[], TransferView]:
    return lambda: lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.SEALED)


def scan(page: Page, code: str, then: str) -> None:
    """As the scanner does: keys without a pause and Enter, into whatever has the focus; no mouse and no look."""
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.get_by_role("heading", name=then).wait_for()
    assert page.evaluate(FOCUSED) == "code"


def refused(page: Page, code: str, words: str, then: str) -> None:
    page.keyboard.type(code)
    page.keyboard.press("Enter")
    page.get_by_role("alert").get_by_text(words).first.wait_for()
    expect(page.get_by_role("heading", name=then)).to_be_visible()
    # the page's scripts have run when its footer offers keys; until then nothing could have taken the focus away
    page.wait_for_load_state("load")
    assert page.evaluate(FOCUSED) == "code"


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_scanner_alone_fills_a_batch_that_is_handed_over(
    scripts: bool,
    visit: Callable[..., Visit],
    desk: Callable[..., Desk],
    sealed: Callable[[], TransferView],
    lantai: Lantai,
    pair: Pair,
    run_jobs: Callable[[], None],
) -> None:
    first, second, third = sealed(), sealed(), sealed()
    one = visit(desk(Role.DISPATCHER), java_script_enabled=scripts)
    page = one.open("/dispatch")
    page.get_by_role("button", name="开始扫描").click()
    page.get_by_role("heading", name=SLIP_NEXT).wait_for()
    scan(page, first.number, WAYBILL_NEXT)
    scan(page, "1099887766554", SLIP_NEXT)
    # the same waybill again, which is no slip; then one that never was
    refused(page, "1099887766554", "没有这个转递号", SLIP_NEXT)
    refused(page, "ZD2026999999", "没有这个转递号", SLIP_NEXT)
    # a dossier that lies in the list already, and a waybill that is stuck on another one
    scan(page, first.number, WAYBILL_NEXT)
    refused(page, "1099887766555", "请勿重复扫描", SLIP_NEXT)
    scan(page, second.number, WAYBILL_NEXT)
    refused(page, "1099887766554", "已用于另一次交寄", WAYBILL_NEXT)
    # the same slip twice, as a finger that stays on the trigger reads it
    scan(page, second.number, WAYBILL_NEXT)
    scan(page, "1099887766556", SLIP_NEXT)
    scan(page, third.number, WAYBILL_NEXT)
    scan(page, "1099887766557", SLIP_NEXT)
    page.get_by_role("row", name=third.number).get_by_role("button").click()
    page.get_by_role("heading", name="清单共 2 份").wait_for()
    assert page.get_by_role("row", name=third.number).count() == 0
    page.locator("summary", has_text="交寄这 2 份").click()
    page.get_by_role("button", name="确认交寄 2 份").click()
    page.get_by_role("heading", name="交寄进度").wait_for()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "0")
    apart(run_jobs)
    if not scripts:
        page.get_by_role("link", name="刷新进度").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", "2")
    page.get_by_role("row", name=second.number).get_by_text("已交寄").wait_for()
    states = [now(lantai, pair.first, each).state for each in (first, second, third)]
    assert states == [State.HANDED_TO_CARRIER, State.HANDED_TO_CARRIER, State.SEALED]
    # what was refused came back as an answer of its own, which the browser calls a failed resource
    assert [c for c in one.complaints if "Failed to load resource" not in c] == []


def test_a_page_that_asks_for_progress_can_be_read_meanwhile(
    visit: Callable[..., Visit],
    desk: Callable[..., Desk],
    sealed: Callable[[], TransferView],
    lantai: Lantai,
    pair: Pair,
) -> None:
    view, batch = sealed(), lantai.dispatching.begin(pair.first, Channel.EMS)
    lantai.dispatching.add(pair.first, batch, view.number, "1099887766554")
    lantai.dispatching.hand_over(pair.first, batch)
    one = visit(desk(Role.DISPATCHER), reduced_motion="reduce")
    held: list[Route] = []
    one.page.route("**/*part=progress", lambda route: held.append(route))
    page = one.open(f"/dispatch/{batch}")
    page.locator("#progress.htmx-request").wait_for()
    assert axe(page, *COLOUR_RULES) == []
    held.pop().continue_()
