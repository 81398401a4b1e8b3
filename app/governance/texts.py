"""Checking what people type into governance forms."""

from __future__ import annotations

from datetime import date

from app.errors import FieldFault, Invalid
from app.text_rules import hides_something


def checked(text: str, pointer: str, most: int, *, needed: bool = True) -> str:
    """Trimmed text. Raises Invalid for empty, overlong, or invisible and direction-changing characters."""
    text = text.strip()
    code = "required" if needed and not text else "too_long" if len(text) > most else ""
    if hides_something(text):
        code = "invisible_characters"
    if code:
        raise Invalid("invalid_input", faults=[FieldFault(pointer, code)])
    return text


def day(text: str, pointer: str) -> date:
    """A date as forms send it. Raises Invalid."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Invalid("invalid_input", faults=[FieldFault(pointer, "not_a_date")]) from None


def number(text: str, pointer: str, least: int, most: int) -> int:
    """Raises Invalid for anything but a whole number within the bounds."""
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) < 7 and least <= int(text) <= most):
        raise Invalid(
            "invalid_input", faults=[FieldFault(pointer, "number_out_of_range", f"应为 {least} 至 {most} 的整数")]
        )
    return int(text)
