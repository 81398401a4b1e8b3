"""A real Chromium for the console's tests: one browser for a whole file, a served application, signed-in pages."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from werkzeug.serving import make_server

from auth.guards import STAFF_COOKIE
from tests.conftest import StaffLogin

PROGRAMS = (os.environ.get("LANTAI_TEST_CHROMIUM", ""), "/usr/bin/chromium", "/usr/bin/chromium-browser")
CHROMIUM = next((p for p in PROGRAMS if p and Path(p).exists()), None)
NO_CHROMIUM = "no Chromium found; set LANTAI_TEST_CHROMIUM"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# what the browser's sharp eyes are told to look for: WCAG 2.2 AA and the rules of good practice
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOUR_RULES = ("color-contrast", "link-in-text-block")
_RUN_AXE = """async (rules) => {
  const found = await axe.run(document, { runOnly: rules, resultTypes: ["violations"] });
  return found.violations.flatMap(v => v.nodes.map(n => `${v.id} ${n.target} ${n.failureSummary}`));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield running
        running.close()


@contextmanager
def served(app: Flask, port: int = 0) -> Iterator[str]:
    """The application on a loopback port, by default a free one."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Visit:
    """A signed-in page. ``complaints`` are what the browser's console said, and every request that left the site."""

    def __init__(self, browser: Browser, site: str, login: StaffLogin | None, **options: Any) -> None:
        self.context: BrowserContext = browser.new_context(locale="zh-CN", **options)
        if login is not None:
            cookie = login.client.get_cookie(STAFF_COOKIE, path="/console")
            assert cookie is not None
            self.context.add_cookies([{"name": STAFF_COOKIE, "value": cookie.value, "url": f"{site}/console"}])
        self.site, self.complaints = site, list[str]()
        self.page: Page = self.context.new_page()
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on(
            "request", lambda r: self.complaints.append(r.url) if not r.url.startswith((site, "data:")) else None
        )

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.site}/console{path}")
        return self.page

    def send(self, path: str, form: str, values: dict[str, str]) -> int:
        """Sends a form of a page with these values, as whoever has an old page or no checks in the browser does; gives
        the answer's status.
        """
        self.open(path)
        with self.page.expect_navigation() as answered:
            self.page.evaluate(_SEND, [f"form[action$='{path}/{form}']", values])
        return answered.value.status


_SEND = """([wanted, values]) => {
  const form = document.querySelector(wanted);
  for (const [name, value] of Object.entries(values)) form.elements[name].value = value;
  form.submit();
}"""


def axe(page: Page, *rules: str) -> list[str]:
    """What axe-core finds wrong, one line an element; by default every rule of WCAG 2.2 AA and good practice."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8") + "\n;0")
    wanted = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": AXE_TAGS}
    return cast(list[str], page.evaluate(_RUN_AXE, wanted))


def unfold(page: Page) -> None:
    """Opens whatever is folded: what nobody sees is judged by nobody."""
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")


_WIDE = """() => {
  const beyond = (box) => [...box.querySelectorAll("*")]
    .filter(e => e.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)
    .slice(-3).map(e => e.outerHTML.slice(0, 120));
  const page = document.documentElement.scrollWidth <= window.innerWidth ? [] : beyond(document.body);
  // these turn into cards on a phone: what their frame hides at the right would be scrolled to by nobody
  const cards = [...document.querySelectorAll(".sheet:has(> .list, > .compare)")];
  return [...page, ...cards.filter(e => e.scrollWidth > e.clientWidth).flatMap(beyond)];
}"""


def wide(page: Page) -> list[str]:
    """On a phone: the elements that stick out of the window or of their table's frame to the right."""
    return cast(list[str], page.evaluate(_WIDE))


def apart(work: Callable[[], None]) -> None:
    """In a thread of its own: Playwright keeps this one's event loop."""
    faults: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if faults:
        raise faults[0]
