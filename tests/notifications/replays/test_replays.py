"""All of what a filter shows is sent again: counted first, frozen at the press, each once, and stopped by hand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, func, select, text, tuple_, update

from app.actors import Actor, ActorKind, Role
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.events import Event
from app.jobs import BULK
from app.people.models import PlatformIdentity
from app.ports import SendFault
from notifications.campaigns.pacing import InTurn
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import Way
from notifications.models import AttemptState, DeliveryAttempt
from notifications.replays.models import Outcome, ReplayItem, ReplayRun, State
from notifications.replays.sending import KEEP
from notifications.sending_again import Refusal
from notifications.undelivered import Replayed, UndeliveredFilter
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.moving import Pair
from tests.notifications.campaigns.cohorts import cohort, running, told
from tests.notifications.campaigns.test_halting import awaited
from tests.notifications.replays.outage import outage, outcomes, replayed
from tests.notifications.test_two_ways import Both, both
from tests.proof.house import at_once

__all__ = ["both"]
PER_SECOND = 20
BUSY, ALL = UndeliveredFilter("retry"), UndeliveredFilter()


def run_out(lantai: Lantai, clock: FakeClock, seconds: int) -> int:
    done = lantai.replay_sending.tick()
    for _ in range(seconds):
        clock.advance(seconds=1)
        done += lantai.replay_sending.tick()
    return done


def listed(lantai: Lantai, pair: Pair, wanted: UndeliveredFilter = ALL) -> int:
    return lantai.undelivered.page(pair.first, wanted, 1, 1)[1]


def pressed(lantai: Lantai, pair: Pair, wanted: UndeliveredFilter = BUSY, *, double: bool = False) -> UUID:
    return lantai.replays.start(pair.first, wanted, double_known=double)[0]


def test_all_of_a_cause_go_once_at_the_pace_of_campaigns(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    outage(lantai, 45)
    outage(lantai, 3, "content:87014")
    seen = lantai.replays.preview(pair.first, BUSY)
    assert (seen.by_kind, seen.doubtful, seen.barred) == ([(Way.WECHAT, "更正申请：已更正", 45)], 0, 0)
    run = pressed(lantai, pair)
    outage(lantai, 5)  # after the press
    assert lantai.replay_sending.tick() == PER_SECOND
    assert lantai.replay_sending.tick() == 0
    view = lantai.replays.view(pair.second, run)
    assert (view.state, view.total, view.dealt_with, view.started_by) == (State.RUNNING, 45, 20, pair.first.id)
    assert run_out(lantai, clock, 4) == 25
    view = lantai.replays.view(pair.second, run)
    assert (view.state, view.outcomes, view.refusals) == (State.DONE, {Outcome.AGAIN: 45}, {})
    assert len(set(replayed(lantai))) == len(replayed(lantai)) == 45
    assert (listed(lantai, pair, BUSY), listed(lantai, pair)) == (5, 8)
    with lantai.db.transaction() as session:
        jobs = (
            "select count(distinct args->>'notice_id'), count(*), min(priority), max(priority) from procrastinate_jobs"
        )
        assert tuple(session.execute(text(jobs)).one()) == (45, 45, BULK, BULK)
        ends = {e.type: e for e in session.scalars(select(Event).where(Event.object_id == run))}
        one = session.scalars(select(Event).where(Event.type == "notice.replayed")).first()
    assert ends["replay.started"].actor_id == pair.first.id
    assert ends["replay.started"].data == {"cause": "retry", "way": "", "taken": 45, "double": False}
    assert ends["replay.done"].data == {
        "cause": "retry",
        "way": "",
        "waiting": 0,
        "again": 45,
        "settled": 0,
        "refused": 0,
    }
    assert one is not None
    assert (one.actor_id, one.data["run"]) == (pair.first.id, str(run))


def test_what_may_have_arrived_is_left_out_unless_a_double_is_accepted(
    lantai: Lantai, pair: Pair, clock: FakeClock
) -> None:
    outage(lantai, 4)
    outage(lantai, 3, "unknown:lost")
    assert (lantai.replays.preview(pair.first, ALL).sendable, lantai.replays.preview(pair.first, ALL).doubtful) == (
        7,
        3,
    )
    with pytest.raises(Invalid, match="replay_double_unconfirmed"):
        pressed(lantai, pair, UndeliveredFilter("unknown"))
    assert lantai.replays.lately(pair.first) == []  # nothing was begun
    pressed(lantai, pair, ALL)
    run_out(lantai, clock, 2)
    assert (len(replayed(lantai)), listed(lantai, pair)) == (4, 3)
    pressed(lantai, pair, UndeliveredFilter("unknown"), double=True)
    run_out(lantai, clock, 2)
    assert (len(replayed(lantai)), listed(lantai, pair)) == (7, 0)
    with pytest.raises(Invalid, match="nothing_to_replay"):
        pressed(lantai, pair, ALL, double=True)


def test_what_changed_since_the_press_is_judged_anew(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    again, dead, dropped, doubtful, _ = outage(lantai, 5)
    run = pressed(lantai, pair)
    assert lantai.undelivered.replay(pair.second, [again], double_known=False) == Replayed(1, 0)
    with lantai.db.transaction() as session:
        account = session.get_one(DeliveryAttempt, dead).identity_id
        session.get_one(PlatformIdentity, account).unreachable_at = clock.now()
        session.get_one(DeliveryAttempt, dropped).reason = "cancelled"
        session.get_one(DeliveryAttempt, doubtful).state = AttemptState.UNKNOWN
    run_out(lantai, clock, 2)
    view = lantai.replays.view(pair.first, run)
    assert view.outcomes == {Outcome.AGAIN: 1, Outcome.SETTLED: 1, Outcome.REFUSED: 3}
    assert view.refusals == {Refusal.UNREACHABLE: 1, Refusal.CANCELLED: 1, Refusal.DOUBLE: 1}
    assert len(set(replayed(lantai))) == len(replayed(lantai)) == 2


def test_what_nothing_can_receive_is_not_taken_in(lantai: Lantai, pair: Pair) -> None:
    outage(lantai, 2)
    outage(lantai, 3, "cancelled")
    with lantai.db.transaction() as session:
        first = session.scalars(select(PlatformIdentity.id).join(DeliveryAttempt)).first()
        session.execute(update(PlatformIdentity).where(PlatformIdentity.id == first).values(unreachable_at=func.now()))
    seen = lantai.replays.preview(pair.first, UndeliveredFilter("cancelled"))
    assert (seen.sendable, seen.barred) == (0, 3)
    with pytest.raises(Invalid, match="nothing_to_replay"):
        pressed(lantai, pair, UndeliveredFilter("cancelled"))
    seen = lantai.replays.preview(pair.first, UndeliveredFilter(way=Way.WECHAT))
    assert seen.sendable + seen.barred == 2
    assert lantai.replays.view(pair.first, pressed(lantai, pair, ALL)).total == seen.sendable


def test_of_a_push_and_a_letter_of_one_notice_the_push_goes(
    lantai: Lantai, both: Both, pair: Pair, world: World, run_jobs: Callable[[], None]
) -> None:
    both()
    assert {way for way, _, _ in lantai.replays.preview(pair.first, ALL).by_kind} == {Way.WECHAT, Way.EMAIL}
    run = pressed(lantai, pair, ALL)
    lantai.replay_sending.tick()
    assert lantai.replays.view(pair.first, run).refusals == {Refusal.OTHER_WAY: 1}
    run_jobs()
    assert (len(world.wechat_sender.sent), len(world.mailer.sent)) == (1, 0)


def test_letters_alone_are_written_again(
    lantai: Lantai, both: Both, pair: Pair, world: World, run_jobs: Callable[[], None]
) -> None:
    _, letter = both(SendFault.CONTENT)
    pressed(lantai, pair, UndeliveredFilter("content", Way.EMAIL))
    lantai.replay_sending.tick()
    with lantai.db.transaction() as session:
        query = text("select priority from procrastinate_jobs where task_name = 'notifications.deliver_by_contact'")
        assert session.scalars(query).one() == BULK
    run_jobs()
    assert (len(world.wechat_sender.sent), len(world.mailer.sent)) == (0, 1)
    with lantai.db.transaction() as session:
        assert session.get_one(ContactAttempt, letter).state is AttemptState.FAILED


def test_a_message_that_fails_again_is_listed_again(
    lantai: Lantai, both: Both, pair: Pair, world: World, run_jobs: Callable[[], None], clock: FakeClock
) -> None:
    both(None)  # its letter arrived
    run = pressed(lantai, pair, UndeliveredFilter("content"), double=True)
    world.wechat_sender.faults = [SendFault.CONTENT]
    run_out(lantai, clock, 1)
    run_jobs()
    assert outcomes(lantai, run) == {"again": 1}
    assert listed(lantai, pair, UndeliveredFilter("content")) == 1


def test_two_who_press_at_once_make_one_run(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    outage(lantai, 30)
    who = [pair.first, pair.second, pair.first, pair.second]
    found = at_once(4, lambda n: lantai.replays.start(who[n], BUSY, double_known=False))
    assert not [f for f in found if isinstance(f, Exception)]
    assert len({f[0] for f in found if not isinstance(f, Exception)}) == 1
    assert sorted(f[1] for f in found if not isinstance(f, Exception)) == [False, False, False, True]
    # another filter that shows the same ones is a run of its own, and finds them settled
    wider = pressed(lantai, pair, ALL)
    for _ in range(6):
        at_once(3, lambda _: lantai.replay_sending.tick())
        clock.advance(seconds=1)
    assert len(set(replayed(lantai))) == len(replayed(lantai)) == 30
    runs = lantai.replays.lately(pair.first)
    assert [run.state for run in runs] == [State.DONE, State.DONE]
    assert sum(run.outcomes.get(Outcome.AGAIN, 0) for run in runs) == 30
    assert sum(run.outcomes.get(Outcome.SETTLED, 0) for run in runs) == 30
    assert wider in {run.id for run in runs}


def test_a_stop_begins_nothing_more_and_what_is_left_can_be_pressed_again(
    lantai: Lantai, pair: Pair, clock: FakeClock
) -> None:
    outage(lantai, 30)
    run = pressed(lantai, pair)
    lantai.replay_sending.tick()
    lantai.replays.stop(pair.second, run)
    clock.advance(seconds=5)
    assert lantai.replay_sending.tick() == 0
    view = lantai.replays.view(pair.first, run)
    assert (view.state, view.stopped_by, view.dealt_with) == (State.STOPPED, pair.second.id, 20)
    assert listed(lantai, pair) == 10
    with pytest.raises(Conflict, match="replay_ended"):
        lantai.replays.stop(pair.first, run)
    assert lantai.replays.view(pair.first, pressed(lantai, pair)).total == 10
    with lantai.db.transaction() as session:
        [event] = session.scalars(select(Event).where(Event.type == "replay.stopped"))
    assert (event.actor_id, event.data["again"], event.data["waiting"]) == (pair.second.id, 20, 10)


def test_at_night_nothing_is_sent_again(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    outage(lantai, 3)
    pressed(lantai, pair)
    clock.advance(hours=14)  # 23:00 in Beijing
    assert (lantai.replay_sending.tick(), lantai.replay_sending.rests_until()) == (0, clock.now() + timedelta(hours=9))
    clock.advance(hours=9)
    assert lantai.replay_sending.tick() == 3


def test_a_campaign_and_a_run_share_the_pace(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    """Each begins in its turn: whoever came second each time would find the bucket empty."""
    cohort(lantai, 100, year=2032)
    outage(lantai, 100)
    running(lantai, pair)
    pressed(lantai, pair)
    beat = InTurn(lantai.campaign_sending.tick, lantai.replay_sending.tick)
    for second in range(4):
        beat.tick()
        assert len(told(lantai)) + len(replayed(lantai)) == PER_SECOND * (second + 1)
        clock.advance(seconds=1)
    assert (len(told(lantai)), len(replayed(lantai))) == (2 * PER_SECOND, 2 * PER_SECOND)


def test_who_may_press_and_who_may_look(lantai: Lantai, pair: Pair) -> None:
    outage(lantai, 1)
    run = pressed(lantai, pair)
    auditor = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.AUDITOR}))
    assert lantai.replays.view(auditor, run).total == 1
    assert lantai.replays.preview(auditor, BUSY).sendable == 1
    stranger = Actor(ActorKind.GRADUATE, uuid4(), frozenset({Role.ARCHIVIST}))
    reviewer = Actor(ActorKind.STAFF, uuid4(), frozenset({Role.REVIEWER}))
    for actor in (auditor, stranger, reviewer):
        with pytest.raises(Forbidden):
            lantai.replays.start(actor, BUSY, double_known=True)
        with pytest.raises(Forbidden):
            lantai.replays.stop(actor, run)
    for actor in (stranger, reviewer):
        with pytest.raises(Forbidden):
            lantai.replays.view(actor, run)
        with pytest.raises(Forbidden):
            lantai.replays.lately(actor)
    with pytest.raises(NotFound, match="replay_not_found"):
        lantai.replays.view(auditor, uuid4())


def test_runs_are_forgotten_in_time(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    outage(lantai, 3)
    pressed(lantai, pair)
    run_out(lantai, clock, 1)
    clock.advance(seconds=KEEP.total_seconds() - 60)
    assert lantai.replay_sending.sweep() == 0
    clock.advance(seconds=120)
    assert lantai.replay_sending.sweep() == 3
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(ReplayRun)) == 0
        assert session.scalar(select(func.count()).select_from(ReplayItem)) == 0


def test_two_workers_that_forget_at_once_leave_no_message_without_its_run(
    lantai: Lantai, pair: Pair, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second chooses what the first is just forgetting and finds nothing of it left: that was not all."""
    outage(lantai, 3)
    pressed(lantai, pair)
    run_out(lantai, clock, 1)
    clock.advance(seconds=KEEP.total_seconds() + 60)
    monkeypatch.setattr("notifications.replays.sending.SWEPT", 2)
    found = list[object]()
    second = Thread(target=lambda: found.extend(at_once(1, lambda _: lantai.replay_sending.sweep())))
    with lantai.db.transaction() as session:
        first = select(ReplayItem.run_id, ReplayItem.attempt_id).limit(2)
        session.execute(delete(ReplayItem).where(tuple_(ReplayItem.run_id, ReplayItem.attempt_id).in_(first)))
        second.start()
        assert awaited(session)
    second.join()
    assert found == [0]
    assert lantai.replay_sending.sweep() == 1
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(ReplayRun)) == 0
