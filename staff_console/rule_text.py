"""A small, safe part of Markdown for the office's rules: headings, lists, bold. Everything else is plain text."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

_BOLD = re.compile(r"\*\*(.+?)\*\*")
_NUMBERED = re.compile(r"\d{1,3}[.、]\s*")


def _inline(text: str) -> Markup:
    parts = _BOLD.split(text)
    return Markup("").join(escape(p) if n % 2 == 0 else Markup("<b>{}</b>").format(p) for n, p in enumerate(parts))


def _kind(line: str) -> tuple[str, str]:
    """(what the line is, its text)."""
    if line.startswith("#"):
        return "heading", line.lstrip("#").strip()
    if line.startswith(("- ", "* ")):
        return "ul", line[2:].strip()
    numbered = _NUMBERED.match(line)
    if numbered:
        return "ol", line[numbered.end() :].strip()
    return "p", line


def render_rule(body: str) -> Markup:
    """HTML of a rule's body. No input can bring a tag, an attribute or a link into the page."""
    out: list[Markup] = []
    listed = ""
    for raw in body.replace("\r\n", "\n").split("\n"):
        kind, text = _kind(raw.strip()) if raw.strip() else ("", "")
        if listed and kind != listed:
            out.append(Markup("</{}>").format(Markup(listed)))  # noqa: S704 - one of two words of ours
            listed = ""
        if kind in ("ul", "ol") and not listed:
            listed = kind
            out.append(Markup("<{}>").format(Markup(kind)))  # noqa: S704 - one of two words of ours
        if kind == "heading":
            out.append(Markup("<h3>{}</h3>").format(_inline(text)))
        elif kind in ("ul", "ol"):
            out.append(Markup("<li>{}</li>").format(_inline(text)))
        elif kind == "p":
            out.append(Markup("<p>{}</p>").format(_inline(text)))
    if listed:
        out.append(Markup("</{}>").format(Markup(listed)))  # noqa: S704 - one of two words of ours
    return Markup("\n").join(out)
