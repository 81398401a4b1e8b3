"""A message as the matcher reads it: folded characters with the syllables they sound like, runs of letters. Pure."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

os.environ.setdefault("PYPINYIN_NO_PHRASES", "1")  # single characters are all that is asked: a quarter of the memory
from pypinyin.constants import PINYIN_DICT

_TONES = {ord(c): unicodedata.normalize("NFD", c)[0] for c in "āáǎàēéěèīíǐìōóǒòūúǔùńňǹḿ"} | dict.fromkeys(
    map(ord, "ǖǘǚǜüê"), "v"
)
_NEAR = ((re.compile(r"^([zcs])h"), r"\1"), (re.compile(r"([aei])ng$"), r"\1n"))
_RUN = re.compile(r"[a-z]+(?:[ '][a-z]+)*|[0-9]+|[^a-z0-9]")
_VOWEL = re.compile("[aeiouv]")
_SYLLABLE_MOST = 6


@dataclass(frozen=True, slots=True)
class Sign:
    """One character, one syllable written in letters (``written``), or a run of letters or digits as it stands."""

    text: str
    sounds: frozenset[str]
    written: bool = False


def read(message: str, fold: Mapping[str, str]) -> list[list[Sign]]:
    """The clauses of a message: full width and case folded, pictures and marks left out."""
    text = unicodedata.normalize("NFKC", message).lower()
    clauses: list[list[Sign]] = [[]]
    for run in _RUN.findall(text):
        if run[0].isascii() and run[0].isalnum():
            clauses[-1] += _of_run(run)
        elif unicodedata.category(run)[0] == "L":
            character = fold.get(run, run)
            clauses[-1].append(Sign(character, sounds_of(character)))
        elif run in ",.;!?。、;\n" and clauses[-1]:
            clauses.append([])
    return [clause for clause in clauses if clause]


@lru_cache(maxsize=8192)
def sounds_of(character: str) -> frozenset[str]:
    """Every reading without tones; sounds many speakers do not tell apart (zh/z, ang/an …) are one."""
    return frozenset(near(sound) for sound in spelled(character))


@lru_cache(maxsize=8192)
def spelled(character: str) -> frozenset[str]:
    """Every reading as it is written without tones."""
    found = PINYIN_DICT.get(ord(character), "") if len(character) == 1 else ""
    return frozenset(sound.translate(_TONES) for sound in found.split(",") if sound)


def near(syllable: str) -> str:
    for pattern, into in _NEAR:
        syllable = pattern.sub(into, syllable)
    return syllable


@lru_cache(maxsize=1)
def _syllables() -> frozenset[str]:
    return frozenset(
        plain
        for code in range(0x4E00, 0x9FA6)
        for plain in (sound.translate(_TONES) for sound in PINYIN_DICT.get(code, "").split(","))
        if _VOWEL.search(plain)
    )


def _of_run(run: str) -> list[Sign]:
    """Letters that are Pinyin of two syllables or more become syllables ("dangan", "dang an"); other runs stay."""
    parts = re.split("[ ']", run)
    cut = None if run.isdigit() else _cut("".join(parts))
    if (cut is None or len(cut) < 2) and len(parts) > 1:
        return [sign for part in parts for sign in _of_run(part)]
    if cut is None or len(cut) < 2:
        return [Sign(run, frozenset())]
    return [Sign(syllable, frozenset({near(syllable)}), written=True) for syllable in cut]


@lru_cache(maxsize=1024)
def _cut(run: str) -> tuple[str, ...] | None:
    """Whole syllables, the longest first; None when something is left over."""
    if len(run) > 4 * _SYLLABLE_MOST:
        return None
    known = _syllables()
    best: list[tuple[str, ...] | None] = [None] * len(run) + [()]
    for start in range(len(run) - 1, -1, -1):
        for end in range(min(len(run), start + _SYLLABLE_MOST), start, -1):
            rest = best[end]
            if rest is not None and run[start:end] in known:
                found = (run[start:end], *rest)
                held = best[start]
                if held is None or len(found) < len(held):
                    best[start] = found
    return best[0]
