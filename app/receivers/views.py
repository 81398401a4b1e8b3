"""What doors and other rooms see of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from app.receivers.rules import ReceiverFacts, ReceiverKind, Refusal, Standing


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. ``region``: first digits of a region code; ``valid_on``: entitled on that day, and shown as
    of that day; ``expiring_within``: days; ``changed``: a further version was recorded lately.
    """

    text: str = ""
    region: str = ""
    kind: ReceiverKind | None = None
    standing: Standing | None = None
    valid_on: date | None = None
    expiring_within: int | None = None
    changed: bool = False


@dataclass(frozen=True, slots=True)
class ReceiverLine:
    """One body as of a day: the version that speaks for it then, or the last one if none has begun."""

    id: UUID
    code: str
    number: int
    facts: ReceiverFacts
    standing: Standing
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiverPage:
    lines: Sequence[ReceiverLine]
    total: int


@dataclass(frozen=True, slots=True)
class VersionView:
    """``changed``: fields that differ from the version before; ``speaks``: whether it speaks for today."""

    number: int
    facts: ReceiverFacts
    changed: tuple[str, ...]
    speaks: bool
    recorded_by: UUID
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiverView:
    """``versions`` newest first; ``line.number`` is the one that speaks for today, ``latest`` the one to build upon."""

    line: ReceiverLine
    versions: Sequence[VersionView]

    @property
    def latest(self) -> VersionView:
        return self.versions[0]


@dataclass(frozen=True, slots=True)
class FrozenReceiver:
    """A receiver as it stood on a day, to be kept with a transfer: ``version`` is never changed afterwards."""

    id: UUID
    version: int
    code: str
    facts: ReceiverFacts
    on: date

    @property
    def name(self) -> str:
        return self.facts.name

    @property
    def address(self) -> str:
        return self.facts.address

    @property
    def kind(self) -> ReceiverKind:
        return self.facts.kind

    @property
    def region_code(self) -> str:
        return self.facts.region_code


@dataclass(frozen=True, slots=True)
class MovedOn:
    """A frozen receiver, ``before``, beside what speaks for it on the day, ``now``; ``changed`` names the fields that
    differ, ``refusal`` why it may not receive then.
    """

    id: UUID
    code: str
    frozen_version: int
    version: int
    changed: tuple[str, ...]
    refusal: Refusal | None
    standing: Standing
    before: ReceiverFacts
    now: ReceiverFacts

    @property
    def as_it_was(self) -> bool:
        """Nothing has changed, and nothing ends soon."""
        return not self.changed and self.refusal is None and self.standing is not Standing.EXPIRING


@dataclass(frozen=True, slots=True)
class Warnings:
    """Counts for the tiles above the list."""

    expiring: int
    expired: int
    changed: int
