"""Which way a notice takes: pure rules on importance, choices, quiet hours and credits.

The inbox is the record of having been told: every notice stands there, whatever was chosen. A push is a hint to look;
e-mail and SMS stand in for it where it did not arrive and the notice is worth it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from uuid import UUID

from app.office_time import OFFICE_TIME
from app.ports import Platform
from notifications.catalogue.text import Importance, Topic

HOUR = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")


class Channel(StrEnum):
    INBOX = "inbox"
    PUSH = "push"
    EMAIL = "email"
    SMS = "sms"


class ContactKind(StrEnum):
    EMAIL = "email"
    PHONE = "phone"


class Way(StrEnum):
    """By which channel a notice went, or that it stands in the inbox alone."""

    WECHAT = "wechat"
    ALIPAY = "alipay"
    EMAIL = "email"
    SMS = "sms"
    INBOX = "inbox"


class CreditCause(StrEnum):
    """Why a ledger of credits changed. ``OPENING``: what the account had when the ledger was begun."""

    OPENING = "opening"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SENT = "sent"
    SENT_EVENT = "sent_event"
    EXHAUSTED = "exhausted"


CHANNEL_OF: Mapping[ContactKind, Channel] = {ContactKind.EMAIL: Channel.EMAIL, ContactKind.PHONE: Channel.SMS}
PLATFORM_OF: Mapping[Way, Platform] = {Way.WECHAT: Platform.WECHAT, Way.ALIPAY: Platform.ALIPAY}
KIND_OF: Mapping[Way, ContactKind] = {Way.EMAIL: ContactKind.EMAIL, Way.SMS: ContactKind.PHONE}
PUSHED_BY: Mapping[Platform, Way] = {platform: way for way, platform in PLATFORM_OF.items()}
WRITTEN_BY: Mapping[ContactKind, Way] = {kind: way for way, kind in KIND_OF.items()}
TOPIC_LABELS: Mapping[Topic, str] = {
    Topic.SECURITY: "账号安全",
    Topic.TRANSFER: "档案转递",
    Topic.CORRECTION: "更正申请",
    Topic.MATERIAL: "材料补齐",
    Topic.CHAT: "在线咨询",
}
CHANNEL_LABELS: Mapping[Channel, str] = {
    Channel.INBOX: "站内通知",
    Channel.PUSH: "微信、支付宝提醒",
    Channel.EMAIL: "电子邮件",
    Channel.SMS: "短信",
}
FALL_BACK: Mapping[Importance, Sequence[ContactKind]] = {
    Importance.URGENT: (ContactKind.PHONE, ContactKind.EMAIL),
    Importance.IMPORTANT: (ContactKind.EMAIL, ContactKind.PHONE),
    Importance.ORDINARY: (),
}
"""Where no push arrived: the first kind with a verified address. An urgent notice takes the quicker way first, an
important one the one that costs nobody anything, an ordinary one waits in the inbox."""
OTHER_WAY_AFTER: Mapping[Importance, timedelta] = {
    Importance.URGENT: timedelta(0),
    Importance.IMPORTANT: timedelta(minutes=30),
}
"""How long pushes that wait or are tried again hold up e-mail and SMS, and a letter whose kind is stopped the other
kind, counted from when the notice could first go out. What waits goes on being tried beside them."""
KEPT_CREDITS: Mapping[Importance, int | None] = {
    Importance.URGENT: None,
    Importance.IMPORTANT: None,
    Importance.ORDINARY: 1,
}
"""How many one-shot credits a notice must leave. None: it is tried whatever the estimate says, for the platform tells
nobody the true count. An ordinary step never takes the last one, which the next decision may need."""
MORNING: Mapping[Importance, tuple[timedelta, timedelta]] = {
    Importance.URGENT: (timedelta(0), timedelta(seconds=30)),
    Importance.IMPORTANT: (timedelta(seconds=30), timedelta(minutes=4)),
    Importance.ORDINARY: (timedelta(minutes=4), timedelta(minutes=10)),
}
"""From when until when, after the end of the quiet hours, those go out that fell into them. The whole is shorter than
what a machine that sends notices is told to wait for (partner_sending.PATIENCE)."""


def fixed(topic: Topic, channel: Channel) -> bool:
    """What nobody can switch off: the inbox, and pushes about the account's safety."""
    return channel is Channel.INBOX or (topic is Topic.SECURITY and channel is Channel.PUSH)


def pair(topic: Topic, channel: Channel) -> str:
    return f"{topic.value}:{channel.value}"


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From ``begins`` until just before ``ends`` in Beijing time, over midnight where it ends earlier than it begins;
    none where both are the same.
    """

    on: bool
    begins: time
    ends: time

    def until(self, now: datetime) -> datetime | None:
        """When the quiet hours that ``now`` falls into end; None outside them. Both are aware datetimes."""
        local = now.astimezone(OFFICE_TIME)
        at = local.time()
        over_night = self.ends < self.begins
        inside = (at >= self.begins or at < self.ends) if over_night else self.begins <= at < self.ends
        if not self.on or not inside:
            return None
        end = local.replace(hour=self.ends.hour, minute=self.ends.minute, second=0, microsecond=0)
        return (end if end > local else end + timedelta(days=1)).astimezone(now.tzinfo)


@dataclass(frozen=True, slots=True)
class Choices:
    """``off`` are "topic:channel" pairs."""

    off: Collection[str]
    quiet: QuietHours

    def wants(self, topic: Topic, channel: Channel) -> bool:
        return fixed(topic, channel) or pair(topic, channel) not in self.off


def waits_until(choices: Choices, importance: Importance, topic: Topic, now: datetime) -> datetime | None:
    """When a notice of quiet hours is sent; None for now. What is urgent never waits, nor what is about safety
    unless it is ordinary: nobody is woken for a dead mailbox.
    """
    if importance is Importance.URGENT or (topic is Topic.SECURITY and importance is not Importance.ORDINARY):
        return None
    return choices.quiet.until(now)


def morning_spread(importance: Importance, notice_id: UUID) -> timedelta:
    """How long after the end of the quiet hours a notice of theirs goes out: always the same for one notice, the more
    important ones first. Platforms count calls by the minute too (WeChat's 45011).
    """
    begins, ends = MORNING[importance]
    return begins + timedelta(seconds=notice_id.int % int((ends - begins).total_seconds()))


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of one account's agreement to one template. ``credits`` None: the platform tells nobody how many
    messages it is good for. ``long_term``: one agreement for any number.
    """

    accepted: bool
    credits: int | None
    long_term: bool = False


def may_push(importance: Importance, standing: Standing | None) -> bool:
    """Whether a push is tried. Nothing known is no reason not to."""
    keep = KEPT_CREDITS[importance]
    if keep is None or standing is None:
        return True
    return standing.accepted and (standing.long_term or standing.credits is None or standing.credits > keep)


def credit_words(standing: Standing | None) -> str:
    """What the graduate and staff read of an estimate."""
    if standing is None or not standing.accepted:
        return "未订阅，通知只在站内显示"
    if standing.long_term:
        return "长期订阅"
    if standing.credits is None:
        return "已订阅"
    return f"还可接收约 {standing.credits} 条" if standing.credits else "提醒次数已用完，请重新订阅"


def hour(written: str) -> time:
    """Raises ValueError unless HH:MM."""
    if HOUR.fullmatch(written) is None:
        raise ValueError("not HH:MM")
    return time.fromisoformat(written)
