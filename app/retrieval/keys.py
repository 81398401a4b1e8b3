"""The index's keys: HMACs under a key of their own, cut to eight bytes.

A text's key begins with its length, so that a walk in key order meets the closest match first; the length is told by
the number of its bigrams anyway.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from app.dossiers.indexing import Unit
from app.retrieval import rules
from app.retrieval.rules import Level, Strength

KEY_BYTES = 8
_LONGEST = 0xFE


@dataclass(frozen=True, slots=True)
class TextEntry:
    """What the index holds of one distinct text; ``normal`` goes no further than this process."""

    key: bytes
    group: str
    zone: str
    level: Level
    strength: Strength
    normal: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class IndexKeys:
    secret: bytes = field(repr=False)

    def token(self, token: str) -> bytes:
        return self._mac(b"token", token)[:KEY_BYTES]

    def tokens(self, tokens: Iterable[str]) -> list[bytes]:
        return sorted(self.token(t) for t in tokens)

    def entry(self, unit: Unit) -> TextEntry:
        normal = rules.joined(unit.texts)
        level = rules.level_of(unit.level)
        strength = rules.strength_of(unit.group, normal)
        title = normal.partition(rules.BETWEEN)[0]
        named = rules.BETWEEN.join((unit.group, unit.zone.value, level.value, normal))
        key = bytes([min(len(title), _LONGEST)]) + self._mac(b"text", named)[: KEY_BYTES - 1]
        return TextEntry(key, unit.group, unit.zone.value, level, strength, normal)

    def shelf(self, entry: TextEntry, unit: Unit) -> bytes:
        named = (entry.key.hex(), str(unit.cohort_year), unit.college, unit.major, unit.degree_level, str(unit.year))
        return self._mac(b"shelf", rules.BETWEEN.join(named))[:KEY_BYTES]

    def _mac(self, use: bytes, text: str) -> bytes:
        return hmac.digest(self.secret, use + b"\x00" + text.encode(), "sha256")
