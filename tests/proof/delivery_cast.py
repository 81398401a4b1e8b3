"""The three processes of an electronic delivery, forked: the worker that packs and pushes, the web that receivers pull
from, and the receiving office. Each tells by shared memory whether it is at work, so that a kill knows what it met.
"""

from __future__ import annotations

import asyncio
import functools
import mmap
import os
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from app import job_worker
from app.errors import Unavailable
from app.transfers import electronic_push, electronic_store, left_work
from parts import Lantai
from providers.embedded.services import ServiceUrls
from providers.pushing import HttpPusher
from providers.sandbox.hr_checks import HrIdentity
from providers.sandbox.hr_desk import create_hr_desk, fetch_for_ever
from providers.sandbox.hr_office import HrOffice
from providers.sandbox.server import HOST, sandbox_server
from tests.proof.forked import Forked
from tests.proof.house import wired
from wiring import build_queue_app, register_work
from wsgi import create_app

PIECE, PUSHED_AT_ONCE = 2048, 1500  # a package of 28 kB has many points to be killed at
TICK_S, FETCH_S = 0.5, 3.0


class Gauge:
    """How many things a process is at just now, readable from outside and after its death."""

    def __init__(self) -> None:
        self._shared, self._lock, self._at = mmap.mmap(-1, 8), threading.Lock(), 0

    def clear(self) -> None:
        self._add(-self._at)
        self._shared[:8] = bytes(8)

    @property
    def busy(self) -> bool:
        return any(self._shared[:8])

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._add(1)
        try:
            yield
        finally:
            self._add(-1)

    def watch(self, thing: object, name: str) -> None:
        """Counts calls of this method."""
        real = getattr(thing, name)

        @functools.wraps(real)
        def watched(*given: Any, **named: Any) -> Any:
            with self.at_work():
                return real(*given, **named)

        setattr(thing, name, watched)

    def over(self, app: WSGIApplication) -> WSGIApplication:
        """Counts requests until their last byte is out."""

        def watched(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            with self.at_work():
                body = app(environ, start)
                try:
                    yield from body
                finally:
                    if hasattr(body, "close"):
                        body.close()

        return watched

    def _add(self, number: int) -> None:
        with self._lock:
            self._at += number
            self._shared[:8] = struct.pack("<q", self._at)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the processes find each other."""

    urls: ServiceUrls
    folder: Path
    web_port: int
    desk_port: int
    who: HrIdentity
    credential: str

    @property
    def inbox(self) -> str:
        return f"http://{HOST}:{self.desk_port}/inbox"

    @property
    def office(self) -> Path:
        return self.folder / "hr"


def worker(place: Place, gauge: Gauge) -> None:
    parts, _ = wired(place.urls, place.folder)
    parts.electronic_push._pusher = HttpPusher(loopback=True, chunk=PUSHED_AT_ONCE)
    # the work itself: a job that finds nothing to do is none
    gauge.watch(parts.packer._maker, "hand_over")
    gauge.watch(parts.packer, "_seal_and_submit")
    gauge.watch(parts.electronic_push._pusher, "push")
    queue = build_queue_app(place.urls)
    register_work(queue, parts)
    tick = functools.partial(_housekeeping, parts)
    asyncio.run(job_worker.work(queue, ["default"], concurrency=4, tick=tick, tick_s=TICK_S))


def web(place: Place, gauge: Gauge) -> None:
    parts, _ = wired(place.urls, place.folder)
    app = create_app(parts)
    app.wsgi_app = gauge.over(app.wsgi_app)  # type: ignore[method-assign,assignment]
    sandbox_server(app, place.web_port).serve_forever()


def office(place: Place, gauge: Gauge) -> None:
    base = f"http://{HOST}:{place.web_port}"
    # the offline check is tried over and over by the part "electronic"
    found = HrOffice(place.who, base, place.credential, place.office, lambda _: True)
    for name in ("fetch", "judge", "take_chunk"):
        gauge.watch(found, name)
    server = sandbox_server(create_hr_desk(found), place.desk_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fetch_for_ever(found, FETCH_S, threading.Event())


def _housekeeping(parts: Lantai) -> None:
    """What the worker's own does for packages; there too a failure waits for the next round."""
    try:
        parts.electronic.sweep()
        parts.left_work.resume()
    except Unavailable as error:
        print(f"housekeeping: {error.code}", flush=True)


@contextmanager
def hastened() -> Iterator[None]:
    """Small pieces, and seconds instead of minutes; whatever is forked inside has them too."""
    waits = tuple(timedelta(seconds=0.5) for _ in range(60))
    with (
        patch.object(electronic_store, "PIECE", PIECE),
        patch.object(electronic_push, "WAITS", waits),
        patch.object(left_work, "QUIET", timedelta(seconds=10)),
        patch.multiple(job_worker, HEARTBEAT_S=0.3, STALLED_AFTER_S=2.0, SWEEP_S=0.5),
    ):
        yield


class Role:
    """One process of the cast, started again after each death."""

    def __init__(self, place: Place, work: Callable[[Place, Gauge], None], reach_s: float) -> None:
        """``reach_s``: how far into its work a kill may come."""
        self.name, self.reach_s = work.__name__, reach_s
        self._place, self._work, self.gauge = place, work, Gauge()
        self.log = place.folder / f"{self.name}.log"
        self._process = self._forked()

    def kill(self) -> bool:
        """kill -9; whether it was at work."""
        met = self.gauge.busy and not self._process.ended()
        self.end()
        self.gauge.clear()
        self._process = self._forked()
        return met

    def end(self) -> None:
        if not self._process.ended():
            self._process.kill()
        self._process.wait()

    @property
    def ended(self) -> bool:
        """By itself, which none of them ever should."""
        return self._process.ended()

    def until_busy(self, limit_s: float) -> bool:
        """Whether it is at work now; waits for it no longer than the limit."""
        deadline = time.monotonic() + limit_s
        while not self.gauge.busy and not self.ended and time.monotonic() < deadline:
            time.sleep(0.002)
        return self.gauge.busy

    def _forked(self) -> Forked:
        return Forked(self._play)

    def _play(self) -> None:
        """What it says goes to a file, errors too."""
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        self._work(self._place, self.gauge)
