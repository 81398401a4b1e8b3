"""By which channels a dossier may go, decided by versioned rules (2-domain §3). Pure.

Rules only narrow: of the three channels each rule that applies leaves its own. Self-carry is no channel, so no rule can
bring it back, and a school's own rules cannot lift the floor below which 人社部发〔2021〕112 号 allows nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.receivers.rules import ReceiverKind
from app.transfers.rules import Channel


class PersonHistory(StrEnum):
    """What of a person's past narrows the channels; personal data, kept sealed with the transfer (channel_basis)."""

    FORMER_OFFICIAL = "former_official"
    STATE_UNIT_STAFF = "state_unit_staff"
    MILITARY_CIVILIAN = "military_civilian"


HISTORY_LABELS: Mapping[PersonHistory, str] = {
    PersonHistory.FORMER_OFFICIAL: "曾任党政领导干部、公务员或参照公务员法管理的工作人员",
    PersonHistory.STATE_UNIT_STAFF: "曾任国有企事业单位领导、管理人员或专业技术人员",
    PersonHistory.MILITARY_CIVILIAN: "曾任军队文职人员",
}
FLOOR = frozenset({Channel.CONFIDENTIAL_POST, Channel.DEDICATED_PERSON})
"""All that is left for a person with any such history, whatever a school's own rules say."""


class DemandKind(StrEnum):
    ENVELOPE = "envelope"
    SEAL = "seal"
    SENDER = "sender"
    OTHER = "other"


DEMAND_LABELS: Mapping[DemandKind, str] = {
    DemandKind.ENVELOPE: "封套",
    DemandKind.SEAL: "密封",
    DemandKind.SENDER: "寄件人",
    DemandKind.OTHER: "其他",
}


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be done about one channel, or about any (``channel`` None)."""

    kind: DemandKind
    words: str
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class ChannelRule:
    """Applies when every condition that is given fits; ``regions`` are beginnings of region codes, ``valid_to`` the
    first day it no longer holds. ``mark``: C read in a primary copy, W secondary, U unconfirmed.
    """

    id: str
    words: str
    source: str
    mark: str
    channels: frozenset[Channel]
    prefer: Channel | None = None
    history: frozenset[PersonHistory] = frozenset()
    receivers: frozenset[ReceiverKind] = frozenset()
    regions: tuple[str, ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None
    demands: tuple[Demand, ...] = ()

    def applies(self, facts: ChannelFacts, on: date) -> bool:
        return (
            (self.valid_from is None or self.valid_from <= on)
            and (self.valid_to is None or on < self.valid_to)
            and (not self.history or bool(self.history & facts.history))
            and (not self.receivers or facts.receiver_kind in self.receivers)
            and (not self.regions or facts.receiver_region.startswith(self.regions))
        )

    @property
    def unconditional(self) -> bool:
        bounded = self.valid_from is not None or self.valid_to is not None
        return not (self.history or self.receivers or self.regions or bounded)


@dataclass(frozen=True, slots=True)
class ChannelSet:
    """One version of the rules; ``digest`` is the file's SHA-256."""

    version: str
    valid_from: date
    source: str
    note: str
    digest: str
    rules: tuple[ChannelRule, ...]


@dataclass(frozen=True, slots=True)
class ChannelFacts:
    history: frozenset[PersonHistory]
    receiver_kind: ReceiverKind
    receiver_region: str


@dataclass(frozen=True, slots=True)
class ChannelDecision:
    """``allowed`` in the order of Channel; empty where rules leave nothing in common, which somebody must resolve.
    ``preferred`` is one of them, or None. ``rules`` are those that led here; ``demands`` those of allowed channels.
    """

    allowed: tuple[Channel, ...]
    preferred: Channel | None
    rules: tuple[ChannelRule, ...]
    demands: tuple[Demand, ...]
    version: str
    digest: str
    on: date

    def demands_of(self, channel: Channel) -> tuple[Demand, ...]:
        return tuple(d for d in self.demands if d.channel in (None, channel))


def decide(rules: ChannelSet, facts: ChannelFacts, on: date) -> ChannelDecision:
    """The channels that every applying rule leaves; the last of them that prefers one of these is followed."""
    applying = tuple(r for r in rules.rules if r.applies(facts, on))
    left = FLOOR if facts.history else frozenset(Channel)
    for rule in applying:
        left &= rule.channels
    allowed = tuple(c for c in Channel if c in left)
    preferences = [r.prefer for r in applying if r.prefer is not None and r.prefer in left]
    demands = tuple(dict.fromkeys(d for r in applying for d in r.demands if d.channel is None or d.channel in left))
    return ChannelDecision(
        allowed=allowed,
        preferred=preferences[-1] if preferences else next(iter(allowed), None),
        rules=applying,
        demands=demands,
        version=rules.version,
        digest=rules.digest,
        on=on,
    )
