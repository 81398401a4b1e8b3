"""Telling people after the fact: inbox, subscriptions, delivery and the platforms' pushes."""

from __future__ import annotations

from typing import TypedDict

from app.settings import Settings
from notifications.catalogue import Template
from notifications.delivery import Channels, NoticeDelivery
from notifications.inbox import InboxService, SubscriptionService
from notifications.pushes import PushService
from wired.ground import Ground


class TellingParts(TypedDict):
    inbox: InboxService
    subscriptions: SubscriptionService
    delivery: NoticeDelivery
    pushes: PushService


def wire_telling(ground: Ground) -> TellingParts:
    db, people, queue, clock = ground.db, ground.people, ground.queue, ground.clock
    templates, outside = _template_ids(ground.settings), ground.outside
    subscriptions = SubscriptionService(db, templates, clock)
    channels = Channels(outside.senders, templates, outside.alerts, ground.settings.school_name)
    return {
        "inbox": InboxService(db, clock),
        "subscriptions": subscriptions,
        "delivery": NoticeDelivery(db, people, subscriptions, channels, queue, clock),
        "pushes": PushService(db, people, subscriptions, queue, clock),
    }


def _template_ids(settings: Settings) -> dict[str, dict[Template, str]]:
    return {
        platform: {t: str(getattr(settings, f"{platform}_template_{t.value}")) for t in Template}
        for platform in ("wechat", "alipay")
    }
