"""The clock of a ticket in plain words, in one place for the console and the graduates' door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.corrections.rules import Side, State

SOON_DAYS = 2
ANSWER_SOON_DAYS = 1
_UNDECIDED = frozenset({State.WITHDRAWN, State.MERGED})


class Standing(StrEnum):
    """Whether the decision's clock runs, and if not, what it waits for."""

    RUNNING = "running"
    WITH_GRADUATE = "with_graduate"
    WITH_UNIT = "with_unit"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Said:
    """``tone`` is calm, soon or late; the text alone says the same."""

    text: str
    tone: str = "calm"


@dataclass(frozen=True, slots=True)
class ClockView:
    """``…_left``: working days after today up to the day named; negative when it has passed.

    For a clock that stands still ``decide_left`` is what is left when it goes on.
    """

    standing: Standing
    state: State
    today: date
    answer_by: date
    answer_left: int
    answered_on: date | None
    decide_by: date
    decide_left: int
    used_days: int
    escalated: bool = False

    @property
    def overdue(self) -> bool:
        return self.standing is Standing.RUNNING and self.today > self.decide_by

    @property
    def answer_due(self) -> bool:
        """The first answer is still to be given, and before the decision."""
        return self.standing is Standing.RUNNING and self.answered_on is None and self.answer_by <= self.decide_by

    @property
    def answer_overdue(self) -> bool:
        return self.answer_due and self.today > self.answer_by

    @property
    def presses_on(self) -> date:
        """The day that comes first."""
        return self.answer_by if self.answer_due else self.decide_by


def day_words(on: date, today: date) -> str:
    year = f"{on.year}年" if on.year != today.year else ""
    return f"{year}{on.month}月{on.day}日"


def _due(on: date, left: int, today: date, soon: int) -> Said:
    if on < today:
        return Said(f"已超期 {max(1, -left)} 个工作日", "late")
    if on == today:
        return Said("今天到期", "soon")
    return Said(f"还剩 {left} 个工作日（{day_words(on, today)}前）", "soon" if left <= soon else "calm")


def decision_words(view: ClockView, side: Side) -> Said:
    """How the decision's clock stands."""
    if view.standing is Standing.ENDED:
        if view.state in _UNDECIDED:
            return Said("计时已结束")
        return Said(f"已办结，用时 {view.used_days} 个工作日")
    if view.standing is Standing.WITH_GRADUATE:
        return Said("等待您补充，计时已暂停" if side is Side.GRADUATE else "等待申请人补充，计时已暂停")
    if view.standing is Standing.WITH_UNIT:
        return Said("等待形成单位答复，计时已暂停")
    return _due(view.decide_by, view.decide_left, view.today, SOON_DAYS)


def pressing_words(view: ClockView, side: Side) -> Said:
    """The clock that comes first: that of the first answer until it is given, then the decision's."""
    if not view.answer_due:
        return decision_words(view, side)
    answer = answer_words(view)
    return Said(f"首次答复{answer.text}", answer.tone)


def left_words(view: ClockView) -> str:
    """What is left of a clock that stands still; empty for one that runs or has ended."""
    if view.standing in (Standing.RUNNING, Standing.ENDED):
        return ""
    if view.decide_left < 0:
        return f"暂停前已超期 {-view.decide_left} 个工作日"
    return f"恢复计时后还剩 {view.decide_left} 个工作日"


def answer_words(view: ClockView) -> Said:
    """How the first answer's clock stands."""
    if view.answered_on is not None:
        return Said(f"{day_words(view.answered_on, view.today)}已答复")
    if view.standing is Standing.ENDED:
        return Said("计时已结束")
    return _due(view.answer_by, view.answer_left, view.today, ANSWER_SOON_DAYS)
