"""Whether the configured WeChat templates are the ones that the platform's console holds, with the keys we fill.

A worker asks when it starts and every hour after; the answer stands in shared memory, where readiness reads it. Nothing
stops for a template that differs: the inbox has every notice, and what cannot be sent is told by the platform too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

import structlog

from app.errors import Unavailable
from app.message_ports import TemplateBook
from app.ports import Cache, Clock, SendFailed, StaffAlerts
from notifications.catalogue.fields import WECHAT_KEYS
from notifications.catalogue.text import Template

log = structlog.get_logger(__name__)
KEY, KEEP_S = "notifications:templates", 3 * 3600
EVERY = timedelta(hours=1)


class Templates(StrEnum):
    """``UNKNOWN``: nobody could ask lately, or WeChat is not configured."""

    OK = "ok"
    FAULTY = "faulty"
    UNKNOWN = "unknown"


def faults_of(configured: Mapping[Template, str], held: Mapping[str, frozenset[str]]) -> list[str]:
    """``template:fault``: ``not_set``, ``unknown_id``, or the keys that differ, as ``+key`` where the console's
    template asks for more than we fill and ``-key`` where it lacks one.
    """
    found = []
    for template in Template:
        template_id = configured.get(template, "")
        if not template_id or template_id not in held:
            found.append(f"{template.value}:{'unknown_id' if template_id else 'not_set'}")
            continue
        keys = held[template_id]
        differ = [f"+{k}" for k in sorted(keys - WECHAT_KEYS)] + [f"-{k}" for k in sorted(WECHAT_KEYS - keys)]
        found += [f"{template.value}:{','.join(differ)}"] if differ else []
    return found


class TemplateWatch:
    def __init__(
        self,
        book: TemplateBook | None,
        configured: Mapping[Template, str],
        cache: Cache,
        alerts: StaffAlerts | None,
        clock: Clock,
    ) -> None:
        """``book`` None: WeChat is not configured, and there is nothing to compare."""
        self._book, self._configured, self._cache = book, configured, cache
        self._alerts, self._clock = alerts, clock
        self._next: datetime | None = None

    def tick(self) -> int:
        """How many templates differ. Asks once an hour; staff hear of what differs once, until it changes."""
        now = self._clock.now()
        if self._book is None or (self._next is not None and now < self._next):
            return 0
        self._next = now + EVERY
        try:
            found = faults_of(self._configured, self._book.keys())
        except Unavailable as error:
            log.warning("templates_not_compared", reason=error.code)
            return 0
        before = self._last()
        self._cache.put(KEY, json.dumps(found).encode(), KEEP_S)
        if found:
            log.warning("templates_differ", faults=found)
        if found and found != before:
            self._tell(found)
        return len(found)

    def state(self) -> Templates:
        last = self._last()
        if self._book is None or last is None:
            return Templates.UNKNOWN
        return Templates.FAULTY if last else Templates.OK

    def _last(self) -> list[str] | None:
        kept = self._cache.get(KEY)
        return json.loads(kept) if kept is not None else None

    def _tell(self, found: list[str]) -> None:
        if self._alerts is None:
            return
        try:
            self._alerts.alert(f"微信订阅消息模板与小程序后台不一致：{'；'.join(found)}，请运维人员核对配置")
        except (SendFailed, Unavailable) as error:
            log.warning("staff_alert_failed", reason=error.code)
