"""No package is made available, or pushed, to a receiver that may not receive on that day, or has been replaced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from app.actors import Actor, ActorKind
from app.db import new_id
from app.errors import Conflict
from app.jobs import PackElectronic, PushElectronic
from app.transfers.electronic_clocks import NOT_FOR_IT_NEXT, LegTimer
from app.transfers.electronic_rules import Leg
from app.transfers.footing import Footing
from app.transfers.states import State
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.app.transfers.footings import OTHER, changed, ended, other, view_by_id
from tests.conftest import Person
from tests.electronic import Registry, leg_of, sealed_transfer
from tests.fakes import FakeClock
from tests.moving import desk_pair, destination, lead, now


@pytest.fixture
def held(graduate_factory: Callable[..., Person]) -> Person:
    return graduate_factory(materials=MATERIALS)


def test_none_is_ordered(lantai: Lantai, held: Person) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held, State.IN_TRANSIT)
    ended(lantai, pair)
    with pytest.raises(Conflict, match="receiver_not_authorised_now"):
        lantai.electronic.order(pair.first, held.id, transfer_id)


def test_one_that_was_ordered_before_is_not_submitted_until_the_receiver_may_have_it(
    lantai: Lantai, held: Person
) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    ended(lantai, pair)
    lantai.packer.work(PackElectronic(leg.id))
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.envelope, row.submitted_at) == ("receiver_not_authorised_now", None, None)
    assert row.state is Leg.PACKAGED
    lantai.electronic.withdraw(pair.first, held.id, transfer_id)
    assert leg_of(lantai, leg.id).state is Leg.WITHDRAWN


def test_one_that_was_submitted_is_not_pushed_any_more(lantai: Lantai, held: Person, registry: Registry) -> None:
    registry.pushed_to("http://127.0.0.1:9/inbox")
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    lantai.packer.work(PackElectronic(leg.id))
    ended(lantai, pair)
    lantai.electronic_push.work(PushElectronic(leg.id))
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.pushed_at, row.push_tries) == ("receiver_not_authorised_now", None, 0)


def test_one_that_waits_is_not_given_out_any_more(lantai: Lantai, held: Person, registry: Registry) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    lantai.packer.work(PackElectronic(leg.id))
    machine = Actor(ActorKind.PARTNER, new_id())
    assert lantai.receiver_door.content(machine, registry.office, leg.id).size > 0
    ended(lantai, pair)
    with pytest.raises(Conflict, match="receiver_not_entitled"):
        lantai.receiver_door.content(machine, registry.office, leg.id)


def test_staff_and_graduate_see_that_it_was_refused_until_the_receiver_may_have_it(
    lantai: Lantai, held: Person, registry: Registry, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    lantai.packer.work(PackElectronic(leg.id))
    machine, door = Actor(ActorKind.PARTNER, new_id()), lantai.receiver_door
    reasons = {"now": "已停止接收"}
    monkeypatch.setattr(Footing, "against_receiver", lambda *_: reasons["now"])
    days = set()
    for hours in (0, 50, 100):  # it asks again and again
        clock.advance(hours=hours)
        with pytest.raises(Conflict, match="receiver_not_entitled"):
            door.content(machine, registry.office, leg.id)
        row = leg_of(lantai, leg.id)
        assert (row.trouble, row.timer) == ("receiver_not_authorised_now", LegTimer.MEND)
        days.add(row.due_on)
    assert len(days) == 1
    (legs,) = lantai.electronic.of_graduate(held.actor(), held.id).values()
    assert legs.latest is not None
    assert legs.latest.next_words == NOT_FOR_IT_NEXT
    assert legs.latest.due is not None
    assert "取走" not in legs.latest.due.words  # nothing of the receiver is late
    assert lantai.electronic_watch.tick() == 0
    reasons["now"] = ""
    assert (lantai.electronic_watch.tick(), lantai.electronic_watch.ease()) == (1, 0)
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.trouble_at, row.timer) == (None, None, LegTimer.FETCH)
    assert door.content(machine, registry.office, leg.id).size > 0


def test_a_receiver_that_may_have_it_again_eases_it_by_fetching(
    lantai: Lantai, held: Person, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    lantai.packer.work(PackElectronic(leg.id))
    machine, door = Actor(ActorKind.PARTNER, new_id()), lantai.receiver_door
    with monkeypatch.context() as lapsed:
        lapsed.setattr(Footing, "against_receiver", lambda *_: "已停止接收")
        with pytest.raises(Conflict, match="receiver_not_entitled"):
            door.content(machine, registry.office, leg.id)
    assert leg_of(lantai, leg.id).trouble == "receiver_not_authorised_now"
    door.content(machine, registry.office, leg.id)
    assert leg_of(lantai, leg.id).trouble is None


def test_a_changed_address_keeps_no_package_back(lantai: Lantai, held: Person) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    changed(lantai, pair, address="某市新路 9 号")
    lantai.packer.work(PackElectronic(leg.id))
    assert leg_of(lantai, leg.id).state is Leg.SUBMITTED


# --- another receiver -------------------------------------------------------------------------------------------------


def goes_elsewhere(registry: Registry) -> None:
    assert registry.receiver is not None
    registry.receiver = replace(registry.receiver, code=OTHER)


@pytest.mark.parametrize("fetched", [False, True])
def test_what_was_lost_and_is_rebuilt_for_another_leaves_nothing_with_the_first(
    fetched: bool, lantai: Lantai, held: Person, registry: Registry, clock: FakeClock
) -> None:
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held, State.IN_TRANSIT)
    leg = lantai.electronic.order(pair.first, held.id, transfer_id)
    lantai.packer.work(PackElectronic(leg.id))
    machine, first, row = Actor(ActorKind.PARTNER, new_id()), registry.office, leg_of(lantai, leg.id)
    assert (row.digest is not None, row.bag_digest is not None, row.manifest_digest is not None) == (True, True, True)
    door = lantai.receiver_door
    if fetched:
        door.acknowledge(machine, first, leg.id, row.digest or b"", row.size or 0)
        door.checked(machine, first, leg.id, passed=True, bag=row.bag_digest)
    view = lead(lantai, pair, view_by_id(lantai, pair, transfer_id), State.REBUILDING)
    assert leg_of(lantai, leg.id).state is Leg.WITHDRAWN
    view = lead(lantai, pair, view, State.SCHOOL_APPROVED)
    lantai.destinations.change(
        pair.first, view.id, view.version, replace(destination(lantai), receiver=other(lantai, pair))
    )
    goes_elsewhere(registry)
    for deed in (
        lambda: door.content(machine, first, leg.id),
        lambda: door.accept(machine, first, leg.id, row.manifest_digest or b""),
    ):
        with pytest.raises(Conflict, match="package_closed"):
            deed()
    clock.advance(hours=25)
    view = lead(lantai, pair, now(lantai, pair.first, view), State.SEALED)
    again = lantai.electronic.order(pair.first, held.id, view.id)
    assert (again.attempt, again.receiver_code) == (2, OTHER)


def test_a_package_made_for_another_office_is_neither_submitted_nor_pushed_nor_given_out_nor_accepted(
    lantai: Lantai, held: Person, registry: Registry
) -> None:
    registry.pushed_to("http://127.0.0.1:9/inbox")
    pair, transfer_id = desk_pair(lantai), sealed_transfer(lantai, held)
    leg, first, known = lantai.electronic.order(pair.first, held.id, transfer_id), registry.office, registry.receiver
    goes_elsewhere(registry)
    lantai.packer.work(PackElectronic(leg.id))
    row = leg_of(lantai, leg.id)
    assert (row.state, row.trouble, row.envelope) == (Leg.PACKAGED, "receiver_changed", None)
    registry.receiver = known
    lantai.packer.work(PackElectronic(leg.id))
    goes_elsewhere(registry)
    lantai.electronic_push.work(PushElectronic(leg.id))
    row = leg_of(lantai, leg.id)
    assert (row.state, row.trouble, row.pushed_at) == (Leg.SUBMITTED, "receiver_changed", None)
    machine, door = Actor(ActorKind.PARTNER, new_id()), lantai.receiver_door
    with pytest.raises(Conflict, match="receiver_changed"):
        door.content(machine, first, leg.id)
    door.acknowledge(machine, first, leg.id, row.digest or b"", row.size or 0)
    door.checked(machine, first, leg.id, passed=True, bag=row.bag_digest)
    with pytest.raises(Conflict, match="receiver_changed"):
        door.accept(machine, first, leg.id, row.manifest_digest or b"")
    registry.receiver = known
    assert door.accept(machine, first, leg.id, row.manifest_digest or b"").state is Leg.ACCEPTED
