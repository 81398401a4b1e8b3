"""Counts requests in the process that serves them; several processes on one machine are added up when asked.

Labels are the rules of routes, never addresses as they came: those hold ids.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Set by deploy/gunicorn.conf.py before this library is loaded: each process writes there what it has counted."""
DOORS: Mapping[str, str] = {
    "/api/": "miniprogram",
    "/console": "console",
    "/partner/callbacks/": "callbacks",
    "/partner/": "partner",
    "/receipt": "receipt",
    "/check": "check",
}
ELSEWHERE = "operations"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class RequestMeter:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lantai_http_requests",
            "Requests answered, by door, rule of the route, method and class of the status",
            ("door", "route", "method", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "lantai_http_request_duration_seconds",
            "Time until the reply was made, by door and rule of the route; streaming a file comes after",
            ("door", "route"),
            buckets=SECONDS,
            registry=self._registry,
        )

    def install(self, app: Flask) -> None:
        app.before_request(_begin)
        app.after_request(self._count)

    def collector(self) -> Collector:
        """What all processes of this machine's server have counted; outside gunicorn this one alone."""
        return MultiProcessCollector(None) if FOLDER in os.environ else self._registry  # type: ignore[no-untyped-call]

    def _count(self, response: Response) -> Response:
        # what no rule matches is whatever strangers choose to send, method and all
        rule, method = (request.url_rule.rule, request.method) if request.url_rule is not None else ("", "")
        door = next((name for prefix, name in DOORS.items() if request.path.startswith(prefix)), ELSEWHERE)
        self._requests.labels(door, rule, method, f"{response.status_code // 100}xx").inc()
        self._seconds.labels(door, rule).observe(time.perf_counter() - g.lantai_begun)
        return response


def _begin() -> None:
    g.lantai_begun = time.perf_counter()
