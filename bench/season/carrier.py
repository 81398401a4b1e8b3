"""A carrier whose traces are planned when something is handed over, and told only up to the simulated hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random

from app.carrier_ports import CarrierCode, CarrierEvent
from app.errors import NotFound
from app.ports import Clock
from bench.season.odds import Fate

Plan = Sequence[tuple[float, CarrierCode]]
"""(days after the hand-over, what happened)."""

PLANS: dict[Fate, Plan] = {
    Fate.ARRIVES: ((0.3, CarrierCode.ACCEPTED), (1.2, CarrierCode.IN_TRANSIT), (3.1, CarrierCode.DELIVERED)),
    Fate.SLOW: ((1.3, CarrierCode.ACCEPTED), (6.0, CarrierCode.IN_TRANSIT), (11.0, CarrierCode.DELIVERED)),
    Fate.REFUSED: (
        (0.3, CarrierCode.ACCEPTED),
        (1.2, CarrierCode.IN_TRANSIT),
        (3.1, CarrierCode.REFUSED),
        (4.2, CarrierCode.RETURNING),
        (7.5, CarrierCode.RETURNED),
    ),
    Fate.RETURNED: (
        (0.3, CarrierCode.ACCEPTED),
        (2.2, CarrierCode.IN_TRANSIT),
        (4.1, CarrierCode.RETURNING),
        (8.0, CarrierCode.RETURNED),
    ),
    Fate.FOUND_AGAIN: ((0.3, CarrierCode.ACCEPTED), (1.2, CarrierCode.IN_TRANSIT)),
    Fate.LOST: ((0.3, CarrierCode.ACCEPTED), (1.2, CarrierCode.IN_TRANSIT)),
}


class SeasonCarrier:
    def __init__(self, clock: Clock, rng: Random) -> None:
        self._clock, self._rng = clock, rng
        self._traces: dict[str, list[CarrierEvent]] = {}
        self.asked = 0

    def takes(self, number: str, at: datetime, fate: Fate) -> None:
        stretch = self._rng.uniform(0.7, 1.6)
        self._traces[number] = [
            self._event(number, n, at + timedelta(days=days * stretch), code)
            for n, (days, code) in enumerate(PLANS[fate])
        ]

    def finds(self, number: str, at: datetime) -> None:
        """What was silent turns up and is delivered the next day."""
        trace = self._traces[number]
        for days, code in ((0.0, CarrierCode.IN_TRANSIT), (1.0, CarrierCode.DELIVERED)):
            trace.append(self._event(number, len(trace), at + timedelta(days=days), code))

    def told(self, number: str) -> frozenset[CarrierCode]:
        """What may be known of it by now."""
        return frozenset(e.code for e in self._traces[number] if e.at <= self._clock.now())

    def track(self, tracking_number: str) -> Sequence[CarrierEvent]:
        self.asked += 1
        if tracking_number not in self._traces:
            raise NotFound("waybill_not_found")
        now = self._clock.now()
        told = [event for event in self._traces[tracking_number] if event.at <= now]
        # carriers keep no order, and tell the same line twice
        if self._rng.random() < 0.05:
            self._rng.shuffle(told)
            told += told[:1]
        return told

    @staticmethod
    def _event(number: str, position: int, at: datetime, code: CarrierCode) -> CarrierEvent:
        return CarrierEvent(at, code, f"{number}-{position}", "某市", code.value)
