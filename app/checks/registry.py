"""The register of all checks. Ids are for ever: a retired check's id is not given to another."""

from __future__ import annotations

from collections.abc import Mapping

from app.checks import authentic, complete, safe, usable
from app.checks.check import HOUSE, Check
from app.checks.rules import Mode, Property, Stage

_HANDING = frozenset({Stage.HAND_OVER})
_PAPER = frozenset({Stage.ARCHIVING, Stage.HAND_OVER})
BY_PEOPLE = (
    Check(
        "Z-1-51",
        Property.AUTHENTIC,
        "抽看影像，内容与题名相符",
        "DA/T 70-2018 电子文件内容真实性检测",
        "更正题名或重新扫描",
        authentic.titles_to_compare,
        Mode.ASSISTED,
        veto=True,
        stages=_PAPER,
    ),
    Check(
        "Z-1-61",
        Property.AUTHENTIC,
        "纸质材料为原件，签字盖章和日期清楚",
        HOUSE,
        "退回形成单位补办",
        mode=Mode.MANUAL,
        veto=True,
        stages=_PAPER,
        note_required=True,
    ),
    Check(
        "Z-2-51",
        Property.COMPLETE,
        "纸质与目录逐份核对页数",
        HOUSE,
        "补齐缺页或更正目录",
        complete.pages_to_compare,
        Mode.ASSISTED,
        stages=_HANDING,
    ),
    Check(
        "Z-3-51",
        Property.USABLE,
        "影像端正、清晰、不缺页",
        "DA/T 31-2017 纸质档案数字化规范",
        "重新扫描",
        usable.quality_to_see,
        Mode.ASSISTED,
        stages=_PAPER,
    ),
    Check(
        "Z-4-61",
        Property.SAFE,
        "已用杀毒软件扫描，记录软件名称和病毒库日期",
        "DA/T 70-2018 病毒感染检测",
        "清除后重新检测",
        mode=Mode.MANUAL,
        veto=True,
        stages=_HANDING,
        note_required=True,
    ),
    Check(
        "Z-4-62",
        Property.SAFE,
        "移交载体可读、无划痕、无其他文件",
        "DA/T 70-2018 载体安全性检测",
        "更换载体后重新复制",
        mode=Mode.MANUAL,
        stages=_HANDING,
        note_required=True,
    ),
)
MACHINE = (*authentic.CHECKS, *complete.CHECKS, *usable.CHECKS, *safe.CHECKS)
CHECKS = (*MACHINE, *BY_PEOPLE)
BY_ID: Mapping[str, Check] = {c.id: c for c in CHECKS}


def machine_checks(stage: Stage) -> list[Check]:
    return [c for c in MACHINE if stage in c.stages]


def people_checks(stage: Stage) -> list[Check]:
    return [c for c in BY_PEOPLE if stage in c.stages]
