"""One rule of what hides in a text, wherever words are taken in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.corrections.checking import clean_text
from app.errors import Invalid
from app.governance.texts import checked
from app.materials.rules import text_fault, title_from
from app.text_rules import hides_something, without_hidden
from tests.app.corrections.test_bad_input import HIDDEN

SEEN = (
    "葛\U000e0100洪",
    "\u9089\ufe00",
    "第一行\r\n\t第二行",
    "阿依古丽·买买提",
    "مۇھەممەت",
    "한글",
    "ᠮᠣᠩᠭᠣᠯ",
    "👍",
    "",
)


def _corrections(text: str) -> bool:
    return _raised(clean_text, text)


def _governance(text: str) -> bool:
    return _raised(checked, text)


def _raised(check: Callable[[str, str, int], str], text: str) -> bool:
    try:
        check(text, "/text", 100)
    except Invalid as refused:
        return [f.code for f in refused.faults] == ["invisible_characters"]
    return False


def _materials(text: str) -> bool:
    return text_fault(text, 100) == "invisible_characters"


@pytest.mark.parametrize("refuses", [hides_something, _corrections, _governance, _materials])
def test_every_room_refuses_the_same(refuses: Callable[[str], bool]) -> None:
    assert [name for name, text in HIDDEN.items() if not refuses(text)] == []
    assert [text for text in SEEN if refuses(text)] == []


def test_a_file_name_loses_what_it_hides_and_keeps_its_ideographs() -> None:
    assert without_hidden("成\u3164绩\u202e单") == "成绩单"
    assert title_from("葛\U000e0100洪\u3164\u034f.pdf", 1) == "葛\U000e0100洪"
