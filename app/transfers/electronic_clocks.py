"""The clocks of the electronic leg: when each waiting state is due, by which rule, and how a delay reads. Pure.

A stored due day equals the one worked out again from the facts of the leg. Days are working days of the office's
calendar. The month for the e-receipt is that of the paper's receipt (2-domain §3, 人社部发〔2021〕112号); no instrument
sets days for the rest, so they are the school's own promise, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.transfers.clocks import TimerRule, months_after
from app.transfers.electronic_rules import IN_THE_MAKING, PACKABLE, Leg
from app.transfers.states import State
from app.working_days.calendar import WorkingDays


class LegTimer(StrEnum):
    """``mend``: what keeps a package back waits for staff, be it before or after it was submitted."""

    PACK = "pack"
    MEND = "mend"
    FETCH = "fetch"
    DECIDE = "decide"
    RECEIPT = "receipt"
    REPACK = "repack"


LEG_TIMERS: Mapping[LegTimer, TimerRule] = {
    LegTimer.PACK: TimerRule(
        "打包期限",
        "本校规定：电子档案包于 1 个工作日内制作并提交",
        "电子档案包尚未完成，学校档案管理部门将检查原因并重新打包",
        days=1,
    ),
    LegTimer.MEND: TimerRule(
        "受阻处理期限",
        "本校规定：电子档案包未能制作或未能送达的，3 个工作日内处理",
        "电子档案包受阻后尚未处理，学校档案管理部门须尽快处理",
        days=3,
    ),
    LegTimer.FETCH: TimerRule(
        "取件期限",
        "本校规定：电子档案包提交后 5 个工作日内未取件的，学校联系接收单位",
        "接收单位尚未取走电子档案包，学校将联系接收单位取件",
        days=5,
    ),
    LegTimer.DECIDE: TimerRule(
        "答复期限",
        "本校规定：接收单位取件后 5 个工作日内未答复的，学校催办",
        "接收单位已取件但尚未决定接收或退回，学校将向接收单位催办",
        days=5,
    ),
    LegTimer.RECEIPT: TimerRule(
        "电子回执期限",
        "接收单位收到档案后应退回回执；一个月未收到回执的，学校催收",
        "接收单位已接收电子档案但尚未开具电子回执，学校将催收",
        months=1,
    ),
    LegTimer.REPACK: TimerRule(
        "退回处理期限",
        "本校规定：电子档案包被退回后 15 个工作日内处理",
        "被退回的电子档案包尚未重新发送，学校须尽快按退回原因处理",
        days=15,
    ),
}
TIMER_OF: Mapping[Leg, LegTimer] = {
    **dict.fromkeys(IN_THE_MAKING, LegTimer.PACK),
    Leg.SUBMITTED: LegTimer.FETCH,
    Leg.TRANSPORT_ACK: LegTimer.DECIDE,
    Leg.CHECKED: LegTimer.DECIDE,
    Leg.ACCEPTED: LegTimer.RECEIPT,
    Leg.REJECTED: LegTimer.REPACK,
}
OF_THE_RECEIVER = frozenset({LegTimer.FETCH, LegTimer.DECIDE, LegTimer.RECEIPT})
"""What the receiver is waited for: a graduate is told of the delay, and may call the receiver too."""
STUCK_NEXT: Mapping[bool, str] = {
    True: "电子档案包未能完成，学校档案管理部门处理后重新打包；纸质转递不受影响",
    False: "推送未能送达，学校档案管理部门处理后再次推送；接收单位也可自行下载",
}
"""By whether the package is still being made: what comes next where something keeps it back."""
NOT_FOR_IT_NEXT = "接收单位现在不能接收这份档案，电子档案包不会发给该单位；学校档案管理部门核实后处理，您无须办理"
"""What comes next where it is the receiver that may not have it."""


@dataclass(frozen=True, slots=True)
class LegFacts:
    """Office days. ``acked_on``: when the receiver had fetched it; ``stuck_on``: since when it has waited for staff,
    tries anew included, None where nothing has kept it back or the system alone has tried again; ``latest``: no later
    attempt has been made; ``barred``: what keeps it back is that the receiver may not have it.
    """

    state: Leg
    paper: State
    entered_on: date
    acked_on: date | None = None
    stuck_on: date | None = None
    latest: bool = True
    barred: bool = False


@dataclass(frozen=True, slots=True)
class LegDue:
    timer: LegTimer
    on: date


def due(facts: LegFacts, calendar: WorkingDays) -> LegDue | None:
    """The day by which the present state should have been left; None where no clock runs. Being stuck has a clock of
    its own; once submitted, it never puts off the state's, unless the receiver is waited for in vain.
    """
    timer = TIMER_OF.get(facts.state)
    if timer is None or (facts.state is Leg.REJECTED and not (facts.latest and facts.paper in PACKABLE)):
        return None
    start = facts.entered_on
    if timer is LegTimer.DECIDE:
        start = facts.acked_on or start
    found = LegDue(timer, _day(timer, start, calendar))
    if facts.stuck_on is None:
        return found
    mend = LegDue(LegTimer.MEND, _day(LegTimer.MEND, facts.stuck_on, calendar))
    return mend if facts.state in IN_THE_MAKING or facts.barred or mend.on <= found.on else found


def _day(timer: LegTimer, start: date, calendar: WorkingDays) -> date:
    rule = LEG_TIMERS[timer]
    return months_after(start, rule.months) if rule.months else calendar.add(start, rule.days)
