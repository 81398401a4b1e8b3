"""What the staff's group is told of an event: counts at most, no name, no number, no content."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.transfers.electronic_rules import Leg

_STAFF_LINES = {
    "transfer.count_mismatch": "有接收单位清点的材料与目录不一致，请到“档案转递”的“清点不一致”处理",
    "webhook.disabled": "有接入系统的事件订阅因投递失败被停用，请到“事件订阅”查看原因并联系对方",
    "partner.notices_capped": "有接入系统今天发送的通知已达上限，请到“接入系统”核实是否正常，可疑时停用",
    "ticket.opened": "收到新的更正申请，请到工作台受理",
    "supplement.submitted": "收到新的补充材料，请到工作台审核",
    "ticket.answered": "毕业生已补充更正申请的说明，请到工作台继续办理",
    "ticket.appealed": "收到复核申请，请由未参与原决定的工作人员到工作台受理",
}


def staff_line_for(event_type: str, data: Mapping[str, Any]) -> str | None:
    """The line, or None."""
    if event_type == "completeness.digest":
        return (
            f"{data['cohort']} 届档案完整性：{data['incomplete']} 人未齐，"
            f"14 天内到期 {data['soon']} 项，已超期 {data['overdue']} 项，请到“完整性预测”查看"
        )
    if event_type == "ticket.clock_digest":
        waiting = f"，其中 {data['unassigned']} 件未分派" if data["unassigned"] else ""
        return f"更正申请期限：{data['soon']} 件即将到期，{data['overdue']} 件已超期{waiting}，请到工作台办理"
    if event_type == "chat.waiting":
        return f"在线咨询：{data['waiting']} 人等待人工答复，请到“在线咨询”办理"
    if event_type == "transfer.trace_alarm":
        return f"物流轨迹：{data['count']} 件即将过承运方保存期而未能保存，请到“物流待查看”处理"
    if event_type == "transfer.holds_ended":
        return f"暂缓保管：{data['count']} 份档案已期满，请到“档案转递”的“只看已逾期”按页面提示办理"
    if event_type == "custody.loans_digest":
        return f"纸质档案借阅：{data['soon']} 份即将到期，{data['overdue']} 份逾期未还，请到“纸质档案保管”催还"
    if event_type == "electronic.moved" and data["state"] == Leg.REJECTED:
        return "有电子档案包被接收单位退回，请到“档案转递”查看原因并重新打包"
    return _STAFF_LINES.get(event_type)
