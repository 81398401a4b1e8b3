"""Every page in a real Chromium: axe-core in light and dark, a phone's width, and without JavaScript."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from app.corrections.views import TicketView
from parts import Lantai
from tests.conftest import ApiClient, Person, StaffLogin
from tests.owned import make_owned
from tests.staff_console.browsing import CHROMIUM, COLOUR_RULES, NO_CHROMIUM, Visit, apart, axe, unfold, wide
from tests.staff_console.conftest import Desk
from tests.staff_console.walking import NO_PAGES, Office, Stop, make_office, rules_of, stops

_FOLDED = "[...document.querySelectorAll('details')].map(d => d.open)"
_FOLD = "folded => document.querySelectorAll('details').forEach((d, n) => { d.open = folded[n] })"
PICTURES = os.environ.get("LANTAI_SCREENSHOTS", "")
# one walk past every page took longer than its limit on a busy machine, and kept one worker alone
PARTS = 4
pytestmark = [
    pytest.mark.browser,
    pytest.mark.walk,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
    pytest.mark.timeout(480),
]
# asks htmx for something although nothing in the page would do the same without it
_HTMX_ALONE = """() => [...document.querySelectorAll("[hx-get], [hx-post]")]
  .filter(e => !e.matches("a[href], form[action]") && !e.closest("form[action]"))
  .filter(e => !/^(load|every)/.test(e.getAttribute("hx-trigger") || "")).map(e => e.outerHTML)"""


@pytest.fixture
def office(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    staff_factory: Callable[..., StaffLogin],
    lantai: Lantai,
    run_jobs: Callable[[], None],
    desk: Callable[..., Desk],
    open_ticket: Callable[..., TicketView],
    identity_ticket: Callable[[Person], TicketView],
) -> Office:
    owned = make_owned(graduate_factory, signed_in, staff_factory, lantai, lambda: apart(run_jobs))
    return make_office(owned, desk, open_ticket, identity_ticket, graduate_factory, lantai)


class Walk:
    """Each person in a browser of their own, all on one set of options."""

    def __init__(self, visit: Callable[..., Visit], **options: object) -> None:
        self._visit, self._options = visit, options
        self._open: dict[int, Visit] = {}

    def to(self, stop: Stop) -> Visit:
        if id(stop.who) not in self._open:
            self._open[id(stop.who)] = self._visit(stop.who, **self._options)
        one = self._open[id(stop.who)]
        one.complaints.clear()
        if stop.form:
            assert one.send(stop.path, stop.form, stop.values) == stop.refusal
        else:
            one.open(stop.path)
        return one


def _picture(one: Visit, name: str) -> None:
    """For the eyes of whoever changes the look: LANTAI_SCREENSHOTS names a folder."""
    if PICTURES and os.environ.get("LANTAI_WALK_ONLY_FAULTS") != "1":
        one.page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def _faults_with_scripts(one: Visit, stop: Stop) -> list[str]:
    """axe-core in light and dark, the browser's own complaints, what needs htmx, what is too wide for a phone."""
    page = one.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.emulate_media(color_scheme="light")
    folded = page.evaluate(_FOLDED)
    unfold(page)
    found = [f"light: {line}" for line in axe(page)]
    _picture(one, f"{stop.name}-light")
    page.emulate_media(color_scheme="dark")
    # the same document in other colours: only what depends on colour can differ
    found += [f"dark: {line}" for line in axe(page, *COLOUR_RULES)]
    _picture(one, f"{stop.name}-dark")
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 375, "height": 780})
    found += [f"too wide: {line}" for line in wide(page)]
    _picture(one, f"{stop.name}-phone")
    page.evaluate(_FOLD, folded)  # the walk without scripts compares the page as it came
    found += [f"nothing without htmx: {line}" for line in page.evaluate(_HTMX_ALONE)]
    # that a page of refusal has such a status is no complaint
    found += [f"said: {c}" for c in one.complaints if "Failed to load resource" not in c or not stop.refusal]
    return found


def _faults_without(bare: Visit, full: Visit) -> list[str]:
    """What is said only where scripts run, but for the printing button and the number every answer has of its own."""
    said, expected = bare.page.locator("main").inner_text(), full.page.locator("main").inner_text()
    lines = [line for line in expected.splitlines() if line.strip() and line not in said]
    found = [f"only with scripts: {line}" for line in lines if not line.startswith(("打印", "错误编号"))]
    headings = bare.page.locator("main h1").count()
    return found if headings == 1 else [*found, f"{headings} headings of the first level"]


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_passes_axe_in_light_and_dark_fits_a_phone_and_works_without_javascript(
    app: Flask, visit: Callable[..., Visit], office: Office, part: int
) -> None:
    if PICTURES:
        Path(PICTURES).mkdir(parents=True, exist_ok=True)
    # without the short fades, so that colours are judged as they stand
    full = Walk(visit, reduced_motion="reduce")
    bare = Walk(visit, java_script_enabled=False, viewport={"width": 375, "height": 780})
    faults, seen = dict[str, list[str]](), 0
    for stop in stops(app, office)[part::PARTS]:
        one = full.to(stop)
        if found := [*_faults_with_scripts(one, stop), *_faults_without(bare.to(stop), one)]:
            faults[stop.name] = found
            if PICTURES:
                with Path(PICTURES, "faults.txt").open("a") as file:
                    file.write(f"{stop.name}\n  " + "\n  ".join(found) + "\n")
        seen += 1
    assert faults == {}
    assert seen > 20


def test_axe_sees_a_planted_fault(visit: Callable[..., Visit], office: Office) -> None:
    page = visit(office.worker).open("/")
    page.evaluate("document.querySelector('main').append(document.createElement('input'))")
    page.evaluate("document.querySelector('main h1').setAttribute('class', 'planted')")
    page.evaluate("document.querySelector('main h1').style.color = 'rgb(200, 200, 200)'")
    found = " ".join(axe(page))
    assert "label" in found
    assert "color-contrast" in found


def test_axe_sees_what_is_folded(visit: Callable[..., Visit], office: Office) -> None:
    page = visit(office.worker).open(f"/tickets/{office.tickets['fresh']}")
    page.evaluate("document.querySelector('main details:not([open])').append(document.createElement('input'))")
    assert axe(page) == []
    unfold(page)
    assert "label" in " ".join(axe(page))


def test_the_walk_knows_every_page(app: Flask, office: Office) -> None:
    """A rule that is neither walked nor named as no page fails; so does a name that no rule has any more."""
    assert {rule for _, rule, _ in rules_of(app)} >= set(NO_PAGES)
    for endpoint, rule, _ in rules_of(app):
        if rule in NO_PAGES and "<name>" not in rule:
            path = app.url_map.bind("localhost").build(endpoint, office.owned.values, append_unknown=False)
            answer = office.worker.login.client.get(path)
            assert answer.mimetype != "text/html" or answer.status_code != 200, rule
    for stop in (s for s in stops(app, office) if not s.form):
        client = stop.who.login.client if stop.who else app.test_client()
        assert client.get(f"/console{stop.path}").mimetype == "text/html", stop.name
