"""The clock in plain words, for both sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from app.corrections.clock_words import (
    ClockView,
    Said,
    Standing,
    answer_words,
    decision_words,
    left_words,
    pressing_words,
)
from app.corrections.rules import Side, State
from app.working_days import notices
from app.working_days.calendar import WorkingDays

CALENDAR = WorkingDays(notices.load())
MONDAY = date(2026, 6, 1)


def view(decide_by: date, standing: Standing = Standing.RUNNING, today: date = MONDAY) -> ClockView:
    return ClockView(
        standing=standing,
        state=State.IN_REVIEW,
        today=today,
        answer_by=decide_by,
        answer_left=CALENDAR.between(today, decide_by),
        answered_on=None,
        decide_by=decide_by,
        decide_left=CALENDAR.between(today, decide_by),
        used_days=4,
    )


@pytest.mark.parametrize(
    ("on", "text", "tone"),
    [
        (date(2026, 6, 23), "还剩 15 个工作日（6月23日前）", "calm"),  # 端午 does not count
        (date(2026, 6, 4), "还剩 3 个工作日（6月4日前）", "calm"),
        (date(2026, 6, 3), "还剩 2 个工作日（6月3日前）", "soon"),
        (date(2026, 6, 1), "今天到期", "soon"),
        (date(2026, 5, 29), "已超期 1 个工作日", "late"),
        (date(2026, 5, 30), "已超期 1 个工作日", "late"),
        (date(2026, 4, 30), "已超期 20 个工作日", "late"),  # over 五一, with a Saturday worked
        (date(2027, 1, 4), "还剩 149 个工作日（2027年1月4日前）", "calm"),
    ],
)
def test_a_running_clock(on: date, text: str, tone: str) -> None:
    for side in Side:
        assert decision_words(view(on), side) == Said(text, tone)
    assert view(on).overdue is (tone == "late")
    assert left_words(view(on)) == ""


def test_a_clock_that_stands_still_says_for_whom_it_waits() -> None:
    waiting = view(date(2026, 6, 10), Standing.WITH_GRADUATE)
    assert decision_words(waiting, Side.GRADUATE).text == "等待您补充，计时已暂停"
    assert decision_words(waiting, Side.STAFF).text == "等待申请人补充，计时已暂停"
    assert left_words(waiting) == "恢复计时后还剩 7 个工作日"
    late = view(date(2026, 5, 28), Standing.WITH_GRADUATE)
    assert left_words(late) == "暂停前已超期 2 个工作日"
    assert not late.overdue
    assert decision_words(view(MONDAY, Standing.WITH_UNIT), Side.GRADUATE).text == "等待形成单位答复，计时已暂停"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (State.APPLIED, "已办结，用时 4 个工作日"),
        (State.REJECTED, "已办结，用时 4 个工作日"),
        (State.WITHDRAWN, "计时已结束"),
        (State.MERGED, "计时已结束"),
    ],
)
def test_an_ended_clock(state: State, text: str) -> None:
    ended = replace(view(date(2026, 5, 1), Standing.ENDED), state=state)
    assert decision_words(ended, Side.GRADUATE) == Said(text)
    assert not ended.overdue


def test_the_first_answer() -> None:
    assert answer_words(view(date(2026, 6, 3))) == Said("还剩 2 个工作日（6月3日前）", "calm")
    assert answer_words(view(date(2026, 6, 2))) == Said("还剩 1 个工作日（6月2日前）", "soon")
    assert answer_words(view(date(2026, 5, 29))) == Said("已超期 1 个工作日", "late")
    assert view(date(2026, 5, 29)).answer_overdue
    open_still = replace(view(date(2026, 6, 23)), answer_by=date(2026, 6, 2), answer_left=1)
    assert pressing_words(open_still, Side.STAFF) == Said("首次答复还剩 1 个工作日（6月2日前）", "soon")
    assert open_still.presses_on == date(2026, 6, 2)
    said = replace(open_still, answered_on=MONDAY)
    assert pressing_words(said, Side.STAFF).text == "还剩 15 个工作日（6月23日前）"
    assert said.presses_on == date(2026, 6, 23)
    answered = replace(view(date(2026, 5, 29)), answered_on=date(2026, 5, 28))
    assert answer_words(answered) == Said("5月28日已答复")
    assert not answered.answer_overdue
    assert answer_words(view(date(2026, 5, 29), Standing.ENDED)) == Said("计时已结束")
