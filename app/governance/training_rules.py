"""Training and certification (考核培训): whether a certificate counts today, and which roles wait for one. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from uuid import UUID

from app.actors import Role

WARN_BEFORE = timedelta(days=30)
MAX_GRACE_DAYS = 30
MAX_MONTHS = 60
CONDITIONAL = tuple(r for r in Role if r is not Role.ADMINISTRATOR)
"""Roles that may be made to wait for a certificate. Not the administrator's: nobody could certify anybody any more."""


class Standing(StrEnum):
    VALID = "valid"
    SOON = "soon"
    GRACE = "grace"
    EXPIRED = "expired"
    MISSING = "missing"


STANDING_LABELS: Mapping[Standing, str] = {
    Standing.VALID: "有效",
    Standing.SOON: "即将到期",
    Standing.GRACE: "已到期，宽限期内",
    Standing.EXPIRED: "已到期",
    Standing.MISSING: "未取得",
}
COUNTS = frozenset({Standing.VALID, Standing.SOON, Standing.GRACE})


def standing(expires_on: date | None, today: date, grace_days: int) -> Standing:
    """A certificate is good on its last day."""
    if expires_on is None:
        return Standing.MISSING
    if today > expires_on:
        return Standing.GRACE if today <= expires_on + timedelta(days=grace_days) else Standing.EXPIRED
    return Standing.SOON if today > expires_on - WARN_BEFORE else Standing.VALID


def add_months(start: date, months: int) -> date:
    """The last day of validity: the day before the same day so many months on."""
    year, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + year, month + 1
    for day in range(start.day, 0, -1):
        try:
            return date(year, month, day) - timedelta(days=1)
        except ValueError:
            continue
    raise AssertionError("every month has a first day")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One course that a role waits for."""

    role: Role
    course_id: UUID
    grace_days: int


def held_back(
    roles: frozenset[Role], required: Sequence[Requirement], latest: Mapping[UUID, date], today: date
) -> frozenset[Role]:
    """Roles that do not take effect: one of their required courses has no certificate that counts."""
    return frozenset(
        r.role
        for r in required
        if r.role in roles and standing(latest.get(r.course_id), today, r.grace_days) not in COUNTS
    )
