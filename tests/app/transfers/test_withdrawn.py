"""Registering after a withdrawal: whatever the day, and as the same dossier's next choice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from app.actors import Actor, ActorKind
from app.errors import Conflict
from app.events import Event
from app.transfers.channel_rules import PersonHistory
from app.transfers.showing import TransferView
from app.transfers.states import NEXT_WORDS, Channel, State
from parts import Lantai
from tests.app.transfers.footings import footing, view_by_id
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import ELSEWHERE, Pair, destination, lead, opened

People = Callable[..., Person]
AUTUMN = datetime(2026, 9, 20, 4, tzinfo=UTC)


@pytest.fixture
def reviewed(lantai: Lantai, pair: Pair, graduate_factory: People) -> TransferView:
    return lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.COLLEGE_REVIEWED)


def told_of_change(lantai: Lantai) -> list[object]:
    """``moved`` of every notice."""
    with lantai.db.transaction() as session:
        found = session.scalars(select(Event).where(Event.type == "transfer.destination_changed").order_by(Event.id))
        return [e.data["moved"] for e in found]


def test_after_a_withdrawal_the_graduate_registers_whatever_the_day(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock
) -> None:
    clock.advance(seconds=(AUTUMN - clock.now()).total_seconds())
    graduate, wanted = Actor(ActorKind.GRADUATE, reviewed.graduate_id), destination(lantai, channel=None)
    gone = lead(lantai, pair, reviewed, State.WITHDRAWN)
    assert "8 月 31 日" not in NEXT_WORDS[State.WITHDRAWN]
    made = lantai.destinations.open(graduate, reviewed.graduate_id, wanted)
    views = {v.id: v.state for v in lantai.transfers.of_graduate(graduate, reviewed.graduate_id)}
    assert views == {made: State.DESTINATION_REGISTERED, gone.id: State.WITHDRAWN}
    # what was registered anew is bound by the calendar as any other
    fresh = next(v for v in lantai.transfers.of_graduate(pair.first, reviewed.graduate_id) if v.id == made)
    with pytest.raises(Conflict, match="destination_closed"):
        lantai.destinations.change(graduate, made, fresh.version, wanted)


def test_another_address_after_a_withdrawal_rests_and_every_account_hears_of_it(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock
) -> None:
    owner, elsewhere = Actor(ActorKind.GRADUATE, reviewed.graduate_id), destination(lantai, code=ELSEWHERE)
    lead(lantai, pair, reviewed, State.WITHDRAWN)
    made = view_by_id(lantai, pair, lantai.destinations.open(owner, owner.id, elsewhere))
    assert told_of_change(lantai) == [True]
    with pytest.raises(Conflict, match="destination_rests"):
        lead(lantai, pair, made, State.COLLEGE_REVIEWED)
    # withdrawn and registered once more, what rests goes on resting
    lead(lantai, pair, made, State.WITHDRAWN)
    made = view_by_id(lantai, pair, lantai.destinations.open(owner, owner.id, elsewhere))
    with pytest.raises(Conflict, match="destination_rests"):
        lead(lantai, pair, made, State.COLLEGE_REVIEWED)
    assert told_of_change(lantai) == [True]
    clock.advance(hours=24)
    assert lead(lantai, pair, made, State.SCHOOL_APPROVED).state is State.SCHOOL_APPROVED


def test_the_same_address_after_a_withdrawal_is_no_change(lantai: Lantai, pair: Pair, reviewed: TransferView) -> None:
    gone = lead(lantai, pair, reviewed, State.WITHDRAWN)
    again = view_by_id(lantai, pair, lantai.destinations.open(pair.first, gone.graduate_id, destination(lantai)))
    assert lead(lantai, pair, again, State.SCHOOL_APPROVED).state is State.SCHOOL_APPROVED
    assert told_of_change(lantai) == []


def test_what_was_declared_before_a_withdrawal_holds_afterwards(
    lantai: Lantai, pair: Pair, graduate_factory: People
) -> None:
    owner, former = graduate_factory().id, frozenset({PersonHistory.FORMER_OFFICIAL})
    wanted = replace(destination(lantai, channel=None), history=former)
    first = view_by_id(lantai, pair, lantai.destinations.open(pair.first, owner, wanted))
    lead(lantai, pair, first, State.WITHDRAWN)
    unsaid = lantai.destinations.open(pair.first, owner, destination(lantai, channel=None))
    view = view_by_id(lantai, pair, unsaid)
    assert view.channel is Channel.CONFIDENTIAL_POST
    assert footing(lantai, pair.first, view).declared == former
    lead(lantai, pair, view, State.WITHDRAWN)
    none = replace(destination(lantai, channel=None), history=frozenset())
    view = view_by_id(lantai, pair, lantai.destinations.open(pair.first, owner, none))
    basis = footing(lantai, pair.first, view).basis
    assert basis is not None
    assert (view.channel, basis.history, len(basis.before)) == (Channel.EMS, (), 1)


def test_who_never_registered_is_told_whom_to_call_and_the_desk_does_it(
    lantai: Lantai, pair: Pair, graduate_factory: People, clock: FakeClock
) -> None:
    clock.advance(seconds=(AUTUMN - clock.now()).total_seconds())
    person, wanted = graduate_factory(), destination(lantai)
    with pytest.raises(Conflict, match="destination_closed") as caught:
        lantai.destinations.open(person.actor(), person.id, wanted)
    assert caught.value.params == {"day": "2026-08-31", "contact": lantai.destinations.contact}
    assert lantai.settings.archive_office in lantai.destinations.contact
    assert lantai.transfers.of_graduate(person.actor(), person.id) == []
    lantai.destinations.open(pair.first, person.id, wanted)
