"""By what a channel was chosen: the declared history, the rules that applied, their version. Sealed with the transfer.

Every choice stays: a history is not undone by declaring a later destination without it. Rules are kept in their words,
because a school's own file is replaced by its next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.envelope import DataKey, open_json, seal_json
from app.transfers.channel_rules import ChannelDecision, PersonHistory
from app.transfers.models import Transfer, basis_place
from app.transfers.states import Channel

CHOICES = "choices"


@dataclass(frozen=True, slots=True)
class AppliedRule:
    id: str
    words: str
    source: str


@dataclass(frozen=True, slots=True)
class ChannelBasis:
    """One choice. ``digest`` is the SHA-256 of the file of rules in hex, ``on`` the day they were asked for."""

    history: frozenset[PersonHistory]
    version: str
    digest: str
    rules: tuple[AppliedRule, ...]
    allowed: tuple[Channel, ...]
    channel: Channel
    on: date

    def decided_like(self, other: ChannelBasis) -> bool:
        """Whether another day's decision says the same by the same rules."""
        return (self.digest, self.rules, self.allowed, self.channel, self.history) == (
            other.digest,
            other.rules,
            other.allowed,
            other.channel,
            other.history,
        )


def basis_of(decision: ChannelDecision, history: frozenset[PersonHistory], channel: Channel) -> ChannelBasis:
    applied = tuple(AppliedRule(r.id, r.words, r.source) for r in decision.rules)
    return ChannelBasis(history, decision.version, decision.digest, applied, decision.allowed, channel, decision.on)


def choices_of(key: DataKey, row: Transfer) -> tuple[ChannelBasis, ...]:
    """The oldest first; none for a transfer from before they were kept."""
    if row.sealed_basis is None:
        return ()
    kept = open_json(key, basis_place(row), row.sealed_basis)
    return tuple(_read(choice) for choice in kept[CHOICES])


def keep(key: DataKey, row: Transfer, choices: Sequence[ChannelBasis]) -> None:
    """In place of what is kept; nothing where there is none."""
    if choices:
        row.sealed_basis = seal_json(key, basis_place(row), {CHOICES: [_written(choice) for choice in choices]})


def declared(choices: Sequence[ChannelBasis]) -> frozenset[PersonHistory]:
    """As it was declared last."""
    return choices[-1].history if choices else frozenset()


def _written(basis: ChannelBasis) -> Mapping[str, Any]:
    return {
        "history": sorted(h.value for h in basis.history),
        "version": basis.version,
        "digest": basis.digest,
        "rules": [{"id": r.id, "words": r.words, "source": r.source} for r in basis.rules],
        "allowed": [c.value for c in basis.allowed],
        "channel": basis.channel.value,
        "on": basis.on.isoformat(),
    }


def _read(kept: Mapping[str, Any]) -> ChannelBasis:
    return ChannelBasis(
        history=frozenset(PersonHistory(h) for h in kept["history"]),
        version=kept["version"],
        digest=kept["digest"],
        rules=tuple(AppliedRule(**rule) for rule in kept["rules"]),
        allowed=tuple(Channel(c) for c in kept["allowed"]),
        channel=Channel(kept["channel"]),
        on=date.fromisoformat(kept["on"]),
    )
