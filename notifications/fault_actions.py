"""What follows when a platform does not take a message, by the kind of fault: a table, read by delivery, by the circuit
breaker and by the page of what was not delivered. Which code is which fault: providers.send_faults.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.office_time import OFFICE_TIME
from app.ports import SendFault

STRIKES = 5
"""So many failures of as many messages in a row, none taken between them, stop a template of a platform, or a kind of
letter."""


class Again(StrEnum):
    NO = "no"
    BACK_OFF = "back_off"
    NEXT_DAY = "next_day"
    IF_SURE = "if_sure"  # only what may arrive twice


@dataclass(frozen=True, slots=True)
class Action:
    """``strikes``: how far it brings the breaker. ``words`` and ``advice`` are for staff."""

    again: Again
    words: str
    advice: str
    strikes: int = 0
    alarm: bool = False
    credit_gone: bool = False
    address_gone: bool = False


ACTIONS: Mapping[SendFault, Action] = {
    SendFault.RETRY: Action(Again.BACK_OFF, "平台繁忙或连接不上，多次重试未成功", "平台恢复后可重新发送", strikes=1),
    SendFault.LATER: Action(Again.NEXT_DAY, "超过平台的发送次数限制", "次日可重新发送"),
    SendFault.FULL: Action(Again.NEXT_DAY, "对方邮箱已满，或该手机号当日接收短信已达上限", "次日可重新发送"),
    SendFault.RECIPIENT: Action(
        Again.NO,
        "接收账号或地址已失效",
        "无需处理，站内通知已送达；毕业生重新登录小程序后可重新发送",
        address_gone=True,
    ),
    SendFault.NO_CREDIT: Action(
        Again.NO,
        "毕业生未订阅或订阅次数已用完",
        "无需处理；站内通知已送达，毕业生再次订阅后可重新发送",
        credit_gone=True,
    ),
    SendFault.CONTENT: Action(
        Again.NO, "消息内容不符合平台规则或含敏感词", "请联系运维人员修改消息文字，改好后重新发送", alarm=True
    ),
    SendFault.CONFIG: Action(
        Again.NO, "模板或平台配置有误", "请联系运维人员检查模板编号、权限和小程序页面，改好后重新发送", strikes=STRIKES
    ),
    SendFault.UNKNOWN: Action(
        Again.IF_SURE, "已发出但平台没有答复，可能已送达", "重新发送可能使毕业生收到两次，请确认后再发", strikes=1
    ),
}
ONE_ACCOUNT = frozenset({"43108", "450"})
"""Codes that speak of one account, though trying again helps: WeChat's two messages to one person at once, a mailbox
that is busy or not yet known to its server (RFC 5321, 4.2.3: 450).
"""
UNSURE = frozenset({"550"})
"""Mail servers say 550 without an enhanced code both to whoever may not send and for one recipient who wants nothing
from us: one of them stops nothing, a run of them does."""
UNASKED = frozenset({"control_character", "address", "value_rule"})
"""What we found wrong with a message ourselves, before anybody was asked: it shows nothing of the channel."""
LOST = Action(Again.IF_SURE, "发送时服务中断，可能已送达", "重新发送可能使毕业生收到两次，请确认后再发")
HELD = Action(Again.NO, "通道暂停过久，未发送", "通道恢复后可重新发送；站内通知已送达")
TOLD = Action(Again.NO, "平台接收后未能送达", "可重新发送")
NOT_WANTED = Action(Again.NO, "毕业生已关闭这类提醒", "无需处理；站内通知已送达")
ARRIVED = Action(Again.NO, "已由其他方式送出", "无需处理")
CANCELLED = Action(Again.NO, "群发通知已取消，未再发送", "无需处理；站内通知已送达")
TWICE = "该通知可能已经送达，重新发送可能使毕业生收到两次，请确认后再发"
"""What staff read besides, of a message that failed where another one of its notice may have arrived."""
OTHERS: Mapping[str, Action] = {
    "worker_lost": LOST,
    "held": HELD,
    "event": TOLD,
    "not_wanted": NOT_WANTED,
    "arrived": ARRIVED,
    "cancelled": CANCELLED,
}
DROPPED = frozenset({"not_wanted", "arrived", "cancelled"})
"""Why a message was given up that nobody wanted or needed any more: it did not fail."""
IDLE = DROPPED | {SendFault.NO_CREDIT.value}
"""What staff can do nothing about."""

LETTERS: Mapping[SendFault, tuple[str, str]] = {
    SendFault.RETRY: ("邮件或短信服务繁忙或连接不上，多次重试未成功", "服务恢复后可重新发送"),
    SendFault.LATER: ("超过短信平台当日的发送次数限制", "次日可重新发送"),
    SendFault.RECIPIENT: ("邮箱或手机号已失效", "系统已通知本人更换，无需处理；本人换好后可重新发送"),
    SendFault.CONTENT: ("邮件或短信内容不符合对方规则", "请联系运维人员修改消息文字，改好后重新发送"),
    SendFault.CONFIG: ("邮件或短信服务的配置有误", "请联系运维人员检查发信账号、短信签名、模板和余额，改好后重新发送"),
    SendFault.UNKNOWN: (
        "已发出但对方服务没有答复，可能已送达",
        "重新发送可能使毕业生收到两次，请确认后再发",
    ),
}
"""What staff read of a letter, where that differs from a push: (words, advice)."""


def follows(fault: SendFault, *, sure: bool) -> bool:
    """Whether what met ``fault`` is tried again, as long as it has tries left. ``sure``: it may arrive twice."""
    again = ACTIONS[fault].again
    return again in (Again.BACK_OFF, Again.NEXT_DAY) or (again is Again.IF_SURE and sure)


def next_day(at: datetime) -> datetime:
    """When the limits of a day are over: the platforms, like the school, count days in Beijing."""
    midnight = at.astimezone(OFFICE_TIME).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(days=1)).astimezone(at.tzinfo)


def alarms(fault: SendFault, reason: str) -> bool:
    """Whether staff hear of this one message. Of the rest they hear when the breaker opens."""
    return ACTIONS[fault].alarm or (fault is SendFault.CONFIG and reason in UNSURE)


def strikes_of(fault: SendFault, reason: str) -> int:
    strikes = ACTIONS[fault].strikes
    if reason in ONE_ACCOUNT:
        return 0
    return min(strikes, 1) if reason in UNSURE else strikes


def action_of(reason: str) -> Action:
    """Of the reason an attempt's row holds: a fault and the platform's code, or what we found ourselves."""
    kind = reason.partition(":")[0]
    return ACTIONS[SendFault(kind)] if kind in set(SendFault) else OTHERS.get(kind, TOLD)


def letter_action_of(reason: str) -> Action:
    """The same of a letter's row."""
    action, kind = action_of(reason), reason.partition(":")[0]
    if kind not in set(SendFault) or SendFault(kind) not in LETTERS:
        return action
    words, advice = LETTERS[SendFault(kind)]
    return replace(action, words=words, advice=advice)
