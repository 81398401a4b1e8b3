"""The clock of every state: when it is due, by which rule, and how a delay reads in plain words. Pure.

A stored due day equals the one worked out again from the facts of the transfer.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from app.transfers.states import State
from app.working_days.calendar import WorkingDays


class Timer(StrEnum):
    REVIEW = "review"
    DISPATCH = "dispatch"
    RECEIPT = "receipt"
    CHASE = "chase"
    RESEND = "resend"
    SEARCH = "search"
    ANSWER = "answer"
    REBUILD = "rebuild"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class TimerRule:
    """``days`` are working days; ``months`` calendar months. ``late`` tells the graduate what happens next. ``ahead``:
    calendar months before the day from which ``soon`` is told; 0 where five working days are enough.
    """

    label: str
    source: str
    late: str
    days: int = 0
    months: int = 0
    soon: str = ""
    ahead: int = 0


TIMERS: Mapping[Timer, TimerRule] = {
    Timer.REVIEW: TimerRule(
        "暂缓审核期限",
        "本校规定：登记“暂缓转递，留校保管”后 15 个工作日内审核",
        "暂缓申请尚未审核完毕，学校须尽快审核；档案仍由学校保管",
        days=15,
    ),
    Timer.DISPATCH: TimerRule(
        "寄出期限",
        "人社部发〔2021〕112号：收到调档函或去向登记后 15 个工作日内转出",
        "档案尚未寄出，已超过规定期限，学校档案管理部门须尽快寄出",
        days=15,
    ),
    Timer.RECEIPT: TimerRule(
        "回执期限",
        "接收单位收到档案后应退回回执；一个月未收到回执的，学校催收",
        "接收单位尚未退回回执，学校将书面催收",
        months=1,
    ),
    Timer.CHASE: TimerRule(
        "再次催收", "本校规定：催收后 15 个工作日再次催收", "催收后仍无回执，学校将再次催收并查询投递记录", days=15
    ),
    Timer.RESEND: TimerRule(
        "退件处理期限", "本校规定：退件后 15 个工作日内处理", "退回的档案尚未重新寄出，学校须尽快处理", days=15
    ),
    Timer.SEARCH: TimerRule(
        "查询发起期限", "本校规定：疑似遗失后 3 个工作日内发出查询", "学校须尽快向承运方发出查询", days=3
    ),
    Timer.ANSWER: TimerRule(
        "承运方答复期限", "本校规定：发出查询后 10 个工作日内答复", "承运方未按期答复，学校将升级查询", days=10
    ),
    Timer.REBUILD: TimerRule(
        "补建期限", "本校规定：确认遗失后 30 个工作日内补建", "补建超过期限，学校须说明进度", days=30
    ),
    Timer.HOLD: TimerRule(
        "暂缓期限",
        "毕业生档案由学校保管最长两年，期满转回户籍地（人社厅发〔2023〕20 号）",
        "暂缓保管期已满，请登记去向；逾期转回户籍地公共就业和人才服务机构",
        soon="请在此之前登记去向；逾期转回户籍地公共就业和人才服务机构",
        ahead=3,
    ),
}
TIMER_OF: Mapping[State, Timer] = {
    **dict.fromkeys(
        (
            State.DESTINATION_REGISTERED,
            State.COLLEGE_REVIEWED,
            State.SCHOOL_APPROVED,
            State.ASSEMBLED,
            State.CHECKED,
            State.SEALED,
        ),
        Timer.DISPATCH,
    ),
    **dict.fromkeys((State.HANDED_TO_CARRIER, State.IN_TRANSIT, State.DELIVERED_UNCONFIRMED), Timer.RECEIPT),
    State.RECEIPT_OVERDUE: Timer.CHASE,
    State.RETURNED: Timer.RESEND,
    State.REFUSED: Timer.RESEND,
    State.LOST_SUSPECTED: Timer.SEARCH,
    State.TRACING: Timer.ANSWER,
    State.LOST_CONFIRMED: Timer.REBUILD,
    State.REBUILDING: Timer.REBUILD,
    State.HELD_AT_SCHOOL: Timer.HOLD,
}
REVIEWED = frozenset({State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED})
"""Here a wish to be kept at school is still to be granted: nothing is to be sent yet."""
HOLD_MOST_YEARS = 2


class HoldStage(StrEnum):
    """How near the end of a hold is; at each the graduate is told, once."""

    MONTHS = "months"
    MONTH = "month"
    WEEK = "week"
    OVER = "over"


CHANGES_UNTIL = (8, 31)
"""The last day (month, day) of the year of graduation on which a destination may be changed."""


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """Office days. ``asked_on``: of the 调档函, else of the registration; ``entered_on``: when the state began.

    ``stays``: the registered wish is to be kept at school.
    """

    state: State
    entered_on: date
    asked_on: date | None = None
    handed_on: date | None = None
    kept_until: date | None = None
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    timer: Timer
    on: date


def due(facts: ClockFacts, calendar: WorkingDays) -> Due | None:
    """The day by which the present state should have been left; None where no clock runs."""
    timer = TIMER_OF.get(facts.state)
    if timer is None:
        return None
    if facts.stays and facts.state in REVIEWED:
        timer = Timer.REVIEW
    if timer is Timer.HOLD:
        return None if facts.kept_until is None else Due(timer, facts.kept_until)
    start = facts.entered_on
    if timer in (Timer.DISPATCH, Timer.REVIEW):
        start = facts.asked_on or facts.entered_on
    elif timer is Timer.RECEIPT:
        start = facts.handed_on or facts.entered_on
    rule = TIMERS[timer]
    return Due(timer, months_after(start, rule.months) if rule.months else calendar.add(start, rule.days))


def months_after(start: date, months: int) -> date:
    """The same day of a later month, or its last day. ``months`` may be negative."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def last_change_day(cohort_year: int) -> date:
    """毕业去向 may be changed until 31 August of the year of graduation (2-domain §2)."""
    return date(cohort_year, *CHANGES_UNTIL)


def latest_hold(since: date) -> date:
    """The last day of a hold. ``since``: when the dossier was first held, however often the wish was renewed."""
    return months_after(since, 12 * HOLD_MOST_YEARS)


def hold_stage(until: date, today: date) -> HoldStage | None:
    """None while the end is more than three months away. The last day still belongs to the hold."""
    if today > until:
        return HoldStage.OVER
    if until - today <= timedelta(days=7):
        return HoldStage.WEEK
    if today >= months_after(until, -1):
        return HoldStage.MONTH
    return HoldStage.MONTHS if today >= months_after(until, -TIMERS[Timer.HOLD].ahead) else None


def delay_words(rule: TimerRule, on: date, today: date, calendar: WorkingDays, contact: str) -> str:
    """What a graduate reads about a clock that is due ``on`` a day, and whom to call (``contact``).

    Empty while nothing presses: until five working days before, or ``TimerRule.ahead``.
    """
    day = f"{on.year}年{on.month}月{on.day}日"
    if today > on:
        over = calendar.between(on, today)
        passed = f"已超过 {over} 个工作日" if over else "已到期"
        return f"{rule.label}为 {day}，{passed}。{rule.late}。咨询：{contact}。"
    if rule.ahead and today >= months_after(on, -rule.ahead):
        return f"{rule.label}为 {day}。{rule.soon}。咨询：{contact}。"
    if calendar.between(today, on) <= 5:
        return f"{rule.label}为 {day}。"
    return ""
