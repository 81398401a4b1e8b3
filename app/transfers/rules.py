"""Where a dossier may go and how: states and edges as data (2-domain §3). Self-carry has no value here on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Channel(StrEnum):
    CONFIDENTIAL_POST = "confidential_post"
    DEDICATED_PERSON = "dedicated_person"
    EMS = "ems"


CHANNEL_LABELS: Mapping[Channel, str] = {
    Channel.CONFIDENTIAL_POST: "机要通信",
    Channel.DEDICATED_PERSON: "单位专人",
    Channel.EMS: "EMS 标准快递",
}


class State(StrEnum):
    DRAFT = "draft"
    DESTINATION_REGISTERED = "destination_registered"
    COLLEGE_REVIEWED = "college_reviewed"
    SCHOOL_APPROVED = "school_approved"
    ASSEMBLED = "assembled"
    CHECKED = "checked"
    SEALED = "sealed"
    HANDED_TO_CARRIER = "handed_to_carrier"
    IN_TRANSIT = "in_transit"
    DELIVERED_UNCONFIRMED = "delivered_unconfirmed"
    RECEIVED = "received"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"
    RETURNED = "returned"


STATE_LABELS: Mapping[State, str] = {
    State.DRAFT: "准备中",
    State.DESTINATION_REGISTERED: "去向已登记",
    State.COLLEGE_REVIEWED: "学院已审核",
    State.SCHOOL_APPROVED: "学校已批准",
    State.ASSEMBLED: "材料已整理",
    State.CHECKED: "已核对",
    State.SEALED: "已密封",
    State.HANDED_TO_CARRIER: "已交寄",
    State.IN_TRANSIT: "运送中",
    State.DELIVERED_UNCONFIRMED: "已送达，待签收回执",
    State.RECEIVED: "接收单位已签收",
    State.CLOSED: "已办结",
    State.WITHDRAWN: "已撤销",
    State.RETURNED: "已退回",
}

NEXT_WORDS: Mapping[State, str] = {
    State.DRAFT: "请登记毕业去向",
    State.DESTINATION_REGISTERED: "学院审核去向登记",
    State.COLLEGE_REVIEWED: "学校批准转递",
    State.SCHOOL_APPROVED: "档案科整理材料、编制目录",
    State.ASSEMBLED: "档案科核对材料与目录",
    State.CHECKED: "两人密封档案",
    State.SEALED: "交由机要通信、专人或 EMS 转递",
    State.HANDED_TO_CARRIER: "承运方运送",
    State.IN_TRANSIT: "送达接收单位",
    State.DELIVERED_UNCONFIRMED: "等待接收单位核对并签收回执；送达不等于已接收",
    State.RECEIVED: "核对回执并办结",
    State.CLOSED: "档案已由接收单位保管",
    State.WITHDRAWN: "可重新登记去向",
    State.RETURNED: "核实退回原因后重新转递",
}

_LINE = (
    State.DRAFT,
    State.DESTINATION_REGISTERED,
    State.COLLEGE_REVIEWED,
    State.SCHOOL_APPROVED,
    State.ASSEMBLED,
    State.CHECKED,
    State.SEALED,
    State.HANDED_TO_CARRIER,
    State.IN_TRANSIT,
    State.DELIVERED_UNCONFIRMED,
    State.RECEIVED,
    State.CLOSED,
)


class Evidence(StrEnum):
    """What must accompany an edge."""

    NONE = "none"
    TRACKING_NUMBER = "tracking_number"
    SEAL_NUMBER = "seal_number"
    RECEIPT_NUMBER = "receipt_number"


EVIDENCE_LABELS: Mapping[Evidence, str] = {
    Evidence.NONE: "",
    Evidence.TRACKING_NUMBER: "运单号",
    Evidence.SEAL_NUMBER: "密封编号",
    Evidence.RECEIPT_NUMBER: "回执编号",
}


@dataclass(frozen=True, slots=True)
class Edge:
    source: State
    target: State
    evidence: Evidence = Evidence.NONE


_EVIDENCE = {
    State.SEALED: Evidence.SEAL_NUMBER,
    State.HANDED_TO_CARRIER: Evidence.TRACKING_NUMBER,
    State.RECEIVED: Evidence.RECEIPT_NUMBER,
}
EDGES: Sequence[Edge] = (
    *(Edge(a, b, _EVIDENCE.get(b, Evidence.NONE)) for a, b in pairwise(_LINE)),
    *(Edge(s, State.WITHDRAWN) for s in _LINE[: _LINE.index(State.HANDED_TO_CARRIER)]),
    *(Edge(s, State.RETURNED) for s in (State.HANDED_TO_CARRIER, State.IN_TRANSIT, State.DELIVERED_UNCONFIRMED)),
)
OPEN = frozenset(State) - {State.CLOSED, State.WITHDRAWN, State.RETURNED}
SEALING = frozenset({State.SEALED})
UNSEALING = frozenset({State.WITHDRAWN, State.RETURNED})


def edge(source: State, target: State) -> Edge | None:
    return next((e for e in EDGES if e.source is source and e.target is target), None)


def targets(source: State) -> tuple[Edge, ...]:
    return tuple(e for e in EDGES if e.source is source)
