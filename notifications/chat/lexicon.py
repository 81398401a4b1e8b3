"""The words and rules of lexicon.toml, and finding words in what was written. Pure but for reading the file once."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from notifications.chat.intents import Intent
from notifications.chat.reading import Sign, read, spelled

SHIPPED = Path(__file__).resolve().parent / "lexicon.toml"
FILLER = "filler"


@dataclass(frozen=True, slots=True)
class Found:
    """Words at ``start`` to ``end`` (signs of the clause); no concepts: nobody knows what it is."""

    start: int
    end: int
    concepts: frozenset[str]
    text: str


@dataclass(frozen=True, slots=True)
class Rule:
    """See lexicon.toml. Each entry of ``all`` is a set of alternatives, each of ``none`` a set that occurs together."""

    intent: Intent
    all: Sequence[frozenset[str]]
    none: Sequence[frozenset[str]]
    whole: bool

    def fits(self, concepts: frozenset[str], *, unknown: int) -> bool:
        return (
            all(alternatives & concepts for alternatives in self.all)
            and not any(together <= concepts for together in self.none)
            and (not self.whole or (unknown == 0 and concepts <= frozenset().union(*self.all, {FILLER})))
        )


@dataclass(frozen=True, slots=True)
class Word:
    signs: tuple[Sign, ...]
    concepts: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """``starts``: the words by each sound or letter run they can begin with, longest first."""

    fold: Mapping[str, str]
    starts: Mapping[str, Sequence[Word]]
    surnames: frozenset[str]
    rules: Sequence[Rule]

    def find(self, clause: Sequence[Sign]) -> list[Found]:
        """The clause from left to right, the longest word at each place; what no word covers is unexplained."""
        found: list[Found] = []
        place, plain = 0, self._plain(clause)
        while place < len(clause):
            word = self._longest(clause, place, plain)
            end = place + (len(word.signs) if word else 1)
            text = "".join(s.text for s in clause[place:end])
            found.append(Found(place, end, word.concepts if word else frozenset(), text))
            place = end
        return found

    def _plain(self, clause: Sequence[Sign]) -> frozenset[int]:
        """The places that words cover as they are written: what makes sense there is no typing error."""
        covered: set[int] = set()
        place = 0
        while place < len(clause):
            word = self._longest(clause, place, None)
            end = place + (len(word.signs) if word else 1)
            covered.update(range(place, end) if word else ())
            place = end
        return frozenset(covered)

    def _longest(self, clause: Sequence[Sign], place: int, plain: frozenset[int] | None) -> Word | None:
        """``plain`` None: only words written as they should be."""
        best: tuple[int, int] = (0, 0)
        chosen: Word | None = None
        for start in {clause[place].text, *clause[place].sounds}:
            for word in self.starts.get(start, ()):
                exact = _likeness(word.signs, clause, place, plain)
                if exact is not None and (len(word.signs), exact) > best:
                    best, chosen = (len(word.signs), exact), word
        return chosen


def _likeness(word: Sequence[Sign], clause: Sequence[Sign], place: int, plain: frozenset[int] | None) -> int | None:
    """How many signs are written alike; None when the word does not stand there.

    A sound-alike counts where something else makes no sense: in words of two signs or more of which one is written as
    it should be, of three or more also without.
    """
    if place + len(word) > len(clause):
        return None
    alike, mended = 0, False
    for index, known in enumerate(word, place):
        sign = clause[index]
        if known.text == sign.text or (sign.written and _spelled_so(known, sign, near=len(word) > 1)):
            alike += 1
        elif plain is None or not known.sounds & sign.sounds:
            return None
        else:
            mended = mended or index not in plain
    if alike == len(word):
        return alike
    return alike if mended and (len(word) > 2 or alike) else None


def _spelled_so(known: Sign, sign: Sign, *, near: bool) -> bool:
    """``near``: beside others a syllable may be spelled loosely, alone it may not."""
    return bool(known.sounds & sign.sounds) if near else sign.text in spelled(known.text)


@lru_cache(maxsize=1)
def shipped() -> Lexicon:
    raw = tomllib.loads(SHIPPED.read_text("utf-8"))
    fold = {pair[0]: pair[1] for pair in raw["fold"]["pairs"].split()}
    concepts: dict[str, set[str]] = {}
    for name, words in {**raw["concepts"], FILLER: raw["fillers"]["words"]}.items():
        for word in words.split():
            concepts.setdefault(word, set()).add(name)
    starts: dict[str, list[Word]] = {}
    for text, names in concepts.items():
        signs = tuple(sign for clause in read(text, fold) for sign in clause)
        for start in {signs[0].text, *signs[0].sounds}:
            starts.setdefault(start, []).append(Word(signs, frozenset(names)))
    return Lexicon(fold, starts, frozenset(raw["names"]["surnames"].split()), [_rule(entry) for entry in raw["rule"]])


def _rule(entry: Mapping[str, object]) -> Rule:
    required, forbidden = entry["all"], entry.get("none", [])
    if not isinstance(required, list) or not isinstance(forbidden, list):
        raise TypeError("all and none are lists")
    return Rule(
        Intent(str(entry["intent"])),
        [frozenset(str(r).split("|")) for r in required],
        [frozenset(str(f).split("&")) for f in forbidden],
        bool(entry.get("whole", False)),
    )
