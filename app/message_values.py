"""What the platforms take as a value of a template message: WeChat by the type that begins the key, Alipay by length.

Sources: WeChat's 订阅消息参数值内容限制 and Alipay's alipay.open.app.mini.templatemessage.send. Pure.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial

THING_LENGTH = 20
KEYWORD_LENGTH, PAGE_LENGTH, DATA_BYTES = 50, 128, 2048

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TIME = re.compile(r"(?:(\d{4})年(\d{1,2})月(\d{1,2})日 )?([01]?\d|2[0-3]):[0-5]\d", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:年(\d{1,2})月(\d{1,2})日|([-/.])(\d{1,2})\4(\d{1,2}))", re.ASCII)
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    "number": re.compile(r"(?=.{1,32}$)\d+(?:\.\d+)?", re.ASCII),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(rf"[^A-Za-z0-9\s{_CJK}]{{1,5}}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "amount": re.compile(r"[¥￥$€£]?(?=(?:\D?\d){1,10}元?$)\d+(?:\.\d+)?元?", re.ASCII),
    "phone_number": re.compile(r"(?=.*\d)[\d+() -]{1,17}", re.ASCII),
    "car_number": re.compile(rf"[A-Z0-9{_CJK}][A-Za-z0-9·]{{0,6}}[A-Z0-9{_CJK}]?"),
    "name": re.compile(rf"[{_CJK}·]{{1,10}}|[A-Za-z .'-]{{1,20}}"),
    "phrase": re.compile(rf"[{_CJK}]{{1,5}}"),
}
_SPLITTING = ("Cc", "Zl", "Zp")
_UNSENT = ("Cs",)
"""Half of a surrogate pair is no character and cannot be written as UTF-8."""


def units(text: str) -> int:
    """Length as the platforms' clients count it, in UTF-16 units: an emoji has two or more. Where a platform counts
    whole characters instead, what fits here fits there.
    """
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def breaks_lines(character: str) -> bool:
    """Controls and separators of lines, which no value may hold."""
    return unicodedata.category(character) in _SPLITTING


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(int(year), int(month), int(day))
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    return found is not None and _is_day(found[1], found[2] or found[5], found[3] or found[6])


def _is_time(text: str) -> bool:
    found = _TIME.fullmatch(text)
    return found is not None and (found[1] is None or _is_day(found[1], found[2], found[3]))


def _is_short(text: str) -> bool:
    return units(text) <= THING_LENGTH


def _matches(pattern: re.Pattern[str], text: str) -> bool:
    return pattern.fullmatch(text) is not None


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "date": _is_date,
    "time": _is_time,
    "thing": _is_short,
    "enum": _is_short,
    **{kind: partial(_matches, pattern) for kind, pattern in _PATTERNS.items()},
}


def _fault_of_any(text: str) -> str:
    if not text.strip():
        return "empty"
    bad = any(breaks_lines(c) or unicodedata.category(c) in _UNSENT for c in text)
    return "control_character" if bad else ""


def wechat_fault(key: str, text: str) -> str:
    """Why WeChat would refuse ``text`` under ``key`` (47003), '' where it would not: ``empty``, ``control_character``,
    ``unknown_type`` or ``bad_`` and the type. ``key`` is "thing1", "date2" …
    """
    kind = key.rstrip("0123456789")
    check = _CHECKS.get(kind)
    if check is None:
        return "unknown_type"
    return _fault_of_any(text) or ("" if check(text) else f"bad_{kind}")


def wechat_faults(fields: Mapping[str, str]) -> list[str]:
    """``key:fault`` of every value that breaks its rule, never the value."""
    return [f"{key}:{fault}" for key, text in fields.items() if (fault := wechat_fault(key, text))]


def alipay_data(fields: Mapping[str, str]) -> str:
    """The JSON text that goes into Alipay's ``data``."""
    return json.dumps({k: {"value": v} for k, v in fields.items()}, ensure_ascii=False, separators=(",", ":"))


def alipay_faults(fields: Mapping[str, str]) -> list[str]:
    """``key:fault`` of every keyword that breaks a rule, and ``data:too_long`` for more than 2,048 bytes in all."""
    found = []
    for key, text in fields.items():
        fault = _fault_of_any(text) or ("too_long" if units(text) > KEYWORD_LENGTH else "")
        found += [f"{key}:{fault}"] if fault else []
    too_long = len(alipay_data(fields).encode(errors="replace")) > DATA_BYTES
    return [*found, "data:too_long"] if too_long else found
