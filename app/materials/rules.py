"""Scans and supplements: what is advised of a scan, the states of a supplement, and how fixity goes round. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from app.text_rules import hides_something, without_hidden

# --- scans --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ScanRule:
    """How fine a scan of paper must be. The school may ask for more by settings; the source says where this is from."""

    version: str
    least_dpi: int
    ocr_dpi: int
    source: str


DA_T_31 = ScanRule(
    "DA/T 31-2017", 200, 300, "DA/T 31-2017《纸质档案数字化规范》：扫描分辨率不低于 200 dpi，需要文字识别的宜为 300 dpi"
)
_A4_INCHES = 11.69


class Tone(StrEnum):
    """How an advice is meant: fine, worth a look, or to be done again."""

    GOOD = "good"
    LOOK = "look"
    AGAIN = "again"


@dataclass(frozen=True, slots=True)
class Advice:
    """One line about a scan. ``words`` may hold numbers, never a name or title."""

    code: str
    tone: Tone
    words: str


def scan_advice(media_type: str, facts: Mapping[str, Any], pages_listed: int | None, rule: ScanRule) -> list[Advice]:
    """What to say of a stored scan: its resolution against ``rule``, and its pages against the catalogue."""
    found = []
    if media_type == "application/ofd":
        return [Advice("opaque", Tone.LOOK, "OFD 文件按原样保存，不解析：页数和清晰度请人工核对")]
    dpi, edges = facts.get("dpi"), [facts.get("width"), facts.get("height")]
    if isinstance(dpi, int):
        found.append(_dpi_advice(dpi, rule))
    elif media_type.startswith("image/") and all(isinstance(e, int) for e in edges):
        guess = int(max(e for e in edges if isinstance(e, int)) / _A4_INCHES)
        words = f"文件未写明分辨率；若原件为 A4，约合 {guess} dpi（{rule.version} 要求不低于 {rule.least_dpi}）"
        found.append(Advice("dpi_unknown", Tone.LOOK if guess >= rule.least_dpi else Tone.AGAIN, words))
    pages = facts.get("pages")
    if pages_listed is not None and isinstance(pages, int) and pages != pages_listed:
        words = f"目录登记 {pages_listed} 页，文件实有 {pages} 页，请核对是否漏扫或登记有误"
        found.append(Advice("pages_differ", Tone.LOOK, words))
    return found


def _dpi_advice(dpi: int, rule: ScanRule) -> Advice:
    if dpi < rule.least_dpi:
        words = f"{dpi} dpi，低于 {rule.version} 要求的 {rule.least_dpi} dpi，建议重新扫描"
        return Advice("dpi_low", Tone.AGAIN, words)
    if dpi < rule.ocr_dpi:
        words = f"{dpi} dpi，符合 {rule.version}；需要文字识别的宜为 {rule.ocr_dpi} dpi"
        return Advice("dpi_fair", Tone.GOOD, words)
    return Advice("dpi_good", Tone.GOOD, f"{dpi} dpi，符合 {rule.version}，适合文字识别")


MOST_FILES = 12
MOST_PAGES = 9999
MAX_TITLE, MAX_KIND, MAX_REMARK = 120, 30, 200


def formed_on_fault(text: str, today: date) -> str | None:
    """A date formed is a year, a month or a day (the catalogue writes what the paper shows), not in the future."""
    parts = text.split("-")
    if not 1 <= len(parts) <= 3 or [len(p) for p in parts] != [4, 2, 2][: len(parts)]:
        return "date_malformed"
    if not all(p.isascii() and p.isdigit() for p in parts):
        return "date_malformed"
    try:
        first = date(*[int(p) for p in [*parts, "01", "01"][:3]])
    except ValueError:
        return "date_malformed"
    return "date_in_future" if first > today else "date_malformed" if first.year < 1900 else None


def text_fault(text: str, most: int, *, required: bool = True) -> str | None:
    """Why a trimmed text cannot stand: empty, too long, or with invisible or direction-changing characters."""
    if hides_something(text):
        return "invisible_characters"
    if not text:
        return "required" if required else None
    return "too_long" if len(text) > most else None


@dataclass(frozen=True, slots=True)
class Entry:
    """What somebody says a material is. ``pages`` as the catalogue shall list them, None for as many as are found."""

    class_code: str
    kind: str
    title: str = field(repr=False)
    formed_on: str = ""
    pages: int | None = None
    remark: str = field(default="", repr=False)


def entry_faults(entry: Entry, classes: Mapping[str, str], today: date, *, title_required: bool) -> dict[str, str]:
    """Field name -> stable fault code; empty when it may be filed."""
    found = {
        "class_code": None if entry.class_code in classes else "unknown_class",
        "kind": text_fault(entry.kind, MAX_KIND, required=False),
        "title": text_fault(entry.title, MAX_TITLE, required=title_required),
        "formed_on": formed_on_fault(entry.formed_on, today) if entry.formed_on else None,
        "pages": None if entry.pages is None or 1 <= entry.pages <= MOST_PAGES else "out_of_range",
        "remark": text_fault(entry.remark, MAX_REMARK, required=False),
    }
    return {name: code for name, code in found.items() if code is not None}


def title_from(file_name: str, position: int) -> str:
    """A title out of an upload's file name, without folders and suffix; a number where nothing usable is left."""
    stem = file_name.replace("\\", "/").rsplit("/", 1)[-1].rpartition(".")[0] or file_name
    stem = "".join(c for c in without_hidden(stem) if c.isprintable()).strip()[:MAX_TITLE]
    return stem or f"扫描件 {position}"


# --- supplements --------------------------------------------------------------------------------------------------


class State(StrEnum):
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"


STATE_LABELS: Mapping[State, str] = {
    State.SUBMITTED: "待审核",
    State.ACCEPTED: "已归档",
    State.RETURNED: "已退回",
    State.WITHDRAWN: "已撤回",
}


class Move(StrEnum):
    ACCEPT = "accept"
    RETURN = "return"
    WITHDRAW = "withdraw"


EDGES: Mapping[tuple[State, Move], State] = {
    (State.SUBMITTED, Move.ACCEPT): State.ACCEPTED,
    (State.SUBMITTED, Move.RETURN): State.RETURNED,
    (State.SUBMITTED, Move.WITHDRAW): State.WITHDRAWN,
}
"""Decided once and for all: what was returned is sent again as a new supplement."""


def target(move: Move, source: State) -> State | None:
    """Where the move leads, or None where it is not allowed."""
    return EDGES.get((source, move))


RETURN_REASONS: Mapping[str, str] = {
    "not_original": "不是原件或缺少签章、日期",
    "unreadable": "扫描不清晰或缺页",
    "already_filed": "该材料已归档",
    "not_dossier_material": "不属于归档范围",
    "wrong_person": "不是本人的材料",
    "other": "其他原因",
}
MOST_OPEN = 10
MAX_STATEMENT = 1000

# --- fixity -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast fixity goes: ``rows`` per slice, then a rest of ``rest`` times the slice's own duration, at least
    ``least_rest``; a new round begins ``every`` after the last one began.

    DA/T 70-2018 and GB/T 18894-2016 ask for checks in long-term keeping without giving an interval: seven days is ours.
    """

    rows: int = 100
    rest: float = 3.0
    least_rest: timedelta = timedelta(seconds=1)
    every: timedelta = timedelta(days=7)
    stuck_after: timedelta = timedelta(minutes=30)


PACE = Pace()


class Damage(StrEnum):
    """What can be wrong with something kept."""

    CELL = "cell_damaged"
    FILE = "file_damaged"
    MISSING = "file_missing"
    DIGEST = "digest_differs"
    UNREADABLE = "key_unreadable"


DAMAGE_LABELS: Mapping[Damage, str] = {
    Damage.CELL: "数据库密文无法通过校验（改动、错位或损坏）",
    Damage.FILE: "文件密文无法通过校验（改动、错位或损坏）",
    Damage.MISSING: "文件缺失",
    Damage.DIGEST: "内容与归档时的 SHA-256/SM3 摘要不一致",
    Damage.UNREADABLE: "数据密钥无法打开",
}


class Mended(StrEnum):
    """How a finding came to its end."""

    REPLICA = "replica"
    INTACT = "intact"
    GONE = "gone"


MENDED_LABELS: Mapping[Mended, str] = {
    Mended.REPLICA: "已用副本修复",
    Mended.INTACT: "复查时已完好（由备份恢复等）",
    Mended.GONE: "所属记录已不存在（撤销导入、更换草稿等）",
}
FILE_DAMAGE: Sequence[Damage] = (Damage.FILE, Damage.MISSING, Damage.DIGEST)
