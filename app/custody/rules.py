"""Custody of the paper dossier: where it stands, how places are named, and how it is lent.

Sources: 2-domain §3 (physical location, borrow and return); the days of a loan and their number are this school's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from uuid import UUID

from app.actors import Role
from app.errors import FieldFault

KEEPERS = (Role.ARCHIVIST,)
"""Who names places and closes them."""
MOVERS = (Role.ARCHIVIST, Role.DISPATCHER)
"""Who puts dossiers on shelves, lends them and takes them back."""
READERS = (Role.ARCHIVIST, Role.DISPATCHER, Role.REVIEWER)
"""Who sees where a dossier is, and may be the second person of a loan."""


class Standing(StrEnum):
    """Where the paper is. A dossier without a row is in the house at no place on record."""

    UNPLACED = "unplaced"
    SHELVED = "shelved"
    LENT = "lent"
    LEFT = "left"


STANDING_LABELS: Mapping[Standing, str] = {
    Standing.UNPLACED: "在馆，待上架",
    Standing.SHELVED: "在架",
    Standing.LENT: "已借出",
    Standing.LEFT: "已离馆转递",
}


class Move(StrEnum):
    SHELVED = "shelved"
    UNDONE = "undone"
    LENT = "lent"
    RETURNED = "returned"
    LEFT = "left"
    CAME_BACK = "came_back"


MOVE_LABELS: Mapping[Move, str] = {
    Move.SHELVED: "上架",
    Move.UNDONE: "撤销上架",
    Move.LENT: "借出",
    Move.RETURNED: "归还",
    Move.LEFT: "交寄离馆",
    Move.CAME_BACK: "回到档案馆",
}


class Why(StrEnum):
    FIRST = "first"
    MOVED = "moved"
    AGAIN = "again"
    MISTAKE = "mistake"
    LOAN = "loan"
    HANDED_OVER = "handed_over"
    SENT_BACK = "sent_back"
    REBUILT = "rebuilt"
    BEFORE = "before"


WHY_LABELS: Mapping[Why, str] = {
    Why.FIRST: "首次登记位置",
    Why.MOVED: "移位",
    Why.AGAIN: "重新上架",
    Why.MISTAKE: "扫错更正",
    Why.LOAN: "借阅",
    Why.HANDED_OVER: "转递交寄",
    Why.SENT_BACK: "转递退回",
    Why.REBUILT: "遗失后补建",
    Why.BEFORE: "启用位置登记时的状态",
}

# --- places -----------------------------------------------------------------------------------------------------------

PLACE = re.compile(r"([A-Z][A-Z0-9]{0,3})((?:-[0-9]{1,4}){2,4})")
UNITS = ("列", "节", "层", "盒")
MOST_PLACES = 1000
"""At once, by a range."""


def scanned(text: str) -> str:
    """What a scanner or a hand typed, as codes are written: full-width and small letters, spaces and dashes mended."""
    plain = unicodedata.normalize("NFKC", text).upper()
    return "".join(plain.replace("—", "-").replace("–", "-").split())


def is_place(text: str) -> bool:
    return PLACE.fullmatch(scanned(text)) is not None


def place_key(code: str) -> str:
    """Places whose numbers are equal are one place: A-03-2-05 and A-3-2-5."""
    room, *numbers = code.split("-")
    return "-".join((room, *(str(int(n)) for n in numbers)))


def place_words(code: str) -> str:
    """A-03-2-05 -> A 库 03 列 2 节 05 层."""
    room, *numbers = code.split("-")
    return " ".join((f"{room} 库", *(f"{n} {unit}" for n, unit in zip(numbers, UNITS, strict=False))))


def place_codes(first: str, last: str) -> list[str] | FieldFault:
    """The places from ``first`` to ``last``, each number running from the first's to the last's; one where ``last`` is
    empty. Numbers are written as wide as the first's. Or what is wrong.
    """
    first, last = scanned(first), scanned(last)
    if not first:
        return FieldFault("/first", "required")
    if PLACE.fullmatch(first) is None:
        return FieldFault("/first", "place_shape")
    if not last:
        return [first]
    if PLACE.fullmatch(last) is None:
        return FieldFault("/last", "place_shape")
    (room, *low), (other, *high) = first.split("-"), last.split("-")
    if room != other or len(low) != len(high) or any(int(a) > int(b) for a, b in zip(low, high, strict=True)):
        return FieldFault("/last", "place_range")
    count = 1
    for a, b in zip(low, high, strict=True):
        count *= int(b) - int(a) + 1
    if count > MOST_PLACES:
        return FieldFault("/last", "too_many_places")
    runs = [[str(n).zfill(len(a)) for n in range(int(a), int(b) + 1)] for a, b in zip(low, high, strict=True)]
    return ["-".join((room, *numbers)) for numbers in product(*runs)]


# --- codes of dossiers ------------------------------------------------------------------------------------------------

DOSSIER = re.compile(r"DA([0-9A-F]{12})")


def own_code(dossier_id: UUID) -> str:
    """The code of a dossier that has no transfer's label yet: the first 48 random bits of its public id, which says
    nothing about anybody and needs no column.
    """
    return f"DA{dossier_id.hex[:12].upper()}"


def own_range(code: str) -> tuple[UUID, UUID] | None:
    """The public ids that have this code: one dossier, but for an accident of one in 500 million a pair."""
    match = DOSSIER.fullmatch(code)
    return None if match is None else (UUID(match.group(1) + "0" * 20), UUID(match.group(1) + "F" * 20))


# --- loans ------------------------------------------------------------------------------------------------------------

LOAN_DAYS = 15
"""Working days a loan runs at most, and each extension adds."""
MOST_EXTENSIONS = 3
NAME_MOST, UNIT_MOST, LETTER_MOST, WORDS_MOST = 40, 80, 40, 300


class LoanState(StrEnum):
    REQUESTED = "requested"
    OUT = "out"
    RETURNED = "returned"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


LOAN_LABELS: Mapping[LoanState, str] = {
    LoanState.REQUESTED: "待第二人批准",
    LoanState.OUT: "借出中",
    LoanState.RETURNED: "已归还",
    LoanState.REFUSED: "未批准",
    LoanState.WITHDRAWN: "已撤回",
}
OPEN_LOAN = "state in ('requested', 'out')"


class Borrower(StrEnum):
    STAFF = "staff"
    OUTSIDE = "outside"


BORROWER_LABELS: Mapping[Borrower, str] = {Borrower.STAFF: "本校工作人员", Borrower.OUTSIDE: "外单位人员"}


class Purpose(StrEnum):
    APPOINTMENT = "appointment"
    PARTY = "party"
    POLITICAL_REVIEW = "political_review"
    INVESTIGATION = "investigation"
    PROOF = "proof"
    SCANNING = "scanning"
    SORTING = "sorting"


PURPOSE_LABELS: Mapping[Purpose, str] = {
    Purpose.APPOINTMENT: "录用、任免考察",
    Purpose.PARTY: "党团组织发展",
    Purpose.POLITICAL_REVIEW: "政审",
    Purpose.INVESTIGATION: "司法、纪检调查",
    Purpose.PROOF: "出具证明",
    Purpose.SCANNING: "扫描数字化",
    Purpose.SORTING: "整理、补充材料",
}


class Condition(StrEnum):
    INTACT = "intact"
    MISSING = "missing"
    DAMAGED = "damaged"


CONDITION_LABELS: Mapping[Condition, str] = {
    Condition.INTACT: "完好",
    Condition.MISSING: "缺件",
    Condition.DAMAGED: "破损",
}


class Flag(StrEnum):
    """A dossier that came back incomplete stays marked until somebody says how that ended."""

    NONE = "none"
    OPEN = "open"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a loan is asked for. ``staff_id`` names a borrower of the staff; an outside unit's person has a name, a unit
    and the number of the unit's letter. ``leaves_house``: it is carried out of the archive, which an outside unit's
    always is.
    """

    borrower: Borrower
    purpose: Purpose
    days: int
    leaves_house: bool = False
    staff_id: UUID | None = None
    name: str = ""
    unit: str = ""
    letter: str = ""

    @property
    def takes_two(self) -> bool:
        return self.leaves_house or self.borrower is Borrower.OUTSIDE


# --- what the graduate is told ----------------------------------------------------------------------------------------

IN_ARCHIVE = "纸质档案在学校档案馆保管"
GRADUATE_WORDS: Mapping[Standing, str] = {
    Standing.UNPLACED: IN_ARCHIVE,
    Standing.SHELVED: IN_ARCHIVE,
    Standing.LENT: "纸质档案因工作需要按规定借出，由学校档案馆登记管理，归还后继续办理",
    Standing.LEFT: "纸质档案已离开学校，正在转递途中；送达不等于已接收",
}
LENT_INSIDE = "纸质档案在学校内部借阅中，归还后继续办理"
ARRIVED = "纸质档案已由接收单位保管"
