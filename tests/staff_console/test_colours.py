"""WCAG 2.2 AA contrast of the style sheet's tokens, in both schemes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from staff_console.assets import ASSETS

TEXT = (
    ("ink", "paper"),
    ("ink", "sheet"),
    ("ink", "sunk"),
    ("ink", "seal-wash"),
    ("ink", "good-wash"),
    ("ink", "warn-wash"),
    ("soft", "paper"),
    ("soft", "sheet"),
    ("soft", "sunk"),
    ("soft", "seal-wash"),
    ("link", "paper"),
    ("link", "sheet"),
    ("link", "sunk"),
    ("link", "seal-wash"),
    ("good", "good-wash"),
    ("warn", "warn-wash"),
    ("warn", "sheet"),
    ("warn", "paper"),
    ("work", "work-wash"),
    ("seal-ink", "seal"),
    ("inner", "inner-wash"),
    ("ink", "inner-wash"),
    ("soft", "inner-wash"),
    ("soft", "good-wash"),
    ("soft", "warn-wash"),
    ("link", "good-wash"),
    ("link", "warn-wash"),
    ("link", "inner-wash"),
)
EDGES = (("edge", "sheet"), ("edge", "paper"), ("focus", "paper"), ("focus", "sheet"))


def _tokens(scheme: str) -> dict[str, str]:
    css = ASSETS["console.css"].data.decode()
    light, dark = css.split("@media (prefers-color-scheme: dark)", 1)
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{3,6});", light))
    return found if scheme == "light" else {**found, **dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", dark))}


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("pairs", "least"), [(TEXT, 4.5), (EDGES, 3.0)], ids=["text", "edges"])
def test_tokens_can_be_told_apart(scheme: str, pairs: tuple[tuple[str, str], ...], least: float) -> None:
    tokens = _tokens(scheme)
    weak = {f"{a} on {b}": round(c, 2) for a, b in pairs if (c := _contrast(tokens[a], tokens[b])) < least}
    assert weak == {}


def test_the_style_page_names_every_token() -> None:
    css = ASSETS["console.css"].data.decode()
    page = (Path(__file__).resolve().parents[2] / "docs" / "console-style.md").read_text("utf-8")
    defined = set(re.findall(r"(--[a-z0-9-]+): ", css.split("@media", 1)[0]))
    assert set(re.findall(r"`(--[a-z0-9-]+)`", page)) == defined
    assert set(re.findall(r"var\((--[a-z0-9-]+)\)", css)) <= defined
