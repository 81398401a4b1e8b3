"""The school's time: China has one, and every deadline, "today" and printed hour is meant in it."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

OFFICE_TIME = timezone(timedelta(hours=8), "CST")


def office_date(moment: datetime) -> date:
    """The calendar day at the school of an aware moment."""
    return moment.astimezone(OFFICE_TIME).date()
