"""A push that was given up is pushed again by hand, a lost one by the last net, and an acknowledged one by nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from app.actors import SYSTEM, Role
from app.errors import Conflict, Forbidden, NotFound, Unavailable
from app.events import Event
from app.jobs import PushElectronic
from app.package_ports import Delivery
from app.transfers.electronic_models import ElectronicLeg
from app.transfers.electronic_push import WAITS
from app.transfers.electronic_rules import Leg
from app.transfers.left_work import QUIET
from parts import Lantai
from tests.conftest import Person, StaffLogin
from tests.electronic import Registry, leg_of, plugged, registry, sealed_transfer
from tests.fakes import FakeClock
from tests.partner_api.offices import send

__all__ = ["plugged", "registry", "send"]
Send = Callable[[], ElectronicLeg]


class Away:
    """app.package_ports.PackagePusher to an office that is away, until it is back."""

    def __init__(self) -> None:
        self.back, self.tries = False, 0
        self.meanwhile: Callable[[], object] = lambda: None

    def push(self, delivery: Delivery) -> None:
        self.tries += 1
        self.meanwhile()
        if not self.back:
            raise Unavailable("receiver_unreachable")


@pytest.fixture
def away(plugged: None, registry: Registry, lantai: Lantai) -> Away:
    registry.pushed_to("https://hr.example.cn/inbox")
    pusher = Away()
    lantai.electronic_push._pusher = pusher
    return pusher


@pytest.fixture
def given_up(away: Away, send: Send, lantai: Lantai, clock: FakeClock) -> ElectronicLeg:
    row = send()
    for wait in WAITS:
        clock.advance(seconds=wait.total_seconds())
        row = tried(lantai, row)
    assert (row.trouble, row.push_due_at) == ("push_unreachable", None)
    return row


def tried(lantai: Lantai, leg: ElectronicLeg) -> ElectronicLeg:
    lantai.electronic_push.work(PushElectronic(leg.id))
    return leg_of(lantai, leg.id)


def acknowledged(lantai: Lantai, registry: Registry, leg: ElectronicLeg) -> None:
    row = leg_of(lantai, leg.id)
    lantai.receiver_door.acknowledge(SYSTEM, registry.office, row.id, row.digest or b"", row.size or 0)


def lose_jobs(lantai: Lantai) -> None:
    with lantai.db.transaction() as session:
        session.execute(text("update procrastinate_jobs set status = 'failed' where status = 'todo'"))


def test_what_was_given_up_is_pushed_again_without_packing_it_again(
    given_up: ElectronicLeg,
    away: Away,
    lantai: Lantai,
    staff_factory: Callable[..., StaffLogin],
    run_jobs: Callable[[], None],
) -> None:
    mover = staff_factory(Role.DISPATCHER).actor
    away.back, before = True, away.tries
    view = lantai.electronic.push_again(mover, given_up.graduate_id, given_up.transfer_id)
    assert (view.id, view.attempt, view.state, view.trouble) == (given_up.id, 1, Leg.SUBMITTED, None)
    run_jobs()
    row = leg_of(lantai, given_up.id)
    assert away.tries == before + 1
    assert (row.digest, row.box, row.trouble) == (given_up.digest, given_up.box, None)
    assert (row.pushed_at is not None, row.push_due_at) == (True, None)
    with pytest.raises(Conflict, match="push_not_wanted"):
        lantai.electronic.push_again(mover, given_up.graduate_id, given_up.transfer_id)
    with lantai.db.transaction() as session:
        asked = select(func.count()).where(Event.type == "electronic.push_ordered", Event.object_id == row.id)
        assert session.scalar(asked) == 1


def test_pushed_again_it_has_all_its_tries_before_it_and_an_old_job_is_one_too_many(
    away: Away, send: Send, lantai: Lantai, staff_factory: Callable[..., StaffLogin], clock: FakeClock
) -> None:
    leg = send()
    for wait in WAITS[:6]:
        clock.advance(seconds=wait.total_seconds())
        leg = tried(lantai, leg)
    old = leg.push_due_at  # twelve hours from now
    assert (leg.push_tries, old) == (7, clock.now() + WAITS[6])
    mover = staff_factory(Role.ARCHIVIST).actor
    lantai.electronic.push_again(mover, leg.graduate_id, leg.transfer_id)
    leg = tried(lantai, leg)
    assert (leg.push_tries, leg.push_due_at) == (1, clock.now() + WAITS[0])
    for wait in WAITS[:6]:
        clock.advance(seconds=wait.total_seconds())
        leg = tried(lantai, leg)
    before = away.tries
    assert old is not None
    clock.advance(seconds=(old - clock.now()).total_seconds())
    assert tried(lantai, leg).push_tries == 7
    assert away.tries == before


def test_only_movers_push_again_and_only_what_waits(
    given_up: ElectronicLeg,
    lantai: Lantai,
    registry: Registry,
    staff_factory: Callable[..., StaffLogin],
    graduate_factory: Callable[..., Person],
) -> None:
    desk, owner, transfer = lantai.electronic, given_up.graduate_id, given_up.transfer_id
    mover = staff_factory(Role.DISPATCHER).actor
    with pytest.raises(Forbidden):
        desk.push_again(staff_factory(Role.REVIEWER).actor, owner, transfer)
    other = graduate_factory()
    with pytest.raises(NotFound, match="package_not_found"):
        desk.push_again(mover, other.id, sealed_transfer(lantai, other))
    with pytest.raises(NotFound, match="transfer_not_found"):
        desk.push_again(mover, other.id, transfer)
    acknowledged(lantai, registry, given_up)
    with pytest.raises(Conflict, match="electronic_move"):
        desk.push_again(mover, owner, transfer)


def test_a_push_whose_job_was_lost_between_tries_is_taken_up_again_and_one_that_gave_up_is_not(
    away: Away, send: Send, lantai: Lantai, clock: FakeClock, run_jobs: Callable[[], None]
) -> None:
    leg = send()
    assert (leg.trouble, leg.push_tries) == ("push_unreachable", 1)
    lose_jobs(lantai)
    clock.advance(seconds=(WAITS[0] + QUIET - timedelta(minutes=1)).total_seconds())
    assert lantai.left_work.resume() == 0  # the job may only be late
    clock.advance(minutes=2)
    assert lantai.left_work.resume() == 1
    run_jobs()
    leg = leg_of(lantai, leg.id)
    assert (leg.push_tries, leg.push_due_at) == (2, clock.now() + WAITS[1])
    for wait in WAITS[1:]:
        clock.advance(seconds=wait.total_seconds())
        leg = tried(lantai, leg)
    assert leg.push_due_at is None
    clock.advance(days=2)
    assert lantai.left_work.resume() == 0


def test_nothing_is_pushed_once_the_receiver_has_acknowledged(
    away: Away, send: Send, lantai: Lantai, registry: Registry, clock: FakeClock
) -> None:
    leg = send()
    acknowledged(lantai, registry, leg)  # it has fetched the package itself, between two tries
    row = leg_of(lantai, leg.id)
    assert (row.trouble, row.push_due_at) == (None, None)
    clock.advance(days=1)
    before = away.tries
    tried(lantai, leg)
    assert (away.tries, lantai.left_work.resume()) == (before, 0)


@pytest.mark.parametrize("back", [True, False])
def test_an_acknowledgement_in_the_middle_of_a_push_ends_the_pushing(
    away: Away, send: Send, lantai: Lantai, registry: Registry, clock: FakeClock, back: bool
) -> None:
    leg = send()
    clock.advance(seconds=WAITS[0].total_seconds())
    away.back, away.meanwhile = back, lambda: acknowledged(lantai, registry, leg)
    row = tried(lantai, leg)
    assert (row.state, row.trouble, row.push_due_at) == (Leg.TRANSPORT_ACK, None, None)
    with lantai.db.transaction() as session:
        jobs = session.scalar(text("select count(*) from procrastinate_jobs where status = 'todo'"))
    lose_jobs(lantai)
    assert jobs <= 2  # the try that was scheduled before, and what the graduate is told
    clock.advance(days=1)
    assert lantai.left_work.resume() == 0
