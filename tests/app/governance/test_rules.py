"""The pure tables: drawing a sample, standings of certificates, states of a review."""

from __future__ import annotations

from datetime import date
from uuid import UUID, uuid4

import pytest

from app.actors import Role
from app.governance import review_rules, training_rules
from app.governance.review_rules import EDGES, Progress, State, draw, sample_size, shares, state_after
from app.governance.training_rules import Requirement, Standing, add_months, held_back, standing


def test_a_sample_can_be_drawn_again_and_depends_on_the_seed_alone() -> None:
    strata = {name: [uuid4() for _ in range(n)] for name, n in (("文学院", 40), ("理学院", 15), ("艺术学院", 2))}
    first = draw("seed-1", strata, 12)
    turned = {name: list(reversed(ids)) for name, ids in reversed(strata.items())}
    assert draw("seed-1", turned, 12) == first
    assert draw("seed-2", strata, 12) != first
    assert len(set(first)) == 12
    assert {name for name, _ in first} == set(strata)
    assert all(chosen in strata[name] for name, chosen in first)


def test_the_draw_is_fixed_for_other_programs_to_repeat() -> None:
    ids = [UUID(int=n) for n in range(1, 9)]
    assert [i.int for _, i in draw("lantai", {"甲": ids}, 3)] == [7, 2, 4]


@pytest.mark.parametrize(
    ("strata", "size", "expected"),
    [
        ({"a": 50, "b": 30, "c": 20}, 10, {"a": 5, "b": 3, "c": 2}),
        ({"a": 97, "b": 2, "c": 1}, 10, {"a": 8, "b": 1, "c": 1}),
        ({"a": 1, "b": 1, "c": 1}, 2, {"a": 1, "b": 1, "c": 0}),
        ({"a": 3}, 3, {"a": 3}),
        ({}, 3, {}),
    ],
)
def test_shares_follow_size_and_leave_no_college_out(
    strata: dict[str, int], size: int, expected: dict[str, int]
) -> None:
    assert shares(strata, size) == expected


@pytest.mark.parametrize("size", range(1, 40))
def test_shares_add_up_and_never_exceed_a_stratum(size: int) -> None:
    strata = {"a": 20, "b": 7, "c": 7, "d": 4, "e": 1}
    given = shares(strata, min(size, 39))
    assert sum(given.values()) == min(size, 39)
    assert all(0 <= given[name] <= strata[name] for name in strata)


def test_sizes() -> None:
    assert sample_size(1000, None, 3) == 30
    assert sample_size(10, None, 1) == 1
    assert sample_size(10, 20, None) == 10
    assert sample_size(90_000, None, 50) == review_rules.MAX_SAMPLE
    assert sample_size(0, 5, None) == 0


def test_a_campaign_is_ready_only_when_all_is_checked_and_closed() -> None:
    assert state_after(Progress(3, 2, 0, 0)) is State.OPEN
    assert state_after(Progress(3, 3, 1, 1)) is State.FOLLOW_UP
    assert state_after(Progress(3, 3, 1, 0)) is State.READY
    assert not EDGES[State.SIGNED]
    assert State.SIGNED not in EDGES[State.OPEN] | EDGES[State.FOLLOW_UP]


@pytest.mark.parametrize(
    ("expires", "grace", "expected"),
    [
        (None, 30, Standing.MISSING),
        (date(2026, 8, 1), 0, Standing.VALID),
        (date(2026, 6, 30), 0, Standing.SOON),
        (date(2026, 6, 1), 0, Standing.SOON),
        (date(2026, 5, 31), 0, Standing.EXPIRED),
        (date(2026, 5, 31), 1, Standing.GRACE),
        (date(2026, 5, 30), 1, Standing.EXPIRED),
    ],
)
def test_standings(expires: date | None, grace: int, expected: Standing) -> None:
    assert standing(expires, date(2026, 6, 1), grace) is expected


@pytest.mark.parametrize(
    ("start", "months", "last"),
    [
        (date(2026, 1, 15), 12, date(2027, 1, 14)),
        (date(2024, 2, 29), 12, date(2025, 2, 27)),
        (date(2026, 8, 31), 6, date(2027, 2, 27)),
        (date(2026, 12, 1), 1, date(2026, 12, 31)),
    ],
)
def test_months_of_validity(start: date, months: int, last: date) -> None:
    assert add_months(start, months) == last


def test_a_role_waits_for_every_required_course() -> None:
    one, two = uuid4(), uuid4()
    required = [Requirement(Role.REVIEWER, one, 0), Requirement(Role.REVIEWER, two, 5)]
    roles, today = frozenset({Role.REVIEWER, Role.ARCHIVIST}), date(2026, 6, 1)
    assert held_back(roles, required, {one: date(2026, 7, 1)}, today) == {Role.REVIEWER}
    assert held_back(roles, required, {one: date(2026, 7, 1), two: date(2026, 5, 28)}, today) == frozenset()
    assert held_back(frozenset({Role.ARCHIVIST}), required, {}, today) == frozenset()
    assert Role.ADMINISTRATOR not in training_rules.CONDITIONAL
