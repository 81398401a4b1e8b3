"""Correction tickets: kinds, states and who may move them.

A correction is evidence, never an overwrite (docs/architecture.md, corrections).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from enum import StrEnum


class Kind(StrEnum):
    TRANSCRIPTION = "transcription"
    MISSING_MATERIAL = "missing_material"
    FORMING_UNIT = "forming_unit"
    STATUTORY_IDENTITY = "statutory_identity"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class KindRule:
    """``approvals``: how many different persons must agree before the dossier changes."""

    label: str
    hint: str
    approvals: int
    needs_evidence: bool
    needs_change: bool


KINDS: Mapping[Kind, KindRule] = {
    Kind.TRANSCRIPTION: KindRule("录入或扫描错误", "档案原件无误、电子记录录入有误", 1, False, True),
    Kind.MISSING_MATERIAL: KindRule("材料缺失", "应当归档而未归档的材料", 1, False, False),
    Kind.FORMING_UNIT: KindRule("形成单位错误", "原件本身有误，须由形成单位更正或说明", 1, True, True),
    Kind.STATUTORY_IDENTITY: KindRule(
        "法定身份信息", "姓名、身份证号、性别、民族、出生日期，须凭公安机关证明", 2, True, True
    ),
    Kind.OTHER: KindRule("其他", "", 1, False, False),
}


def approvals_needed(kind: Kind, *, guards_account: bool) -> int:
    """Persons who must agree: what an account is verified against is never changed by one alone."""
    return max(KINDS[kind].approvals, 2 if guards_account else 1)


class State(StrEnum):
    SUBMITTED = "submitted"
    IN_REVIEW = "in_review"
    NEEDS_INFO = "needs_info"
    AWAITING_SECOND = "awaiting_second"
    APPLIED = "applied"
    RESOLVED = "resolved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


STATE_LABELS: Mapping[State, str] = {
    State.SUBMITTED: "已提交",
    State.IN_REVIEW: "办理中",
    State.NEEDS_INFO: "待补充",
    State.AWAITING_SECOND: "待复核",
    State.APPLIED: "已更正",
    State.RESOLVED: "已办结",
    State.REJECTED: "未予更正",
    State.WITHDRAWN: "已撤回",
}


class Move(StrEnum):
    TAKE = "take"
    ASK = "ask"
    ANSWER = "answer"
    ACCEPT = "accept"
    REJECT = "reject"
    WITHDRAW = "withdraw"


class Side(StrEnum):
    GRADUATE = "graduate"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Edge:
    move: Move
    source: State
    target: State
    by: Side


_OPEN_FOR_STAFF = (State.SUBMITTED, State.IN_REVIEW, State.NEEDS_INFO, State.AWAITING_SECOND)
EDGES: Sequence[Edge] = (
    Edge(Move.TAKE, State.SUBMITTED, State.IN_REVIEW, Side.STAFF),
    Edge(Move.ASK, State.SUBMITTED, State.NEEDS_INFO, Side.STAFF),
    Edge(Move.ASK, State.IN_REVIEW, State.NEEDS_INFO, Side.STAFF),
    Edge(Move.ASK, State.AWAITING_SECOND, State.NEEDS_INFO, Side.STAFF),
    Edge(Move.ANSWER, State.SUBMITTED, State.SUBMITTED, Side.GRADUATE),
    Edge(Move.ANSWER, State.IN_REVIEW, State.IN_REVIEW, Side.GRADUATE),
    Edge(Move.ANSWER, State.NEEDS_INFO, State.IN_REVIEW, Side.GRADUATE),
    Edge(Move.ANSWER, State.AWAITING_SECOND, State.IN_REVIEW, Side.GRADUATE),
    *(Edge(Move.ACCEPT, s, State.APPLIED, Side.STAFF) for s in _OPEN_FOR_STAFF),
    *(Edge(Move.REJECT, s, State.REJECTED, Side.STAFF) for s in _OPEN_FOR_STAFF),
    *(Edge(Move.WITHDRAW, s, State.WITHDRAWN, Side.GRADUATE) for s in _OPEN_FOR_STAFF),
)
CLOSED = frozenset({State.APPLIED, State.RESOLVED, State.REJECTED, State.WITHDRAWN})


def target(move: Move, source: State, by: Side) -> State | None:
    """Where the move leads, or None where it is not allowed."""
    return next((e.target for e in EDGES if e.move is move and e.source is source and e.by is by), None)


def moves(source: State, by: Side) -> tuple[Move, ...]:
    return tuple(dict.fromkeys(e.move for e in EDGES if e.source is source and e.by is by))


FIRST_ANSWER_WORKING_DAYS = 3
DECISION_WORKING_DAYS = 15


OFFICE_TIME = timezone(timedelta(hours=8), "CST")
"""Deadlines are days at the school, which keeps China's one time."""


def office_date(moment: datetime) -> date:
    """The calendar day at the school of an aware moment."""
    return moment.astimezone(OFFICE_TIME).date()


def add_working_days(start: date, days: int) -> date:
    """Monday to Friday. The statutory holidays and make-up days join with the calendar of a later release."""
    current = start
    while days > 0:
        current += timedelta(days=1)
        if current.weekday() < 5:
            days -= 1
    return current


def working_days_between(start: date, end: date) -> int:
    """Working days after ``start`` up to and including ``end``; negative when ``end`` lies before."""
    if end < start:
        return -working_days_between(end, start)
    return sum((start + timedelta(days=n)).weekday() < 5 for n in range(1, (end - start).days + 1))


REJECTION_REASONS: Mapping[str, str] = {
    "record_is_right": "经核对原件，现有记录无误",
    "proof_insufficient": "所附证明材料不足以支持更正",
    "not_our_record": "该内容由其他单位形成，须由形成单位处理",
    "duplicate": "与已受理的申请重复",
    "other": "其他原因",
}
APPEAL = (
    "对处理结果有异议的，可在收到通知之日起 30 日内向学校档案管理部门申请复核，或依法向主管部门反映、向人民法院起诉"
)
