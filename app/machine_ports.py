"""What machines that sign their requests need from outside."""

from __future__ import annotations

from typing import Protocol


class NonceStore(Protocol):
    """Which nonces were seen lately, over all processes."""

    def spent(self, key: str) -> bool:
        """Whether ``key`` was spent within its time; spends nothing. Raises Unavailable('nonces_unavailable')."""
        ...

    def spend(self, key: str, ttl_s: int) -> bool:
        """True if ``key`` was not spent within its time and now is.

        Raises Unavailable('nonces_unavailable') with Redis away: a replay would look like a first request.
        """
        ...
