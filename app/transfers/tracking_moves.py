"""What a carrier's word does to a transfer: always forwards, along an edge that is the carrier's or the clock's. Pure.

The desk knows what no carrier knows. So a transfer that the desk holds for lost is found again only by evidence that
came in later, and a trace that contradicts itself or what the desk recorded moves nothing: a person looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from app.office_time import office_date
from app.transfers import rules
from app.transfers.rules import By
from app.transfers.states import ARRIVED, State
from app.transfers.tracking_rules import CarrierStanding, Finding, Standing

TARGETS: Mapping[Standing, State] = {
    Standing.IN_TRANSIT: State.IN_TRANSIT,
    Standing.RETURNING: State.IN_TRANSIT,
    Standing.DELIVERED: State.DELIVERED_UNCONFIRMED,
    Standing.REFUSED: State.REFUSED,
    Standing.RETURNED: State.RETURNED,
    Standing.LOST: State.LOST_SUSPECTED,
}
ON_THE_WAY = frozenset({State.HANDED_TO_CARRIER, State.IN_TRANSIT, State.REFUSED})
HELD_LOST = frozenset({State.LOST_SUSPECTED, State.TRACING})
GIVEN_UP = frozenset({State.LOST_CONFIRMED, State.REBUILDING})
AT_THE_DOOR = frozenset({State.DELIVERED_UNCONFIRMED, State.RECEIPT_OVERDUE}) | ARRIVED
_UNDONE = frozenset({Standing.REFUSED, Standing.RETURNING, Standing.RETURNED, Standing.LOST})


@dataclass(frozen=True, slots=True)
class Verdict:
    """``way``: the states to take, in order; ``reason``: the words for edges that ask for one; ``finding``: what a
    person must look at because trace and transfer disagree.
    """

    way: Sequence[State] = ()
    reason: str = ""
    finding: Finding | None = None


def verdict(state: State, trace: CarrierStanding, *, fresh: bool, silent: date | None) -> Verdict:
    """``fresh``: something of the trace was learnt after the transfer came into its present state; ``silent``: the day
    since which nothing was heard, where that means loss.
    """
    if trace.contradicted:
        return Verdict()
    if state in AT_THE_DOOR:
        return Verdict(finding=Finding.AFTER_DELIVERY) if trace.standing in _UNDONE else Verdict()
    if state in GIVEN_UP:
        alive = fresh and trace.standing is not Standing.LOST
        return Verdict(finding=Finding.ALIVE_AFTER_LOSS) if alive else Verdict()
    if state in ON_THE_WAY and silent is not None:
        return Verdict(_way(state, State.LOST_SUSPECTED, moved=False), _silent_words(silent))
    target = TARGETS.get(trace.standing)
    if target is None or target is state or not (state in ON_THE_WAY or (state in HELD_LOST and fresh)):
        return Verdict()
    return Verdict(_way(state, target, moved=trace.moved), _words(trace))


def _way(state: State, target: State, *, moved: bool) -> tuple[State, ...]:
    """Through "in transit" where it was, so that the timeline tells it; empty where no edge leads there."""
    if target is State.LOST_SUSPECTED and state in HELD_LOST:
        return ()
    through = _open(state, State.IN_TRANSIT) and _open(State.IN_TRANSIT, target)
    if through and (moved or not _open(state, target)):
        return (State.IN_TRANSIT, target)
    return (target,) if _open(state, target) else ()


def _open(source: State, target: State) -> bool:
    edge = rules.edge(source, target)
    return edge is not None and (By.CARRIER in edge.by or By.CLOCK in edge.by)


def _words(trace: CarrierStanding) -> str:
    """For edges that ask for a reason. Ours, not the carrier's: theirs may name persons."""
    told = {Standing.REFUSED: "拒收", Standing.RETURNED: "已退回", Standing.LOST: "邮件丢失"}.get(trace.standing)
    return "" if told is None or trace.last_at is None else f"承运方物流记录（{_day(trace.last_at)}）：{told}"


def _silent_words(since: date) -> str:
    return f"自{since.year}年{since.month}月{since.day}日起没有新的物流记录"


def _day(at: datetime) -> str:
    day = office_date(at)
    return f"{day.year}年{day.month}月{day.day}日"
