"""What the staff's group hears of a breaker: once that it opened, once that it is well again."""

from __future__ import annotations

from collections.abc import Mapping

from app.office_time import OFFICE_TIME
from app.ports import SendFault
from notifications.breaker import Outlet, Verdict
from notifications.channel_rules import Way

NAMES: Mapping[Way, str] = {Way.WECHAT: "微信", Way.ALIPAY: "支付宝", Way.EMAIL: "邮件", Way.SMS: "短信"}


def lines(outlet: Outlet, verdict: Verdict, fault: SendFault, reason: str) -> list[str]:
    """What there is to say after a failure; mostly nothing."""
    said = [healed(outlet)] if verdict.healed else []
    if verdict.opened is None:
        return said
    where = f"{_name(outlet)}（{reason}）"
    if fault is SendFault.LATER:
        return [
            *said,
            f"消息通道达到当日发送上限：{where}，次日自动恢复发送。未发出的消息会等待，站内通知照常；"
            "如上限已调高，可到“未送达”手动恢复",
        ]
    return [
        *said,
        f"消息通道暂停：{where}，{verdict.opened.astimezone(OFFICE_TIME):%H:%M} 后自动试发。未发出的消息会等待，"
        "站内通知照常；请检查配置，并到“未送达”查看",
    ]


def healed(outlet: Outlet) -> str:
    return f"消息通道已恢复：{_name(outlet)}"


def _name(outlet: Outlet) -> str:
    return f"{NAMES[outlet.way]} {outlet.template}".strip()
