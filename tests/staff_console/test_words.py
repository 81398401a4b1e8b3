"""Deadlines, times and small readings, as people are told them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl

import pytest
from werkzeug.datastructures import MultiDict

from app.corrections.rules import Kind, State, add_working_days, working_days_between
from staff_console import words
from staff_console.forms import QueueFilter, last_page
from staff_console.gate import safe_next

MONDAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("on", "text", "tone"),
    [
        (date(2026, 6, 22), "还剩 15 个工作日", "calm"),
        (date(2026, 6, 4), "还剩 3 个工作日", "soon"),
        (date(2026, 6, 1), "今天到期", "soon"),
        (date(2026, 5, 29), "已超期 1 个工作日", "late"),
        (date(2026, 5, 30), "已超期 1 个工作日", "late"),
        (date(2026, 5, 1), "已超期 21 个工作日", "late"),
    ],
)
def test_deadlines_count_working_days(on: date, text: str, tone: str) -> None:
    assert words.due(on, MONDAY) == words.Due(text, tone)


@pytest.mark.parametrize("days", range(1, 30))
def test_counting_is_the_inverse_of_adding(days: int) -> None:
    for start in (date(2026, 6, 1), date(2026, 6, 5), date(2026, 6, 6), date(2026, 6, 7)):
        assert working_days_between(start, add_working_days(start, days)) == days


def test_times_are_those_of_the_office() -> None:
    late = datetime(2026, 5, 31, 16, 30, tzinfo=UTC)
    assert words.moment(late) == "2026-06-01 00:30"
    assert words.local_day(late) == MONDAY
    assert words.moment(None) == "—"
    assert words.day(MONDAY) == "2026-06-01 周一"


def test_sizes() -> None:
    assert [words.size(n) for n in (0, 900, 20_480, 3_145_728)] == ["1 KB", "1 KB", "20 KB", "3.0 MB"]


def test_filters_read_what_they_write() -> None:
    wanted = QueueFilter(State.NEEDS_INFO, Kind.OTHER, True, True, 3)
    query = wanted.url(3).partition("?")[2]
    assert QueueFilter.read(MultiDict(parse_qsl(query))) == wanted
    assert QueueFilter().url(1) == "/console/tickets"


@pytest.mark.parametrize(("total", "pages"), [(0, 1), (20, 1), (21, 2)])
def test_pages(total: int, pages: int) -> None:
    assert last_page(total) == pages


def test_a_way_back_keeps_its_query() -> None:
    assert safe_next("/console/tickets?state=needs_info&page=2") == "/console/tickets?state=needs_info&page=2"
    assert safe_next("/console") == "/console"
