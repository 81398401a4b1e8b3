"""Webhooks by rule: which addresses may be named, when a try is made again, when a subscription is given up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from urllib.parse import urlsplit

LONGEST_URL = 2048
MOST_SUBSCRIPTIONS = 10
"""Of one client."""
SECRET_BYTES = 32
"""Standard Webhooks asks for 24 to 64."""
LONGEST_OVERLAP = timedelta(days=7)
CALL_S, PING_S = 15.0, 5.0
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between the ten tries of one message: about 75 h and a half in all."""
TRIES = len(WAITS) + 1
JITTER = 0.1
"""Each wait is longer or shorter by up to this share, so that what failed together does not come back together."""
LONGEST_RETRY_AFTER = timedelta(hours=24)
PATIENCE = 3
"""Failures in a row after which the whole subscription rests between tries: one that is away is not asked for every
message."""
LONGEST_REST = timedelta(minutes=10)
GIVEN_UP_AFTER = timedelta(days=5)
"""Failing for so long without one success ends a subscription."""
_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_LOCAL = ("127.0.0.1", "localhost", "::1")


class State(StrEnum):
    """``pending``: its address has not answered a test yet."""

    PENDING = "pending"
    ACTIVE = "active"
    FAILING = "failing"
    DISABLED = "disabled"


STATE_LABELS: Mapping[State, str] = {
    State.PENDING: "待测试",
    State.ACTIVE: "正常",
    State.FAILING: "投递失败中",
    State.DISABLED: "已停用",
}
LIVE = frozenset({State.ACTIVE, State.FAILING})


class Ended(StrEnum):
    """Why a subscription is disabled."""

    GONE = "gone"
    FAILING = "failing"
    CLIENT = "client"
    STAFF = "staff"


ENDED_LABELS: Mapping[Ended, str] = {
    Ended.GONE: "接收地址答复 410，不再接收",
    Ended.FAILING: f"连续失败 {GIVEN_UP_AFTER.days} 天",
    Ended.CLIENT: "接入系统自行停用",
    Ended.STAFF: "工作人员停用",
}


class Message(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


MESSAGE_LABELS: Mapping[Message, str] = {
    Message.WAITING: "待投递",
    Message.DELIVERED: "已送达",
    Message.DEAD: "未送达",
}


class Attempt(StrEnum):
    """``lost``: the worker died between the call and its answer."""

    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    LOST = "lost"


REASONS: Mapping[str, str] = {
    "target_refused": "地址不在允许的范围内",
    "unknown_host": "域名无法解析",
    "connection": "连接失败",
    "tls": "证书无效",
    "timeout": "超时",
    "malformed": "答复无法解析",
    "redirect": "答复为重定向，未跟随",
    "status": "答复状态码不是 2xx",
    "gone": "答复 410",
    "challenge": "答复中没有测试码",
    "worker_lost": "投递时服务中断",
}


def url_fault(url: str, *, local: bool) -> str:
    """What is wrong with the form of an address, empty when nothing is. Where it leads is judged at every call."""
    if len(url) > LONGEST_URL:
        return "too_long"
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "webhook_url"
    if not _PRINTABLE.fullmatch(url) or not parts.hostname or parts.fragment or "@" in parts.netloc or "#" in url:
        return "webhook_url"
    here = local and parts.hostname in _LOCAL
    return "" if parts.scheme == "https" or (here and parts.scheme == "http") else "webhook_https"


def reason_of(status: int) -> str:
    """Why an answer is no success; empty for 2xx."""
    if 200 <= status < 300:
        return ""
    if status == 410:
        return "gone"
    return "redirect" if 300 <= status < 400 else "status"


def next_try(tries: int, now: datetime, luck: float, retry_after: str = "") -> datetime | None:
    """When a message that has failed ``tries`` times is due again; None after the last. ``luck`` is in [0, 1)."""
    if tries >= TRIES:
        return None
    wait = WAITS[tries - 1] * (1 + JITTER * (2 * luck - 1))
    return now + max(wait, asked_to_wait(retry_after, now))


def asked_to_wait(retry_after: str, now: datetime) -> timedelta:
    """RFC 9110 §10.2.3: seconds or a date; nothing where it is neither, a day at most."""
    if retry_after.isascii() and retry_after.isdigit():
        wait = timedelta(seconds=int(retry_after[:9]))
    else:
        try:
            when = parsedate_to_datetime(retry_after)
        except ValueError:
            return timedelta(0)
        wait = (when if when.tzinfo is not None else when.replace(tzinfo=UTC)) - now
    return min(max(wait, timedelta(0)), LONGEST_RETRY_AFTER)


def rest(failures: int) -> timedelta:
    """How long a subscription is left in peace after so many failures in a row."""
    if failures < PATIENCE:
        return timedelta(0)
    return min(timedelta(seconds=30 * (1 << min(failures - PATIENCE, 10))), LONGEST_REST)
