"""Charts as plain geometry for the templates to draw in SVG. The table beside a chart says the same in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 520
BAR_ROOM = 420
ROW = 44
MOST_BARS = 24
PLOT = (44, 20, 380, 220)  # left, top, width, height
MOST_LINES = 6


@dataclass(frozen=True, slots=True)
class Bar:
    """``width`` None: the number is suppressed, and no bar is drawn."""

    label: str
    y: int
    width: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Bars:
    bars: Sequence[Bar]
    height: int
    left_out: int


def bars(values: Sequence[tuple[str, int | None, str]]) -> Bars:
    """``values``: label, number (None where suppressed) and the words for it."""
    most = max((n for _, n, _ in values if n is not None), default=0) or 1
    drawn = [
        Bar(label, at * ROW, None if n is None else max(1, round(BAR_ROOM * n / most)), words)
        for at, (label, n, words) in enumerate(values[:MOST_BARS])
    ]
    return Bars(drawn, len(drawn) * ROW + 4, len(values) - len(drawn))


@dataclass(frozen=True, slots=True)
class Point:
    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True)
class Trend:
    """``runs`` are unbroken stretches: a suppressed year is a gap, never a guess."""

    label: str
    number: int
    runs: Sequence[Sequence[Point]]

    @property
    def points(self) -> Sequence[Point]:
        return [p for run in self.runs for p in run]


@dataclass(frozen=True, slots=True)
class Trends:
    lines: Sequence[Trend]
    ticks_x: Sequence[tuple[float, str]]
    ticks_y: Sequence[tuple[float, int]]
    left_out: int


def _step(most: int) -> int:
    """A round step that divides the axis into two to five parts."""
    size = 1
    while True:
        for factor in (1, 2, 5):
            if most <= size * factor * 5:
                return size * factor
        size *= 10


def trends(years: Sequence[str], series: Sequence[tuple[str, Sequence[int | None]]]) -> Trends | None:
    """Lines over years; None with fewer than two years."""
    if len(years) < 2:
        return None
    left, top, width, height = PLOT
    drawn = series[:MOST_LINES]
    most = max((n for _, values in drawn for n in values if n is not None), default=0) or 1
    step = _step(most)
    ceiling = step * -(-most // step)
    xs = [left + width * i / (len(years) - 1) for i in range(len(years))]

    def y(n: int) -> float:
        return round(top + height * (1 - n / ceiling), 1)

    lines = []
    for number, (label, values) in enumerate(drawn, 1):
        runs: list[list[Point]] = [[]]
        for x, year, n in zip(xs, years, values, strict=True):
            if n is None:
                runs.append([])
            else:
                runs[-1].append(Point(round(x, 1), y(n), f"{label} {year}：{n}"))
        lines.append(Trend(label, number, [run for run in runs if run]))
    ticks_y = [(y(n), n) for n in range(0, ceiling + 1, step)]
    return Trends(lines, list(zip([round(x, 1) for x in xs], years, strict=True)), ticks_y, len(series) - len(drawn))


def sparkline(percents: Sequence[int]) -> str:
    """Points of a small line over days, 0 to 100 percent, in a box of 120 by 28; empty with fewer than two days."""
    if len(percents) < 2:
        return ""
    step = 116 / (len(percents) - 1)
    return " ".join(f"{2 + at * step:.1f},{26 - 24 * percent / 100:.1f}" for at, percent in enumerate(percents))
