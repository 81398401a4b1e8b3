"""The four written systems of an archive office (四个制度, S25-S28) and where each rule is shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from app.actors import Role


class System(StrEnum):
    FILING = "filing"
    REVIEW = "review"
    TRAINING = "training"
    RESPONSIBILITY = "responsibility"


SYSTEM_LABELS: Mapping[System, str] = {
    System.FILING: "电子档案归档制度",
    System.REVIEW: "档案定期审查制度",
    System.TRAINING: "工作人员考核与培训制度",
    System.RESPONSIBILITY: "岗位责任制度",
}


class Topic(StrEnum):
    """Where the work is done that a rule is about."""

    IMPORT = "import"
    MATERIALS = "materials"
    CORRECTIONS = "corrections"
    TRANSFERS = "transfers"
    RETRIEVAL = "retrieval"
    REVIEWS = "reviews"
    TRAINING = "training"
    DUTIES = "duties"


TOPIC_LABELS: Mapping[Topic, str] = {
    Topic.IMPORT: "批量导入",
    Topic.MATERIALS: "材料归档",
    Topic.CORRECTIONS: "更正申请",
    Topic.TRANSFERS: "档案转递",
    Topic.RETRIEVAL: "查阅与检索",
    Topic.REVIEWS: "定期审查",
    Topic.TRAINING: "考核培训",
    Topic.DUTIES: "岗位责任",
}


class RuleState(StrEnum):
    """A version's way: one draft at most, one published at most, the others superseded and kept."""

    DRAFT = "draft"
    PUBLISHED = "published"
    SUPERSEDED = "superseded"


RULE_STATE_LABELS: Mapping[RuleState, str] = {
    RuleState.DRAFT: "草稿",
    RuleState.PUBLISHED: "现行",
    RuleState.SUPERSEDED: "已被取代",
}

READERS = (Role.ARCHIVIST, Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR)
RULE_KEEPERS = (Role.ARCHIVIST,)
CAMPAIGN_KEEPERS = (Role.ARCHIVIST,)
CHECKERS = (Role.REVIEWER,)
SIGNERS = (Role.ARCHIVIST, Role.REVIEWER)
MENDERS = (Role.ARCHIVIST,)
TRAINERS = (Role.ADMINISTRATOR,)

MAX_TITLE, MAX_BODY, MAX_NOTE = 80, 20_000, 2_000


class Meter(StrEnum):
    """What a plan promises (S17)."""

    DIGITISED = "digitised"
    COMPLETE = "complete"
    TRANSFERRED = "transferred"


METER_LABELS: Mapping[Meter, str] = {
    Meter.DIGITISED: "材料数字化",
    Meter.COMPLETE: "档案齐全",
    Meter.TRANSFERRED: "档案转出",
}
METER_WORDS: Mapping[Meter, str] = {
    Meter.DIGITISED: "有扫描件的材料 ÷ 目录中的全部材料",
    Meter.COMPLETE: "材料齐全的档案 ÷ 该届全部档案",
    Meter.TRANSFERRED: "已由接收单位签收的档案 ÷ 该届全部档案",
}


class DutyKind(StrEnum):
    PRIMARY = "primary"
    STAND_IN = "stand_in"


DUTY_KIND_LABELS: Mapping[DutyKind, str] = {DutyKind.PRIMARY: "主责", DutyKind.STAND_IN: "替岗"}
