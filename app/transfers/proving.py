"""What is shown with a step: numbers, codes, days and reasons, each checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from app.errors import FieldFault, Invalid
from app.text_rules import hides_something
from app.transfers.rules import EVIDENCE_LABELS, NUMBER_MOST, NUMBERS, REASON_MOST, Edge, Evidence
from app.transfers.states import Channel
from app.transfers.tracking_rules import tracking_number

Shown = Mapping[Evidence, str]
DIGEST_LENGTH = 64


def checked(
    edge: Edge, given: Shown, channel: Channel, *, without: frozenset[Evidence] = frozenset()
) -> dict[Evidence, str]:
    """The evidence this edge asks for, tidied. ``without``: kinds that have no meaning for this transfer. A tracking
    number has the form its channel gives it (tracking_rules.tracking_number).

    Raises Invalid with a fault per missing or wrong one, pointing at ``/<kind>``.
    """
    found: dict[Evidence, str] = {}
    faults = []
    for kind in edge.evidence:
        if kind in without:
            continue
        text, code = _tidied(kind, given.get(kind, ""), channel)
        if code:
            faults.append(FieldFault(f"/{kind.value}", code, _words(kind, code)))
        found[kind] = text
    if faults:
        raise Invalid("invalid_input", faults=faults)
    return found


def _tidied(kind: Evidence, text: str, channel: Channel) -> tuple[str, str]:
    """(text, code of what is wrong or empty)."""
    text = text.strip()
    if not text:
        return text, "required"
    if kind is Evidence.TRACKING_NUMBER:
        if len(text) > NUMBER_MOST:
            return text, "too_long"
        number = tracking_number(text, channel)
        return (number, "") if isinstance(number, str) else (text, number.code)
    if kind in NUMBERS or kind is Evidence.MANIFEST_CODE:
        return _number(text.upper())
    if kind is Evidence.REASON:
        return text, "too_long" if len(text) > REASON_MOST else "hidden_characters" if hides_something(text) else ""
    if kind is Evidence.PHOTO_DIGEST:
        right = len(text) == DIGEST_LENGTH and all(c in "0123456789abcdef" for c in text)
        return text, "" if right else "wrong"
    try:
        return date.fromisoformat(text).isoformat(), ""
    except ValueError:
        return text, "not_a_date"


def plain_number(text: str) -> str:
    """In capitals; empty where it is none."""
    found, code = _number(text.strip().upper())
    return "" if code else found


def _number(text: str) -> tuple[str, str]:
    if len(text) > NUMBER_MOST:
        return text, "too_long"
    return text, "" if all(c.isascii() and (c.isalnum() or c == "-") for c in text) else "letters_and_digits_only"


def _words(kind: Evidence, code: str) -> str:
    return {
        "required": f"请填写{EVIDENCE_LABELS[kind]}",
        "letters_and_digits_only": f"{EVIDENCE_LABELS[kind]}只能含字母、数字和短横线",
    }.get(code, "")
