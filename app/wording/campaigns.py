"""The words of campaigns (群发通知)."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "campaign_not_found": ("没有这个群发通知", "There is no such campaign"),
    "campaign_changed": (
        "该群发通知在您打开后已被他人修改或办理，请核对现在的内容后再操作",
        "The campaign was changed since you opened it: look at it as it is now, then go on",
    ),
    "campaign_state": (
        "该群发通知现在是“{state}”，不能这样操作",
        "The campaign's state does not allow this now",
    ),
    "campaign_empty": (
        "现在没有符合条件的毕业生，请修改发送范围",
        "Nobody is meant at present: change the segment",
    ),
    "campaign_same_person": (
        "收件人超过 {most} 人的群发通知，须由提交者以外的另一名工作人员启动",
        "A campaign to more than {most} recipients is started by another person than who made it ready",
    ),
}

FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "campaign_day": ("请选择日期", "must be a day"),
    "campaign_day_far": ("日期须在今天到一年以内", "must be from today up to a year ahead"),
    "campaign_place": ("请从列出的地点中选择", "must be one of the places listed"),
    "campaign_college": ("只能向您负责的学院发送，请重新选择学院", "must be colleges you answer for"),
    "campaign_cohort": ("请选择届别", "must be a cohort"),
    "campaign_level": ("请从列出的学历层次中选择", "must be one of the levels listed"),
    "campaign_needs_lacking": (
        "“补交材料”只能发给材料不齐的毕业生，请在“档案材料”中选择“材料不齐”",
        "this notice is for dossiers that lack materials",
    ),
}
