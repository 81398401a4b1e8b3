"""The electronic leg that runs beside the paper: states, edges and words as data (2-domain §3 "Electronic leg").

It never replaces the paper: no national instrument lets it. What a graduate is told is the lesser of both legs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum, StrEnum

from app.transfers.states import State


class Leg(StrEnum):
    """``preparing`` is before the rule book's first state: the package has been asked for and is being made."""

    PREPARING = "preparing"
    PACKAGED = "packaged"
    ENCRYPTED = "encrypted_to_receiver"
    SUBMITTED = "submitted"
    TRANSPORT_ACK = "transport_ack"
    CHECKED = "checked_by_receiver"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    E_RECEIPT = "e_receipt"
    WITHDRAWN = "withdrawn"


LEG_LABELS: Mapping[Leg, str] = {
    Leg.PREPARING: "正在打包",
    Leg.PACKAGED: "已打包并签名",
    Leg.ENCRYPTED: "已加密",
    Leg.SUBMITTED: "已提交，待接收单位取件",
    Leg.TRANSPORT_ACK: "接收单位已取件，待检测",
    Leg.CHECKED: "接收单位已检测，待决定",
    Leg.ACCEPTED: "接收单位已接收，待电子回执",
    Leg.REJECTED: "接收单位已退回",
    Leg.E_RECEIPT: "已收到电子回执",
    Leg.WITHDRAWN: "已撤回",
}
LEG_NEXT: Mapping[Leg, str] = {
    Leg.PREPARING: "系统检测档案并生成签名的电子档案包",
    Leg.PACKAGED: "系统用接收单位的公钥加密",
    Leg.ENCRYPTED: "系统提交给接收单位",
    Leg.SUBMITTED: "接收单位下载电子档案包；提交不等于已接收",
    Leg.TRANSPORT_ACK: "接收单位解密、验签并检测；取件不等于已接收",
    Leg.CHECKED: "接收单位决定接收或退回",
    Leg.ACCEPTED: "接收单位开具电子回执",
    Leg.REJECTED: "档案科按退回原因处理后重新打包",
    Leg.E_RECEIPT: "电子档案已由接收单位接收；纸质档案以纸质转递状态为准",
    Leg.WITHDRAWN: "需要时由档案科重新打包",
}


class By(StrEnum):
    """Who makes a step."""

    CLOCKWORK = "clockwork"
    RECEIVER = "receiver"
    STAFF = "staff"


class Proof(StrEnum):
    """What must accompany a step."""

    REPORT = "signed_report"
    ENVELOPE = "signed_envelope"
    CIPHER_DIGEST = "cipher_digest"
    CHECK_RESULT = "check_result"
    MANIFEST_DIGEST = "manifest_digest"
    REASONS = "reasons"
    RECEIPT = "receipt"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Step:
    """The clock of a source is in electronic_clocks."""

    source: Leg
    target: Leg
    by: By
    proof: Proof


STEPS: Sequence[Step] = (
    Step(Leg.PREPARING, Leg.PACKAGED, By.CLOCKWORK, Proof.REPORT),
    Step(Leg.PACKAGED, Leg.ENCRYPTED, By.CLOCKWORK, Proof.CIPHER_DIGEST),
    Step(Leg.ENCRYPTED, Leg.SUBMITTED, By.CLOCKWORK, Proof.ENVELOPE),
    Step(Leg.SUBMITTED, Leg.TRANSPORT_ACK, By.RECEIVER, Proof.CIPHER_DIGEST),
    Step(Leg.TRANSPORT_ACK, Leg.CHECKED, By.RECEIVER, Proof.CHECK_RESULT),
    Step(Leg.CHECKED, Leg.ACCEPTED, By.RECEIVER, Proof.MANIFEST_DIGEST),
    # what cannot be opened cannot be checked either, so it may be refused at once
    *(Step(s, Leg.REJECTED, By.RECEIVER, Proof.REASONS) for s in (Leg.SUBMITTED, Leg.TRANSPORT_ACK, Leg.CHECKED)),
    Step(Leg.ACCEPTED, Leg.E_RECEIPT, By.RECEIVER, Proof.RECEIPT),
    *(
        Step(s, Leg.WITHDRAWN, By.STAFF, Proof.NONE)
        for s in (Leg.PREPARING, Leg.PACKAGED, Leg.ENCRYPTED, Leg.SUBMITTED, Leg.TRANSPORT_ACK, Leg.CHECKED)
    ),
)
ENDED = frozenset({Leg.REJECTED, Leg.WITHDRAWN, Leg.E_RECEIPT})
REPEATABLE = frozenset({Leg.REJECTED, Leg.WITHDRAWN})
"""After these a new attempt may be made."""
IN_THE_MAKING = frozenset({Leg.PREPARING, Leg.PACKAGED, Leg.ENCRYPTED})
STALLED = timedelta(hours=1)
"""After this long in the making, or since it was last ordered, staff may have it packed again, whatever its clock."""
CHANGED, BARRED = "receiver_changed", "receiver_not_authorised_now"
NOT_FOR_IT = frozenset({CHANGED, BARRED})
"""Troubles for which the receiver is given nothing, so that it cannot be waited for."""
VISIBLE = frozenset(Leg) - IN_THE_MAKING
"""What a receiver may see of its own packages."""
WAITING = frozenset({Leg.SUBMITTED, Leg.TRANSPORT_ACK, Leg.CHECKED, Leg.ACCEPTED})
"""What still waits for something the receiver does."""
DOWNLOADABLE = WAITING | {Leg.E_RECEIPT}
ACKNOWLEDGED = frozenset({Leg.TRANSPORT_ACK, Leg.CHECKED, Leg.ACCEPTED, Leg.E_RECEIPT})


def step(source: Leg, target: Leg, by: By) -> Step | None:
    return next((s for s in STEPS if (s.source, s.target, s.by) == (source, target, by)), None)


def renewed(state: Leg | None, *, same: bool) -> bool:
    """Whether sealing begins an attempt, by how the last one stands. ``same``: it was made of the catalogue that is
    sealed now. What the receiver has taken is left to the desk.
    """
    if state is None or state in IN_THE_MAKING:
        return True
    return not same and state in REPEATABLE | {Leg.SUBMITTED}


class Reason(StrEnum):
    """Why a receiver sends a package back; the codes of the partner door."""

    DIGEST_MISMATCH = "digest_mismatch"
    CANNOT_DECRYPT = "cannot_decrypt"
    SIGNATURE_INVALID = "signature_invalid"
    PACKAGE_INVALID = "package_invalid"
    CHECK_FAILED = "check_failed"
    NOT_OUR_PERSON = "not_our_person"
    MATERIAL_MISSING = "material_missing"
    MATERIAL_UNREADABLE = "material_unreadable"
    PAPER_DIFFERS = "paper_differs"
    OTHER = "other"


REASON_LABELS: Mapping[Reason, str] = {
    Reason.DIGEST_MISMATCH: "收到的文件与信封摘要不一致",
    Reason.CANNOT_DECRYPT: "无法用本单位私钥解密",
    Reason.SIGNATURE_INVALID: "签名无效或不是所公布的密钥签发",
    Reason.PACKAGE_INVALID: "不是有效的档案包（BagIt 校验未通过）",
    Reason.CHECK_FAILED: "四性检测未通过",
    Reason.NOT_OUR_PERSON: "不属于本单位接收范围",
    Reason.MATERIAL_MISSING: "缺少应有材料",
    Reason.MATERIAL_UNREADABLE: "材料不清晰或无法打开",
    Reason.PAPER_DIFFERS: "与收到的纸质材料不一致",
    Reason.OTHER: "其他原因（见说明）",
}


class Progress(IntEnum):
    """How far a leg has come, on one scale for both."""

    STOPPED = 0
    PREPARING = 1
    READY = 2
    SENT = 3
    ARRIVED = 4
    RECEIVED = 5
    CONFIRMED = 6


PROGRESS_LABELS: Mapping[Progress, str] = {
    Progress.STOPPED: "需要处理",
    Progress.PREPARING: "准备中",
    Progress.READY: "待发出",
    Progress.SENT: "已发出，尚未送达",
    Progress.ARRIVED: "已送达，尚未确认接收",
    Progress.RECEIVED: "接收单位已接收",
    Progress.CONFIRMED: "已办结",
}
LEG_PROGRESS: Mapping[Leg, Progress] = {
    Leg.PREPARING: Progress.PREPARING,
    Leg.PACKAGED: Progress.PREPARING,
    Leg.ENCRYPTED: Progress.READY,
    Leg.SUBMITTED: Progress.SENT,
    Leg.TRANSPORT_ACK: Progress.ARRIVED,
    Leg.CHECKED: Progress.ARRIVED,
    Leg.ACCEPTED: Progress.RECEIVED,
    Leg.E_RECEIPT: Progress.CONFIRMED,
    Leg.REJECTED: Progress.STOPPED,
    Leg.WITHDRAWN: Progress.STOPPED,
}
PAPER_PROGRESS: Mapping[State, Progress] = {
    State.DRAFT: Progress.PREPARING,
    State.DESTINATION_REGISTERED: Progress.PREPARING,
    State.COLLEGE_REVIEWED: Progress.PREPARING,
    State.SCHOOL_APPROVED: Progress.PREPARING,
    State.ASSEMBLED: Progress.PREPARING,
    State.CHECKED: Progress.PREPARING,
    State.REBUILDING: Progress.PREPARING,
    State.HELD_AT_SCHOOL: Progress.STOPPED,
    State.SEALED: Progress.READY,
    State.HANDED_TO_CARRIER: Progress.SENT,
    State.IN_TRANSIT: Progress.SENT,
    State.LOST_SUSPECTED: Progress.STOPPED,
    State.TRACING: Progress.STOPPED,
    State.LOST_CONFIRMED: Progress.STOPPED,
    State.DELIVERED_UNCONFIRMED: Progress.ARRIVED,
    State.RECEIPT_OVERDUE: Progress.ARRIVED,
    State.SUPPLEMENT_OPEN: Progress.RECEIVED,
    State.RECEIVED: Progress.RECEIVED,
    State.CLOSED: Progress.CONFIRMED,
    State.WITHDRAWN: Progress.STOPPED,
    State.RETURNED: Progress.STOPPED,
    State.REFUSED: Progress.STOPPED,
    State.REDIRECTED: Progress.STOPPED,
}
PACKABLE = frozenset(
    state
    for state, progress in PAPER_PROGRESS.items()
    if Progress.READY <= progress < Progress.CONFIRMED and state is not State.SUPPLEMENT_OPEN
)
"""States of the paper in which the catalogue stands and nothing is edited any more."""


@dataclass(frozen=True, slots=True)
class Combined:
    """The lesser of the two legs."""

    progress: Progress
    label: str


def lesser(paper_state: State, electronic_state: Leg | None) -> Combined:
    """Sent is never shown as received: whichever leg has come less far speaks for both (2-domain §3).

    Without an electronic leg the paper speaks alone.
    """
    paper = PAPER_PROGRESS[paper_state]
    least = paper if electronic_state is None else min(paper, LEG_PROGRESS[electronic_state])
    return Combined(least, PROGRESS_LABELS[least])
