"""Queues as they stand in PostgreSQL, and the staff's group hearing of them once."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import text

from app.db import new_id
from app.jobs import Announce, DeliverWebhooks
from app.operations.alarms import TURN, QueueAlarms
from app.operations.figures import Schema
from app.operations.rules import QueueFigures
from app.ports import SendFailed, SendFault
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock

HOUR = timedelta(hours=1).total_seconds()


def enqueue(lantai: Lantai, minutes_ago: float = 0) -> None:
    with lantai.db.transaction() as session:
        lantai.queue.enqueue(session, Announce(new_id()))
        session.execute(
            text(
                "update procrastinate_events set at = now() - make_interval(secs => :s)"
                " where job_id = (select max(id) from procrastinate_jobs)"
            ),
            {"s": minutes_ago * 60},
        )


def run(lantai: Lantai, statement: str) -> None:
    with lantai.db.transaction() as session:
        session.execute(text(statement))


def of_queue(lantai: Lantai, name: str) -> QueueFigures:
    return next(f for f in lantai.figures.queues() if f.queue == name)


def test_figures_of_known_jobs(lantai: Lantai) -> None:
    assert lantai.figures.queues() == [QueueFigures("default"), QueueFigures("face"), QueueFigures("webhooks")]
    enqueue(lantai, 7)
    enqueue(lantai, 3)
    with lantai.db.transaction() as session:
        lantai.queue.enqueue(session, DeliverWebhooks(new_id(), new_id()))
    # one is due later, one was due nine minutes ago after a retry, one is being done, two failed for good
    for state in ("todo", "todo", "doing", "failed", "failed"):
        enqueue(lantai)
        run(
            lantai,
            f"update procrastinate_jobs set status = '{state}' where id = (select max(id) from procrastinate_jobs)",
        )
    run(
        lantai,
        "update procrastinate_jobs set scheduled_at = now() + interval '1 hour'"
        " where id = (select min(id) + 3 from procrastinate_jobs)",
    )
    run(
        lantai,
        "update procrastinate_jobs set scheduled_at = now() - interval '9 minutes'"
        " where id = (select min(id) + 4 from procrastinate_jobs)",
    )
    found = of_queue(lantai, "default")
    assert (found.waiting, found.due, found.doing, found.failed) == (4, 3, 1, 2)
    assert found.oldest_due_s == pytest.approx(540, abs=20)
    run(lantai, "update procrastinate_jobs set status = 'doing' where scheduled_at < now()")
    assert of_queue(lantai, "default").oldest_due_s == pytest.approx(420, abs=20)
    webhooks = of_queue(lantai, "webhooks")
    assert (webhooks.due, webhooks.failed, webhooks.oldest_due_s < 60) == (1, 0, True)


def test_one_alarm_one_all_clear(lantai: Lantai, world: World, clock: FakeClock) -> None:
    alarms = lantai.queue_alarms
    enqueue(lantai, 4)
    assert (alarms.tick(), world.alerts.lines) == (0, [])
    enqueue(lantai, 11)
    run(lantai, "update procrastinate_events set at = at - interval '2 minutes'")
    assert alarms.tick() == 1
    assert "（常规）" in world.alerts.lines[0]
    assert "2 项到期未办" in world.alerts.lines[0]
    for _ in range(3):
        clock.advance(seconds=HOUR)
        assert alarms.tick() == 0
    run(lantai, "delete from procrastinate_jobs")
    assert (alarms.tick(), alarms.tick()) == (1, 0)
    assert "恢复正常" in world.alerts.lines[1]
    enqueue(lantai, 10)
    assert alarms.tick() == 1
    run(lantai, "delete from procrastinate_jobs")
    assert alarms.tick() == 1
    enqueue(lantai, 10)
    assert alarms.tick() == 0  # within the hour
    clock.advance(seconds=HOUR)
    assert alarms.tick() == 1
    assert len(world.alerts.lines) == 5


def test_jobs_that_failed_for_good_are_told_once(lantai: Lantai, world: World, clock: FakeClock) -> None:
    enqueue(lantai)
    run(lantai, "update procrastinate_jobs set status = 'failed'")
    assert (lantai.queue_alarms.tick(), lantai.queue_alarms.tick()) == (1, 0)
    assert "1 项任务多次重试后仍失败" in world.alerts.lines[0]
    clock.advance(seconds=HOUR)
    assert lantai.queue_alarms.tick() == 0
    enqueue(lantai)
    run(lantai, "update procrastinate_jobs set status = 'failed'")
    assert lantai.queue_alarms.tick() == 1
    assert "2 项任务" in world.alerts.lines[1]


def another_worker(lantai: Lantai) -> QueueAlarms:
    late_after = timedelta(seconds=lantai.settings.queue_late_s)
    return QueueAlarms(lantai.db, lantai.figures, lantai.outside.cache, lantai.outside.alerts, lantai.clock, late_after)


def test_workers_share_what_was_told(lantai: Lantai, world: World) -> None:
    other = another_worker(lantai)
    enqueue(lantai, 10)
    assert (lantai.queue_alarms.tick(), other.tick()) == (1, 0)
    run(lantai, "delete from procrastinate_jobs")
    assert (other.tick(), lantai.queue_alarms.tick()) == (1, 0)
    assert len(world.alerts.lines) == 2


def test_one_worker_judges_at_a_time(lantai: Lantai, world: World) -> None:
    enqueue(lantai, 10)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lantai.db.alone(TURN) as mine:
            assert mine
            held.set()
            done.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)
    assert lantai.queue_alarms.tick() == 0
    done.set()
    holder.join(20)
    assert lantai.queue_alarms.tick() == 1


def test_a_forgetful_redis_repeats_nothing_to_the_same_worker(lantai: Lantai, world: World) -> None:
    enqueue(lantai, 10)
    assert lantai.queue_alarms.tick() == 1
    lantai.outside.cache.forget("operations:told:default")
    assert lantai.queue_alarms.tick() == 0


@pytest.mark.parametrize(("fault", "tries"), [(SendFault.RETRY, 2), (SendFault.UNKNOWN, 1)])
def test_a_robot_that_does_not_answer(lantai: Lantai, fault: SendFault, tries: int) -> None:
    asked: list[str] = []

    class Deaf:
        def alert(self, text: str) -> None:
            asked.append(text)
            raise SendFailed(fault, "timeout")

    late_after = timedelta(seconds=300)
    alarms = QueueAlarms(lantai.db, lantai.figures, lantai.outside.cache, Deaf(), lantai.clock, late_after)
    enqueue(lantai, 10)
    for _ in range(2):
        alarms.tick()
    assert len(asked) == tries


def test_without_a_robot_nothing_is_counted(lantai: Lantai) -> None:
    alarms = QueueAlarms(lantai.db, lantai.figures, lantai.outside.cache, None, lantai.clock, timedelta(seconds=1))
    enqueue(lantai, 10)
    assert alarms.tick() == 0


def test_workers_count_while_they_beat(lantai: Lantai) -> None:
    assert lantai.figures.workers() == 0
    run(lantai, "insert into procrastinate_workers default values")
    run(lantai, "insert into procrastinate_workers (last_heartbeat) values (now() - interval '11 seconds')")
    assert lantai.figures.workers() == 1


def test_the_schema_is_held_against_this_release(lantai: Lantai) -> None:
    assert lantai.figures.schema() is Schema.OK
    for version, state in (("0001", Schema.BEHIND), ("9999", Schema.AHEAD)):
        run(lantai, f"update alembic_version set version_num = '{version}'")
        assert lantai.figures.schema() is state


def test_sweeps_are_remembered_by_name(lantai: Lantai, clock: FakeClock) -> None:
    assert lantai.sweep_book.last() == {}
    lantai.sweep_book.note(["claims", "drafts"])
    first = clock.now().timestamp()
    clock.advance(seconds=600)
    lantai.sweep_book.note(["claims"])
    assert lantai.sweep_book.last() == {"claims": first + 600, "drafts": first}
