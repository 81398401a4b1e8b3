"""Ways that are easily forgotten: changes taken down at the desk, days that begin anew, receipts nobody expected."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from app.actors import Actor, ActorKind
from app.errors import Conflict
from app.office_time import office_date
from app.transfers.clocks import Timer
from app.transfers.letters import LetterKind
from app.transfers.models import Transfer
from app.transfers.rules import edge
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.conftest import Person
from tests.counting import ADDRESS, as_listed, printed_slip
from tests.fakes import FakeClock
from tests.moving import Pair, destination, lead, now, opened, walk

People = Callable[..., Person]


@pytest.fixture
def led(lantai: Lantai, pair: Pair, graduate_factory: People) -> Callable[..., TransferView]:
    def make(state: State, channel: Channel = Channel.EMS) -> TransferView:
        return lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id, channel=channel), state)

    return make


def stored(lantai: Lantai, view: TransferView) -> Transfer:
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, view.id)
        session.expunge(row)
        return row


@pytest.mark.parametrize("state", [State.COLLEGE_REVIEWED, State.SCHOOL_APPROVED, State.DRAFT])
def test_what_the_desk_changes_is_reviewed_anew(
    state: State, lantai: Lantai, pair: Pair, led: Callable[..., TransferView]
) -> None:
    view = led(state)
    wanted = replace(destination(lantai), channel=Channel.CONFIDENTIAL_POST)
    lantai.destinations.change(pair.first, view.id, view.version, wanted)
    changed = now(lantai, pair.first, view)
    assert (changed.state, changed.channel) == (State.DESTINATION_REGISTERED, Channel.CONFIDENTIAL_POST)


def test_who_was_kept_at_school_registers_whatever_the_day(
    lantai: Lantai, pair: Pair, led: Callable[..., TransferView], clock: FakeClock
) -> None:
    view = led(State.COLLEGE_REVIEWED)
    held = edge(State.COLLEGE_REVIEWED, State.HELD_AT_SCHOOL)
    assert held is not None
    view = walk(lantai, pair, view, held)
    clock.advance(days=200)
    graduate = Actor(ActorKind.GRADUATE, view.graduate_id)
    lantai.destinations.change(graduate, view.id, view.version, destination(lantai))
    view = now(lantai, pair.first, view)
    assert view.state is State.DESTINATION_REGISTERED
    with pytest.raises(Conflict, match="destination_closed"):  # from here on the calendar counts again
        lantai.destinations.change(graduate, view.id, view.version, destination(lantai))


@pytest.mark.parametrize("target", [State.SEALED, State.SCHOOL_APPROVED])
def test_what_came_back_has_fifteen_days_again(
    target: State, lantai: Lantai, pair: Pair, led: Callable[..., TransferView], clock: FakeClock
) -> None:
    view = led(State.RETURNED)
    clock.advance(days=60)
    way = edge(State.RETURNED, target)
    assert way is not None
    view = walk(lantai, pair, view, way)
    row, today = stored(lantai, view), office_date(clock.now())
    assert (row.timer, row.due_on) == (Timer.DISPATCH, lantai.calendar.add(today, 15))
    assert lantai.transfer_watch.check() == []


def test_a_receipt_is_pressed_for_though_nobody_saw_the_delivery(
    lantai: Lantai, pair: Pair, led: Callable[..., TransferView], clock: FakeClock
) -> None:
    view = led(State.HANDED_TO_CARRIER, Channel.CONFIDENTIAL_POST)
    with pytest.raises(Conflict, match="letter_not_now"):
        lantai.transfer_papers.letter(pair.first, view.id, LetterKind.RECEIPT_OVERDUE)
    clock.advance(days=40)
    assert lantai.transfer_papers.letter(pair.first, view.id, LetterKind.RECEIPT_OVERDUE).startswith(b"%PDF")
    assert now(lantai, pair.first, view).state is State.HANDED_TO_CARRIER


def test_who_holds_what_the_school_seeks_is_told_to_telephone(
    lantai: Lantai, pair: Pair, led: Callable[..., TransferView]
) -> None:
    view = led(State.SEALED)
    slip = printed_slip(lantai, pair, view)
    lead(lantai, pair, view, State.LOST_SUSPECTED)
    with pytest.raises(Conflict, match="counting_while_sought"):
        lantai.counting.count(slip.id, slip.code, ADDRESS, as_listed())


def test_the_letters_day_counts_as_soon_as_it_is_told(
    lantai: Lantai, pair: Pair, led: Callable[..., TransferView], clock: FakeClock
) -> None:
    view = led(State.DESTINATION_REGISTERED)
    clock.advance(days=3)
    day = office_date(clock.now()) - timedelta(days=1)
    wanted = replace(destination(lantai), letter_on=day, letter_number="TDH-1")
    lantai.destinations.change(pair.first, view.id, view.version, wanted)
    assert stored(lantai, view).due_on == lantai.calendar.add(day, 15)
    assert lantai.transfer_watch.check() == []
