"""The steps of a ticket in Chinese, for both sides, and which of them the graduate is shown."""

from __future__ import annotations

from collections.abc import Mapping

from app.corrections.rules import STATE_LABELS, State

STEP_LABELS: Mapping[str, str] = {
    "ticket.opened": "提交申请",
    "ticket.taken": "受理",
    "ticket.released": "退回待办，等待受理",
    "ticket.undone": "撤销刚才的操作",
    "ticket.asked": "请申请人补充",
    "ticket.answered": "申请人补充说明",
    "ticket.replied": "答复申请人",
    "ticket.edited": "工作人员修改拟更正内容",
    "ticket.rebased": "按最新记录重新核对拟更正内容",
    "ticket.collected": "收到材料扫描件",
    "ticket.sent_out": "转形成单位核实",
    "ticket.unit_answered": "形成单位已答复",
    "ticket.approved_once": "第一人同意，等待复核",
    "ticket.decided": "作出决定",
    "ticket.withdrawn": "申请人撤回",
    "ticket.merged": "并入另一申请",
    "ticket.absorbed": "并入一件重复申请",
    "ticket.reopened": "发现决定有误，重新办理",
    "ticket.appealed": "申请人申请复核",
    "ticket.supplement_opened": "已转出档案，另行转递补充材料",
    "ticket.escalated": "已超期，已上报复核员和管理员",
    "ticket.clock_realigned": "工作日历调整，期限重新计算",
}
STAFF_STEP_LABELS: Mapping[str, str] = {
    "ticket.noted": "写内部备注",
    "ticket.undone": "收回刚才的操作",
    "ticket.assigned": "分派经办人",
    "ticket.unassigned": "取消分派",
    "ticket.reminded": "临近期限，已提醒经办人",
}
"""Steps no graduate is shown. Whoever adds a step among staff adds it here."""


def step_words(step: str, state: str) -> str:
    """One line of a timeline; a decision names its outcome."""
    words = STEP_LABELS.get(step) or STAFF_STEP_LABELS.get(step, "状态变化")
    if step == "ticket.decided" and state in set(State):
        return f"{words}：{STATE_LABELS[State(state)]}"
    return words
