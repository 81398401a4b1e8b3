"""What custody means for transfers, and what the graduate is told."""

from __future__ import annotations

import pytest

from app.actors import Actor, Role
from app.custody.rules import (
    ARRIVED,
    GRADUATE_WORDS,
    IN_ARCHIVE,
    LENT_INSIDE,
    Condition,
    Standing,
    Why,
)
from app.errors import Conflict, NotFound
from app.transfers.states import State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.custody.lending import OUTSIDE, PLACE, People, inside, paper
from tests.moving import desk_pair, lead, opened


def test_what_is_lent_is_not_assembled_sealed_or_handed_over(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SCHOOL_APPROVED)
    for target in (State.ASSEMBLED, State.CHECKED, State.SEALED):
        loan = lantai.loans.ask(archivist, person.id, inside(archivist))
        with pytest.raises(Conflict, match="paper_on_loan"):
            lead(lantai, pair, view, target)
        lantai.loans.give_back(archivist, loan, Condition.INTACT)
        view = lead(lantai, pair, view, target)
    with pytest.raises(Conflict, match="paper_sealed"):
        lantai.loans.ask(archivist, person.id, inside(archivist))


def test_a_wish_that_waits_stops_no_transfer_and_is_refused_by_the_seal(
    lantai: Lantai, archivist: Actor, clerk: Clerk, graduate_factory: People
) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    loan = lantai.loans.ask(archivist, person.id, OUTSIDE)
    lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    with pytest.raises(Conflict, match="paper_sealed"):
        lantai.loans.approve(clerk(Role.REVIEWER), loan)


def test_handing_over_clears_the_place_and_what_comes_back_asks_for_one(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    told = lantai.paper_custody.words_for_graduate
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    lantai.shelving.shelve(archivist, PLACE, view.number)  # what is sealed still stands somewhere
    assert told(person.actor()) == IN_ARCHIVE
    view = lead(lantai, pair, view, State.HANDED_TO_CARRIER)
    seen = paper(lantai, archivist, person)
    assert (seen.standing, seen.place) == (Standing.LEFT, "")
    assert told(person.actor()) == GRADUATE_WORDS[Standing.LEFT]
    for refused in (
        lambda: lantai.shelving.shelve(archivist, PLACE, view.number),
        lambda: lantai.loans.ask(archivist, person.id, inside(archivist)),
    ):
        with pytest.raises(Conflict, match="paper_left"):
            refused()
    view = lead(lantai, pair, view, State.RETURNED)
    assert [line.last_place for line in lantai.custody.unplaced(archivist)[0]] == [PLACE]
    assert paper(lantai, archivist, person).moves[0].why is Why.SENT_BACK
    lead(lantai, pair, view, State.CLOSED)
    assert paper(lantai, archivist, person).standing is Standing.LEFT
    assert told(person.actor()) == ARRIVED


def test_what_is_rebuilt_is_in_the_house_again(lantai: Lantai, archivist: Actor, graduate_factory: People) -> None:
    pair, person = desk_pair(lantai), graduate_factory()
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.IN_TRANSIT)
    for state in (State.LOST_SUSPECTED, State.TRACING, State.LOST_CONFIRMED, State.REBUILDING):
        view = lead(lantai, pair, view, state)
    with pytest.raises(Conflict, match="paper_left"):
        lantai.loans.ask(archivist, person.id, inside(archivist))
    lead(lantai, pair, view, State.SCHOOL_APPROVED)
    assert paper(lantai, archivist, person).moves[0].why is Why.REBUILT
    assert paper(lantai, archivist, person).standing is Standing.UNPLACED


def test_the_graduate_is_told_neither_place_nor_borrower(
    lantai: Lantai, archivist: Actor, graduate_factory: People
) -> None:
    person, told = graduate_factory(), lantai.paper_custody.words_for_graduate
    assert told(person.actor()) == IN_ARCHIVE
    lantai.loans.ask(archivist, person.id, inside(archivist))
    assert told(person.actor()) == LENT_INSIDE
    with pytest.raises(NotFound):
        told(archivist)
