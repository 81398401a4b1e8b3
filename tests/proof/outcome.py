"""What every part of the proof gives back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Budget:
    """``seed`` decides every choice; ``minutes`` is for the parts that run as long as they may; ``short`` is CI's."""

    seed: int
    minutes: float
    short: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """``number`` is the line that says how much was tried; ``faults`` is empty when all held."""

    number: str
    faults: Sequence[str] = ()
