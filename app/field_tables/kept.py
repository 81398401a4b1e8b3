"""How a column is kept: the words the field tables are written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Keeping = Literal["sealed", "blind", "clear"]


@dataclass(frozen=True, slots=True)
class Kept:
    how: Keeping
    why: str


def sealed(what: str) -> Kept:
    return Kept("sealed", what)


def blind(what: str) -> Kept:
    return Kept("blind", what)


def clear(why: str) -> Kept:
    return Kept("clear", why)


STATE = clear("state of the procedure, needed for queues and locks")
TIME = clear("time of the step, needed for clocks and order")
LINK = clear("random public id")
