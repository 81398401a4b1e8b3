"""What nobody sees in a text, for everybody who takes in words. Pure."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

HAN = r"\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAN_CHARACTER = re.compile(f"[{HAN}]")
_LINES = "\n\r\t"
# controls, what turns the direction round or joins, separators of lines and paragraphs
_UNSEEN_CATEGORIES = frozenset({"Cc", "Cf", "Zl", "Zp"})
# letters and marks without a shape (Hangul fillers, joiners), and places that Unicode keeps for more of the kind
_SHAPELESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)


def hides_something(text: str) -> bool:
    """True with any character that is invisible or changes the direction, beside line ends and tabs."""
    return any(_hidden(before, character) for before, character in pairwise(f" {text}"))


def without_hidden(text: str) -> str:
    return "".join(character for before, character in pairwise(f" {text}") if not _hidden(before, character))


def is_variation_selector(character: str) -> bool:
    return "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"


def _hidden(before: str, character: str) -> bool:
    if is_variation_selector(character):  # chooses the form of a name's ideograph; elsewhere it only hides
        return _HAN_CHARACTER.match(before) is None
    if character in _LINES:
        return False
    return unicodedata.category(character) in _UNSEEN_CATEGORIES or _SHAPELESS.match(character) is not None
