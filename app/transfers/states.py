"""The states of a transfer and their words (2-domain §3). Self-carry has no value here on purpose."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


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
    HELD_AT_SCHOOL = "held_at_school"
    ASSEMBLED = "assembled"
    CHECKED = "checked"
    SEALED = "sealed"
    HANDED_TO_CARRIER = "handed_to_carrier"
    IN_TRANSIT = "in_transit"
    DELIVERED_UNCONFIRMED = "delivered_unconfirmed"
    RECEIPT_OVERDUE = "receipt_overdue"
    RECEIVED = "received"
    CLOSED = "closed"
    SUPPLEMENT_OPEN = "supplement_open"
    RETURNED = "returned"
    REFUSED = "refused"
    LOST_SUSPECTED = "lost_suspected"
    TRACING = "tracing"
    LOST_CONFIRMED = "lost_confirmed"
    REBUILDING = "rebuilding"
    REDIRECTED = "redirected"
    WITHDRAWN = "withdrawn"


STATE_LABELS: Mapping[State, str] = {
    State.DRAFT: "准备中",
    State.DESTINATION_REGISTERED: "去向已登记",
    State.COLLEGE_REVIEWED: "学院已审核",
    State.SCHOOL_APPROVED: "学校已批准",
    State.HELD_AT_SCHOOL: "暂缓转递，学校保管",
    State.ASSEMBLED: "材料已整理",
    State.CHECKED: "已核对",
    State.SEALED: "已密封",
    State.HANDED_TO_CARRIER: "已交寄",
    State.IN_TRANSIT: "运送中",
    State.DELIVERED_UNCONFIRMED: "已送达，待签收回执",
    State.RECEIPT_OVERDUE: "已送达，回执逾期",
    State.RECEIVED: "接收单位已签收",
    State.CLOSED: "已办结",
    State.SUPPLEMENT_OPEN: "已办结，补充材料转递中",
    State.RETURNED: "已退回学校",
    State.REFUSED: "接收单位拒收",
    State.LOST_SUSPECTED: "疑似遗失",
    State.TRACING: "查询中",
    State.LOST_CONFIRMED: "确认遗失",
    State.REBUILDING: "补建中",
    State.REDIRECTED: "已改寄",
    State.WITHDRAWN: "已撤销",
}

NEXT_WORDS: Mapping[State, str] = {
    State.DRAFT: "请登记毕业去向",
    State.DESTINATION_REGISTERED: "学院审核去向登记",
    State.COLLEGE_REVIEWED: "学校批准转递",
    State.SCHOOL_APPROVED: "档案科整理材料、编制目录",
    State.HELD_AT_SCHOOL: "保管期内落实去向后重新登记；期满转回户籍地",
    State.ASSEMBLED: "档案科核对材料与目录",
    State.CHECKED: "两人密封档案",
    State.SEALED: "交由机要通信、专人或 EMS 转递",
    State.HANDED_TO_CARRIER: "承运方运送",
    State.IN_TRANSIT: "送达接收单位",
    State.DELIVERED_UNCONFIRMED: "等待接收单位核对并签收回执；送达不等于已接收",
    State.RECEIPT_OVERDUE: "学校向接收单位催收回执；送达不等于已接收",
    State.RECEIVED: "核对回执并办结",
    State.CLOSED: "档案已由接收单位保管",
    State.SUPPLEMENT_OPEN: "档案已由接收单位保管，更正材料另行补寄",
    State.RETURNED: "核实退回原因后重新转递",
    State.REFUSED: "与接收单位核实拒收原因，等待档案退回",
    State.LOST_SUSPECTED: "学校向承运方查询下落",
    State.TRACING: "等待承运方答复",
    State.LOST_CONFIRMED: "学校启动补建，并书面告知本人",
    State.REBUILDING: "依据留存的电子档案和各单位底册补建，完成后重新转递",
    State.REDIRECTED: "改寄的进度见新的转递",
    State.WITHDRAWN: "请重新登记去向，经审核后办理转递",
}

SUPPLEMENT_NEXT_WORDS: Mapping[State, str] = {**NEXT_WORDS, State.DRAFT: "学校登记改寄的接收单位"}
"""A supplement's destination is the school's to choose."""

CHANGEABLE = frozenset(
    {State.DRAFT, State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED, State.HELD_AT_SCHOOL}
)
"""Here another destination may be chosen, by graduates until 31 August of their year."""
AWAITED = frozenset({State.DRAFT, State.HELD_AT_SCHOOL})
"""Of these the school waits for the graduate, whatever the day."""
ENDED = frozenset({State.CLOSED, State.SUPPLEMENT_OPEN, State.REDIRECTED, State.WITHDRAWN})
OPEN = frozenset(State) - ENDED
ARRIVED = frozenset({State.RECEIVED, State.CLOSED, State.SUPPLEMENT_OPEN})
"""The receiver has signed: only these may be shown as received."""
SOUGHT = frozenset(
    {
        State.RETURNED,
        State.REFUSED,
        State.LOST_SUSPECTED,
        State.TRACING,
        State.LOST_CONFIRMED,
        State.REBUILDING,
    }
)
"""The school does not believe it to be with its receiver."""
OUTSIDE = frozenset(
    {
        State.HANDED_TO_CARRIER,
        State.IN_TRANSIT,
        State.DELIVERED_UNCONFIRMED,
        State.RECEIPT_OVERDUE,
        State.REFUSED,
        State.LOST_SUSPECTED,
        State.TRACING,
        State.LOST_CONFIRMED,
    }
)
"""The sealed dossier is out of the house and not confirmed by a receiver."""
