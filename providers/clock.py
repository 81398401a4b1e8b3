"""The real clock."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """app.ports.Clock of the machine we run on."""

    def now(self) -> datetime:
        return datetime.now(UTC)
