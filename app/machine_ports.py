"""What the machines' door needs from outside."""

from __future__ import annotations

from collections.abc import Mapping
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


class Tally(Protocol):
    """Counts that are kept for a while, over all processes. Without Redis nothing is counted: it never raises."""

    def count(self, bucket: str, name: str, ttl_s: int) -> None:
        """One more of ``name``; the whole bucket is kept for ``ttl_s`` seconds from now."""
        ...

    def counted(self, bucket: str) -> Mapping[str, int]: ...
