"""The staff console as staff use it: in Chromium, or by plain forms where there is no Chromium."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Protocol
from urllib.parse import urljoin, urlsplit

import pyotp
import requests
from playwright.sync_api import Browser, Locator, Page

from tests.journey.story import check

CHROMIUM = Path("/usr/bin/chromium")
TOTP_STEP_S = 30
WAIT_MS = 15_000.0


class Window(Protocol):
    """A page of the console with its cookies."""

    def go(self, path: str) -> None: ...
    def submit(self, action: str, **values: str) -> None:
        """Fill and send the form whose address ends with ``action`` (``…:first``: the first of several such;
        ``…:post``: the one that changes something, beside one that only asks).

        Raises StepFailed when there is none.
        """
        ...

    def upload(self, action: str, field: str, file: Path, **values: str) -> None:
        """``submit`` with a file chosen in ``field``."""
        ...

    def has_form(self, action: str) -> bool: ...
    @property
    def path(self) -> str: ...
    @property
    def text(self) -> str: ...
    def fetch(self, path: str) -> tuple[int, str, bytes]:
        """(status, media type, content) of a file linked on the page."""
        ...

    def links(self, part: str) -> list[str]:
        """Addresses on the page that hold ``part``."""
        ...


class ChromiumWindow:
    def __init__(self, browser: Browser, base: str) -> None:
        self._base = base
        self._page: Page = browser.new_context(locale="zh-CN", viewport={"width": 1280, "height": 900}).new_page()
        self._page.set_default_timeout(WAIT_MS)

    def go(self, path: str) -> None:
        self._page.goto(self._base + path)

    def submit(self, action: str, **values: str) -> None:
        action, _, which = action.partition(":")
        form = self._form(action)
        if which:
            form = form.first if which == "first" else form.and_(self._page.locator("form[method='post']"))
        check(form.count() == 1, f"{self.path}: {form.count()} forms for {action}")
        for details in form.locator("xpath=ancestor::details").all():
            if details.get_attribute("open") is None:
                details.locator("> summary").click()
        for name, value in values.items():
            control = form.locator(f"[name='{name}']")
            one = control.and_(form.locator(f"[value='{value}']"))
            self._fill(one if control.count() > 1 else control, value)
        with self._page.expect_navigation():
            form.locator("button[type=submit]:not([formaction]):not([form])").click()

    def upload(self, action: str, field: str, file: Path, **values: str) -> None:
        self._form(action).locator(f"[name={field}]").set_input_files(file)
        self.submit(action, **values)

    @staticmethod
    def _fill(control: Locator, value: str) -> None:
        kind = control.evaluate("e => e.tagName + ':' + (e.type || '')")
        if kind.startswith("SELECT"):
            control.select_option(value)
        elif kind.endswith((":checkbox", ":radio")):
            control.check()
        elif not kind.endswith(":hidden"):
            control.fill(value)

    def has_form(self, action: str) -> bool:
        return self._form(action).count() > 0

    def _form(self, action: str) -> Locator:
        return self._page.locator(f"main form[action$='{action}']")

    @property
    def path(self) -> str:
        return urlsplit(self._page.url).path

    @property
    def text(self) -> str:
        return str(self._page.locator("main").inner_text())

    def fetch(self, path: str) -> tuple[int, str, bytes]:
        reply = self._page.request.get(self._base + path)
        return reply.status, reply.headers.get("content-type", ""), reply.body()

    def links(self, part: str) -> list[str]:
        found = self._page.locator(f"main a[href*='{part}']").all()
        return [str(link.get_attribute("href")) for link in found]


class _Forms(HTMLParser):
    """Forms with their preset fields, links and text of one page's <main>."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.hrefs: list[str] = []
        self.words: list[str] = []
        self._inside = False
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = self._inside or tag == "main"
        if not self._inside:
            return
        if tag == "form":
            self.forms.append((given.get("action", ""), {}))
        elif tag == "input" and self.forms and given.get("name") and not _unchosen(given):
            self.forms[-1][1][given["name"]] = given.get("value", "")
        elif tag == "select" and self.forms:
            self._select = given.get("name", "")
            self.forms[-1][1][self._select] = ""
        elif tag == "option" and self.forms and "selected" in given:
            self.forms[-1][1][self._select] = given.get("value", "")
        elif tag == "a":
            self.hrefs.append(given.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "main"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.words.append(data)


def _unchosen(given: dict[str, str]) -> bool:
    return given.get("type") in ("checkbox", "radio") and "checked" not in given


class PlainWindow:
    """The same without a browser: the console works without JavaScript."""

    def __init__(self, base: str) -> None:
        self._base, self._http = base, requests.Session()
        self._http.trust_env = False
        self._page, self._url = _Forms(), base

    def go(self, path: str) -> None:
        self._take(self._http.get(self._base + path, timeout=30))

    def _take(self, reply: requests.Response) -> None:
        self._url, self._page = reply.url, _Forms()
        self._page.feed(reply.text)

    def submit(self, action: str, **values: str) -> None:
        self._send(action, values)

    def upload(self, action: str, field: str, file: Path, **values: str) -> None:
        self._send(action, values, {field: (file.name, file.read_bytes())})

    def _send(self, action: str, values: dict[str, str], files: dict[str, tuple[str, bytes]] | None = None) -> None:
        action, _, which = action.partition(":")
        found = [form for form in self._page.forms if form[0].endswith(action)]
        if which == "post":
            found = [form for form in found if "csrf_token" in form[1]]
        check(found and (which == "first" or len(found) == 1), f"{self.path}: {len(found)} forms for {action}")
        address, preset = found[0]
        data = {name: value for name, value in (preset | values).items() if name not in (files or {})}
        reply = self._http.post(
            urljoin(self._url, address), data=data, files=files, headers={"Referer": self._url}, timeout=30
        )
        self._take(reply)

    def has_form(self, action: str) -> bool:
        return any(address.endswith(action) for address, _ in self._page.forms)

    @property
    def path(self) -> str:
        return urlsplit(self._url).path

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._page.words).split())

    def fetch(self, path: str) -> tuple[int, str, bytes]:
        reply = self._http.get(self._base + path, timeout=30)
        return reply.status_code, reply.headers.get("Content-Type", ""), reply.content

    def links(self, part: str) -> list[str]:
        return [href for href in self._page.hrefs if part in href]


@dataclass(slots=True)
class Clerk:
    """A member of staff at their window, with what the command line printed for them."""

    username: str
    name: str
    window: Window
    password: str = field(repr=False)
    totp_secret: str = field(repr=False)
    last_code: str = field(default="", repr=False)

    def sign_in(self) -> None:
        """Each one-time code is good once, so a second sign-in waits for the next."""
        self.window.go("/console/sign-in")
        self.window.submit("/sign-in", username=self.username, password=self.password, second=self._code())

    def _code(self) -> str:
        code = pyotp.TOTP(self.totp_secret).now()
        while code == self.last_code:
            time.sleep(0.5)
            code = pyotp.TOTP(self.totp_secret).now()
        self.last_code = code
        return code

    def show_factor(self) -> None:
        """Before an act that asks for a fresh one, as the page of its own takes it."""
        self.open("/console/step-up")
        if self.window.has_form("/step-up"):
            self.window.submit("/step-up", fresh_code=self._code())

    def change_password(self, new: str) -> None:
        self.window.submit("/password", current_password=self.password, new_password=new, repeated_password=new)
        self.password = new

    def open(self, path: str) -> None:
        """Go there; after fifteen idle minutes that means signing in again."""
        self.window.go(path)
        if self.window.path == "/console/sign-in":
            self.sign_in()
            self.window.go(path)
        check(self.window.path == path.partition("?")[0], f"{path} led to {self.window.path}: {self.window.text[:200]}")

    def find(self, student_number: str) -> str:
        """The graduate's public id, by the search form."""
        self.open("/console/graduates")
        self.window.submit("/graduates/find", student_number=student_number)
        check(self.window.path.startswith("/console/graduates/"), f"not found: {self.window.text[:120]}")
        return self.window.path.removeprefix("/console/graduates/")

    def issue_code(self, student_number: str) -> str:
        """After the look at the ID card: the activation code on the slip."""
        graduate = self.find(student_number)
        self.open(f"/console/graduates/{graduate}/counter")
        self.window.submit("/counter/activation", document_kind="id_card", identity_checked="yes")
        words = self.window.text.replace("激活码：", " ").split()
        codes = [w for w in words if len(w) == 11 and w[5] == "-"]
        check(len(codes) == 1, f"no activation code on the slip: {self.window.text[:200]}")
        return codes[0]


__all__ = ["CHROMIUM", "ChromiumWindow", "Clerk", "PlainWindow", "Window"]
