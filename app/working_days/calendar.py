"""Working days of the Chinese office calendar, with make-up days (调休), and the day at the school of a moment.

Days come from the ``chinesecalendar`` library (State Council notices), corrected by notices.toml. A year neither knows
yet is Monday to Friday less the days its notice names: a deadline then falls early, never late, and
``lantai doctor`` says so (docs/decisions/0014-clocks.md).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from datetime import date, timedelta

import chinese_calendar

from app.working_days.notices import Notices

ONE_DAY = timedelta(days=1)
# a notice may spill into the next January, which does not make that year known: National Day does
LIBRARY_YEARS = frozenset(d.year for d in chinese_calendar.holidays if d.month == 10)


class WorkingDays:
    """``version`` names library, notices and content, so that a stored deadline can say by which calendar it stands."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._years: dict[int, tuple[date, ...]] = {}
        content = repr([(y, n.arranged, sorted(n.off), sorted(n.working)) for y, n in sorted(notices.years.items())])
        digest = hashlib.sha256(content.encode()).hexdigest()[:8]
        self.version = f"{chinese_calendar.__version__}/{notices.version}/{digest}"

    def is_working(self, day: date) -> bool:
        notice = self._notices.years.get(day.year)
        if notice is not None and day in notice.off:
            return False
        if notice is not None and day in notice.working:
            return True
        # a notice that stands in full says everything about its year
        if day.year in LIBRARY_YEARS and not (notice is not None and notice.arranged):
            return bool(chinese_calendar.is_workday(day))
        return day.weekday() < 5

    def arranged(self, year: int) -> bool:
        """Whether the year's holidays and make-up days are known."""
        notice = self._notices.years.get(year)
        return year in LIBRARY_YEARS or (notice is not None and notice.arranged)

    def add(self, start: date, days: int) -> date:
        """The working day with ``between(start, it) == days``, the latest such before ``start``; ``start`` for 0."""
        current, left = start, days
        while left > 0:
            current += ONE_DAY
            left -= self.is_working(current)
        while left < 0 or (days < 0 and not self.is_working(current)):
            left += self.is_working(current)
            current -= ONE_DAY
        return current

    def between(self, start: date, end: date) -> int:
        """Working days after ``start`` up to and including ``end``; negative when ``end`` lies before."""
        if end < start:
            return -self.between(end, start)
        if start.year == end.year:
            days = self._of(start.year)
            return bisect_right(days, end) - bisect_right(days, start)
        whole = sum(len(self._of(year)) for year in range(start.year, end.year))
        return whole - bisect_right(self._of(start.year), start) + bisect_right(self._of(end.year), end)

    def _of(self, year: int) -> tuple[date, ...]:
        """The year's working days in order, worked out once."""
        if year not in self._years:
            days = (date(year, 1, 1) + timedelta(days=n) for n in range(366))
            self._years[year] = tuple(d for d in days if d.year == year and self.is_working(d))
        return self._years[year]
