"""How a transfer may go, as data: every edge names who walks it, what must be shown, and the words of the deed.

Sources: 2-domain §3; 人社部发〔2021〕112号 (dispatch within fifteen working days, receipt returned).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.actors import Role
from app.transfers.states import (
    ARRIVED,
    CHANNEL_LABELS,
    ENDED,
    NEXT_WORDS,
    OPEN,
    OUTSIDE,
    STATE_LABELS,
    Channel,
    State,
)

__all__ = [
    "ARRIVED",
    "CHANNEL_LABELS",
    "ENDED",
    "NEXT_WORDS",
    "OPEN",
    "OUTSIDE",
    "STATE_LABELS",
    "Channel",
    "State",
]


class Evidence(StrEnum):
    """What must accompany an edge. Numbers are letters, digits and hyphens; reasons are free text."""

    TRACKING_NUMBER = "tracking_number"
    SEAL_NUMBER = "seal_number"
    PHOTO_DIGEST = "photo_digest"
    RECEIPT_NUMBER = "receipt_number"
    MANIFEST_CODE = "manifest_code"
    KEPT_UNTIL = "kept_until"
    LETTER_NUMBER = "letter_number"
    REASON = "reason"


EVIDENCE_LABELS: Mapping[Evidence, str] = {
    Evidence.TRACKING_NUMBER: "运单号",
    Evidence.SEAL_NUMBER: "密封编号",
    Evidence.PHOTO_DIGEST: "密封照片",
    Evidence.RECEIPT_NUMBER: "回执编号",
    Evidence.MANIFEST_CODE: "目录核对码",
    Evidence.KEPT_UNTIL: "保管至",
    Evidence.LETTER_NUMBER: "文书编号",
    Evidence.REASON: "原因说明",
}
NUMBERS = frozenset({Evidence.TRACKING_NUMBER, Evidence.SEAL_NUMBER, Evidence.RECEIPT_NUMBER, Evidence.LETTER_NUMBER})


class By(StrEnum):
    """Who walks an edge. ``TWO``: two different persons of the desk, by app.transfers.double_acts alone."""

    GRADUATE = "graduate"
    DESK = "desk"
    COLLEGE = "college"
    SCHOOL = "school"
    TWO = "two"
    CARRIER = "carrier"
    RECEIVER = "receiver"
    CLOCK = "clock"


BY_LABELS: Mapping[By, str] = {
    By.GRADUATE: "毕业生本人",
    By.DESK: "档案员或转递员",
    By.COLLEGE: "学院审核人",
    By.SCHOOL: "档案员",
    By.TWO: "两名工作人员",
    By.CARRIER: "承运方的物流记录",
    By.RECEIVER: "接收单位",
    By.CLOCK: "期限届满",
}
ROLES: Mapping[By, tuple[Role, ...]] = {
    By.DESK: (Role.ARCHIVIST, Role.DISPATCHER),
    By.COLLEGE: (Role.REVIEWER, Role.ARCHIVIST),
    By.SCHOOL: (Role.ARCHIVIST,),
    By.TWO: (Role.ARCHIVIST, Role.DISPATCHER, Role.REVIEWER),
}


@dataclass(frozen=True, slots=True)
class Edge:
    """``deed`` is the button's word; ``back`` is true where the way forward is left."""

    source: State
    target: State
    by: tuple[By, ...]
    deed: str
    evidence: tuple[Evidence, ...] = ()
    back: bool = False


_TRACKED = (By.CARRIER, By.DESK)
_WAY = (State.HANDED_TO_CARRIER, State.IN_TRANSIT)
_AT_DOOR = (State.DELIVERED_UNCONFIRMED, State.RECEIPT_OVERDUE)
_EARLY = (
    State.DRAFT,
    State.DESTINATION_REGISTERED,
    State.COLLEGE_REVIEWED,
    State.SCHOOL_APPROVED,
    State.HELD_AT_SCHOOL,
    State.ASSEMBLED,
    State.CHECKED,
)
_RECEIPT = (Evidence.RECEIPT_NUMBER, Evidence.MANIFEST_CODE)

EDGES: Sequence[Edge] = (
    Edge(State.DRAFT, State.DESTINATION_REGISTERED, (By.GRADUATE, By.DESK), "登记去向"),
    Edge(State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED, (By.COLLEGE,), "学院审核通过"),
    Edge(State.DESTINATION_REGISTERED, State.DRAFT, (By.COLLEGE, By.SCHOOL), "退回修改", (Evidence.REASON,), back=True),
    Edge(State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED, (By.SCHOOL,), "学校批准"),
    Edge(State.COLLEGE_REVIEWED, State.DRAFT, (By.SCHOOL,), "退回修改", (Evidence.REASON,), back=True),
    Edge(State.COLLEGE_REVIEWED, State.HELD_AT_SCHOOL, (By.SCHOOL,), "批准暂缓", (Evidence.KEPT_UNTIL,)),
    *(
        Edge(s, State.DESTINATION_REGISTERED, (By.GRADUATE, By.DESK), "变更去向", back=True)
        for s in (State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED)
    ),
    Edge(State.HELD_AT_SCHOOL, State.DRAFT, (By.GRADUATE, By.DESK), "重新登记去向"),
    Edge(State.SCHOOL_APPROVED, State.ASSEMBLED, (By.DESK,), "冻结目录"),
    Edge(State.ASSEMBLED, State.SCHOOL_APPROVED, (By.DESK,), "重新整理", (Evidence.REASON,), back=True),
    Edge(State.ASSEMBLED, State.CHECKED, (By.DESK,), "核对无误"),
    Edge(State.CHECKED, State.SCHOOL_APPROVED, (By.DESK,), "重新整理", (Evidence.REASON,), back=True),
    Edge(State.CHECKED, State.SEALED, (By.TWO,), "密封", (Evidence.SEAL_NUMBER, Evidence.PHOTO_DIGEST)),
    Edge(State.SEALED, State.HANDED_TO_CARRIER, (By.DESK,), "交寄", (Evidence.TRACKING_NUMBER,)),
    Edge(State.SEALED, State.SCHOOL_APPROVED, (By.TWO,), "启封重新整理", (Evidence.REASON,), back=True),
    Edge(State.SEALED, State.WITHDRAWN, (By.TWO,), "启封并撤销", (Evidence.REASON,), back=True),
    Edge(State.HANDED_TO_CARRIER, State.IN_TRANSIT, _TRACKED, "运送中"),
    *(Edge(s, State.DELIVERED_UNCONFIRMED, _TRACKED, "已送达") for s in _WAY),
    Edge(State.DELIVERED_UNCONFIRMED, State.RECEIPT_OVERDUE, (By.CLOCK,), "回执逾期"),
    *(Edge(s, State.RECEIVED, (By.RECEIVER, By.DESK), "登记回执", _RECEIPT) for s in (*_WAY, *_AT_DOOR)),
    Edge(State.RECEIVED, State.CLOSED, (By.DESK,), "办结"),
    *(Edge(s, State.SUPPLEMENT_OPEN, (By.CLOCK,), "补充材料转递开始") for s in (State.RECEIVED, State.CLOSED)),
    Edge(State.SUPPLEMENT_OPEN, State.CLOSED, (By.CLOCK,), "补充材料转递结束"),
    *(
        Edge(s, State.REFUSED, (By.RECEIVER, *_TRACKED), "接收单位拒收", (Evidence.REASON,), back=True)
        for s in (*_WAY, *_AT_DOOR)
    ),
    *(
        Edge(s, State.RETURNED, _TRACKED, "退回学校", (Evidence.REASON,), back=True)
        for s in (*_WAY, *_AT_DOOR, State.REFUSED, State.TRACING)
    ),
    Edge(State.RETURNED, State.SEALED, (By.DESK,), "封印完好，按原地址重寄", (Evidence.REASON,)),
    Edge(State.RETURNED, State.SCHOOL_APPROVED, (By.TWO,), "启封重新整理", (Evidence.REASON,)),
    Edge(State.RETURNED, State.REDIRECTED, (By.TWO,), "启封并改寄", (Evidence.REASON,), back=True),
    Edge(State.RETURNED, State.WITHDRAWN, (By.TWO,), "启封并撤销", (Evidence.REASON,), back=True),
    *(
        Edge(s, State.LOST_SUSPECTED, (By.DESK, By.CLOCK), "疑似遗失", (Evidence.REASON,), back=True)
        for s in (*_WAY, *_AT_DOOR, State.REFUSED)
    ),
    Edge(State.LOST_SUSPECTED, State.TRACING, (By.DESK,), "发出查询", (Evidence.LETTER_NUMBER,)),
    *(Edge(s, State.IN_TRANSIT, _TRACKED, "已找到，继续运送") for s in (State.LOST_SUSPECTED, State.TRACING)),
    *(Edge(s, State.DELIVERED_UNCONFIRMED, _TRACKED, "已找到，已送达") for s in (State.LOST_SUSPECTED, State.TRACING)),
    Edge(State.TRACING, State.LOST_CONFIRMED, (By.SCHOOL,), "确认遗失", (Evidence.LETTER_NUMBER,), back=True),
    Edge(State.LOST_CONFIRMED, State.REBUILDING, (By.SCHOOL,), "启动补建"),
    Edge(State.LOST_CONFIRMED, State.DELIVERED_UNCONFIRMED, (By.DESK,), "原件已找到，已送达", (Evidence.REASON,)),
    Edge(State.REBUILDING, State.SCHOOL_APPROVED, (By.SCHOOL,), "补建完成，重新整理", (Evidence.REASON,)),
    *(Edge(s, State.WITHDRAWN, (By.DESK,), "撤销", (Evidence.REASON,), back=True) for s in _EARLY),
)
_BY_PAIR: Mapping[tuple[State, State], Edge] = {(e.source, e.target): e for e in EDGES}

SEALED_UP = frozenset({State.SEALED})
"""The dossier takes no edit from here on."""
OPENED_UP = frozenset({State.SCHOOL_APPROVED, State.WITHDRAWN, State.REDIRECTED, State.REBUILDING})
"""Reaching one of these from outside or from a seal, the dossier may be edited again."""
REASON_MOST, NUMBER_MOST = 300, 40


def edge(source: State, target: State) -> Edge | None:
    return _BY_PAIR.get((source, target))


def edges_from(source: State) -> tuple[Edge, ...]:
    return tuple(e for e in EDGES if e.source is source)


def may(edge: Edge, *, staff: frozenset[Role] = frozenset(), graduate: bool = False, partner: bool = False) -> bool:
    """Whether this kind of actor may walk the edge alone; ``TWO`` is never alone."""
    if graduate:
        return By.GRADUATE in edge.by
    if partner:
        return By.RECEIVER in edge.by
    return any(staff.intersection(ROLES[by]) for by in edge.by if by in ROLES and by is not By.TWO)
