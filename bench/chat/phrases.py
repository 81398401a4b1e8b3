"""The phrases the chat is judged by, and their division into a tuning half and a held-back half.

A family is one way of putting a question, with its variants. Families, never single phrases, are divided, so that a
variant of what was tuned on does not count as something new. Within each intent the families are ordered by the
SHA-256 of their names and dealt out in turn: nobody chooses, and each intent has both halves. The division was fixed
before anything was tuned; families added later belong into a file and a division of their own.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "phrases"


class Half(StrEnum):
    TUNING = "tuning"
    HELD_BACK = "held-back"


@dataclass(frozen=True, slots=True)
class Family:
    name: str
    intent: str
    phrases: tuple[str, ...]


def read_families(folder: Path = FOLDER) -> list[Family]:
    """Every family, in the order of files and entries. Raises ValueError for a name or a phrase that stands twice."""
    families = [
        Family(entry["name"], entry["intent"], tuple(entry["phrases"]))
        for path in sorted(folder.glob("*.toml"))
        for entry in tomllib.loads(path.read_text("utf-8"))["family"]
    ]
    _refuse_doubles("family", [f.name for f in families])
    _refuse_doubles("phrase", [p for f in families for p in f.phrases])
    return families


def half(families: Iterable[Family], which: Half) -> list[Family]:
    """The families of one half: of each intent every second one in the order of their hashes, tuning first."""
    ordered = sorted(families, key=lambda f: (f.intent, hashlib.sha256(f.name.encode()).hexdigest()))
    first = 0 if which is Half.TUNING else 1
    return [f for _, members in groupby(ordered, key=lambda f: f.intent) for f in list(members)[first::2]]


def _refuse_doubles(what: str, found: list[str]) -> None:
    twice = sorted({f for f in found if found.count(f) > 1})
    if twice:
        raise ValueError(f"{what} stands twice: {', '.join(twice)}")
