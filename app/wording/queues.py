"""The words of the ticket desk."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "ticket_closed": ("该申请已办结，不能再分派或答复", "The ticket is closed"),
    "nobody_present": ("没有在岗的工作人员可分派，请手工选择", "Nobody is present to be given the ticket"),
    "nobody_responsible": ("该学院尚未指定负责人", "Nobody answers for this college yet"),
    "assigned_already": ("该申请已由其办理", "The ticket is theirs already"),
    "assigned_to_nobody": ("该申请本来就未分派", "The ticket is nobody's already"),
    "views_full": ("保存的视图已达上限，请先删除不用的", "Too many saved views; remove some first"),
    "view_not_found": ("未找到该视图，可能已被删除", "The view is not found"),
    "bulk_run_not_found": ("未找到该次批量办理", "The bulk run is not found"),
    "macro_not_found": ("未找到该常用语", "The text block is not found"),
    "macro_changed": ("常用语已被他人修改，请核对后重新提交", "The text block has changed; reload and retry"),
    "macro_retired": ("该常用语已停用", "The text block is no longer in use"),
    "not_closed_yet": ("办结后才能评价", "Only a closed ticket can be rated"),
    "rating_too_late": ("评价期限（办结后 30 日）已过", "The time for rating, 30 days after closing, is over"),
    "rated_already": ("您已评价过这次办理", "This ticket has been rated already"),
}
FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "nothing_picked": ("请至少勾选一件申请", "pick at least one ticket"),
    "macro_or_words": ("请选择常用语或填写内容", "choose a text block or write something"),
    "unknown_variable": (
        "含有未知的变量或不成对的花括号，只能使用页面所列变量",
        "holds an unknown variable or an unpaired brace",
    ),
    "unknown_college": ("没有该学院的毕业生", "no graduate is of this college"),
}
