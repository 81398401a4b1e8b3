"""A notice in the fields of each channel's message, with the check-code by which anybody may ask whether it is ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.message_values import KEYWORD_LENGTH, THING_LENGTH, alipay_faults, units, wechat_faults
from app.office_time import OFFICE_TIME
from app.ports import Platform
from notifications.catalogue.text import NoticeText, Template

SUBJECTS = {
    Template.TICKET_DECIDED: "档案更正申请",
    Template.TRANSFER_STEP: "档案转递",
    Template.ACCOUNT_NOTICE: "账号安全提醒",
}
CODE_WORDS = "核验码"
SMS_VALUE_MOST = 20
MAIL_FOOT = "本邮件由系统发出，请勿回复；不想再收到，可在小程序“通知设置”中关闭或删除邮箱。"
WECHAT_KEYS = frozenset({"thing1", "phrase2", "date3", "thing4"})
"""The keys that every template chosen in WeChat's console must have: 业务类型、办理状态、更新日期、温馨提示."""
PUSHED = (Platform.WECHAT, Platform.ALIPAY)
"""The platforms that messages go through; a campus terminal has none."""


def subject_of(text: NoticeText) -> str:
    """What the message is about."""
    return text.subject or SUBJECTS[text.template]


def day_of(at: datetime) -> str:
    """In Beijing time, as WeChat's date values are written."""
    day = at.astimezone(OFFICE_TIME)
    return f"{day.year}年{day.month}月{day.day}日"


def _with_code(text: str, code: str, most: int) -> str:
    """The code behind the text where both fit; a value that the platform would cut says nothing of it."""
    whole = f"{text} {CODE_WORDS}{code}"
    return whole if code and units(whole) <= most else text


def _cut(text: str, most: int) -> str:
    while units(text) > most:
        text = text[:-1]
    return text


def platform_fields(platform: Platform, text: NoticeText, school: str, at: datetime, code: str = "") -> dict[str, str]:
    """The template's own keys with final values. ``at`` is shown in Beijing time; ``code`` is empty for none."""
    about, on = subject_of(text), day_of(at)
    if platform is Platform.WECHAT:
        hint = _with_code(text.hint, code, THING_LENGTH)
        return {"thing1": about, "phrase2": text.phrase, "date3": on, "thing4": hint}
    room = KEYWORD_LENGTH - units(f" {about} {CODE_WORDS}{code}")
    subject = _with_code(f"{_cut(school, room)} {about}", code, KEYWORD_LENGTH)
    return {"keyword1": subject, "keyword2": text.phrase, "keyword3": on}


def faults_of(platform: Platform, fields: Mapping[str, str]) -> list[str]:
    """``key:fault`` of what the platform would refuse, never the value."""
    return wechat_faults(fields) if platform is Platform.WECHAT else alipay_faults(fields)


def sms_values(text: NoticeText, code: str) -> dict[str, str]:
    """The values of the approved template that ``sms_text`` shows filled; vendors take no free text."""
    return {"subject": text.title[:SMS_VALUE_MOST], "state": text.phrase, "check": code}


def sms_text(text: NoticeText, school: str, code: str) -> str:
    """The school's name in front, as 短信签名, because carriers let nothing through without it."""
    values = sms_values(text, code)
    return f"【{school}】{values['subject']}（{values['state']}），请进入小程序查看。{CODE_WORDS}{values['check']}"


def mail_text(text: NoticeText, school: str, contact: str, at: datetime, code: str) -> tuple[str, str]:
    """(subject, body). The body names the way, never an address to follow. ``contact`` is empty for none."""
    ask = f"咨询：{contact}。" if contact else ""
    body = (
        f"您好：\n\n{text.body}\n\n"
        f"通知时间：{day_of(at)} {at.astimezone(OFFICE_TIME):%H:%M}（北京时间）\n"
        "详情请在微信或支付宝中打开本校档案服务小程序，在“通知”中查看。本邮件不含链接，也不会索要密码、验证码或付款。\n"
        f"{CODE_WORDS}：{code}。可在小程序“消息核验”中输入核验码，确认本邮件是否由学校发出。\n"
    )
    return f"【{school}】{text.title}", f"{body}\n{school}\n{ask}{MAIL_FOOT}\n"
