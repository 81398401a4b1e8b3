"""Correction tickets: their states and who may move them. What each kind needs stands in kinds.py.

A correction is evidence, never an overwrite (docs/architecture.md, corrections).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.corrections.kinds import KINDS as KINDS
from app.corrections.kinds import REASONS, KindRule
from app.corrections.kinds import Kind as Kind
from app.corrections.kinds import approvals_needed as approvals_needed


class State(StrEnum):
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    NEEDS_INFO = "needs_info"
    AWAITING_SECOND = "awaiting_second"
    APPLIED = "applied"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    WITH_UNIT = "with_unit"
    MERGED = "merged"


STATE_LABELS: Mapping[State, str] = {
    State.SUBMITTED: "已提交",
    State.IN_REVIEW: "办理中",
    State.NEEDS_INFO: "待补充",
    State.AWAITING_SECOND: "待复核",
    State.APPLIED: "已更正",
    State.RESOLVED: "已办结",
    State.REJECTED: "未予更正",
    State.WITHDRAWN: "已撤回",
    State.WITH_UNIT: "形成单位核实中",
    State.MERGED: "已合并",
}


def state_label(state: State, *, appealed: bool) -> str:
    """The state in words; what is under way or decided on an appeal says so."""
    shown = appealed and state not in (State.WITHDRAWN, State.MERGED)
    return f"复核·{STATE_LABELS[state]}" if shown else STATE_LABELS[state]


class Move(StrEnum):
    TAKE = "take"
    RELEASE = "release"
    ASK = "ask"
    ANSWER = "answer"
    EDIT = "edit"
    COLLECT = "collect"
    SEND_OUT = "send_out"
    UNIT_ANSWERED = "unit_answered"
    ACCEPT = "accept"
    REJECT = "reject"
    MERGE = "merge"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    APPEAL = "appeal"

    @property
    def step(self) -> str:
        """The past form, as the log names it."""
        return _STEPS[self]


_STEPS: Mapping[Move, str] = {
    Move.TAKE: "taken",
    Move.RELEASE: "released",
    Move.ASK: "asked",
    Move.ANSWER: "answered",
    Move.EDIT: "edited",
    Move.COLLECT: "collected",
    Move.SEND_OUT: "sent_out",
    Move.UNIT_ANSWERED: "unit_answered",
    Move.ACCEPT: "decided",
    Move.REJECT: "decided",
    Move.MERGE: "merged",
    Move.WITHDRAW: "withdrawn",
    Move.REOPEN: "reopened",
    Move.APPEAL: "appealed",
}


class Side(StrEnum):
    GRADUATE = "graduate"
    STAFF = "staff"


class Guard(StrEnum):
    """What must hold beside the state."""

    NONE = ""
    HANDLER = "handler"
    DECISION = "decision"
    REFUSAL = "refusal"
    KIND_TAKES_UNIT = "kind_takes_unit"
    KIND_TAKES_MATERIAL = "kind_takes_material"
    SAME_GRADUATE = "same_graduate"
    WITHIN_REOPENING = "within_reopening"
    WITHIN_APPEAL = "within_appeal"


REOPEN_WITHIN = timedelta(days=7)
APPEAL_WITHIN = timedelta(days=30)
# a two-person kind is due within 15 working days, about three weeks: who agreed before that has not looked since
AGREEMENT_STANDS = timedelta(days=30)
GUARD_WORDS: Mapping[Guard, str] = {
    Guard.NONE: "",
    Guard.HANDLER: "only by the person who works it, or who stands in for them that day",
    Guard.DECISION: "every proof the kind asks for is there, enough different persons agreed to exactly this change on "
    "this base version, and on an appeal nobody of them took part before",
    Guard.REFUSAL: "on an appeal, nobody who took part before",
    Guard.KIND_TAKES_UNIT: "only for kinds that wait for the forming unit",
    Guard.KIND_TAKES_MATERIAL: "only for kinds that end in a new material",
    Guard.SAME_GRADUATE: "into an older open ticket of the same graduate",
    Guard.WITHIN_REOPENING: f"within {REOPEN_WITHIN.days} days after the decision, and nothing depends on it",
    Guard.WITHIN_APPEAL: f"once, within {APPEAL_WITHIN.days} days after the decision",
}


@dataclass(frozen=True, slots=True)
class Edge:
    move: Move
    source: State
    target: State
    by: Side
    guard: Guard = Guard.NONE


_DESK = (State.SUBMITTED, State.IN_REVIEW, State.NEEDS_INFO, State.AWAITING_SECOND)
_OPEN = (*_DESK, State.WITH_UNIT)
_DECIDED = (State.APPLIED, State.RESOLVED, State.REJECTED)


def _kept(state: State) -> State:
    """Where a ticket goes whose change or papers are touched: nobody has agreed to what it is now."""
    return State.IN_REVIEW if state is State.AWAITING_SECOND else state


EDGES: Sequence[Edge] = (
    Edge(Move.TAKE, State.SUBMITTED, State.IN_REVIEW, Side.STAFF),
    Edge(Move.RELEASE, State.IN_REVIEW, State.SUBMITTED, Side.STAFF, Guard.HANDLER),
    *(Edge(Move.ASK, s, State.NEEDS_INFO, Side.STAFF) for s in _DESK if s is not State.NEEDS_INFO),
    Edge(Move.ANSWER, State.SUBMITTED, State.SUBMITTED, Side.GRADUATE),
    Edge(Move.ANSWER, State.IN_REVIEW, State.IN_REVIEW, Side.GRADUATE),
    Edge(Move.ANSWER, State.NEEDS_INFO, State.IN_REVIEW, Side.GRADUATE),
    Edge(Move.ANSWER, State.AWAITING_SECOND, State.IN_REVIEW, Side.GRADUATE),
    Edge(Move.ANSWER, State.WITH_UNIT, State.WITH_UNIT, Side.GRADUATE),
    *(Edge(Move.EDIT, s, _kept(s), Side.STAFF) for s in _OPEN),
    *(Edge(Move.COLLECT, s, _kept(s), Side.STAFF, Guard.KIND_TAKES_MATERIAL) for s in _DESK),
    *(
        Edge(Move.SEND_OUT, s, State.WITH_UNIT, Side.STAFF, Guard.KIND_TAKES_UNIT)
        for s in (State.SUBMITTED, State.IN_REVIEW)
    ),
    Edge(Move.UNIT_ANSWERED, State.WITH_UNIT, State.IN_REVIEW, Side.STAFF, Guard.KIND_TAKES_UNIT),
    *(Edge(Move.ACCEPT, s, State.APPLIED, Side.STAFF, Guard.DECISION) for s in _DESK),
    *(Edge(Move.REJECT, s, State.REJECTED, Side.STAFF, Guard.REFUSAL) for s in _OPEN),
    *(Edge(Move.MERGE, s, State.MERGED, Side.STAFF, Guard.SAME_GRADUATE) for s in _OPEN),
    *(Edge(Move.WITHDRAW, s, State.WITHDRAWN, Side.GRADUATE) for s in _OPEN),
    *(Edge(Move.REOPEN, s, State.IN_REVIEW, Side.STAFF, Guard.WITHIN_REOPENING) for s in _DECIDED),
    *(Edge(Move.APPEAL, s, State.SUBMITTED, Side.GRADUATE, Guard.WITHIN_APPEAL) for s in _DECIDED),
)
CLOSED = frozenset({*_DECIDED, State.WITHDRAWN, State.MERGED})


@dataclass(frozen=True, slots=True)
class Standing:
    """What the guards look at, beside the state."""

    kind: KindRule
    decided_at: datetime | None = None
    appealed: bool = False
    handled_by_reader: bool = False


def target(move: Move, source: State, by: Side) -> State | None:
    """Where the move leads, or None where it is not allowed."""
    return next((e.target for e in EDGES if e.move is move and e.source is source and e.by is by), None)


def moves(source: State, by: Side) -> tuple[Move, ...]:
    return tuple(dict.fromkeys(e.move for e in EDGES if e.source is source and e.by is by))


def _late(standing: Standing, now: datetime, within: timedelta) -> bool:
    return standing.decided_at is None or now - standing.decided_at > within


def refusal(move: Move, source: State, by: Side, standing: Standing, now: datetime) -> str | None:
    """The code of the guard that stands against the move, or None. What needs the database is asked by the services.

    ``move_not_allowed`` where the table has no such edge.
    """
    edge = next((e for e in EDGES if e.move is move and e.source is source and e.by is by), None)
    if edge is None:
        return "move_not_allowed"
    if edge.guard is Guard.HANDLER and not standing.handled_by_reader:
        return "not_the_handler"
    if edge.guard is Guard.KIND_TAKES_UNIT and not standing.kind.takes_unit:
        return "kind_without_unit"
    if edge.guard is Guard.KIND_TAKES_MATERIAL and not standing.kind.takes_material:
        return "kind_without_material"
    if edge.guard is Guard.WITHIN_REOPENING and _late(standing, now, REOPEN_WITHIN):
        return "reopen_too_late"
    if edge.guard is Guard.WITHIN_APPEAL:
        return (
            "appeal_made" if standing.appealed else "appeal_too_late" if _late(standing, now, APPEAL_WITHIN) else None
        )
    return None


def open_moves(source: State, by: Side, standing: Standing, now: datetime) -> tuple[Move, ...]:
    """Those of ``moves`` that no guard stands against."""
    return tuple(m for m in moves(source, by) if refusal(m, source, by, standing, now) is None)


REJECTION_REASONS: Mapping[str, str] = {code: reason.label for code, reason in REASONS.items()}
APPEAL = (
    "对处理结果有异议的，可在收到通知之日起 30 日内向学校档案管理部门申请复核，或依法向主管部门反映、向人民法院起诉"
)
