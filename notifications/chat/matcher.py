"""From a message to its intent: words, then rules, then a gate before anything personal. Pure and deterministic."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from notifications.chat.intents import PERSONAL, Intent
from notifications.chat.lexicon import FILLER, Found, Lexicon, shipped
from notifications.chat.reading import read

MOST_CHARACTERS = 300
"""What is longer is a letter, not a question: somebody should read it."""
_LONG_NUMBER = re.compile(r"[0-9]{6,}")
_ABOUT = frozenset({"dossier", "application", "material", "named_material", "correct", "transfer"})
_PARTICLES = ("的", "得", "滴", "那", "同学")
NAME_SIGNS = 4
UNEXPLAINED = 2
"""So many characters nobody knows may stand in a question that is answered from somebody's data."""


@dataclass(frozen=True, slots=True)
class Heard:
    """``concepts`` and ``unexplained`` (characters) are for whoever tunes the lexicon."""

    intent: Intent
    concepts: frozenset[str] = frozenset()
    unexplained: int = 0


def understand(message: str, lexicon: Lexicon | None = None) -> Heard:
    """What the message is about; a declined part ("不是问…") is left out of it."""
    words = lexicon or shipped()
    if len(message) > MOST_CHARACTERS:
        return Heard(Intent.UNKNOWN)
    clauses = [words.find(clause) for clause in read(message, words.fold)]
    wanted = [c for c in clauses if "decline" not in _concepts(c)]
    if wanted and len(wanted) < len(clauses):
        rest = _judge(words, wanted)
        if rest.intent not in (Intent.UNKNOWN, Intent.THANKS, Intent.GREETING):
            return rest
    return _judge(words, clauses)


def _judge(words: Lexicon, clauses: Sequence[Sequence[Found]]) -> Heard:
    every = [found for clause in clauses for found in clause]
    concepts = _concepts(every)
    unexplained = sum(f.end - f.start for f in every if not f.concepts)
    rule = next((r for r in words.rules if r.fits(concepts, unknown=unexplained)), None)
    intent = rule.intent if rule is not None else Intent.UNKNOWN
    if intent in PERSONAL:
        intent = _gate(intent, clauses, unexplained, words.surnames)
    return Heard(intent, concepts, unexplained)


def _gate(intent: Intent, clauses: Sequence[Sequence[Found]], unexplained: int, surnames: frozenset[str]) -> Intent:
    """Nothing personal when it may be somebody else who is meant, or too much was not understood."""
    if any("other" in f.concepts or _LONG_NUMBER.fullmatch(f.text) for clause in clauses for f in clause):
        return Intent.OTHERS
    owners = [owner for clause in clauses for owner in _owners(clause)]
    if owners:
        named = any(o.lstrip("老小")[:1] in surnames or o[:2] in surnames for o in owners)
        return Intent.OTHERS if named else Intent.UNKNOWN
    return intent if unexplained <= UNEXPLAINED else Intent.UNKNOWN


def _owners(clause: Sequence[Found]) -> Iterator[str]:
    """What stands right before the thing asked about and holds a character nobody knows, as a name would
    ("查一下张三的档案", and "李想", of which one half is a word).
    """
    for place, found in enumerate(clause):
        if not found.concepts & _ABOUT:
            continue
        before = list(clause[:place])
        while before and before[-1].text in _PARTICLES:
            before.pop()
        near = before[-NAME_SIGNS:]
        unknown = next((i for i, f in enumerate(near) if not f.concepts), None)
        if unknown is not None:
            yield "".join(f.text for f in near[unknown:])


def _concepts(found: Iterable[Found]) -> frozenset[str]:
    return frozenset().union(*(f.concepts for f in found)) - {FILLER}
