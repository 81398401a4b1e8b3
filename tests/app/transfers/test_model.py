"""A few random lives of transfers against the rule book written a second time; ``make proof`` runs thousands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from parts import Lantai
from tests.conftest import Person, World
from tests.transfer_book import edges
from tests.transfer_walk import Diverged, Walk

FIRST_SEED = 20261129


def test_random_lives_agree_with_the_second_book(
    lantai: Lantai, world: World, graduate_factory: Callable[..., Person]
) -> None:
    walk = Walk(lantai, world.clock, lambda: graduate_factory().id)
    for seed in range(FIRST_SEED, FIRST_SEED + 4):
        walk.sequence(seed, 25)
    assert walk.refused
    assert len(walk.walked) > 5


def test_a_book_that_lacks_an_edge_is_found_out(
    lantai: Lantai, world: World, graduate_factory: Callable[..., Person]
) -> None:
    table = edges()
    del table["draft", "destination_registered"]
    walk = Walk(lantai, world.clock, lambda: graduate_factory().id, table)

    def walk_on() -> None:
        for seed in range(FIRST_SEED, FIRST_SEED + 20):
            walk.sequence(seed, 25)

    with pytest.raises(Diverged, match="went through, the book says"):
        walk_on()
