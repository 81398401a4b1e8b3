"""The sandbox's two times: the wall clock that goes on the wire, and an age that tests may push forward."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")


class SandboxClock:
    """``wall()`` is Unix time and stamps messages; ``age()`` is Unix time plus what ``advance`` added.

    Lifetimes (codes, tokens, face tickets, chat windows, the robot's minute) are counted in ``age``, so a test can
    let a code expire without making the signatures' timestamps untrue.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._ahead = 0.0
        self._lock = threading.Lock()

    def wall(self) -> float:
        return self._wall()

    def age(self) -> float:
        return self._wall() + self._ahead

    def advance(self, seconds: float) -> float:
        """Move ``age`` forward; gives how far it now runs ahead, in seconds."""
        with self._lock:
            self._ahead += max(0.0, seconds)
            return self._ahead

    def rewind(self) -> None:
        with self._lock:
            self._ahead = 0.0

    def beijing(self) -> datetime:
        """Wall time in UTC+8, the zone of every Alipay timestamp."""
        return datetime.fromtimestamp(self._wall(), BEIJING)
