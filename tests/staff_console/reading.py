"""Reading a page as a person does: its text, and its forms with what stands in them."""

from __future__ import annotations

from html.parser import HTMLParser

SILENT = {"script", "style", "title"}


class Reader(HTMLParser):
    """``forms``: action -> its fields; ``text``: what the page says; ``tags``: every start tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: dict[str, dict[str, str]] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self._silent = 0
        self._form: dict[str, str] = {}
        self._area = ""
        self._select = ""
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self._words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {k: v or "" for k, v in attrs}
        self.tags.append((tag, values))
        name = values.get("name", "")
        if tag in SILENT:
            self._silent += 1
        elif tag == "form":
            self._form = self.forms.setdefault(values.get("action", ""), {})
        elif tag == "input" and name and (values.get("type") != "checkbox" or "checked" in values):
            self._form[name] = values.get("value", "")
        elif tag == "textarea":
            self._area = name
            self._form[name] = ""
        elif tag == "select":
            self._select = name
            self._form[name] = ""
        elif tag == "option" and "selected" in values:
            self._form[self._select] = values.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self._silent -= 1
        elif tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self._form[self._area] += data
        if not self._silent:
            self._words.append(data)
