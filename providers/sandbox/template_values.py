"""WeChat's rules for the values of a subscription message, by the type that begins the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.sandbox.config import Template
from providers.sandbox.refusals import WeChatRefusal

_CJK = r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_DAY = r"\d{4}(年\d{1,2}月\d{1,2}日|-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|\.\d{1,2}\.\d{1,2})"
_MINUTE = r"([01]?\d|2[0-3]):[0-5]\d"
RULES: Mapping[str, re.Pattern[str]] = {
    "thing": re.compile(r".{1,20}"),
    "number": re.compile(r"(?=.{1,32}$)\d+(\.\d+)?"),
    "letter": re.compile(r"[A-Za-z]{1,32}"),
    "symbol": re.compile(rf"(?!.*({_CJK}|[0-9A-Za-z])).{{1,5}}"),
    "character_string": re.compile(r"[\x20-\x7e]{1,32}"),
    "time": re.compile(rf"(\d{{4}}年\d{{1,2}}月\d{{1,2}}日 )?{_MINUTE}"),
    "date": re.compile(_DAY),
    "amount": re.compile(r"[¥￥$€£]?\d{1,10}(\.\d{1,2})?元?"),
    "phone_number": re.compile(r"[-+()# 0-9]{1,17}"),
    "car_number": re.compile(rf"({_CJK}|[0-9A-Z]){{1,8}}"),
    "name": re.compile(rf"[A-Za-z .]{{1,20}}|({_CJK}|[·A-Za-z]){{1,10}}"),
    "phrase": re.compile(rf"{_CJK}{{1,5}}"),
    "enum": re.compile(r".{1,20}"),
}
_KEY = re.compile(r"([a-z]+(?:_[a-z]+)?)(\d+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")


def check_data(template: Template, data: Any) -> dict[str, str]:
    """The values by key. Raises WeChatRefusal 47003 naming the first key that breaks a rule.

    When the template's fields are known every one of them must be there and others are dropped, as on the platform.
    """
    if not isinstance(data, dict) or not data:
        raise WeChatRefusal(47003, "argument invalid! data is empty")
    keys = list(template.fields) or list(data)
    return {key: _value(key, data.get(key)) for key in keys}


def _value(key: str, entry: Any) -> str:
    match = _KEY.fullmatch(key)
    if match is None or match[1] not in RULES:
        raise WeChatRefusal(47003, f"argument invalid! data.{key} is not a template key")
    value = entry.get("value") if isinstance(entry, dict) else None
    if not isinstance(value, str | int | float) or isinstance(value, bool) or str(value).strip() == "":
        raise WeChatRefusal(47003, f"argument invalid! data.{key}.value is empty")
    text = str(value)
    if _CONTROL.search(text) or not RULES[match[1]].fullmatch(text):
        raise WeChatRefusal(47003, f"argument invalid! data.{key}.value invalid")
    return text
