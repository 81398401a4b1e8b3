"""The words of the event feed and of the subscriptions to it."""

from __future__ import annotations

from collections.abc import Mapping

WORDING: Mapping[str, tuple[str, str]] = {
    "webhook_not_found": ("没有这个事件订阅", "There is no such subscription"),
    "too_many_webhooks": (
        "每个接入系统最多 {most} 个事件订阅，请先删除不用的",
        "A client has at most {most} subscriptions: remove one first",
    ),
    "webhook_needs_test": (
        "启用订阅须先通过测试：请调用该订阅的 test",
        "A subscription is enabled by passing a test: call its test",
    ),
    "webhook_not_live": (
        "该事件订阅未启用，请先通过测试再重新投递",
        "The subscription is not live: pass a test first, then replay",
    ),
    "event_type_not_found": ("没有这种事件", "There is no such event type"),
    "gone": ("所请求的内容已不再保存", "What was asked for is no longer kept"),
    "cursor_too_old": (
        "游标之后的部分事件已超过保存期，请不带游标重新读取，并核对期间的变化",
        "Events after this cursor are no longer kept: read anew without a cursor, and compare what changed meanwhile",
    ),
    "replay_span": (
        "请给出事件编号，或一段不超过 30 天的时间（开始早于结束）",
        "Name events by id, or a span of at most 30 days that begins before it ends",
    ),
}

FAULT_WORDS: Mapping[str, tuple[str, str]] = {
    "webhook_url": (
        "须为完整的网址，不带用户名、密码和 #，只用 ASCII 字符",
        "must be a whole URL of ASCII characters without user, password and fragment",
    ),
    "webhook_https": ("须为 https 地址", "must be https"),
    "webhook_type": ("没有这种事件", "is no event type"),
}
