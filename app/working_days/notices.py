"""Yearly notices beside the library: which days are off or worked, and the notice that says so. TOML, versioned.

A school adds a file of its own with LANTAI_WORKING_DAYS; where both name a year, the school's wins whole.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from app import rule_files
from app.rule_files import RuleFileInvalid

SHIPPED = Path(__file__).with_name("notices.toml")
MAX_BYTES = 256 * 1024
FIRST_YEAR, LAST_YEAR = 2000, 2100
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,11}")
_KEYS = frozenset({"year", "arranged", "source", "off", "working"})


class NoticesInvalid(RuleFileInvalid):
    """The notices cannot be used."""


@dataclass(frozen=True, slots=True)
class YearNotice:
    """``arranged``: the year's notice is out and stands here in full."""

    year: int
    arranged: bool
    source: str
    off: frozenset[date]
    working: frozenset[date]


@dataclass(frozen=True, slots=True)
class Notices:
    version: str
    years: Mapping[int, YearNotice]


def _days(entry: Mapping[str, Any], name: str, where: str, faults: list[str]) -> frozenset[date]:
    days = entry.get(name, [])
    # a TOML date-time is a date to Python, and would never equal one
    if not isinstance(days, list) or any(not isinstance(d, date) or isinstance(d, datetime) for d in days):
        faults.append(f"{where} 的 {name} 应是日期列表")
        return frozenset()
    faults.extend(f"{where} 的 {name} 有别年的日期 {d}" for d in days if d.year != entry.get("year"))
    return frozenset(days)


def _year(entry: Any, number: int, faults: list[str]) -> YearNotice | None:
    where = f"第 {number} 个 year"
    year = entry.get("year") if isinstance(entry, dict) else None
    if type(year) is not int or not FIRST_YEAR <= year <= LAST_YEAR:
        faults.append(f"{where} 没有 {FIRST_YEAR} 至 {LAST_YEAR} 之间的 year")
        return None
    where = f"{year} 年"
    faults.extend(f"{where} 有不认识的项 {name}" for name in sorted(entry.keys() - _KEYS))
    arranged, source = entry.get("arranged"), entry.get("source")
    if not isinstance(arranged, bool):
        faults.append(f"{where} 的 arranged 应是 true 或 false")
    if not isinstance(source, str) or not source.strip():
        faults.append(f"{where} 没有写明依据的通知 source")
    off, working = _days(entry, "off", where, faults), _days(entry, "working", where, faults)
    faults.extend(f"{where} 的 {d} 既放假又上班" for d in sorted(off & working))
    return YearNotice(year, bool(arranged), str(source), off, working)


def read(data: bytes) -> Notices:
    """Raises NoticesInvalid with every fault of the file."""
    table = rule_files.table(data, "工作日安排", NoticesInvalid)
    faults: list[str] = []
    version, entries = table.get("version"), table.get("year", [])
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        faults.append("version 应是 1 至 12 位字母、数字、点、横线")
    if not isinstance(entries, list):
        raise NoticesInvalid([*faults, "year 应写作 [[year]]"])
    years: dict[int, YearNotice] = {}
    for number, entry in enumerate(entries, 1):
        notice = _year(entry, number, faults)
        if notice is not None and notice.year in years:
            faults.append(f"{notice.year} 年写了两次")
        if notice is not None:
            years[notice.year] = notice
    if faults:
        raise NoticesInvalid(faults)
    return Notices(str(version), years)


def load(own: Path | None = None) -> Notices:
    """The shipped notices with a school's own laid over them. Raises NoticesInvalid."""
    shipped = read(SHIPPED.read_bytes())
    if own is None:
        return shipped
    added = read(rule_files.bytes_of(own, NoticesInvalid, MAX_BYTES))
    return Notices(f"{shipped.version}+{added.version}", {**shipped.years, **added.years})
