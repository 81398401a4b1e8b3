"""The simulator's own book: what each graduate's transfer must look like, kept beside the database and compared."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import select

from app.actors import Actor
from app.errors import DomainError
from app.office_time import OFFICE_TIME
from app.receivers.rules import DestinationCase
from app.transfers.models import Transfer
from app.transfers.states import Channel, State
from bench.season.odds import Fate
from parts import Lantai


class SeasonClock:
    """The hour of the simulated day."""

    def __init__(self, first: date) -> None:
        self._now = self._at(first, 8.0)

    def now(self) -> datetime:
        return self._now

    def set(self, day: date, hour: float) -> None:
        self._now = self._at(day, hour)

    @staticmethod
    def _at(day: date, hour: float) -> datetime:
        return (datetime.combine(day, time(), OFFICE_TIME) + timedelta(hours=hour)).astimezone(UTC)


class Broken(Exception):
    """The services did what they must not do, or did not what they must."""


@dataclass(slots=True, eq=False)
class Life:
    """One graduate. ``wake``: nobody acts on it before this day; ``code`` of the frozen catalogue; ``number`` of the
    last hand-over, whose ``fate`` only the carrier knows.
    """

    graduate: UUID
    actor: Actor
    case: DestinationCase
    channel: Channel
    transfer: UUID | None = None
    state: State = State.DRAFT
    wake: date = date.min
    code: str = ""
    number: str = ""
    fate: Fate = Fate.ARRIVES
    silent: bool = False
    opened_seal: bool = False
    changed: bool = False


@dataclass(slots=True)
class Tally:
    """``steps`` taken, by target; ``refused`` as expected, by code; ``acts``: what people did."""

    steps: Counter[State] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    acts: int = 0


class Book:
    def __init__(self, parts: Lantai) -> None:
        self._parts = parts
        self.lives: list[Life] = []
        # by order of arrival; a dict so that one in the middle goes out as cheaply as the first
        self.queues: dict[State, dict[Life, None]] = {state: {} for state in State}
        self.by_transfer: dict[UUID, Life] = {}
        self.ended: dict[UUID, State] = {}
        self.tally = Tally()

    # --- moving -------------------------------------------------------------------------------------------------------

    def opened(self, life: Life, transfer: UUID, state: State) -> None:
        life.transfer, life.state = transfer, state
        self.by_transfer[transfer] = life
        self.queues[state][life] = None
        self.tally.steps[State.DRAFT] += 1
        if state is not State.DRAFT:
            self.tally.steps[state] += 1

    def moved(self, life: Life, target: State, wake: date | None = None) -> None:
        """Not yet out of the old queue: whoever takes lives from it (``due``) has done that."""
        life.state = target
        if wake is not None:
            life.wake = wake
        self.queues[target][life] = None
        self.tally.steps[target] += 1

    def due(self, state: State, today: date, most: int | None = None) -> list[Life]:
        """Those of a queue that may be acted on, oldest first, taken out of it: each is ``moved`` or ``stays`` next."""
        queue = self.queues[state]
        ready = [life for life in queue if life.wake <= today][:most]
        for life in ready:
            del queue[life]
        return ready

    def stays(self, life: Life, wake: date) -> None:
        life.wake = wake
        self.queues[life.state][life] = None

    # --- expecting ----------------------------------------------------------------------------------------------------

    @contextmanager
    def refusal(self, *codes: str) -> Iterator[None]:
        """The act inside must be refused with one of these codes."""
        try:
            yield
        except DomainError as error:
            found = {error.code, *(fault.code for fault in getattr(error, "faults", ()))}
            if not found.intersection(codes):
                raise Broken(f"refused with {error.code}, expected {' or '.join(codes)}") from error
            self.tally.refused[next(code for code in codes if code in found)] += 1
            return
        raise Broken(f"went through, expected to be refused with {' or '.join(codes)}")

    def tried(self, act: Callable[[], object], *codes: str) -> bool:
        """Whether the act went through; refusals with one of the codes are counted."""
        try:
            act()
        except DomainError as error:
            if error.code not in codes:
                raise
            self.tally.refused[error.code] += 1
            return False
        return True

    # --- comparing ----------------------------------------------------------------------------------------------------

    def versions(self, lives: Sequence[Life]) -> dict[UUID, int]:
        """Version of each transfer as a form on the desk shows it."""
        found: dict[UUID, int] = {}
        with self._parts.db.transaction() as session:
            for start in range(0, len(lives), 1000):
                ids = [life.transfer for life in lives[start : start + 1000]]
                rows = session.execute(select(Transfer.id, Transfer.version).where(Transfer.id.in_(ids)))
                found.update((i, v) for i, v in rows)
        return found

    def states(self, ids: Iterable[UUID]) -> Mapping[UUID, State]:
        found: dict[UUID, State] = {}
        with self._parts.db.transaction() as session:
            wanted = list(ids)
            for start in range(0, len(wanted), 1000):
                some = wanted[start : start + 1000]
                rows = session.execute(select(Transfer.id, Transfer.state).where(Transfer.id.in_(some)))
                found.update((i, s) for i, s in rows)
        return found
