"""A few drawn lives of transfers against the rule book written a second time; ``make proof`` lives thousands."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from parts import Lantai
from tests.conftest import Person, World
from tests.transfer_book import edges
from tests.transfer_life import Diverged, Life, Move
from tests.transfer_machine import STEPS, live
from tests.transfer_sight import Ground

SEED = 20261129


@pytest.fixture
def ground(lantai: Lantai, world: World, graduate_factory: Callable[..., Person]) -> Ground:
    return Ground(lantai, world.clock, lambda: graduate_factory().id)


def test_drawn_lives_agree_with_the_second_book(ground: Ground) -> None:
    live(ground, SEED, lives=10)
    assert ground.tally.distinct(STEPS) >= 5
    assert ground.tally.refused
    assert len(ground.tally.walked) > 20


def test_a_book_that_lacks_an_edge_is_found_out_by_a_short_program(ground: Ground) -> None:
    book = edges()
    del book["draft", "destination_registered"]
    with pytest.raises(Diverged, match="went through, the book says") as found:
        live(ground, SEED, book)
    program = [line for line in "\n".join(found.value.__notes__).splitlines() if line.startswith("state.")]
    assert program[0].startswith("state.begin(day=datetime.date(2026, 2, 2), state=")
    assert program[-1] == "state.teardown()"
    assert len(program) < 5


def test_both_know_that_another_address_after_a_withdrawal_rests(ground: Ground) -> None:
    life, new = Life(ground), (0, 1)
    life.begin(date(2026, 7, 1), "withdrawn")
    life.open(0, "chief", elsewhere=True)
    life.move(Move(new, "destination_registered", "chief"))
    life.compare()
    life.move(Move(new, "college_reviewed", "chief"))
    assert (ground.tally.refused, life.slip(new).state) == (1, "destination_registered")
    life.days_pass(1)
    life.move(Move(new, "college_reviewed", "chief"))
    life.compare()
    assert (ground.tally.refused, life.slip(new).state) == (1, "college_reviewed")
