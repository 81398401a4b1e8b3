"""The same calls by Celery with Redis and without a row of ours: what ``bench.notices`` compares with.

``celery -A bench.celery_calls worker``, in the environment of a worker of ours.
"""

from __future__ import annotations

import redis
from celery import Celery, signals

from app.ports import MessageSender, OutboundMessage, Platform
from app.settings import Settings, load_settings
from providers.outside import build_outside
from wiring import service_urls

DONE = "bench:done"


class Calls:
    """The sender of this process, and the count of what it sent."""

    def __init__(self, settings: Settings, redis_url: str) -> None:
        self._sender: MessageSender = build_outside(settings, redis_url).senders[Platform.WECHAT]
        self._redis = redis.Redis.from_url(redis_url)

    def send(self, open_id: str, template_id: str, page: str, fields: dict[str, str]) -> None:
        self._sender.send(OutboundMessage(open_id, template_id, page, fields))
        self._redis.incr(DONE)


_settings = load_settings()
_redis_url = service_urls(_settings).redis_url
app = Celery("bench", broker=_redis_url)
app.conf.task_ignore_result = True
# as a queue that must not lose anything has to be told to do; Redis itself keeps nothing on disk here
app.conf.task_acks_late = True
app.conf.worker_hijack_root_logger = False
_calls: list[Calls] = []


def _begin(**_: object) -> None:
    _calls[:] = [Calls(_settings, _redis_url)]


signals.worker_init.connect(_begin)


def _send(open_id: str, template_id: str, page: str, fields: dict[str, str]) -> None:
    _calls[0].send(open_id, template_id, page, fields)


send = app.task(name="bench.send")(_send)
