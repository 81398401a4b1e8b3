"""Days and months as people write them, in the form they are stored in (ISO 8601). Pure."""

from __future__ import annotations

import re
from datetime import date, timedelta

# 2026-06-01, 2026/6/1, 2026.6.1, 2026年6月1日 and the same without the day; a time of day behind it is dropped
_PARTED = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})?\s*日?|\s*月?)?"
    r"(?:[T ]+\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?)?"
)
_PACKED = re.compile(r"(\d{4})(\d{2})(\d{2})?")
_YEAR = re.compile(r"(\d{4})年?")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_EPOCH = date(1899, 12, 30)  # serial 60 is a day that never was: whole numbers from 61 on count from here
_SERIALS = (10_000, 80_000)
_YEARS = (1900, 2100)


def iso_date(text: str) -> str | None:
    """YYYY-MM-DD, YYYY-MM or YYYY, as exact as it was written; None when it is no day, month or year."""
    bare = text.strip().translate(_WIDE)
    if _SERIAL.fullmatch(bare):
        return serial_date(float(bare))
    found = _PARTED.fullmatch(bare) or _PACKED.fullmatch(bare) or _YEAR.fullmatch(bare)
    if found is None:
        return None
    year, month, day = (*(int(g) if g else 0 for g in found.groups()), 0, 0)[:3]
    try:
        made = date(year, month or 1, day or 1)
    except ValueError:
        return None
    if not _YEARS[0] <= made.year <= _YEARS[1]:
        return None
    return made.isoformat()[: 10 if day else 7 if month else 4]


_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


def serial_date(number: float, *, from_1904: bool = False) -> str | None:
    """The day a spreadsheet means by this number of days; None outside 1927 to 2119."""
    if not _SERIALS[0] <= number < _SERIALS[1]:
        return None
    return (_EPOCH + timedelta(days=int(number) + (1462 if from_1904 else 0))).isoformat()
