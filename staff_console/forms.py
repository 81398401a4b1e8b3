"""Reading forms and query strings. What cannot be read is Invalid by field, or the default for a mere filter."""

from __future__ import annotations

from enum import StrEnum
from typing import TypeVar

from flask import request
from werkzeug.datastructures import MultiDict

from app.errors import FieldFault, Invalid

E = TypeVar("E", bound=StrEnum)
PAGE_SIZE = 20
MAX_PAGE = 5000


def text(name: str) -> str:
    return request.form.get(name, "").replace("\r\n", "\n")


def version() -> int:
    """The hidden version a form was shown with."""
    value = request.form.get("version", "")
    if not (value.isascii() and value.isdigit() and len(value) < 10):
        raise Invalid("invalid_input", faults=[FieldFault("/version", "required")])
    return int(value)


def choice(enum: type[E], name: str) -> E:
    try:
        return enum(request.form.get(name, ""))
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(f"/{name}", "required")]) from None


def ticked(name: str) -> bool:
    return request.form.get(name) == "yes"


def page_number(args: MultiDict[str, str]) -> int:
    value = args.get("page", "1")
    return min(int(value), MAX_PAGE) if value.isascii() and value.isdigit() and int(value[:6]) > 0 else 1


def last_page(total: int) -> int:
    return max(1, -(-total // PAGE_SIZE))
