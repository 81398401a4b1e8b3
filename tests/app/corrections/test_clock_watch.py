"""The watch: reminders and escalation once each, the digest in office hours, columns held against the events."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.actors import Actor, ActorKind, Role
from app.corrections.clock_watch import ClockWatch
from app.corrections.clocks import TicketClocks, stored
from app.corrections.models import Ticket, TicketReminder
from app.corrections.queue_rules import Queue
from app.corrections.rules import Kind, State
from app.errors import Forbidden
from app.events import Event
from app.working_days.calendar import WorkingDays
from app.working_days.notices import Notices, YearNotice
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.corrections.conftest import OpenFor, reader
from tests.conftest import Person, World
from tests.fakes import FakeClock

# FakeClock starts on Monday 2026-06-01, 09:00 at the school: a ticket then is answered by 06-04, decided by 06-23


def go_to(clock: FakeClock, day: date, hour: int = 9) -> None:
    wanted = datetime(day.year, day.month, day.day, hour - 8 if hour >= 8 else 0, tzinfo=UTC)
    clock.advance(seconds=(wanted - clock.now()).total_seconds())


def ticket_row(lantai: Lantai, ticket_id: Any) -> Ticket:
    with lantai.db.transaction() as session:
        return session.get_one(Ticket, ticket_id)


def marks(lantai: Lantai) -> list[tuple[str, date]]:
    with lantai.db.transaction() as session:
        rows = session.execute(
            select(TicketReminder.threshold, TicketReminder.due_on).order_by(
                TicketReminder.at, TicketReminder.threshold
            )
        )
        return [(code, due) for code, due in rows]


def steps(lantai: Lantai, staff: Actor, ticket_id: Any) -> list[str]:
    return [s.type for s in lantai.desk.ticket(staff, ticket_id).timeline]


def test_every_threshold_is_marked_once_and_shown(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    ticket, staff = open_for(graduate_factory()).line, clerk()
    assert ticket.version == 1  # the clock is in the first row, not an update after it
    watch = lantai.clock_watch
    assert watch.tick() == 0
    for day, made in (
        (date(2026, 6, 2), 0),
        (date(2026, 6, 3), 1),  # one working day left for the first answer
        (date(2026, 6, 4), 0),
        (date(2026, 6, 5), 1),  # nobody answered
        (date(2026, 6, 17), 0),
        (date(2026, 6, 18), 1),  # 端午 between: two working days left
        (date(2026, 6, 23), 0),
        (date(2026, 6, 24), 1),
        (date(2026, 7, 20), 0),
    ):
        go_to(clock, day)
        assert (watch.tick(), watch.tick()) == (made, 0), day
    first, last = date(2026, 6, 4), date(2026, 6, 23)
    assert marks(lantai) == [
        ("answer_soon", first),
        ("answer_overdue", first),
        ("decide_soon", last),
        ("decide_overdue", last),
    ]
    seen = lantai.desk.ticket(staff, ticket.id)
    assert [s.type for s in seen.timeline] == [
        "ticket.opened",
        "ticket.reminded",
        "ticket.escalated",
        "ticket.reminded",
        "ticket.escalated",
    ]
    assert (seen.line.clock.escalated, seen.line.overdue, seen.line.version) == (True, True, ticket.version)
    with lantai.db.transaction() as session:
        escalated = session.scalars(select(Event).where(Event.type == "ticket.escalated").order_by(Event.id)).all()
        assert [e.data["threshold"] for e in escalated] == ["answer_overdue", "decide_overdue"]
        assert session.get_one(Ticket, ticket.id).escalated_at == escalated[0].at
    assert watch.check() == []


def test_what_waits_for_the_graduate_is_not_pressed_and_a_new_due_day_is_reminded_of_again(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    ticket = open_for(person).line
    go_to(clock, date(2026, 6, 18))
    assert lantai.clock_watch.tick() == 2  # the first answer is late, the decision near
    asked = lantai.desk.ask(staff, ticket.id, ticket.version, "请补充").line
    go_to(clock, date(2026, 7, 20))
    assert lantai.clock_watch.tick() == 0
    assert not lantai.desk.ticket(staff, ticket.id).line.overdue
    own = lantai.corrections.ticket(reader(person, clock), ticket.id)
    assert own.line.clock_words == "等待您补充，计时已暂停"
    assert own.line.first_answer_words == "6月18日已答复"
    # what presses the desk is the desk's; that it was escalated is told to the graduate too
    assert [s.type for s in own.timeline] == ["ticket.opened", "ticket.escalated", "ticket.asked"]
    lantai.corrections.add_information(reader(person, clock), ticket.id, asked.version, "见附件")
    row = ticket_row(lantai, ticket.id)
    assert (row.decide_by, row.stopped_at, row.used_days) == (date(2026, 7, 23), None, 12)
    assert lantai.clock_watch.tick() == 0
    go_to(clock, date(2026, 7, 21))
    assert lantai.clock_watch.tick() == 1
    assert marks(lantai)[-1] == ("decide_soon", date(2026, 7, 23))
    assert lantai.clock_watch.check() == []


def test_two_watches_at_once_mark_once(
    graduate_factory: Callable[..., Person], open_for: OpenFor, lantai: Lantai, clock: FakeClock
) -> None:
    person = graduate_factory()
    for _ in range(5):
        open_for(person, Kind.OTHER)
    clock.advance(days=40)
    start, made = threading.Barrier(3), []

    def run() -> None:
        start.wait()
        made.append(lantai.clock_watch.remind())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    lantai.clock_watch.remind()
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(TicketReminder.id))) == 10
        assert session.scalar(select(func.count(Event.id)).where(Event.type == "ticket.escalated")) == 10


def test_the_digest_waits_for_office_hours_and_is_told_once(
    graduate_factory: Callable[..., Person],
    open_for: OpenFor,
    clerk: Clerk,
    lantai: Lantai,
    clock: FakeClock,
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    first, second = open_for(graduate_factory()).line, open_for(graduate_factory()).line
    lantai.desk.take(clerk(), second.id, second.version)
    run_jobs()
    before = len(world.alerts.lines)
    go_to(clock, date(2026, 6, 19))  # 端午, a Friday
    assert lantai.clock_watch.tick() == 3
    assert ticket_row(lantai, first.id).escalated_at == clock.now()  # the mark does not wait
    run_jobs()
    assert world.alerts.lines[before:] == []
    go_to(clock, date(2026, 6, 22), hour=0)
    clock.advance(hours=-1)  # 07:00 at the school
    lantai.clock_watch.tick()
    run_jobs()
    assert world.alerts.lines[before:] == []
    clock.advance(hours=1)
    for _ in range(2):
        lantai.clock_watch.tick()
        run_jobs()
    told = "更正申请期限：1 件即将到期，1 件已超期，其中 1 件未分派，请到工作台办理"
    assert world.alerts.lines[before:] == [told]
    assert not any(first.number in line or second.number in line for line in world.alerts.lines)


def test_what_was_decided_in_the_night_is_not_told_of(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    ticket = open_for(graduate_factory()).line
    go_to(clock, date(2026, 6, 20))
    lantai.clock_watch.tick()
    lantai.desk.reject(clerk(), ticket.id, ticket.version, "other", "已说明")
    go_to(clock, date(2026, 6, 22))
    assert lantai.clock_watch.digest() == 0
    assert lantai.clock_watch.digest(at_any_hour=True) == 0


def test_the_board_tells_each_what_concerns_them(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    handler, other, boss, admin = clerk(), clerk(), clerk(Role.REVIEWER), clerk(Role.ADMINISTRATOR)
    ticket = open_for(graduate_factory()).line
    open_for(graduate_factory(), Kind.OTHER)
    lantai.desk.take(handler, ticket.id, ticket.version)
    assert not lantai.clock_board.notices(handler).anything
    go_to(clock, date(2026, 6, 22))
    lantai.clock_watch.tick()
    (notice,) = lantai.clock_board.notices(handler).mine
    assert (notice.id, notice.said.text) == (ticket.id, "还剩 1 个工作日（6月23日前）")
    assert lantai.clock_board.notices(other).mine == ()
    assert lantai.clock_board.notices(handler).escalated is None
    for overseer in (boss, admin):
        board = lantai.clock_board.notices(overseer)
        assert (board.mine, board.escalated, board.unassigned) == ((), 1, 1)
    go_to(clock, date(2026, 6, 24))
    lantai.clock_watch.tick()
    board = lantai.clock_board.notices(admin)
    assert (board.escalated, board.unassigned) == (2, 1)
    assert lantai.clock_board.notices(handler).mine[0].said.text == "已超期 1 个工作日"
    assert not lantai.clock_board.notices(clerk(Role.DISPATCHER)).anything
    with pytest.raises(Forbidden):
        lantai.clock_board.notices(Actor(ActorKind.GRADUATE, admin.id))


def test_a_column_that_disagrees_with_the_events_is_found_and_set_right(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    good, bad = open_for(person).line, open_for(person, Kind.OTHER).line
    clock.advance(days=1)
    asked = lantai.desk.ask(staff, bad.id, bad.version, "请补充").line
    before = stored(ticket_row(lantai, bad.id))
    assert lantai.clock_watch.check() == []
    for column, value in (
        ("decide_by", date(2026, 7, 1)),
        ("stopped_at", None),
        ("used_days", 3),
        ("answered_at", clock.now().replace(day=9)),
        ("counted_through", None),
    ):
        with lantai.db.transaction() as session:
            session.execute(update(Ticket).where(Ticket.id == bad.id).values({column: value}))
        (found,) = lantai.clock_watch.check()
        assert found.number == bad.number
        assert column in found.names
        assert lantai.clock_watch.check(repair=True) == [found]
        assert lantai.clock_watch.check() == []
        assert stored(ticket_row(lantai, bad.id)) == before
    assert ticket_row(lantai, bad.id).version == asked.version  # nobody's open form is lost over it
    assert steps(lantai, staff, bad.id).count("ticket.clock_realigned") == 1  # only the date that moved is told of
    assert steps(lantai, staff, good.id) == ["ticket.opened"]


def test_a_new_calendar_moves_open_clocks_with_an_event_and_leaves_closed_ones(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    moving, done = open_for(person).line, open_for(person, Kind.OTHER).line
    lantai.desk.reject(staff, done.id, done.version, "other", "已说明")
    holiday = YearNotice(2026, False, "学校通知", frozenset({date(2026, 6, 2), date(2026, 6, 3)}), frozenset())
    clocks = TicketClocks(WorkingDays(Notices("next", {2026: holiday})))
    watch = ClockWatch(lantai.db, clocks, lantai.log, lantai.queue, clock)
    assert [d.names for d in watch.check()] == [["answer_by", "decide_by"]]
    assert (watch.realign(), watch.realign()) == (1, 0)
    row = ticket_row(lantai, moving.id)
    assert (row.answer_by, row.decide_by) == (date(2026, 6, 8), date(2026, 6, 25))
    with lantai.db.transaction() as session:
        (event,) = session.scalars(select(Event).where(Event.type == "ticket.clock_realigned"))
    assert (event.data["was_decide_by"], event.data["decide_by"]) == ("2026-06-23", "2026-06-25")
    assert ticket_row(lantai, done.id).decide_by == date(2026, 6, 23)
    assert watch.check() == []


def test_a_step_under_another_calendar_starts_from_the_events(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai
) -> None:
    ticket = open_for(graduate_factory()).line
    with lantai.db.transaction() as session:
        session.execute(update(Ticket).values(clock_calendar="old", decide_by=date(2026, 6, 22), used_days=9))
    lantai.desk.take(clerk(), ticket.id, ticket.version)
    row = ticket_row(lantai, ticket.id)
    assert (row.decide_by, row.used_days, row.clock_calendar) == (date(2026, 6, 23), 0, lantai.calendar.version)


def test_tickets_older_than_the_columns_are_worked_out_closed_ones_too(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()
    waiting, closed = open_for(person).line, open_for(person, Kind.OTHER).line
    clock.advance(days=2)
    lantai.desk.ask(staff, waiting.id, waiting.version, "请补充")
    lantai.desk.reject(staff, closed.id, closed.version, "other", "已说明")
    want = [stored(ticket_row(lantai, t.id)) for t in (waiting, closed)]
    empty = dict.fromkeys(("clock_started_at", "counted_through", "answered_at", "stopped_at", "clock_ended_at"))
    with lantai.db.transaction() as session:
        session.execute(update(Ticket).values(**empty, used_days=0, clock_calendar=None))
    line = lantai.desk.ticket(staff, waiting.id).line
    assert line.clock.standing.value == "with_graduate"  # read rightly before the watch has come by
    assert lantai.clock_watch.realign() == 2
    assert [stored(ticket_row(lantai, t.id)) for t in (waiting, closed)] == want
    assert lantai.clock_watch.realign() == 0
    assert "ticket.clock_realigned" not in steps(lantai, staff, waiting.id)


@pytest.mark.parametrize("state", [s for s in State if s not in (State.WITH_UNIT, State.MERGED)])
def test_the_hook_keeps_every_state(
    state: State,
    brought_to: Callable[..., Any],
    graduate_factory: Callable[..., Person],
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    ticket = brought_to(graduate_factory(), state).line
    with lantai.db.transaction() as session:
        row = session.get_one(Ticket, ticket.id)
        clocks = TicketClocks(lantai.calendar).recomputed(session, [row])
        assert stored(row) == clocks[row.id]
        assert (row.clock_ended_at is None) is (row.decided_at is None)
        assert (row.stopped_at is None) is (state is not State.NEEDS_INFO)


def test_lists_are_ordered_by_the_day_that_the_page_names(
    graduate_factory: Callable[..., Person], open_for: OpenFor, clerk: Clerk, lantai: Lantai, clock: FakeClock
) -> None:
    person, staff = graduate_factory(), clerk()

    def day_that_presses() -> date:
        row, shown = ticket_row(lantai, line.id), lantai.desk.ticket(staff, line.id).line.clock
        assert row.presses_on == shown.presses_on
        return row.presses_on

    line = open_for(person).line
    assert day_that_presses() == date(2026, 6, 4)
    go_to(clock, date(2026, 6, 5))
    assert lantai.ticket_queues.counts(staff)[Queue.OVERDUE] == lantai.desk.counts(staff)["overdue"] == 1
    line = lantai.desk.ask(staff, line.id, line.version, "请补充").line
    assert day_that_presses() == date(2026, 6, 23)
    assert lantai.ticket_queues.counts(staff)[Queue.OVERDUE] == lantai.desk.counts(staff)["overdue"] == 0
    go_to(clock, date(2026, 6, 9))
    lantai.corrections.add_information(reader(person, clock), line.id, line.version, "已补充")
    assert day_that_presses() > date(2026, 6, 23)
