"""One season, day by day."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from app.actors import Actor, ActorKind
from app.ports import Outside
from app.settings import Settings
from app.transfers.states import Channel
from bench.season import report
from bench.season.book import Book, Broken, Life, SeasonClock
from bench.season.carrier import SeasonCarrier
from bench.season.checks import Checks
from bench.season.desks import Desks
from bench.season.odds import CASES, CHANNELS, FIRST_DAY, LAST_REGISTRATION, SEASON_ENDS, USUAL, Odds, drawn
from bench.season.people import desk_of, file_graduates, receivers_of
from bench.season.way import Way
from bench.stand import Stand
from providers.outside import build_outside

ONE_DAY, SUNDAY = timedelta(days=1), 6


@dataclass(frozen=True, slots=True)
class SeasonResult:
    """``seconds`` of the services' work, without the comparisons; ``steps`` along edges; ``polls`` of the carrier."""

    graduates: int
    transfers: int
    seconds: float
    checking: float
    steps: int
    polls: int
    refused: int
    compared: int

    @property
    def per_transfer(self) -> float:
        """Milliseconds."""
        return 1000 * self.seconds / max(self.transfers, 1)


@dataclass(frozen=True, slots=True)
class Season:
    """What is simulated, up to the day ``until``. ``say`` prints; ``weekly``: what must hold is asked once a week."""

    graduates: int
    seed: int
    say: Callable[[str], None]
    until: date = SEASON_ENDS
    odds: Odds = USUAL
    weekly: bool = False


class SeasonOutside:
    """The providers of a season: its clock and its carrier in place of the real ones."""

    def __init__(self, seed: int) -> None:
        self.clock = SeasonClock(FIRST_DAY - ONE_DAY)
        self.carrier = SeasonCarrier(self.clock, Random(seed))

    def build(self, settings: Settings, redis_url: str) -> Outside:
        real = build_outside(settings, redis_url)
        return replace(real, clock=self.clock, carriers={Channel.EMS.value: self.carrier})


class Simulation:
    def __init__(self, on: Stand, outside: SeasonOutside, wanted: Season) -> None:
        self._wanted, self._parts, self._outside = wanted, on.parts, outside
        rng, desk = Random(wanted.seed), desk_of(on.parts)
        self.book = Book(on.parts)
        self._desks = Desks(
            on.parts, self.book, desk, receivers_of(on.parts, desk), outside.carrier, outside.clock, rng, wanted.odds
        )
        self._way = Way(on.parts, self.book, self._desks, outside.carrier, outside.clock, rng)
        self.book.lives = [
            Life(owner, Actor(ActorKind.GRADUATE, owner), drawn(rng, CASES), drawn(rng, CHANNELS))
            for owner in file_graduates(on.parts, wanted.graduates)
        ]
        self._arrivals = _arrivals(rng, self.book.lives)
        self.checks = Checks(on.parts, self.book)

    def run(self) -> SeasonResult:
        """Raises bench.season.book.Broken."""
        say, book, checks = self._wanted.say, self.book, self.checks
        say(report.heading())
        working = checking = 0.0
        today, before = FIRST_DAY, 0
        while today < self._wanted.until:
            began = time.monotonic()
            self._day(today)
            looked = time.monotonic()
            if today.weekday() == SUNDAY or not self._wanted.weekly:
                self._hold(today, checks.daily())
            if today.weekday() == SUNDAY:
                self._hold(today, checks.weekly())
                steps = book.tally.steps.total()
                say(report.week(today - 6 * ONE_DAY, checks.counts(), steps - before, checks.breaches()))
                before = steps
            working += looked - began
            checking += time.monotonic() - looked
            today += ONE_DAY
        self._hold(today, checks.weekly())
        say(report.ending(checks.counts(), len(book.ended), book.tally.refused))
        return SeasonResult(
            self._wanted.graduates,
            len(book.by_transfer) + len(book.ended),
            working,
            checking,
            book.tally.steps.total(),
            self._outside.carrier.asked,
            book.tally.refused.total(),
            checks.made,
        )

    @staticmethod
    def _hold(today: date, faults: Sequence[str]) -> None:
        if faults:
            raise Broken(f"{today}: " + "; ".join(faults))

    def _day(self, today: date) -> None:
        clock, desks, way = self._outside.clock, self._desks, self._way
        clock.set(today, 7.5)
        desks.register(today, self._arrivals.get(today, []))
        if self._parts.calendar.is_working(today):
            clock.set(today, 9.0)
            way.mend(today)
            desks.review(today)
            clock.set(today, 11.0)
            desks.assemble(today)
            desks.seal(today)
            clock.set(today, 15.0)
            desks.dispatch(today)
            way.by_hand(today)
            way.receipts(today)
        clock.set(today, 20.0)
        way.track(today)
        way.clocks(today)


def _arrivals(rng: Random, lives: Sequence[Life]) -> dict[date, list[Life]]:
    """Who registers on which day: most soon after the ceremony, a tail until the end of August."""
    span = (LAST_REGISTRATION - FIRST_DAY).days
    found: dict[date, list[Life]] = {}
    for life in lives:
        day = FIRST_DAY + timedelta(days=min(span, round(rng.expovariate(1 / 18))))
        found.setdefault(day, []).append(life)
    return found
