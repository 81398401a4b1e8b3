"""Whoever has all published tables cannot work out a small cell; careless publishers are broken by the attack."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from app.statistics import rules, tables
from app.statistics.rules import Person
from app.statistics.suppression import Mark, Suppression
from app.statistics.tables import Published
from tests.app.statistics.attacker import Attack

K = 5


def population(seed: int, size: int = 220) -> dict[Person, int]:
    """A small school with rare combinations: two colleges, five majors, three cohorts, and few high awards."""
    chance = random.Random(seed)
    majors = ("文学院 · 档案学", "文学院 · 历史学", "理学院 · 数学", "理学院 · 物理学", "理学院 · 化学")
    found: Counter[Person] = Counter()
    for _ in range(size):
        major = chance.choices(majors, (30, 20, 25, 15, 10))[0]
        found[
            Person(
                chance.choices(("2024", "2025", "2026"), (2, 3, 5))[0],
                major.split(" · ")[0],
                major,
                chance.choices(("本科", "硕士", "博士"), (80, 15, 5))[0],
                chance.choices(("无奖励记录", "校级", "省部级", "国家级"), (60, 25, 10, 5))[0],
            )
        ] += 1
    return dict(found)


def truth(counts: dict[Person, int]) -> Suppression:
    return Suppression(rules.fold(counts, K), K)


def worked_out(body: dict[str, Any], counts: dict[Person, int]) -> list[str]:
    """Small cells whose exact number the attacker has."""
    bounds = Attack(Published(body), K).run()
    cells = truth(counts).cells
    for cell, (low, high) in bounds.items():
        assert low <= cells[cell] <= high, f"the attack itself is wrong about {cell}"
    return [str(c) for c, (low, high) in bounds.items() if low == high and 0 < cells[c] < K]


@pytest.mark.parametrize("seed", range(12))
def test_no_small_cell_can_be_worked_out_from_all_tables_together(seed: int) -> None:
    counts = population(seed)
    body = tables.release_body(counts, K)
    marks = [m for cells in body["tables"].values() for _, _, _, m in cells]
    assert marks.count("small") > 5, "the population has nothing to protect"
    assert marks.count("") > 0.6 * marks.count("hidden"), "almost everything is hidden"
    assert worked_out(body, counts) == []


def primary_only(counts: dict[Person, int]) -> dict[str, Any]:
    """A careless publisher: small cells are hidden, and nothing else."""
    body = tables.release_body(counts, K)
    work = truth(counts)
    for name, cells in body["tables"].items():
        table = next(t for t in rules.PAIRS if name == f"{t[0].value}.{t[1].value}")
        for cell in cells:
            n = next(v for c, v in work.cells.items() if (c.table, c.row, c.column) == (table, cell[0], cell[1]))
            cell[2:] = [None, "small"] if n < K else [n, ""]
    return body


def unlinked(counts: dict[Person, int]) -> dict[str, Any]:
    """A careless publisher that protects majors and colleges apart: the one table tells about the other."""
    body, open_tables = tables.release_body(counts, K), primary_only(counts)
    for name in body["tables"]:
        if name.startswith("college."):
            body["tables"][name] = open_tables["tables"][name]
    return body


def test_the_attack_breaks_a_publisher_without_secondary_suppression() -> None:
    broken = [worked_out(primary_only(population(seed)), population(seed)) for seed in range(6)]
    assert all(broken), [len(b) for b in broken]


def test_the_attack_breaks_a_publisher_that_protects_tables_apart() -> None:
    broken = [worked_out(unlinked(population(seed)), population(seed)) for seed in range(6)]
    assert any(broken), [len(b) for b in broken]


def test_every_small_cell_has_a_witness_that_changes_nothing_shown() -> None:
    """Another population, with the very same release on paper but another number in that cell."""
    counts = rules.fold(population(3), K)
    work = Suppression(counts, K)
    marks = work.run()
    small = [c for c, n in work.cells.items() if 0 < n < K]
    assert set(work.witnesses) == set(small)
    for cell in small:
        found = work.witnesses[cell]
        assert counts[found.one] >= 1
        assert counts[found.other] >= 1
        assert found.changes[cell] != 0
        for changed, step in found.changes.items():
            mark, n = marks.get(changed, Mark.SHOWN), work.cells[changed] + step
            assert mark is not Mark.SHOWN
            assert n >= 0
            assert mark is Mark.HIDDEN or 0 < n < K


def test_the_release_is_the_same_whatever_order_persons_come_in() -> None:
    counts = population(5)
    turned = dict(sorted(counts.items(), reverse=True))
    assert tables.digest(tables.release_body(counts, K)) == tables.digest(tables.release_body(turned, K))
