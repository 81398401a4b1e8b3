"""A campaign's states and moves, whom it is for, and what became of each recipient. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.actors import Role
from app.transfers.states import State as TransferState
from notifications.campaigns.texts import CampaignNotice

DESK = (Role.ARCHIVIST, Role.REVIEWER)
NO_TRANSFER = "none"
COLLEGES_MOST, COLLEGE_CHARS = 60, 60


class State(StrEnum):
    DRAFT = "draft"
    READY = "ready"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"


STATE_LABELS: Mapping[State, str] = {
    State.DRAFT: "草稿",
    State.READY: "待启动",
    State.RUNNING: "发送中",
    State.PAUSED: "已暂停",
    State.DONE: "已完成",
    State.CANCELLED: "已取消",
}


class Deed(StrEnum):
    CHANGE = "change"
    PROPOSE = "propose"
    RECALL = "recall"
    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"


MOVES: Mapping[Deed, tuple[frozenset[State], State]] = {
    Deed.CHANGE: (frozenset({State.DRAFT}), State.DRAFT),
    Deed.PROPOSE: (frozenset({State.DRAFT}), State.READY),
    Deed.RECALL: (frozenset({State.READY}), State.DRAFT),
    Deed.START: (frozenset({State.READY}), State.RUNNING),
    Deed.PAUSE: (frozenset({State.RUNNING, State.DONE}), State.PAUSED),
    Deed.RESUME: (frozenset({State.PAUSED}), State.RUNNING),
    Deed.CANCEL: (frozenset({State.DRAFT, State.READY, State.RUNNING, State.PAUSED, State.DONE}), State.CANCELLED),
}
"""From which states a deed is possible, and where it leads. When everybody has their line in the inbox (DONE), pushes
and letters may still wait."""
ENDED = frozenset({State.DONE, State.CANCELLED})


def possible(state: State) -> frozenset[Deed]:
    return frozenset(deed for deed, (before, _) in MOVES.items() if state in before)


class Account(StrEnum):
    BOUND = "bound"
    UNBOUND = "unbound"


class Materials(StrEnum):
    LACKING = "lacking"
    COMPLETE = "complete"


ACCOUNT_LABELS: Mapping[Account, str] = {Account.BOUND: "已绑定账号", Account.UNBOUND: "未绑定账号"}
MATERIALS_LABELS: Mapping[Materials, str] = {Materials.LACKING: "材料不齐", Materials.COMPLETE: "材料齐全"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One cohort, narrowed. ``transfer`` is a state of the last transfer, NO_TRANSFER, or empty for any."""

    cohort: int
    colleges: tuple[str, ...] = ()
    level: str = ""
    transfer: str = ""
    materials: Materials | None = None
    account: Account | None = None

    def kept(self) -> dict[str, Any]:
        """As it stands in the campaign's row."""
        return {
            "cohort": self.cohort,
            "colleges": list(self.colleges),
            "level": self.level,
            "transfer": self.transfer,
            "materials": self.materials.value if self.materials else "",
            "account": self.account.value if self.account else "",
        }


def segment_of(kept: Mapping[str, Any]) -> Segment:
    """What ``Segment.kept`` gave. Raises ValueError for anything else."""
    transfer = str(kept["transfer"])
    if transfer not in ("", NO_TRANSFER):
        transfer = TransferState(transfer).value
    return Segment(
        int(kept["cohort"]),
        tuple(str(c) for c in kept["colleges"]),
        str(kept["level"]),
        transfer,
        Materials(kept["materials"]) if kept["materials"] else None,
        Account(kept["account"]) if kept["account"] else None,
    )


def misfit(notice: CampaignNotice, segment: Segment) -> tuple[str, str] | None:
    """(field, code) where a notice would tell its recipients what is not so, else None."""
    if notice is CampaignNotice.HAND_IN and segment.materials is not Materials.LACKING:
        return "materials", "campaign_needs_lacking"
    return None


def within(colleges: Sequence[str], own: Sequence[str]) -> bool:
    """Whether somebody who answers for ``own`` reaches a campaign to ``colleges``; without any, the whole school."""
    return not own or (bool(colleges) and set(colleges) <= set(own))


class Told(StrEnum):
    """What stands in a recipient's row; how pushes and letters fared stands with their attempts."""

    WAITING = "waiting"
    TOLD = "told"
    SKIPPED = "skipped"


class Skip(StrEnum):
    LEFT_SEGMENT = "left_segment"
    CANCELLED = "cancelled"


SKIP_LABELS: Mapping[str, str] = {
    Skip.LEFT_SEGMENT: "轮到时已不符合发送条件",
    Skip.CANCELLED: "通知已取消",
}


class Result(StrEnum):
    WAITING = "waiting"
    INBOX = "inbox"
    SENT = "sent"
    WRITTEN = "written"
    UNKNOWN = "unknown"
    FAILED = "failed"
    SKIPPED = "skipped"


RESULT_LABELS: Mapping[Result, str] = {
    Result.WAITING: "等待发送",
    Result.INBOX: "仅站内信",
    Result.SENT: "推送已送出",
    Result.WRITTEN: "邮件或短信已送出",
    Result.UNKNOWN: "送出结果不明",
    Result.FAILED: "送出失败",
    Result.SKIPPED: "未发送",
}
"""All but the first and the last have the notice in their inbox."""
