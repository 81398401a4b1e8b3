"""The working-day calendar: holidays, make-up days, notices, years nobody knows yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.office_time import office_date
from app.working_days import notices
from app.working_days.calendar import WorkingDays
from app.working_days.notices import Notices, NoticesInvalid, YearNotice

SHIPPED = WorkingDays(notices.load())
BARE = WorkingDays(Notices("bare", {}))


@pytest.mark.parametrize(
    ("day", "working"),
    [
        (date(2026, 6, 1), True),
        (date(2026, 6, 6), False),  # a Saturday
        (date(2026, 6, 19), False),  # 端午, a Friday
        (date(2026, 10, 1), False),
        (date(2026, 10, 7), False),  # a Wednesday given in exchange
        (date(2026, 10, 10), True),  # a Saturday worked for it
        (date(2026, 2, 14), True),
        (date(2026, 2, 28), True),
        (date(2027, 1, 1), False),  # by the law alone: the arrangement is not out
        (date(2027, 2, 8), False),
        (date(2027, 2, 9), True),
        (date(2031, 10, 1), True),  # nobody knows: Monday to Friday
        (date(2031, 10, 4), False),
    ],
)
def test_days(day: date, working: bool) -> None:
    assert SHIPPED.is_working(day) is working


def test_which_years_are_known() -> None:
    assert [y for y in range(2020, 2032) if SHIPPED.arranged(y)] == list(range(2020, 2027))
    assert not BARE.arranged(2003)


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        (date(2026, 6, 1), 3, date(2026, 6, 4)),
        (date(2026, 6, 1), 15, date(2026, 6, 23)),  # 端午 is not counted
        (date(2026, 9, 30), 1, date(2026, 10, 8)),
        (date(2026, 9, 30), 3, date(2026, 10, 10)),  # a Saturday worked
        (date(2026, 10, 3), 1, date(2026, 10, 8)),
        (date(2026, 12, 31), 1, date(2027, 1, 4)),
        (date(2026, 6, 1), 0, date(2026, 6, 1)),
        (date(2026, 6, 6), 0, date(2026, 6, 6)),
        (date(2026, 6, 8), -1, date(2026, 6, 5)),
        (date(2026, 6, 7), -1, date(2026, 6, 4)),  # from a Sunday: Friday is the day between
    ],
)
def test_adding(start: date, days: int, end: date) -> None:
    assert SHIPPED.add(start, days) == end


@settings(max_examples=500, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2029, 12, 31)), st.integers(-260, 260).filter(bool))
def test_counting_is_the_inverse_of_adding(start: date, days: int) -> None:
    end = SHIPPED.add(start, days)
    assert SHIPPED.is_working(end)
    assert SHIPPED.between(start, end) == days == -SHIPPED.between(end, start)


@settings(max_examples=300, deadline=None)
@given(st.dates(date(2024, 1, 1), date(2029, 12, 31)), st.integers(0, 900))
def test_counting_is_a_sum_over_days(start: date, length: int) -> None:
    end = start + timedelta(days=length)
    one_by_one = sum(SHIPPED.is_working(start + timedelta(days=n)) for n in range(1, length + 1))
    assert SHIPPED.between(start, end) == one_by_one


def test_the_office_keeps_one_time() -> None:
    assert office_date(datetime(2026, 5, 31, 15, 59, 59, tzinfo=UTC)) == date(2026, 5, 31)
    assert office_date(datetime(2026, 5, 31, 16, 0, tzinfo=UTC)) == date(2026, 6, 1)


def test_a_notice_corrects_the_library_and_one_in_full_replaces_it() -> None:
    day, monday = date(2026, 6, 20), date(2026, 6, 22)
    part = YearNotice(2026, False, "学校通知", frozenset({monday}), frozenset({day}))
    calendar = WorkingDays(Notices("x", {2026: part}))
    assert (calendar.is_working(day), calendar.is_working(monday)) == (True, False)
    assert not calendar.is_working(date(2026, 10, 1))  # the library still says the rest
    whole = WorkingDays(Notices("x", {2026: YearNotice(2026, True, "通知", frozenset({monday}), frozenset({day}))}))
    assert whole.is_working(date(2026, 10, 1))
    assert not whole.is_working(date(2026, 10, 10))
    assert len({c.version for c in (calendar, whole, SHIPPED, BARE)}) == 4
    assert all(len(c.version) <= 40 for c in (calendar, whole, SHIPPED, BARE))


OWN = """
version = "school-1"
[[year]]
year = 2027
arranged = true
source = "国务院办公厅关于2027年部分节假日安排的通知"
off = [2027-01-01, 2027-10-01]
working = [2027-01-03]
"""


def test_a_school_adds_a_year(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    calendar = WorkingDays(notices.load(path))
    assert calendar.arranged(2027)
    assert calendar.is_working(date(2027, 1, 3))
    assert calendar.is_working(date(2027, 2, 8))  # the school's file speaks for the whole year
    assert not calendar.is_working(date(2027, 10, 1))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("year = 2027", "year = 27", "没有 2000 至 2100"),
        ("2027-10-01", "2028-10-01", "有别年的日期 2028-10-01"),
        ("2027-10-01", "2027-10-01T08:00:00", "off 应是日期列表"),
        ("2027-10-01", '"2027-10-01"', "off 应是日期列表"),
        ("[2027-01-03]", "[2027-10-01]", "2027-10-01 既放假又上班"),
        ("arranged = true", "arranged = 1", "arranged 应是"),
        ("国务院办公厅关于2027年部分节假日安排的通知", " ", "没有写明依据"),
        ("working", "makeup", "不认识的项 makeup"),
        ("school-1", "学校", "version 应是"),
        ("[[year]]", "[year]", "应写作"),
        ("version", "version = ", "不是 UTF-8 的 TOML"),
    ],
)
def test_faults_of_a_file_are_named(old: str, new: str, fault: str) -> None:
    with pytest.raises(NoticesInvalid, match=fault):
        notices.read(OWN.replace(old, new, 1).encode())


def test_a_year_twice_an_empty_and_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(NoticesInvalid, match="写了两次"):
        notices.read((OWN + OWN.split("\n", 2)[2]).encode())
    with pytest.raises(NoticesInvalid, match="无法读取"):
        notices.load(tmp_path / "none.toml")
    big = tmp_path / "big.toml"
    big.write_text("#" * (notices.MAX_BYTES + 1))
    with pytest.raises(NoticesInvalid, match="过大"):
        notices.load(big)
    assert notices.read(b'version = "1"').years == {}
