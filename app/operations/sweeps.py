"""When each sweep of the housekeeping last came through, in shared memory: after a restart of Redis it fills anew."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from app.ports import Cache, Clock

KEY, KEEP_S = "operations:sweeps", 30 * 86400


class SweepBook:
    def __init__(self, cache: Cache, clock: Clock) -> None:
        self._cache, self._clock = cache, clock

    def note(self, names: Collection[str]) -> None:
        """These have just come through without a failure. Workers that note at once overwrite each other's seconds."""
        now = self._clock.now().timestamp()
        self._cache.put(KEY, json.dumps({**self.last(), **dict.fromkeys(names, now)}).encode(), KEEP_S)

    def last(self) -> Mapping[str, float]:
        """Sweep -> Unix time; empty with Redis away."""
        kept = self._cache.get(KEY)
        return {str(name): float(at) for name, at in json.loads(kept).items()} if kept is not None else {}
