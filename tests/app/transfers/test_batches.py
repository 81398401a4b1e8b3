"""Batches of hand-overs: scanned pairs, one act, each dossier once whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, update

from app.actors import Role
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.jobs import DispatchWork
from app.people.models import StaffMember
from app.transfers import batches
from app.transfers.batch_models import BatchState, DispatchItem, ItemState
from app.transfers.models import Dispatch
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.moving import Pair, lead, now, opened

People = Callable[..., Person]
Sealed = Callable[..., TransferView]


@pytest.fixture
def sealed(lantai: Lantai, pair: Pair, graduate_factory: People) -> Sealed:
    def make(channel: Channel = Channel.EMS, at: State = State.SEALED) -> TransferView:
        return lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id, channel=channel), at)

    return make


def number(n: int) -> str:
    return f"1{n:012d}"


def test_scanned_pairs_are_handed_over_in_one_act(
    lantai: Lantai, pair: Pair, sealed: Sealed, run_jobs: Callable[[], None]
) -> None:
    desk, actor = lantai.dispatching, pair.first
    views = [sealed() for _ in range(3)]
    batch = desk.begin(actor, Channel.EMS)
    for n, view in enumerate(views):
        assert desk.expects(actor, f" {view.number.lower()} ") == view.number
        desk.add(actor, batch, view.number, number(n))
    assert [i.tracking for i in desk.items(actor, batch)] == [number(2), number(1), number(0)]
    desk.remove(actor, batch, desk.items(actor, batch)[0].id)
    desk.hand_over(actor, batch)
    desk.hand_over(actor, batch)  # pressing twice is once
    run_jobs()
    shown = desk.batch(actor, batch)
    assert (shown.state, shown.done, shown.failed, shown.waiting) == (BatchState.DONE, 2, 0, 0)
    assert [now(lantai, actor, v).state for v in views] == [
        State.HANDED_TO_CARRIER,
        State.HANDED_TO_CARRIER,
        State.SEALED,
    ]
    assert [v.id for v in desk.batches(actor)[0]] == [batch]
    with pytest.raises(Conflict, match="batch_closed"):
        desk.add(actor, batch, views[2].number, number(9))


def test_what_cannot_be_scanned(lantai: Lantai, pair: Pair, sealed: Sealed) -> None:
    desk, actor = lantai.dispatching, pair.first
    batch, view, other = desk.begin(actor, Channel.EMS), sealed(), sealed()
    desk.add(actor, batch, view.number, number(1))
    for transfer, tracking, code in (
        (view.number, number(2), "already_scanned"),
        (other.number, number(1), "tracking_number_used"),
        (sealed(at=State.CHECKED).number, number(3), "not_sealed"),
        (sealed(at=State.IN_TRANSIT).number, number(3), "already_handed_over"),
        (sealed(Channel.CONFIDENTIAL_POST).number, number(3), "other_channel"),
    ):
        with pytest.raises(Conflict) as caught:
            desk.add(actor, batch, transfer, tracking)
        assert caught.value.code == code
    for transfer in ("", "ZD2026999999", view.number.replace("ZD20", "ZD19"), "1234567890123", "ZD", "'; --"):
        with pytest.raises(Invalid) as wrong:
            desk.add(actor, batch, transfer, number(4))
        assert [(f.pointer, f.code) for f in wrong.value.faults] == [("/transfer", "unknown_transfer")]
    with pytest.raises(Invalid) as wrong:
        desk.add(actor, batch, other.number, "运单")
    assert [f.pointer for f in wrong.value.faults] == ["/tracking_number"]
    assert desk.batch(actor, batch).waiting == 1


def test_the_same_pair_scanned_at_two_desks_at_once_is_taken_once(lantai: Lantai, pair: Pair, sealed: Sealed) -> None:
    desk, view, other = lantai.dispatching, sealed(), sealed()
    batches_of = [desk.begin(actor, Channel.EMS) for actor in (pair.first, pair.second) for _ in range(2)]
    pairs = [(view.number, number(1)), (view.number, number(2)), (other.number, number(1)), (view.number, number(1))]
    gate, said = threading.Barrier(4), list[str]()

    def scan(n: int) -> None:
        gate.wait()
        try:
            desk.add(pair.first if n < 2 else pair.second, batches_of[n], *pairs[n])
            said.append("")
        except Conflict as refused:
            said.append(refused.code)

    threads = [threading.Thread(target=scan, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [i for batch in batches_of for i in desk.items(pair.first, batch)]
    # each transfer and each number once, whoever came first; nobody met an error that is none of ours
    assert len({i.transfer for i in taken}) == len({i.tracking for i in taken}) == len(taken) == said.count("")
    assert 1 <= len(taken) <= 2
    assert set(said) <= {"", "already_scanned", "tracking_number_used", "busy"}


def test_a_number_used_by_hand_is_not_scanned_and_the_other_way_round(
    lantai: Lantai, pair: Pair, sealed: Sealed, run_jobs: Callable[[], None]
) -> None:
    desk, actor = lantai.dispatching, pair.first
    batch, first, second = desk.begin(actor, Channel.EMS), sealed(), sealed()
    shown = {Evidence.TRACKING_NUMBER: number(1)}
    lantai.transfers.move(actor, first.id, first.version, State.HANDED_TO_CARRIER, shown)
    with pytest.raises(Conflict, match="tracking_number_used"):
        desk.add(actor, batch, second.number, number(1))
    desk.add(actor, batch, second.number, number(2))
    third = sealed()
    lantai.transfers.move(
        actor, third.id, third.version, State.HANDED_TO_CARRIER, {Evidence.TRACKING_NUMBER: number(2)}
    )
    desk.hand_over(actor, batch)
    run_jobs()
    (item,) = desk.items(actor, batch)
    assert (item.state, item.reason) == (ItemState.FAILED, "tracking_number_used")
    assert now(lantai, actor, second).state is State.SEALED


def test_one_that_moved_meanwhile_fails_alone(
    lantai: Lantai, pair: Pair, sealed: Sealed, run_jobs: Callable[[], None]
) -> None:
    desk, actor = lantai.dispatching, pair.first
    batch, first, second = desk.begin(actor, Channel.EMS), sealed(), sealed()
    desk.add(actor, batch, first.number, number(1))
    desk.add(actor, batch, second.number, number(2))
    lead(lantai, pair, first, State.WITHDRAWN)
    desk.hand_over(actor, batch)
    run_jobs()
    shown = desk.batch(actor, batch)
    assert (shown.state, shown.done, shown.failed) == (BatchState.DONE, 1, 1)
    assert now(lantai, actor, second).state is State.HANDED_TO_CARRIER


def test_a_role_taken_away_hands_nothing_over(
    lantai: Lantai, pair: Pair, sealed: Sealed, run_jobs: Callable[[], None]
) -> None:
    desk, actor, view = lantai.dispatching, pair.first, sealed()
    batch = desk.begin(actor, Channel.EMS)
    desk.add(actor, batch, view.number, number(1))
    desk.hand_over(actor, batch)
    with lantai.db.transaction() as session:
        session.execute(update(StaffMember).where(StaffMember.id == actor.id).values(roles=["auditor"]))
    run_jobs()
    assert [i.reason for i in desk.items(actor, batch)] == ["role_required"]
    assert now(lantai, pair.second, view).state is State.SEALED


def test_giving_up_leaves_the_dossiers_sealed(lantai: Lantai, pair: Pair, sealed: Sealed) -> None:
    desk, actor, view = lantai.dispatching, pair.first, sealed()
    batch = desk.begin(actor, Channel.EMS)
    with pytest.raises(Conflict, match="batch_empty"):
        desk.hand_over(actor, batch)
    desk.add(actor, batch, view.number, number(1))
    desk.drop(actor, batch)
    assert desk.batch(actor, batch).state is BatchState.DROPPED
    again = desk.begin(actor, Channel.EMS)
    desk.add(actor, again, view.number, number(1))  # both are free again
    with pytest.raises(NotFound):
        desk.remove(actor, again, uuid4())


def test_only_movers(lantai: Lantai, clerk: Clerk) -> None:
    for role in (Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(Forbidden):
            lantai.dispatching.begin(clerk(role), Channel.EMS)
    with pytest.raises(NotFound):
        lantai.dispatching.batch(clerk(Role.DISPATCHER), uuid4())


def test_several_workers_at_once_hand_each_over_once(
    lantai: Lantai, pair: Pair, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE", 2)
    desk, actor = lantai.dispatching, pair.first
    batch = desk.begin(actor, Channel.EMS)
    for n in range(7):
        desk.add(actor, batch, sealed().number, number(n))
    desk.hand_over(actor, batch)
    threads = [threading.Thread(target=desk.work, args=(DispatchWork(batch),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.batch(actor, batch).done == 7
    assert _dispatched(lantai, batch) == 7


def test_a_worker_that_dies_between_slices_is_followed_by_another(
    lantai: Lantai, pair: Pair, sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "SLICE", 2)
    desk, actor = lantai.dispatching, pair.first
    batch = desk.begin(actor, Channel.EMS)
    for n in range(5):
        desk.add(actor, batch, sealed().number, number(n))
    desk.hand_over(actor, batch)
    taken = []
    take = lantai.transfer_steps.take

    def dying(*args: object, **kwargs: object) -> None:
        taken.append(1)
        if len(taken) == 4:
            raise SystemExit
        take(*args, **kwargs)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(type(lantai.transfer_steps), "take", lambda _, *a, **k: dying(*a, **k))
        with pytest.raises(SystemExit):
            desk.work(DispatchWork(batch))
    assert _dispatched(lantai, batch) == 2
    desk.work(DispatchWork(batch))
    assert (desk.batch(actor, batch).state, _dispatched(lantai, batch)) == (BatchState.DONE, 5)


def _dispatched(lantai: Lantai, batch: UUID) -> int:
    query = (
        select(func.count(Dispatch.id))
        .join(DispatchItem, DispatchItem.transfer_id == Dispatch.transfer_id)
        .where(DispatchItem.batch_id == batch)
    )
    with lantai.db.transaction() as session:
        return session.scalar(query) or 0
