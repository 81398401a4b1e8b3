"""Somebody who may ask for every published table, knows k and the marks' meaning, and adds and subtracts at will.

The unknowns are how many persons have each combination of properties. Every published number is an equation, every
mark a bound. The attack propagates bounds to a fixed point over persons, cells and totals, strikes out what that
fixes, and then asks by Gaussian elimination (modulo a large prime) whether a hidden cell is a combination of what is
known.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from app.statistics.rules import PAIRS, Dimension, Person
from app.statistics.suppression import Cell, Mark, cells_of
from app.statistics.tables import Published

PRIME = (1 << 61) - 1
Sum = tuple[list[int], int, int]


@dataclass
class Attack:
    """``low`` and ``high`` bound each combination; ``sums`` are index lists with their bounds."""

    published: Published
    k: int
    people: list[Person] = field(init=False)
    low: list[int] = field(init=False)
    high: list[int] = field(init=False)
    members: dict[Cell, list[int]] = field(init=False)
    known: dict[Cell, tuple[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        p = self.published
        colleges = {major: p_college(p, major) for major in p.sizes(Dimension.MAJOR)}
        axes = [p.categories(d) for d in (Dimension.COHORT, Dimension.MAJOR, Dimension.DEGREE, Dimension.AWARD)]
        self.people = [Person(c, colleges[m], m, d, a) for c, m, d, a in product(*axes)]
        self.low, self.high = [0] * len(self.people), [p.persons] * len(self.people)
        self.members = {}
        for index, person in enumerate(self.people):
            for cell in cells_of(person):
                self.members.setdefault(cell, []).append(index)
        self.known = {cell: self._bounds(cell) for cell in self.members}

    def _bounds(self, cell: Cell) -> tuple[int, int]:
        shown = self.published.cells(cell.table).get(cell)
        if shown is None:
            return 0, 0
        if shown.mark is Mark.SMALL:
            return 1, self.k - 1
        return (0, self.published.persons) if shown.count is None else (shown.count, shown.count)

    def run(self) -> dict[Cell, tuple[int, int]]:
        """The bounds of every cell that is not shown, after everything was tried."""
        self._propagate()
        solved = self._combine()
        return {
            cell: solved.get(cell, self.known[cell])
            for cell in self.members
            if (shown := self.published.cells(cell.table).get(cell)) is not None and shown.count is None
        }

    # --- bounds -------------------------------------------------------------------------------------------------------

    def _propagate(self) -> None:
        changed = True
        while changed:
            changed = False
            for cell, members in self.members.items():
                bounds, moved = tighten(members, self.low, self.high, self.known[cell])
                changed |= moved or bounds != self.known[cell]
                self.known[cell] = bounds
            for cells, total in self._totals():
                lows, highs = [self.known[c][0] for c in cells], [self.known[c][1] for c in cells]
                _, moved = tighten(range(len(cells)), lows, highs, (total, total))
                if moved:
                    changed = True
                    self.known |= dict(zip(cells, zip(lows, highs, strict=True), strict=True))
            for whole, parts in self._colleges():
                lows, highs = [self.known[c][0] for c in parts], [self.known[c][1] for c in parts]
                bounds, moved = tighten(range(len(parts)), lows, highs, self.known[whole])
                if moved or bounds != self.known[whole]:
                    changed = True
                    self.known |= dict(zip(parts, zip(lows, highs, strict=True), strict=True))
                    self.known[whole] = bounds

    def _totals(self) -> Iterable[tuple[list[Cell], int]]:
        """Each row and column of each table with its published total."""
        for table in PAIRS:
            for axis, dimension in enumerate(table):
                for name, total in self.published.sizes(dimension).items():
                    yield [c for c in self.members if c.table == table and c[axis + 1] == name], total

    def _colleges(self) -> Iterable[tuple[Cell, list[Cell]]]:
        """A college's cell is the sum of its majors' cells."""
        for cell in self.members:
            if cell.table[0] is Dimension.COLLEGE:
                table = (Dimension.MAJOR, cell.table[1])
                majors = sorted({self.people[i].major for i in self.members[cell]})
                yield cell, [Cell(table, major, cell.column) for major in majors]

    # --- linear combinations ------------------------------------------------------------------------------------------

    def _combine(self) -> dict[Cell, tuple[int, int]]:
        """Cells that are a linear combination of what is known, with their value."""
        free = [i for i in range(len(self.people)) if self.low[i] != self.high[i]]
        place = {i: n for n, i in enumerate(free)}
        rows = [self._row(m, place, low) for m, (low, high) in self._equations() if low == high]
        basis = echelon(rows, len(free))
        found = {}
        for cell, members in self.members.items():
            rest = reduced(self._row(members, place, 0), basis)
            if not any(rest[:-1]):
                value = -rest[-1] % PRIME
                found[cell] = (value, value)
        return found

    def _equations(self) -> Iterable[tuple[Sequence[int], tuple[int, int]]]:
        for cell, members in self.members.items():
            yield members, self.known[cell]
        for dimension in Dimension:
            for name, total in self.published.sizes(dimension).items():
                yield [i for i, p in enumerate(self.people) if getattr(p, dimension.value) == name], (total, total)

    def _row(self, members: Sequence[int], place: Mapping[int, int], value: int) -> list[int]:
        row = [0] * (len(place) + 1)
        for i in members:
            if i in place:
                row[place[i]] = 1
            else:
                value -= self.low[i]
        row[-1] = value % PRIME
        return row


def p_college(published: Published, major: str) -> str:
    name = major.split(" · ")[0]
    return name if name in published.sizes(Dimension.COLLEGE) else major


def tighten(
    members: Sequence[int], low: list[int], high: list[int], bounds: tuple[int, int]
) -> tuple[tuple[int, int], bool]:
    """Bounds of a sum from its parts, and of each part from the sum and the other parts."""
    lows, highs, moved = sum(low[i] for i in members), sum(high[i] for i in members), False
    bounds = max(bounds[0], lows), min(bounds[1], highs)
    for i in members:
        least, most = bounds[0] - (highs - high[i]), bounds[1] - (lows - low[i])
        if least > low[i] or most < high[i]:
            lows += max(0, least - low[i])
            highs -= max(0, high[i] - most)
            low[i], high[i], moved = max(low[i], least), min(high[i], most), True
    return bounds, moved


def echelon(rows: Sequence[list[int]], width: int) -> dict[int, list[int]]:
    """Reduced rows by their leading column."""
    basis: dict[int, list[int]] = {}
    for row in rows:
        row = reduced(row, basis)
        lead = next((n for n in range(width) if row[n]), None)
        if lead is not None:
            inverse = pow(row[lead], -1, PRIME)
            basis[lead] = [v * inverse % PRIME for v in row]
    return basis


def reduced(row: list[int], basis: Mapping[int, list[int]]) -> list[int]:
    for lead in sorted(basis):
        if row[lead]:
            factor, other = row[lead], basis[lead]
            row = [(a - factor * b) % PRIME for a, b in zip(row, other, strict=True)]
    return row
