"""How a notice looks on each channel, on sample data: what staff see before anybody gets it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.ports import Platform
from notifications.catalogue.editions import words_of
from notifications.catalogue.fields import CODE_WORDS, mail_text, platform_fields, sms_text
from notifications.catalogue.text import Importance, NoticeText, Promise, Topic

SAMPLE_CODE = "SAMPQE29"
"""Drawn for no message, so the question about it is answered no."""
SAMPLE_BLANKS: Mapping[str, str] = {
    **dict.fromkeys(("day", "until", "on"), "2026年12月31日"),
    "time": "09:30",
    "place": "学校档案服务窗口",
    "materials": "毕业生登记表、成绩单",
}
PROMISE_LABELS: Mapping[Promise, str] = {
    Promise.AT_MOST_ONCE: "至多一次（结果不明的不再发）",
    Promise.AT_LEAST_ONCE: "至少一次（结果不明的再发）",
}
IMPORTANCE_LABELS: Mapping[Importance, str] = {
    Importance.URGENT: "紧急",
    Importance.IMPORTANT: "重要",
    Importance.ORDINARY: "一般",
}
TOPIC_LABELS: Mapping[Topic, str] = {
    Topic.SECURITY: "账号安全",
    Topic.TRANSFER: "档案转递",
    Topic.CORRECTION: "更正申请",
    Topic.MATERIAL: "档案材料",
    Topic.CHAT: "在线咨询",
}
FIELD_LABELS: Mapping[str, str] = {
    "thing1": "业务类型",
    "phrase2": "办理状态",
    "date3": "更新日期",
    "thing4": "温馨提示",
    "keyword1": "业务类型",
    "keyword2": "办理状态",
    "keyword3": "更新日期",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """``lines``: (label, words), one message from top to bottom."""

    channel: str
    lines: Sequence[tuple[str, str]]


def sample(key: str) -> NoticeText | None:
    """A notice of the newest edition with its blanks filled; None where there is no such notice."""
    words = words_of(key)
    return replace(words, body=words.body.format_map(SAMPLE_BLANKS)) if words is not None else None


def previews(text: NoticeText, school: str, contact: str, at: datetime) -> Iterator[Preview]:
    """Every channel's message, in the order in which people meet them."""
    for platform, channel in ((Platform.WECHAT, "微信订阅消息"), (Platform.ALIPAY, "支付宝模板消息")):
        fields = platform_fields(platform, text, school, at, SAMPLE_CODE)
        yield Preview(channel, [(FIELD_LABELS[k], v) for k, v in fields.items()])
    body = f"{text.body}咨询：{contact}。" if text.calls else text.body
    yield Preview("站内通知", [("标题", text.title), ("正文", body), (CODE_WORDS, SAMPLE_CODE)])
    yield Preview("短信", [("内容", sms_text(text, school, SAMPLE_CODE))])
    subject, letter = mail_text(text, school, contact, at, SAMPLE_CODE)
    yield Preview("邮件", [("主题", subject), ("正文", letter)])
