"""Deadlines, times and small readings, as people are told them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.office_time import office_date
from staff_console import words
from staff_console.forms import last_page
from staff_console.gate import safe_next

MONDAY = date(2026, 6, 1)


def test_times_are_those_of_the_office() -> None:
    late = datetime(2026, 5, 31, 16, 30, tzinfo=UTC)
    assert words.moment(late) == "2026-06-01 00:30"
    assert office_date(late) == MONDAY
    assert words.moment(None) == "—"
    assert words.day(MONDAY) == "2026-06-01 周一"


def test_sizes() -> None:
    assert [words.size(n) for n in (0, 900, 20_480, 3_145_728)] == ["1 KB", "1 KB", "20 KB", "3.0 MB"]


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (20, 1), (21, 2)])
def test_pages(total: int, pages: int) -> None:
    assert last_page(total) == pages


def test_a_way_back_keeps_its_query() -> None:
    assert safe_next("/console/tickets?state=needs_info&page=2") == "/console/tickets?state=needs_info&page=2"
    assert safe_next("/console") == "/console"
