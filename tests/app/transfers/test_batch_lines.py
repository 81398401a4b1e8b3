"""Lines of a batch: taken out again, of an erased graduate; and the watch that locks nothing it does not mend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import date

import pytest
from sqlalchemy import delete, select, text, update

from app.errors import Conflict
from app.jobs import DispatchWork
from app.keyring import WrappedKey
from app.transfers import batch_book
from app.transfers.batch_models import BatchState, ItemState
from app.transfers.models import Transfer
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from app.wording.transfers import words_for
from parts import Lantai
from tests.conftest import Person
from tests.moving import Pair, lead, now, opened

People = Callable[..., Person]


@pytest.fixture
def sealed(lantai: Lantai, pair: Pair, graduate_factory: People) -> Callable[[int], Sequence[TransferView]]:
    def make(count: int) -> Sequence[TransferView]:
        views = [opened(lantai, pair.first, graduate_factory().id) for _ in range(count)]
        return [lead(lantai, pair, view, State.SEALED) for view in views]

    return make


def number(n: int) -> str:
    return f"1{n:012d}"


def positions(lantai: Lantai, pair: Pair, batch: object) -> dict[str, int]:
    return {i.transfer: i.position for i in lantai.dispatching.items(pair.first, batch)}  # type: ignore[arg-type]


def test_lines_taken_out_fill_no_batch_and_move_no_other_line(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_book, "MOST", 3)
    desk, actor, views = lantai.dispatching, pair.first, sealed(4)
    batch = desk.begin(actor, Channel.EMS)
    for n, view in enumerate(views[:3]):
        desk.add(actor, batch, view.number, number(n))
    with pytest.raises(Conflict, match="batch_full"):
        desk.add(actor, batch, views[3].number, number(3))
    last = next(i for i in desk.items(actor, batch) if i.transfer == views[2].number)
    desk.remove(actor, batch, last.id)
    desk.add(actor, batch, views[3].number, number(3))
    # the last number is given again; the others keep theirs
    assert positions(lantai, pair, batch) == {views[0].number: 1, views[1].number: 2, views[3].number: 3}
    first = next(i for i in desk.items(actor, batch) if i.transfer == views[0].number)
    desk.remove(actor, batch, first.id)
    desk.add(actor, batch, views[2].number, number(2))
    assert positions(lantai, pair, batch) == {views[1].number: 2, views[3].number: 3, views[2].number: 4}
    with pytest.raises(Conflict, match="batch_full"):
        desk.add(actor, batch, views[0].number, number(9))


def test_the_line_of_an_erased_graduate_fails_alone_and_says_so(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]]
) -> None:
    desk, actor = lantai.dispatching, pair.first
    gone, other = sealed(2)
    batch = desk.begin(actor, Channel.EMS)
    desk.add(actor, batch, gone.number, number(1))
    desk.add(actor, batch, other.number, number(2))
    desk.hand_over(actor, batch)
    with lantai.db.transaction() as session:
        session.execute(delete(WrappedKey).where(WrappedKey.owner_id == gone.graduate_id))
    desk.work(DispatchWork(batch))
    found = {i.transfer: i for i in desk.items(actor, batch)}
    assert desk.batch(actor, batch).state is BatchState.DONE
    assert (found[gone.number].state, found[gone.number].tracking) == (ItemState.FAILED, "")
    assert "已依法销毁" in words_for(found[gone.number].reason)
    assert (found[other.number].state, found[other.number].tracking) == (ItemState.DONE, number(2))
    assert now(lantai, actor, other).state is State.HANDED_TO_CARRIER
    with lantai.db.transaction() as session:
        assert session.get_one(Transfer, gone.id).state is State.SEALED


def test_the_list_of_a_batch_prints_though_one_was_erased(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]]
) -> None:
    (view,) = sealed(1)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    lantai.dispatching.add(pair.first, batch, view.number, number(1))
    with lantai.db.transaction() as session:
        session.execute(delete(WrappedKey).where(WrappedKey.owner_id == view.graduate_id))
    assert lantai.transfer_papers.batch_list(pair.first, batch).startswith(b"%PDF")


def test_the_watch_holds_no_lock_while_it_waits_for_another(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]]
) -> None:
    """A batch locks by id, the watch goes by age: neither may wait for the other in a ring."""
    older, newer = sealed(2)
    wrong = date(2020, 1, 1)
    with lantai.db.transaction() as session:
        session.execute(update(Transfer).where(Transfer.id.in_((older.id, newer.id))).values(due_on=wrong))
    done = threading.Thread(target=lambda: lantai.transfer_watch.check(repair=True))
    with lantai.db.transaction() as session:
        session.execute(text("set local lock_timeout = '5s'"))
        session.scalars(select(Transfer.id).where(Transfer.id == newer.id).with_for_update()).all()
        done.start()
        _until_somebody_waits(lantai)
        # held by nobody though the watch has been at it, and set right already
        row = session.scalars(select(Transfer).where(Transfer.id == older.id).with_for_update()).one()
        assert row.due_on != wrong
    done.join(timeout=10)
    assert not done.is_alive()
    assert lantai.transfer_watch.check() == []


def test_a_batch_locks_in_the_order_of_everybody_not_of_scanning(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]]
) -> None:
    low, high = sorted(sealed(2), key=lambda view: view.id)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    for n, view in enumerate((high, low)):
        lantai.dispatching.add(pair.first, batch, view.number, number(n))
    lantai.dispatching.hand_over(pair.first, batch)
    working = threading.Thread(target=lambda: lantai.dispatching.work(DispatchWork(batch)))
    with lantai.db.transaction() as session:
        session.execute(text("set local lock_timeout = '5s'"))
        session.scalars(select(Transfer.id).where(Transfer.id == low.id).with_for_update()).all()
        working.start()
        _until_somebody_waits(lantai)
        session.scalars(select(Transfer.id).where(Transfer.id == high.id).with_for_update()).all()
    working.join(timeout=20)
    assert lantai.dispatching.batch(pair.first, batch).done == 2


def test_a_list_of_waybills_names_the_line_of_an_erased_graduate(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]]
) -> None:
    (view,) = sealed(1)
    batch = lantai.dispatching.begin(pair.first, Channel.EMS)
    with lantai.db.transaction() as session:
        session.execute(delete(WrappedKey).where(WrappedKey.owner_id == view.graduate_id))
    data = f"转递号,运单号\n{view.number},{number(1)}\n".encode()
    (verdict,) = lantai.waybills.try_out(pair.first, batch, data).lines
    assert list(verdict.codes) == ["owner_erased"]


def test_what_moved_since_it_was_read_is_no_difference(
    lantai: Lantai, pair: Pair, sealed: Callable[[int], Sequence[TransferView]]
) -> None:
    (view,) = sealed(1)
    right = now(lantai, pair.first, view).due
    assert right is not None
    with lantai.db.transaction() as session:
        session.execute(update(Transfer).where(Transfer.id == view.id).values(due_on=date(2020, 1, 1)))
    found: list[object] = []
    watching = threading.Thread(target=lambda: found.extend(lantai.transfer_watch.check(repair=True)))
    with lantai.db.transaction() as session:
        session.scalars(select(Transfer.id).where(Transfer.id == view.id).with_for_update()).all()
        watching.start()
        _until_somebody_waits(lantai)
        session.execute(update(Transfer).where(Transfer.id == view.id).values(due_on=right.on))
    watching.join(timeout=10)
    assert found == []


def _until_somebody_waits(lantai: Lantai) -> None:
    """Of this database's connections one waits for a lock."""
    waiting = text(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    )
    for _ in range(500):
        with lantai.db.engine.connect() as connection:
            if connection.scalar(waiting):
                return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits for a lock")
