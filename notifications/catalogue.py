"""Events -> notices: who is told, in which words. Texts name no person and no content; details wait in the app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

from app.corrections.rules import STATE_LABELS as TICKET_LABELS
from app.corrections.rules import State as TicketState
from app.materials.rules import State as SupplementState
from app.ports import Platform
from app.transfers.electronic_rules import LEG_LABELS, LEG_NEXT, Leg
from app.transfers.states import NEXT_WORDS
from app.transfers.states import STATE_LABELS as TRANSFER_LABELS
from app.transfers.states import State as TransferState

CATALOGUE_VERSION = "2026-1"
BEIJING = timezone(timedelta(hours=8))


class Template(StrEnum):
    TICKET_DECIDED = "ticket_decided"
    TRANSFER_STEP = "transfer_step"
    ACCOUNT_NOTICE = "account_notice"


class Promise(StrEnum):
    """How often a push may arrive when a crash leaves the outcome open (4-trust, writes and jobs)."""

    AT_MOST_ONCE = "at_most_once"
    AT_LEAST_ONCE = "at_least_once"


@dataclass(frozen=True, slots=True)
class NoticeText:
    """``phrase`` is at most five Chinese characters, ``hint`` at most twenty: WeChat's value rules."""

    template: Template
    promise: Promise
    title: str
    body: str
    phrase: str
    hint: str
    page: str
    subject: str = ""
    """What the message is about, where the template serves for more than its own subject."""


_TICKET_PHRASE = {
    TicketState.APPLIED: "已更正",
    TicketState.RESOLVED: "已办结",
    TicketState.REJECTED: "未予更正",
    TicketState.NEEDS_INFO: "待补充",
}
_TICKET_BODY = {
    TicketState.APPLIED: "您的更正申请已核准，档案记录已形成新版本，原记录予以保留。30 日内可在小程序评价本次办理。",
    TicketState.RESOLVED: "您的申请已办结，请进入小程序查看办理结果，30 日内可评价本次办理。",
    TicketState.REJECTED: "您的更正申请未予更正，请进入小程序查看理由和申请复核的途径，30 日内可评价本次办理。",
    TicketState.NEEDS_INFO: "您的更正申请需要补充说明或材料，请进入小程序办理。",
}
_TICKET_STEP = {
    "ticket.replied": (
        "更正申请：有新答复",
        "学校就您的更正申请作了答复，申请继续办理，请进入小程序查看。",
        "有新答复",
    ),
    "ticket.appealed": (
        "复核申请已收到",
        "您的复核申请已收到，将由未参与原决定的工作人员办理，请进入小程序查看办理期限。",
        "复核受理",
    ),
    "ticket.reopened": (
        "更正申请：重新办理",
        "学校发现原决定有误，您的申请已重新办理，请进入小程序查看说明。",
        "重新办理",
    ),
    "ticket.merged": (
        "更正申请：已合并",
        "您的申请与另一件正在办理的申请重复，已合并办理，说明和材料一并保留，请进入小程序查看。",
        "合并办理",
    ),
}
_TRANSFER_PHRASE = {
    TransferState.DRAFT: "准备中",
    TransferState.DESTINATION_REGISTERED: "去向已登记",
    TransferState.COLLEGE_REVIEWED: "学院已审核",
    TransferState.SCHOOL_APPROVED: "学校已批准",
    TransferState.ASSEMBLED: "已整理",
    TransferState.CHECKED: "已核对",
    TransferState.SEALED: "已密封",
    TransferState.HANDED_TO_CARRIER: "已交寄",
    TransferState.IN_TRANSIT: "运送中",
    TransferState.DELIVERED_UNCONFIRMED: "待签收",
    TransferState.RECEIVED: "已签收",
    TransferState.CLOSED: "已办结",
    TransferState.WITHDRAWN: "已撤销",
    TransferState.RETURNED: "已退回",
    TransferState.HELD_AT_SCHOOL: "暂缓转递",
    TransferState.RECEIPT_OVERDUE: "回执逾期",
    TransferState.SUPPLEMENT_OPEN: "补寄材料",
    TransferState.REFUSED: "被拒收",
    TransferState.LOST_SUSPECTED: "疑似遗失",
    TransferState.TRACING: "查询中",
    TransferState.LOST_CONFIRMED: "确认遗失",
    TransferState.REBUILDING: "补建中",
    TransferState.REDIRECTED: "已改寄",
}
_ELECTRONIC_PHRASE = {
    Leg.SUBMITTED: "待取件",
    Leg.ACCEPTED: "已接收",
    Leg.REJECTED: "已退回",
    Leg.E_RECEIPT: "已回执",
}
"""What of the electronic leg a graduate is told of by itself; the rest stands in the timeline."""
_SUPPLEMENT = {
    SupplementState.ACCEPTED: ("补充材料：已归档", "您提交的补充材料已审核归档，可在档案目录中查看。", "已归档"),
    SupplementState.RETURNED: ("补充材料：已退回", "您提交的补充材料未予归档，请进入小程序查看理由。", "已退回"),
}
_ACCOUNT = {
    "account.bound": ("账号已绑定", "您的档案服务已绑定一个新的账号。如非本人操作，请立即联系学校档案管理部门。"),
    "account.rebound": (
        "新账号绑定提醒",
        "另一个账号刚刚绑定了您的档案。24 小时内不能提交更正等变更。如非本人操作，请立即解除绑定并联系学校。",
    ),
    "account.unbound": ("账号已解除绑定", "您的一个账号已与档案解除绑定。如非本人操作，请立即联系学校档案管理部门。"),
    "account.phone_lost": (
        "账号已全部解除绑定",
        "学校已在柜台核验证件后解除您的全部账号并签发新的激活码。如非本人办理，请立即联系学校档案管理部门。",
    ),
    "account.totp_enrolled": ("动态口令已启用", "您的账号已启用动态口令。如非本人操作，请立即联系学校档案管理部门。"),
    "account.totp_removed": ("动态口令已停用", "您的账号已停用动态口令。如非本人操作，请立即联系学校档案管理部门。"),
}


def _of_ticket(event_type: str, data: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(title, body, phrase) of what happened to a correction, or None."""
    if event_type in _TICKET_STEP:
        return _TICKET_STEP[event_type]
    if event_type in ("ticket.decided", "ticket.asked"):
        state = TicketState(data["state"])
        return f"更正申请：{TICKET_LABELS[state]}", _TICKET_BODY[state], _TICKET_PHRASE[state]
    return None


def _of_leaving(event_type: str, data: Mapping[str, Any]) -> tuple[str, str, str] | None:
    """(title, body, phrase) of what happened to a transfer or its electronic leg, or None."""
    if event_type in ("transfer.opened", "transfer.moved"):
        step = TransferState(data["state"])
        what = "补充材料转递" if "supplements" in data else "档案转递"
        if event_type == "transfer.opened" and "follows" in data:
            return f"{what}：改寄", "退回的档案将改寄，原因见转递进度。下一步：请登记新的去向。", "待登记去向"
        return f"{what}：{TRANSFER_LABELS[step]}", f"下一步：{NEXT_WORDS[step]}。", _TRANSFER_PHRASE[step]
    if event_type == "transfer.count_mismatch":
        words = "接收单位清点的材料与目录不一致，学校正在与接收单位核实，档案尚未登记为接收。您暂时不需要办理。"
        return "档案转递：清点核实", words, "清点核实"
    if event_type == "electronic.moved" and Leg(data["state"]) in _ELECTRONIC_PHRASE:
        leg = Leg(data["state"])
        return f"电子档案：{LEG_LABELS[leg]}", f"下一步：{LEG_NEXT[leg]}。", _ELECTRONIC_PHRASE[leg]
    return None


def _destination_changed(*, moved: bool) -> NoticeText:
    """To every bound account: whoever took one over must not send a dossier away unnoticed."""
    rest = "新地址 24 小时后生效。" if moved else ""
    return NoticeText(
        Template.ACCOUNT_NOTICE,
        Promise.AT_LEAST_ONCE,
        "档案去向已变更" if moved else "档案去向信息已修改",
        f"您的档案转递去向刚刚变更。{rest}如非本人操作，请立即联系学校档案管理部门。",
        "去向变更",
        "非本人操作请联系学校",
        "pages/transfer/index",
        "档案转递去向",
    )


def notice_for(event_type: str, data: Mapping[str, Any]) -> NoticeText | None:
    """The notice an event gives rise to, or None."""
    ticket = _of_ticket(event_type, data)
    if ticket is not None:
        hint, where = "请进入小程序查看详情", "pages/corrections/index"
        return NoticeText(Template.TICKET_DECIDED, Promise.AT_MOST_ONCE, *ticket, hint, where)
    if event_type == "transfer.destination_changed":
        return _destination_changed(moved=bool(data.get("moved")))
    leaving = _of_leaving(event_type, data)
    if leaving is not None:
        hint, where = "请进入小程序查看进度", "pages/transfer/index"
        return NoticeText(Template.TRANSFER_STEP, Promise.AT_MOST_ONCE, *leaving, hint, where)
    if event_type == "supplement.decided":
        title, body, phrase = _SUPPLEMENT[SupplementState(data["state"])]
        return NoticeText(
            Template.TICKET_DECIDED,
            Promise.AT_MOST_ONCE,
            title,
            body,
            phrase,
            "请进入小程序查看详情",
            "pages/supplements/index",
            "档案补充材料",
        )
    if event_type == "completeness.reminded":
        return NoticeText(
            Template.TRANSFER_STEP,
            Promise.AT_MOST_ONCE,
            "档案材料待补齐",
            "您的毕业生档案还缺由您本人提交的材料，请进入小程序“档案完整性”查看清单、期限和提交方式。",
            "待补材料",
            "请进入小程序查看清单",
            "pages/completeness/index",
            "毕业生档案材料",
        )
    if event_type in _ACCOUNT:
        title, body = _ACCOUNT[event_type]
        return NoticeText(
            Template.ACCOUNT_NOTICE,
            Promise.AT_LEAST_ONCE,
            title,
            body,
            "账号变动",
            "非本人操作请联系学校",
            "pages/account/index",
        )
    return None


_STAFF_LINES = {
    "transfer.count_mismatch": "有接收单位清点的材料与目录不一致，请到“档案转递”的“清点不一致”处理",
    "ticket.opened": "收到新的更正申请，请到工作台受理",
    "supplement.submitted": "收到新的补充材料，请到工作台审核",
    "ticket.answered": "毕业生已补充更正申请的说明，请到工作台继续办理",
    "ticket.appealed": "收到复核申请，请由未参与原决定的工作人员到工作台受理",
}


def staff_line_for(event_type: str, data: Mapping[str, Any]) -> str | None:
    """What the staff's group is told of an event, or None: counts at most, no name, no number, no content."""
    if event_type == "completeness.digest":
        return (
            f"{data['cohort']} 届档案完整性：{data['incomplete']} 人未齐，"
            f"14 天内到期 {data['soon']} 项，已超期 {data['overdue']} 项，请到“完整性预测”查看"
        )
    if event_type == "ticket.clock_digest":
        waiting = f"，其中 {data['unassigned']} 件未分派" if data["unassigned"] else ""
        return f"更正申请期限：{data['soon']} 件即将到期，{data['overdue']} 件已超期{waiting}，请到工作台办理"
    if event_type == "transfer.trace_alarm":
        return f"物流轨迹：{data['count']} 件即将过承运方保存期而未能保存，请到“物流待查看”处理"
    if event_type == "electronic.moved" and data["state"] == Leg.REJECTED:
        return "有电子档案包被接收单位退回，请到“档案转递”查看原因并重新打包"
    return _STAFF_LINES.get(event_type)


def platform_fields(platform: Platform, text: NoticeText, school: str, at: datetime) -> dict[str, str]:
    """The template's own keys with final values. ``at`` is shown in Beijing time."""
    day = at.astimezone(BEIJING)
    date = f"{day.year}年{day.month}月{day.day}日"
    subject = {"ticket_decided": "档案更正申请", "transfer_step": "档案转递", "account_notice": "账号安全提醒"}
    about = text.subject or subject[text.template]
    if platform is Platform.WECHAT:
        return {"thing1": about, "phrase2": text.phrase, "date3": date, "thing4": text.hint}
    return {"keyword1": f"{school} {about}"[:50], "keyword2": text.phrase, "keyword3": date}
