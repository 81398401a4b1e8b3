"""Prometheus's text format: requests as the processes counted them, all else as PostgreSQL and Redis have it.

Labels are names of ours (queues, states, platforms, doors, rules of routes), never an id, an address or a person's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from apiflask import APIBlueprint
from flask import Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from app.errors import Unavailable
from app.ports import Platform
from auth.guards import operator
from notifications.breaker import Outlet
from notifications.catalogue.text import Template
from notifications.channel_rules import CHANNEL_OF, ContactKind
from notifications.models import AttemptState
from notifications.undelivered import COUNTED
from notifications.webhook_rules import Message
from operations_api.request_meter import RequestMeter
from parts import Lantai

GOOD_FOR = timedelta(seconds=5)
"""So often at most one process counts, however many scrape it."""
PUSHED = (Platform.WECHAT, Platform.ALIPAY)
Labelled = Iterable[tuple[Sequence[str], float]]


def create_metrics(parts: Lantai, meter: RequestMeter) -> APIBlueprint:
    blueprint = APIBlueprint("metrics", __name__, enable_openapi=False)
    office = OfficeCollector(parts)

    @blueprint.get("/metrics")
    @operator
    def metrics() -> Response:
        registry = CollectorRegistry()
        registry.register(meter.collector())
        registry.register(office)
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    return blueprint


class _Counted(NamedTuple):
    at: datetime
    families: Sequence[Metric]


class OfficeCollector:
    """Counts anew when what it has is older than ``GOOD_FOR``. A group that cannot be counted is left out."""

    def __init__(self, parts: Lantai) -> None:
        self._parts, self._gate = parts, threading.Lock()
        self._counted: _Counted | None = None

    def describe(self) -> Iterable[Metric]:
        """Nothing, so that registering counts nothing."""
        return ()

    def collect(self) -> Iterable[Metric]:
        with self._gate:
            now = self._parts.clock.now()
            if self._counted is None or now - self._counted.at >= GOOD_FOR:
                self._counted = _Counted(now, list(self._count()))
            return self._counted.families

    def _count(self) -> Iterator[Metric]:
        groups: dict[str, Callable[[Lantai], Iterable[Metric]]] = {
            "queues": _queues,
            "workers": _workers,
            "telling": _telling,
            "partners": _partners,
            "database": _database,
            "housekeeping": _housekeeping,
        }
        up = []
        for name, group in groups.items():
            try:
                yield from list(group(self._parts))
                up.append(((name,), 1.0))
            except Unavailable:
                up.append(((name,), 0.0))
        yield _gauge("lantai_figures_up", "1 where this group of figures could be counted", ("group",), up)


def _gauge(name: str, words: str, labels: Sequence[str], values: Labelled) -> Metric:
    family = GaugeMetricFamily(name, words, labels=labels)
    for under, value in values:
        family.add_metric(under, value)
    return family


def _queues(parts: Lantai) -> Iterator[Metric]:
    found = parts.figures.queues()
    states = [
        ((f.queue, state), float(count))
        for f in found
        for state, count in (("waiting", f.waiting), ("due", f.due), ("doing", f.doing), ("failed", f.failed))
    ]
    yield _gauge(
        "lantai_jobs",
        "Jobs by queue: waiting (those due among them), due, being done, failed for good",
        ("queue", "state"),
        states,
    )
    yield _gauge(
        "lantai_jobs_oldest_due_seconds",
        "For how long the oldest due job of a queue has been due",
        ("queue",),
        [((f.queue,), f.oldest_due_s) for f in found],
    )


def _workers(parts: Lantai) -> Iterator[Metric]:
    alive = float(parts.figures.workers())
    yield _gauge("lantai_worker_loops", "Loops that take jobs and have beaten lately, all machines", (), [((), alive)])


def _telling(parts: Lantai) -> Iterator[Metric]:
    told = parts.telling_figures.read()
    yield _gauge(
        "lantai_push_attempts_last_day",
        "Pushes through the platforms within a day, by how they stand",
        ("platform", "state"),
        [((p.value, s.value), float(told.pushes.get((p, s), 0))) for p in Platform for s in AttemptState],
    )
    yield _gauge(
        "lantai_pushes_undelivered",
        "Messages of the last 30 days that did not get through and are not tried again, by their reason",
        ("reason",),
        [((reason,), float(told.undelivered.get(reason, 0))) for reason in COUNTED],
    )
    yield _gauge(
        "lantai_letter_attempts_last_day",
        "E-mails and SMS that stood in for pushes within a day, by how they stand",
        ("channel", "state"),
        [
            ((CHANNEL_OF[k].value, s.value), float(told.letters.get((k, s), 0)))
            for k in ContactKind
            for s in AttemptState
        ],
    )
    yield _gauge(
        "lantai_letters_undelivered",
        "E-mails and SMS of the last 30 days that did not get through and are not tried again, by their reason",
        ("reason",),
        [((reason,), float(told.unwritten.get(reason, 0))) for reason in COUNTED],
    )
    yield _gauge(
        "lantai_push_template_stopped",
        "1 while nothing is sent by this template because it does not get through",
        ("platform", "template"),
        [((p.value, t.value), float(Outlet.of_push(p, t) in told.stopped)) for p in PUSHED for t in Template],
    )
    yield _gauge(
        "lantai_letters_stopped",
        "1 while no e-mail, or no SMS, is sent because none gets through",
        ("channel",),
        [((CHANNEL_OF[k].value,), float(Outlet.of_letter(k) in told.stopped)) for k in ContactKind],
    )
    yield _gauge(
        "lantai_webhook_messages",
        "Messages to subscriptions that wait or were given up, of those still kept",
        ("state",),
        [((state.value,), float(told.webhooks.get(state, 0))) for state in (Message.WAITING, Message.DEAD)],
    )
    singles = (
        ("lantai_inbound_pushes_unhandled", "Platforms' call-backs that are kept and not yet handled", told.pushed_in),
        ("lantai_chats_waiting", "Conversations that wait for staff", told.chats_waiting),
        ("lantai_chats_longest_wait_seconds", "For how long the first of them has waited", told.longest_wait_s),
    )
    for name, words, value in singles:
        yield _gauge(name, words, (), [((), float(value))])


def _partners(parts: Lantai) -> Iterator[Metric]:
    yield _gauge(
        "lantai_partner_requests_refused_last_day",
        "Requests of outside systems that were refused at once within a day, by the code of the refusal",
        ("reason",),
        [((code,), float(count)) for code, count in parts.partner_refusals.last_day().items()],
    )


def _database(parts: Lantai) -> Iterator[Metric]:
    yield _gauge(
        "lantai_database_connections",
        "Connections of the application's role, of all processes on all machines",
        ("state",),
        [((state,), float(count)) for state, count in parts.figures.connections().items()],
    )
    most, pool = parts.figures.most_connections(), parts.settings.database_pool
    yield _gauge("lantai_database_connections_most", "What the server takes from everybody", (), [((), float(most))])
    yield _gauge("lantai_database_pool_size", "What each process keeps; two more at most", (), [((), float(pool))])


def _housekeeping(parts: Lantai) -> Iterator[Metric]:
    yield _gauge(
        "lantai_housekeeping_last_run_timestamp_seconds",
        "When each sweep last came through",
        ("sweep",),
        [((name,), at) for name, at in sorted(parts.sweep_book.last().items())],
    )
