"""Jobs that got lost are asked for once more, and nothing that is at work or waits for staff is touched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.actors import SYSTEM, Role
from app.jobs import PackElectronic
from app.transfers.batch_models import BatchState
from app.transfers.electronic import LegView
from app.transfers.electronic_rules import Leg, Reason
from app.transfers.left_work import QUIET
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.checks.conftest import MATERIALS
from tests.app.conftest import Clerk
from tests.conftest import Person, World
from tests.electronic import Registry, leg_of, sealed_transfer
from tests.fakes import FakeClock
from tests.moving import desk_pair, lead, now, opened

LATER = QUIET + timedelta(minutes=1)


@pytest.fixture
def order(lantai: Lantai, clerk: Clerk, graduate_factory: Callable[..., Person]) -> Callable[[], LegView]:
    actor = clerk(Role.DISPATCHER)

    def make() -> LegView:
        person = graduate_factory(materials=MATERIALS)
        return lantai.electronic.order(actor, person.id, sealed_transfer(lantai, person))

    return make


def lose_jobs(lantai: Lantai) -> None:
    """As a queue that has tried often enough: the job stands there as failed."""
    with lantai.db.transaction() as session:
        session.execute(text("update procrastinate_jobs set status = 'failed'"))


def test_a_packing_whose_job_was_lost_is_made_after_all(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None], clock: FakeClock
) -> None:
    leg = order()
    lose_jobs(lantai)
    run_jobs()
    assert (leg_of(lantai, leg.id).state, lantai.left_work.resume()) == (Leg.PREPARING, 0)  # it may yet be at work
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 1
    run_jobs()
    assert leg_of(lantai, leg.id).state is Leg.SUBMITTED
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 0


def test_one_that_staff_have_just_ordered_again_is_left_to_its_new_job(
    lantai: Lantai, clerk: Clerk, graduate_factory: Callable[..., Person], clock: FakeClock
) -> None:
    actor, person = clerk(Role.DISPATCHER), graduate_factory(materials=MATERIALS)
    transfer_id = sealed_transfer(lantai, person)
    leg = lantai.electronic.order(actor, person.id, transfer_id)
    clock.advance(hours=2)
    assert lantai.electronic.order(actor, person.id, transfer_id).id == leg.id
    assert lantai.left_work.resume() == 0
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 1


def test_what_waits_for_staff_is_left_to_them(
    lantai: Lantai, order: Callable[[], LegView], registry: Registry, clock: FakeClock
) -> None:
    leg = order()
    with lantai.db.transaction() as session:
        session.execute(text("update electronic_leg set trouble = 'manifest_outdated' where id = :i"), {"i": leg.id})
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 0


def test_a_push_whose_job_was_lost_is_tried_again_and_a_refused_target_is_not(
    lantai: Lantai,
    order: Callable[[], LegView],
    run_jobs: Callable[[], None],
    registry: Registry,
    clock: FakeClock,
) -> None:
    registry.pushed_to("http://10.0.0.1/inbox")  # never pushed to: the first try says so
    leg = order()
    lantai.packer.work(PackElectronic(leg.id))
    lose_jobs(lantai)
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 1
    run_jobs()
    assert leg_of(lantai, leg.id).trouble == "push_target_refused"
    assert lantai.left_work.resume() == 0


def test_a_batch_whose_job_was_lost_is_handed_over_after_all(
    lantai: Lantai, graduate_factory: Callable[..., Person], run_jobs: Callable[[], None], clock: FakeClock
) -> None:
    pair, desk = desk_pair(lantai), lantai.dispatching
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.SEALED)
    batch = desk.begin(pair.first, Channel.EMS)
    desk.add(pair.first, batch, view.number, "1000000000001")
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 0  # nobody has pressed yet
    desk.hand_over(pair.first, batch)
    lose_jobs(lantai)
    run_jobs()
    assert desk.batch(pair.first, batch).state is BatchState.RUNNING
    clock.advance(seconds=LATER.total_seconds())
    assert lantai.left_work.resume() == 1
    run_jobs()
    assert desk.batch(pair.first, batch).state is BatchState.DONE
    assert now(lantai, pair.first, view).state is State.HANDED_TO_CARRIER
    assert lantai.left_work.resume() == 0


def test_a_box_that_is_being_written_is_not_swept_under_its_writer(
    lantai: Lantai, order: Callable[[], LegView], run_jobs: Callable[[], None], registry: Registry, world: World
) -> None:
    before = set(world.files.files)
    leg = order()
    run_jobs()
    lantai.receiver_door.reject(SYSTEM, registry.office, leg.id, [Reason.CANNOT_DECRYPT], "")
    with lantai.db.alone(leg.id) as held:
        assert held
        assert lantai.electronic.sweep() == 0
        assert leg_of(lantai, leg.id).box is not None
    assert lantai.electronic.sweep() == 1
    # what the graduates' own files are stands there still
    assert not [name for name in set(world.files.files) - before if len(name) == 40]
