"""What a four-property check (四性检测) is: properties, stages, kinds of checks, outcomes and the verdict over all.

After DA/T 70-2018 文书类电子档案检测一般要求: authenticity, integrity, usability and security, at archiving, at
hand-over and receipt, and in long-term keeping. Pure tables and functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

RULES_VERSION = "2026-1"


class Property(StrEnum):
    AUTHENTIC = "authentic"
    COMPLETE = "complete"
    USABLE = "usable"
    SAFE = "safe"


PROPERTY_LABELS: Mapping[Property, str] = {
    Property.AUTHENTIC: "真实性",
    Property.COMPLETE: "完整性",
    Property.USABLE: "可用性",
    Property.SAFE: "安全性",
}


class Stage(StrEnum):
    ARCHIVING = "archiving"
    HAND_OVER = "hand_over"
    LONG_TERM = "long_term"


STAGE_LABELS: Mapping[Stage, str] = {
    Stage.ARCHIVING: "归档",
    Stage.HAND_OVER: "移交与接收",
    Stage.LONG_TERM: "长期保存",
}


class Mode(StrEnum):
    """Machine checks answer by themselves; assisted ones show evidence for a person to confirm; manual ones are done
    away from the system and ticked with a note.
    """

    MACHINE = "machine"
    ASSISTED = "assisted"
    MANUAL = "manual"


MODE_LABELS: Mapping[Mode, str] = {Mode.MACHINE: "系统检测", Mode.ASSISTED: "人机结合", Mode.MANUAL: "人工检测"}


class Outcome(StrEnum):
    """``not_run``: could not be answered, which never counts as a pass. ``not_applicable``: nothing to look at."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_RUN = "not_run"
    NOT_APPLICABLE = "not_applicable"
    WAITING = "waiting"


OUTCOME_LABELS: Mapping[Outcome, str] = {
    Outcome.PASS: "合格",
    Outcome.FAIL: "不合格",
    Outcome.NOT_RUN: "未检测",
    Outcome.NOT_APPLICABLE: "不涉及",
    Outcome.WAITING: "待人工确认",
}


class Verdict(StrEnum):
    PASSED = "passed"
    NOTED = "passed_with_notes"
    WAITING = "waiting"
    FAILED = "failed"


VERDICT_LABELS: Mapping[Verdict, str] = {
    Verdict.PASSED: "通过",
    Verdict.NOTED: "通过，有提示项",
    Verdict.WAITING: "待人工确认",
    Verdict.FAILED: "未通过",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: ``where`` is a path in the package or a field's name, ``words`` say what, in Chinese.

    Values of personal fields are never repeated here.
    """

    where: str
    words: str


@dataclass(frozen=True, slots=True)
class Result:
    """A check's answer. ``looked`` counts what was examined, so that an answer over nothing can be told apart."""

    check_id: str
    outcome: Outcome
    looked: int = 0
    findings: tuple[Finding, ...] = field(default=())
    note: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a member of staff said about an assisted or manual check, for one version of the dossier."""

    check_id: str
    agreed: bool
    by: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class MissingItem:
    """A line of the checklist that is not there: ``words`` name the material."""

    code: str
    words: str


@dataclass(frozen=True, slots=True)
class ChecklistState:
    """What the completeness room says of a dossier; ``version`` names the checklist's rules."""

    version: str
    missing: tuple[MissingItem, ...]
    required: int


NOTHING_MISSING = ChecklistState("supplement", (), 0)
"""Of what follows a dossier that was received: the list of what a dossier must hold is none of its business."""


def verdict(results: Sequence[tuple[Result, bool]]) -> Verdict:
    """Over (result, veto) pairs: one failed veto item fails the whole; a veto item not run never passes."""
    if any(veto and r.outcome in (Outcome.FAIL, Outcome.NOT_RUN) for r, veto in results):
        return Verdict.FAILED
    outcomes = {r.outcome for r, _ in results}
    if Outcome.WAITING in outcomes:
        return Verdict.WAITING
    return Verdict.NOTED if outcomes & {Outcome.FAIL, Outcome.NOT_RUN} else Verdict.PASSED
