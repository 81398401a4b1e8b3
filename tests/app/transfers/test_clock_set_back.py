"""A clock that is set back moves nothing by itself, stops nothing, and lets no day count twice."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import func, select

from app.errors import Conflict
from app.events import Event
from app.jobs import PackElectronic
from app.transfers.electronic_receiving import Receipt
from app.transfers.electronic_rules import Leg
from app.transfers.models import Dispatch
from app.transfers.states import State
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.conftest import Person
from tests.electronic import Registry, leg_of
from tests.fakes import FakeClock
from tests.moving import Pair, lead, now, opened, walk, way


def moves(lantai: Lantai, transfer_id: object) -> int:
    query = select(func.count(Event.id)).where(Event.object_id == transfer_id, Event.type == "transfer.moved")
    with lantai.db.transaction() as session:
        return session.scalar(query) or 0


def test_a_transfer_goes_its_whole_way_while_the_clock_runs_backwards(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person], clock: FakeClock
) -> None:
    view = opened(lantai, pair.first, graduate_factory().id)
    for target in (State.SCHOOL_APPROVED, State.SEALED, State.HANDED_TO_CARRIER, State.RECEIVED, State.CLOSED):
        clock.advance(days=-9)
        view = lead(lantai, pair, view, target)
        assert view.state is target
        assert lantai.transfer_watch.check() == []  # the stored days are those of the facts
    query = select(func.count(Dispatch.id)).where(Dispatch.transfer_id == view.id)
    with lantai.db.transaction() as session:
        assert session.scalar(query) == 1


def test_a_receipt_is_pressed_for_once_however_often_its_day_comes(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person], clock: FakeClock
) -> None:
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.DELIVERED_UNCONFIRMED)
    before = moves(lantai, view.id)
    for days in (10, -20, 60, -60, 60):
        clock.advance(days=days)
        lantai.transfer_watch.tick()
    assert now(lantai, pair.first, view).state is State.RECEIPT_OVERDUE
    assert moves(lantai, view.id) == before + 1


def test_a_day_that_has_not_come_again_presses_nobody(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person], clock: FakeClock
) -> None:
    clock.advance(days=200)
    early = opened(lantai, pair.first, graduate_factory().id)
    clock.advance(days=-200)
    view = lead(lantai, pair, early, State.DELIVERED_UNCONFIRMED)
    clock.advance(days=5)
    lantai.transfer_watch.tick()
    assert now(lantai, pair.first, view).state is State.DELIVERED_UNCONFIRMED


def test_a_package_is_packed_and_receipted_while_the_clock_runs_backwards(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person], registry: Registry, clock: FakeClock
) -> None:
    person, door, office = graduate_factory(materials=MATERIALS), lantai.receiver_door, registry.office
    view = lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)
    leg = lantai.electronic.order(pair.first, person.id, view.id)
    clock.advance(days=-30)
    lantai.packer.work(PackElectronic(leg.id))
    row = leg_of(lantai, leg.id)
    assert row.digest is not None
    assert row.manifest_digest is not None
    clock.advance(days=-30)
    assert lantai.left_work.resume() == 0
    door.acknowledge(pair.first, office, leg.id, row.digest, row.size or 0)
    clock.advance(days=-30)
    door.checked(pair.first, office, leg.id, passed=True, bag=row.bag_digest)
    door.accept(pair.first, office, leg.id, row.manifest_digest)
    receipt = Receipt(row.manifest_digest, "HR-1", clock.now().date())
    door.receipt(pair.first, office, leg.id, receipt)
    door.receipt(pair.first, office, leg.id, receipt)
    assert leg_of(lantai, leg.id).state is Leg.E_RECEIPT
    with pytest.raises(Conflict, match="receipt_given"):
        door.receipt(pair.first, office, leg.id, Receipt(row.manifest_digest, "HR-2", clock.now().date()))


def test_an_overdue_receipt_comes_in_after_the_clock_went_back(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person], clock: FakeClock
) -> None:
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.DELIVERED_UNCONFIRMED)
    clock.advance(days=60)
    lantai.transfer_watch.tick()
    clock.advance(days=-50)
    late = now(lantai, pair.first, view)
    (edge,) = way(State.RECEIPT_OVERDUE, State.RECEIVED)
    assert walk(lantai, pair, late, edge).state is State.RECEIVED
