"""Counting paper against the frozen catalogue: what is asked, what counts as equal, how long an invitation holds.

Sources: 人社部发〔2021〕112号 (the receiver checks what came and returns the receipt); 2-domain §3.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
"""Nothing in it looks like something else in it."""
CODE_LENGTH, GROUP = 16, 4
HOLDS_FOR = timedelta(days=120)
"""Fifteen working days to send, a month for the receipt, and the time for a query in between."""
MOST_WRONG = 5
MOST_COUNTED = 9999
WHO_MOST, SETTLED_MOST = 40, 300


class CaseKind(StrEnum):
    MISMATCH = "mismatch"


class CaseState(StrEnum):
    OPEN = "open"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class CaseWords:
    """What graduate and desk read of a difference: ``what`` was found, and what happens ``next``."""

    what: str
    next: str


CASE_WORDS: Mapping[CaseState, CaseWords] = {
    CaseState.OPEN: CaseWords(
        "接收单位清点时发现材料与目录不一致，档案尚未登记为已接收",
        "学校与接收单位核实清点差异，核实后由接收单位再次清点并登记回执；本人暂时不需要办理",
    ),
    CaseState.SETTLED: CaseWords(
        "接收单位清点时发现的差异已核实处理，档案尚未登记为已接收",
        "等待接收单位再次清点并登记回执；本人暂时不需要办理",
    ),
}


@dataclass(frozen=True, slots=True)
class ClassTotal:
    """What the catalogue lists of one class. ``pages`` is None where those of a material are not known."""

    class_code: str
    items: int
    pages: int | None


@dataclass(frozen=True, slots=True)
class Difference:
    """``what`` is 份 or 页."""

    class_code: str
    what: str
    listed: int
    counted: int


Counted = Mapping[str, tuple[int, int | None]]
"""Class -> items and pages as they were counted."""


def new_code() -> str:
    """In groups of four, as the slip prints it; 78 bits."""
    text = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    return "-".join(text[i : i + GROUP] for i in range(0, CODE_LENGTH, GROUP))


def plain_code(typed: str) -> str:
    """Blanks, hyphens and case do not count."""
    return "".join(c for c in typed.upper() if c.isascii() and c.isalnum())


def totals(items: Iterable[tuple[str, int | None]]) -> Sequence[ClassTotal]:
    """Of (class, pages) of each material, in the order the classes come."""
    found: dict[str, tuple[int, int | None]] = {}
    for code, pages in items:
        many, sheets = found.get(code, (0, 0))
        found[code] = (many + 1, None if pages is None or sheets is None else sheets + pages)
    return tuple(ClassTotal(code, many, sheets) for code, (many, sheets) in found.items())


def differences(listed: Sequence[ClassTotal], counted: Counted) -> Sequence[Difference]:
    """Pages that the catalogue does not know are not compared."""
    found = []
    for total in listed:
        items, pages = counted[total.class_code]
        if items != total.items:
            found.append(Difference(total.class_code, "份", total.items, items))
        if total.pages is not None and pages is not None and pages != total.pages:
            found.append(Difference(total.class_code, "页", total.pages, pages))
    return tuple(found)
