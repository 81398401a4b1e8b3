"""The satisfaction question: when it may be answered, and which groups may be shown. Pure.

An answer is read in groups only. A period is a finished quarter, so no later answer changes a published number; within
it every single dimension is a table of its own, in which a group of fewer than k answers is joined in "hidden" with
others until they are k together and at least two, so that the total gives no small group away (2-domain §6).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from app.corrections.rules import State

LEAST, MOST = 1, 5
OPEN_FOR = timedelta(days=30)
RATED_STATES = frozenset({State.APPLIED, State.RESOLVED, State.REJECTED})
QUESTION = "您对这次办理满意吗？（1 很不满意，5 很满意；办结后 30 日内可评价一次，只作汇总统计）"
MOST_WORDS = 500


def open_until(state: State, decided_at: datetime | None) -> datetime | None:
    """Until when the question may be answered; None where it is not asked."""
    return decided_at + OPEN_FOR if state in RATED_STATES and decided_at is not None else None


@dataclass(frozen=True, slots=True)
class Quarter:
    year: int
    number: int

    @property
    def first(self) -> date:
        return date(self.year, 3 * self.number - 2, 1)

    @property
    def after(self) -> date:
        """The first day that no longer belongs to it."""
        return self.following.first

    @property
    def following(self) -> Quarter:
        return Quarter(self.year + 1, 1) if self.number == 4 else Quarter(self.year, self.number + 1)

    @property
    def before(self) -> Quarter:
        return Quarter(self.year - 1, 4) if self.number == 1 else Quarter(self.year, self.number - 1)

    @property
    def label(self) -> str:
        return f"{self.year} 年第 {self.number} 季度"


def quarter_of(on: date) -> Quarter:
    return Quarter(on.year, (on.month + 2) // 3)


def finished(today: date, count: int) -> list[Quarter]:
    """The latest quarters that are over, newest first."""
    found, current = [], quarter_of(today)
    for _ in range(count):
        current = current.before
        found.append(current)
    return found


@dataclass(frozen=True, slots=True)
class Group:
    """Answers of one group: how many, and their mean. Both are None where the group is hidden."""

    name: str
    answers: int | None
    mean: float | None


def hidden_names(sizes: Mapping[str, int], k: int) -> set[str]:
    """All groups below k, and the next larger ones until the hidden are k together and more than one."""
    hidden = {name for name, n in sizes.items() if 0 < n < k}
    if not hidden:
        return set()
    together = sum(sizes[name] for name in hidden)
    for name in sorted((n for n in sizes if n not in hidden and sizes[n]), key=lambda n: (sizes[n], n)):
        if together >= k and len(hidden) > 1:
            break
        hidden.add(name)
        together += sizes[name]
    return hidden


def published(scores: Mapping[str, Sequence[int]], k: int) -> tuple[Group | None, list[Group]]:
    """(all of the quarter, its groups); None for all where even together they are fewer than k.

    Where no larger group is left to hide a small one behind, nothing of this dimension is shown but the total.
    """
    sizes = {name: len(given) for name, given in scores.items()}
    total = sum(sizes.values())
    if total < k:
        return None, [Group(name, None, None) for name in scores]
    hidden = hidden_names(sizes, k)
    together = sum(sizes[name] for name in hidden)
    if hidden and (len(hidden) < 2 or together < k):
        hidden = set(sizes)
    groups = [
        Group(name, None, None) if name in hidden else Group(name, sizes[name], _mean(given))
        for name, given in scores.items()
    ]
    every = [s for given in scores.values() for s in given]
    return Group("", total, _mean(every)), groups


def _mean(scores: Sequence[int]) -> float | None:
    return round(sum(scores) / len(scores), 1) if scores else None
