"""The one pace at which very many are told, campaigns and what is sent again alike, by all workers together."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.ports import Clock
from notifications.campaigns.models import CampaignPace
from notifications.channel_rules import QuietHours

SLICE = 100
"""So many are dealt with in one transaction at most."""
TICK_S = 1.0
"""How long one call goes on: a worker that is told to stop waits no longer."""


class Pace:
    def __init__(self, per_second: int) -> None:
        """``per_second``: notices in a second."""
        self._per_second = per_second

    def draw(self, session: Session, now: datetime) -> int:
        """Up to a slice from the bucket, which holds a second's worth; the row stays locked until the commit, and where
        another worker has it, it is this one's turn with the next beat.
        """
        full = float(self._per_second)
        session.execute(insert(CampaignPace).values(id=1, tokens=full, at=now).on_conflict_do_nothing())
        pace = session.scalar(select(CampaignPace).with_for_update(skip_locked=True))
        if pace is None:
            return 0
        passed = max(0.0, (now - pace.at).total_seconds())
        tokens = min(full, pace.tokens + passed * self._per_second)
        taken = min(SLICE, int(tokens))
        pace.tokens, pace.at = tokens - taken, max(now, pace.at)
        return taken

    @staticmethod
    def pay_back(session: Session, taken: int) -> None:
        pace = session.get_one(CampaignPace, 1)
        pace.tokens += taken


class Slices(ABC):
    """One beat's work, slice after slice; none in the house's quiet hours, or all pushes of a night would be due at
    their end.
    """

    def __init__(self, clock: Clock, quiet: QuietHours) -> None:
        self._clock, self._quiet = clock, quiet

    def rests_until(self) -> datetime | None:
        """The end of the house's quiet hours; None outside them."""
        return self._quiet.until(self._clock.now())

    def tick(self) -> int:
        """What is due now, for a second at most; how many were dealt with."""
        if self.rests_until() is not None:
            return 0
        done, until = 0, time.monotonic() + TICK_S
        while (now_done := self._slice()) and time.monotonic() < until:
            done += now_done
        return done + now_done

    @abstractmethod
    def _slice(self) -> int:
        """One transaction's work; 0 where nothing is due, or another worker has it."""


class InTurn:
    """What draws from one pace, in one beat and each first in its turn: who always came second would find nothing."""

    def __init__(self, *ticks: Callable[[], int]) -> None:
        self._ticks = list(ticks)

    def tick(self) -> int:
        self._ticks.append(self._ticks.pop(0))
        return sum(tick() for tick in self._ticks)
