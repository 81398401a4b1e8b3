"""What the doctor says of the working-day calendar."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from commands.doctor import working_days


@pytest.mark.parametrize(
    ("today", "ok"),
    [(date(2026, 6, 1), True), (date(2026, 11, 1), True), (date(2026, 11, 2), None), (date(2027, 3, 1), None)],
)
def test_a_year_without_its_notice_is_a_hint_in_good_time(today: date, ok: bool | None) -> None:
    finding = working_days(None, today)
    assert finding.ok is ok
    assert ok or "没有 2027 年的放假调休安排" in finding.words


def test_a_school_file_settles_it_and_a_wrong_one_is_a_fault(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('version = "1"\n[[year]]\nyear = 2027\narranged = true\nsource = "通知"\n', encoding="utf-8")
    assert working_days(own, date(2026, 12, 1)).ok is True
    own.write_text('version = "1"\n[[year]]\nyear = 2027\n', encoding="utf-8")
    finding = working_days(own, date(2026, 12, 1))
    assert finding.ok is False
    assert "2027 年 没有写明依据" in finding.words
