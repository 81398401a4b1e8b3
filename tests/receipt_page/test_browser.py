"""The receiver counts in a real Chromium: from the address in the QR code to the receipt, or to a case at the desk."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page

from app.actors import Role
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person
from tests.counting import Printed, slip_of
from tests.moving import Pair, lead, now, opened
from tests.pdf_reading import shows_code
from tests.staff_console.browsing import CHROMIUM, COLOUR_RULES, NO_CHROMIUM, Visit, axe, wide
from tests.staff_console.conftest import Desk, browser, desk, site, visit

__all__ = ["browser", "desk", "site", "visit"]

pytestmark = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM)]
PICTURES = os.environ.get("LANTAI_SCREENSHOTS", "")
SCHEMES: tuple[tuple[Literal["light", "dark"], tuple[str, ...]], ...] = (("light", ()), ("dark", COLOUR_RULES))
PHONE = {"width": 375, "height": 780}


@dataclass
class Archive:
    """What lies on the receiver's desk, and the browser that reads the code on the notice."""

    view: TransferView
    slip: Printed
    scanned: str
    visit: Visit
    scripts: bool

    @property
    def page(self) -> Page:
        return self.visit.page

    def scan(self) -> None:
        """The address in the code names the house; here it is served at another one."""
        self.page.goto(f"{self.visit.site}{self.scanned}")

    def show_code(self, code: str) -> None:
        self.page.get_by_label("清点口令").fill(code)
        self.page.get_by_role("button", name="查看目录并清点").click()

    def sign(self) -> None:
        self.page.get_by_label("本单位回执编号").fill("RS-2026-17")
        self.page.get_by_label("清点人").fill("王清点")
        self.page.get_by_role("button", name="提交清点结果").click()

    def look(self, name: str) -> None:
        """Judged by axe in light and dark and by the width of a phone; axe needs scripts, the page does not."""
        assert wide(self.page) == [], name
        for scheme, rules in SCHEMES:
            self.page.emulate_media(color_scheme=scheme)
            assert not self.scripts or axe(self.page, *rules) == [], f"{name} {scheme}"
            if PICTURES:
                Path(PICTURES).mkdir(parents=True, exist_ok=True)
                width = self.page.evaluate("window.innerWidth")
                self.page.screenshot(path=f"{PICTURES}/counting-{name}-{scheme}-{width}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")


@pytest.fixture
def archive(
    lantai: Lantai, graduate_factory: Callable[..., Person], pair: Pair, visit: Callable[..., Visit]
) -> Callable[..., Archive]:
    def make(*, scripts: bool = True, **options: Any) -> Archive:
        view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory("欧阳文静").id), State.SEALED)
        sheet = lantai.transfer_papers.slips(pair.first, [view.id])
        slip = slip_of(lantai, view, sheet)
        scanned = f"/receipt?slip={slip.id}"
        assert shows_code(sheet, f"{lantai.settings.public_url}{scanned}", 26)
        view = lead(lantai, pair, view, State.IN_TRANSIT)
        return Archive(view, slip, scanned, visit(None, java_script_enabled=scripts, **options), scripts)

    return make


@pytest.mark.parametrize(
    ("scripts", "size"), [(True, {"width": 1280, "height": 900}), (True, PHONE), (False, PHONE)], ids=str
)
def test_counted_as_listed_is_the_receipt(
    archive: Callable[..., Archive], lantai: Lantai, pair: Pair, scripts: bool, size: dict[str, int]
) -> None:
    desk = archive(scripts=scripts, viewport=size, reduced_motion="reduce")
    desk.scan()
    desk.look("code")
    assert desk.page.get_by_text("兰台大学 · 学校档案馆学生档案科").first.is_visible()
    assert desk.page.get_by_label("清点口令").evaluate("e => e === document.activeElement")
    desk.show_code(desk.slip.code.lower())
    desk.page.get_by_role("heading", name="登记回执").wait_for()
    desk.look("catalogue")
    desk.page.get_by_label("全部与目录一致").check()
    desk.sign()
    desk.page.get_by_role("heading", name="回执已登记").wait_for()
    desk.look("receipt")
    assert desk.page.get_by_text(f"{desk.view.number}-HZ1").is_visible()
    assert now(lantai, pair.first, desk.view).state is State.RECEIVED
    assert desk.visit.complaints == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_difference_is_a_case_that_the_desk_settles(
    archive: Callable[..., Archive],
    lantai: Lantai,
    pair: Pair,
    visit: Callable[..., Visit],
    desk: Callable[..., Desk],
    scripts: bool,
) -> None:
    counter = archive(scripts=scripts, viewport=PHONE, reduced_motion="reduce")
    counter.scan()
    counter.show_code(counter.slip.code)
    counter.page.get_by_role("heading", name="登记回执").wait_for()
    counter.sign()
    # nothing was counted yet: what was typed stays, what lacks is marked
    counter.page.get_by_role("alert").wait_for()
    counter.look("lacking")
    assert counter.page.get_by_role("alert").evaluate("e => e === document.activeElement")
    assert counter.page.get_by_label("清点人").input_value() == "王清点"
    for field in counter.page.get_by_label("清点份数").all():
        assert field.get_attribute("aria-invalid") == "true"
        assert counter.page.locator(f"#{field.get_attribute('aria-describedby')}").is_visible()
        field.fill("1")
    for field in counter.page.get_by_label("清点页数").all():
        field.fill("9")
    counter.sign()
    counter.page.get_by_role("heading", name="清点结果与目录不一致").wait_for()
    counter.look("different")
    assert now(lantai, pair.first, counter.view).state is State.IN_TRANSIT
    refusal = "Failed to load resource"  # how the browser's console names the answer 422
    assert [c for c in counter.visit.complaints if refusal not in c] == []
    clerk = visit(desk(Role.DISPATCHER), java_script_enabled=scripts)
    page = clerk.open("/transfers")
    page.get_by_role("link", name="清点不一致 1 件").click()
    page.get_by_role("row", name=counter.view.number).get_by_role("link").click()
    page.get_by_label("处理结果").fill("已与接收单位核实，材料补寄。")
    page.get_by_role("button", name="处理完毕").click()
    page.get_by_text("已与接收单位核实，材料补寄。").first.wait_for()
    assert now(lantai, pair.first, counter.view).state is State.IN_TRANSIT
    assert clerk.complaints == []


def test_a_code_is_good_once_and_a_wrong_one_opens_nothing(
    archive: Callable[..., Archive], lantai: Lantai, pair: Pair, visit: Callable[..., Visit]
) -> None:
    first = archive(viewport=PHONE, reduced_motion="reduce")
    first.scan()
    first.show_code("ZZZZ-ZZZZ-ZZZZ-ZZZZ")
    first.page.get_by_role("alert").wait_for()
    first.look("wrong")
    assert first.page.get_by_label("清点口令").input_value() == ""
    first.show_code(first.slip.code)
    # the same catalogue in a second window, as two colleagues at one parcel have it
    second = Archive(first.view, first.slip, first.scanned, visit(None), scripts=True)
    second.scan()
    second.show_code(second.slip.code)
    for each in (first, second):
        each.page.get_by_label("全部与目录一致").check()
        each.sign()
        each.page.get_by_role("heading", name="回执已登记").wait_for()
        assert each.page.get_by_text(f"{first.view.number}-HZ1").is_visible()
    # whoever finds the slip later is shown what came of it, and no catalogue
    finder = Archive(first.view, first.slip, first.scanned, visit(None), scripts=True)
    finder.scan()
    finder.show_code(finder.slip.code)
    finder.page.get_by_role("heading", name="回执已登记").wait_for()
    assert finder.page.get_by_text("成绩单").count() == 0
    received = [s for s in now(lantai, pair.first, first.view).steps if s.state is State.RECEIVED]
    assert len(received) == 1
