"""Which cells of the published tables are hidden, so that no small one can be worked out. Pure and deterministic.

Primary suppression hides every cell of 1 to k-1 persons. Secondary suppression then gives each of them a *witness*:
two persons who could have exchanged one property (say, their degree) without any published number of any table
changing, while the small cell changes. The persons' table with that exchange is as possible as the true one, so
whoever has all published tables, and adds and subtracts them as they like, cannot tell the cell's value. Where no
exchange goes unseen, the cheapest one is made unseen by hiding the cells it would change. What is hidden stays hidden,
so a witness found once holds to the end.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from app.statistics.rules import PAIRS, Counts, Dimension, Person, value

CANDIDATES = 24
"""How many kinds of persons are tried on each side of an exchange; more hides a little less and takes longer."""


class Mark(StrEnum):
    """``small``: 1 to k-1 persons. ``hidden``: any number, withheld to protect a small cell."""

    SHOWN = ""
    SMALL = "small"
    HIDDEN = "hidden"


class Cell(NamedTuple):
    table: tuple[Dimension, Dimension]
    row: str
    column: str


# what an exchange of one property moves along: a major goes with its college
_MOVED: Mapping[Dimension, Sequence[Dimension]] = {
    Dimension.COHORT: (Dimension.COHORT,),
    Dimension.DEGREE: (Dimension.DEGREE,),
    Dimension.AWARD: (Dimension.AWARD,),
    Dimension.MAJOR: (Dimension.MAJOR, Dimension.COLLEGE),
    Dimension.COLLEGE: (Dimension.MAJOR, Dimension.COLLEGE),
}


class Exchange(NamedTuple):
    """``one`` and ``other`` swap a property; ``changes`` is what that does to the tables."""

    one: Person
    other: Person
    moved: Dimension
    changes: Mapping[Cell, int]


def exchange(one: Person, other: Person, moved: Dimension) -> Exchange:
    taken = {d.value: value(other, d) for d in _MOVED[moved]}
    given = {d.value: value(one, d) for d in _MOVED[moved]}
    changes: Counter[Cell] = Counter()
    for person, sign in ((one, -1), (other, -1), (one._replace(**taken), 1), (other._replace(**given), 1)):
        for cell in cells_of(person):
            changes[cell] += sign
    return Exchange(one, other, moved, {cell: n for cell, n in changes.items() if n})


def cells_of(person: Person) -> Iterator[Cell]:
    """The one cell of every table that this person is counted in."""
    for table in PAIRS:
        yield Cell(table, value(person, table[0]), value(person, table[1]))


@dataclass
class Suppression:
    """Works on folded counts (see rules.fold); ``marks`` holds every cell that is not shown."""

    counts: Counts
    k: int
    cells: Counter[Cell] = field(init=False, default_factory=Counter)
    marks: dict[Cell, Mark] = field(init=False, default_factory=dict)
    witnesses: dict[Cell, Exchange] = field(init=False, default_factory=dict)
    _by_value: dict[tuple[Dimension, str], list[Person]] = field(init=False)

    def __post_init__(self) -> None:
        by_value: dict[tuple[Dimension, str], list[Person]] = defaultdict(list)
        for person in sorted(self.counts, key=lambda p: (-self.counts[p], p)):
            for cell in cells_of(person):
                self.cells[cell] += self.counts[person]
            for dimension in Dimension:
                by_value[dimension, value(person, dimension)].append(person)
        self._by_value = by_value

    def run(self) -> dict[Cell, Mark]:
        small = sorted(cell for cell, n in self.cells.items() if 0 < n < self.k)
        self.marks = dict.fromkeys(small, Mark.SMALL)
        for cell in small:
            found = self._cheapest(cell)
            if found is None:
                # unreachable while every row and column holds k persons, which rules.fold sees to
                raise AssertionError("a small cell stands alone in its row or column")
            self._hide(found)
            self.witnesses[cell] = found
        return self.marks

    # --- inside -------------------------------------------------------------------------------------------------------

    def _cheapest(self, target: Cell) -> Exchange | None:
        best: tuple[float, Exchange] | None = None
        for found in self._exchanges(target):
            cost = self._cost(found.changes)
            if best is None or cost < best[0]:
                best = (cost, found)
            if cost == 0:
                break
        return best[1] if best else None

    def _exchanges(self, target: Cell) -> Iterator[Exchange]:
        """Exchanges that change the target: one more person in it, or one fewer."""
        rows, columns = target.table
        inside = [p for p in self._by_value[rows, target.row] if value(p, columns) == target.column]
        in_row = [p for p in self._by_value[rows, target.row] if value(p, columns) != target.column]
        in_column = [p for p in self._by_value[columns, target.column] if value(p, rows) != target.row]
        firsts, seconds = self._likely(target, in_row), self._likely(target, in_column)
        outside = [p for second in seconds for p in self._by_value[rows, value(second, rows)][:4]]
        outside = [p for p in dict.fromkeys(outside) if value(p, columns) != target.column][:CANDIDATES]
        pairs = [(firsts, seconds), (inside[:CANDIDATES], outside)]
        for ones, others in pairs:
            for one in ones:
                for other in others:
                    for moved in target.table:
                        yield exchange(one, other, moved)

    def _likely(self, target: Cell, people: Sequence[Person]) -> list[Person]:
        """Those first whose cell of the target's table is hidden already."""

        def shown(person: Person) -> bool:
            cell = Cell(target.table, value(person, target.table[0]), value(person, target.table[1]))
            return cell not in self.marks

        return sorted(people, key=shown)[:CANDIDATES]

    def _cost(self, changes: Mapping[Cell, int]) -> float:
        """How much information would have to be hidden for this exchange to go unseen."""
        cost = 0.0
        for cell, step in changes.items():
            mark, n = self.marks.get(cell, Mark.SHOWN), self.cells[cell]
            if mark is Mark.SMALL and not 0 < n + step < self.k:
                cost += 0.2
            elif mark is Mark.SHOWN:
                cost += 1 + min(n, 1000) / 1000 if n else 4
        return cost

    def _hide(self, found: Exchange) -> None:
        for cell, step in found.changes.items():
            mark, n = self.marks.get(cell, Mark.SHOWN), self.cells[cell]
            if mark is Mark.SHOWN or (mark is Mark.SMALL and not 0 < n + step < self.k):
                self.marks[cell] = Mark.HIDDEN
