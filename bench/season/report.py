"""The season week by week, as lines that fit a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from app.transfers.states import STATE_LABELS, State

COLUMNS: Mapping[str, tuple[State, ...]] = {
    "draft": (State.DRAFT,),
    "college": (State.DESTINATION_REGISTERED,),
    "school": (State.COLLEGE_REVIEWED,),
    "held": (State.HELD_AT_SCHOOL,),
    "desk": (State.SCHOOL_APPROVED, State.ASSEMBLED),
    "to seal": (State.CHECKED,),
    "sealed": (State.SEALED,),
    "way": (State.HANDED_TO_CARRIER, State.IN_TRANSIT),
    "door": (State.DELIVERED_UNCONFIRMED,),
    "no rcpt": (State.RECEIPT_OVERDUE,),
    "back": (State.REFUSED, State.RETURNED),
    "lost?": (State.LOST_SUSPECTED, State.TRACING),
    "rebuilt": (State.LOST_CONFIRMED, State.REBUILDING),
    "rcvd": (State.RECEIVED,),
    "closed": (State.CLOSED, State.SUPPLEMENT_OPEN),
}
WIDTH = 7


def heading() -> str:
    return "week of   " + "".join(f"{name:>{WIDTH + 1}}" for name in COLUMNS) + "   steps   past their day"


def week(day: date, counts: Mapping[State, int], steps: int, breaches: Mapping[str, int]) -> str:
    numbers = "".join(f"{sum(counts[s] for s in states):>{WIDTH + 1}}" for states in COLUMNS.values())
    late = " ".join(f"{name}:{number}" for name, number in sorted(breaches.items())) or "-"
    return f"{day.isoformat()}{numbers}{steps:>8}   {late}"


def ending(counts: Mapping[State, int], redirected: int, refused: Mapping[str, int]) -> str:
    left = "，".join(f"{STATE_LABELS[state]} {number}" for state, number in counts.items() if number)
    codes = ", ".join(f"{code} {number}" for code, number in sorted(refused.items()))
    return f"at the end: {left}，已改寄 {redirected}\nrefused, as they had to be: {codes or 'none'}"
