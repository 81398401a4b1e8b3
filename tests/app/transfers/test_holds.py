"""Kept at school: by wish alone, two years at most, and told of at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError

from app.actors import Actor, ActorKind, Role
from app.errors import Conflict, Forbidden, Invalid, NotFound
from app.events import Event
from app.office_time import office_date
from app.receivers.rules import DestinationCase
from app.transfers import clocks
from app.transfers.clocks import TIMERS, HoldStage, Timer, delay_words, hold_stage, months_after
from app.transfers.holds import ENDED, TOLD, HoldWatch
from app.transfers.models import Transfer
from app.transfers.rules import Evidence
from app.transfers.service import UnderWay
from app.transfers.showing import TransferView
from app.transfers.states import State
from app.working_days import notices
from app.working_days.calendar import WorkingDays
from notifications.catalogue.staff_lines import staff_line_for
from notifications.catalogue.text import Template
from notifications.catalogue.words import notice_for
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.transfers.footings import view_by_id
from tests.conftest import Person
from tests.fakes import FakeClock, dies_at_the_second
from tests.moving import Pair, destination, lead, now, opened, walk, way, wish

People = Callable[..., Person]
Held = Callable[[date], TransferView]
CALENDAR = WorkingDays(notices.load())


@pytest.fixture
def reviewed(lantai: Lantai, pair: Pair, graduate_factory: People) -> TransferView:
    return lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.COLLEGE_REVIEWED)


def hold(lantai: Lantai, pair: Pair, view: TransferView, until: date) -> TransferView:
    shown = {Evidence.KEPT_UNTIL: until.isoformat()}
    return lantai.transfers.move(pair.first, view.id, view.version, State.HELD_AT_SCHOOL, shown)


def held_until(lantai: Lantai, pair: Pair, view: TransferView, until: date) -> TransferView:
    wish(lantai, view, stays=True)
    return hold(lantai, pair, view, until)


def stored(lantai: Lantai, view: TransferView) -> Transfer:
    with lantai.db.transaction() as session:
        row = session.get_one(Transfer, view.id)
        session.expunge(row)
        return row


def staying(lantai: Lantai) -> object:
    return replace(destination(lantai), case=DestinationCase.KEPT_AT_SCHOOL)


def told(lantai: Lantai, kind: str) -> list[dict[str, object]]:
    with lantai.db.transaction() as session:
        return [dict(e.data) for e in session.scalars(select(Event).where(Event.type == kind).order_by(Event.id))]


def test_a_dossier_is_held_by_wish_and_never_sent_against_it(
    lantai: Lantai, pair: Pair, reviewed: TransferView
) -> None:
    until = office_date(lantai.clock.now()) + timedelta(days=300)
    with pytest.raises(Conflict, match="not_kept_at_school"):
        hold(lantai, pair, reviewed, until)
    wish(lantai, reviewed, stays=True)
    with pytest.raises(Conflict, match="kept_at_school"):
        lantai.transfers.move(pair.first, reviewed.id, reviewed.version, State.SCHOOL_APPROVED)
    offered = {t.state for t in now(lantai, pair.first, reviewed).targets}
    assert (State.HELD_AT_SCHOOL in offered, State.SCHOOL_APPROVED in offered) == (True, False)
    assert hold(lantai, pair, reviewed, until).state is State.HELD_AT_SCHOOL
    with pytest.raises(IntegrityError, match="held_by_wish"), lantai.db.transaction() as session:
        session.execute(update(Transfer).where(Transfer.id == reviewed.id).values(destination_case=None))


def test_another_destination_ends_the_hold(lantai: Lantai, pair: Pair, reviewed: TransferView) -> None:
    today = office_date(lantai.clock.now())
    view = held_until(lantai, pair, reviewed, today + timedelta(days=300))
    row = stored(lantai, view)
    assert (row.kept_until, row.held_since, row.due_on) == (today + timedelta(days=300), today, row.kept_until)
    lantai.destinations.change(pair.first, view.id, view.version, destination(lantai))
    row = stored(lantai, view)
    assert (row.state, row.destination_case) == (State.DESTINATION_REGISTERED, DestinationCase.UNEMPLOYED)
    assert (row.kept_until, row.hold_told, row.timer) == (None, None, Timer.DISPATCH)
    lead(lantai, pair, now(lantai, pair.first, view), State.SCHOOL_APPROVED)


def test_two_years_in_all_however_often_the_wish_is_renewed(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock
) -> None:
    first = office_date(clock.now())
    last = clocks.latest_hold(first)
    with pytest.raises(Invalid):
        held_until(lantai, pair, reviewed, last + timedelta(days=1))
    view = held_until(lantai, pair, reviewed, first + timedelta(days=300))
    clock.advance(days=200)
    # renewed in another transfer, too: the days are the dossier's
    lantai.transfers.move(pair.first, view.id, view.version, State.WITHDRAWN, {Evidence.REASON: "改填"})
    again = lead(lantai, pair, opened(lantai, pair.first, view.graduate_id), State.COLLEGE_REVIEWED)
    wish(lantai, again, stays=True)
    with pytest.raises(Invalid) as caught:
        hold(lantai, pair, again, office_date(clock.now()) + timedelta(days=600))
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("/kept_until", "hold_too_long")]
    view = hold(lantai, pair, again, last)
    clock.advance(days=531)
    assert office_date(clock.now()) >= last
    with pytest.raises(Invalid) as caught:
        lantai.destinations.change(pair.first, view.id, view.version, staying(lantai))  # type: ignore[arg-type]
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("/case", "hold_used_up")]
    lantai.destinations.change(pair.first, view.id, view.version, destination(lantai))


def test_a_wish_to_be_kept_waits_for_no_dispatch_and_says_what_it_waits_for(
    lantai: Lantai, pair: Pair, graduate_factory: People, clock: FakeClock
) -> None:
    made = lantai.destinations.open(pair.first, graduate_factory().id, staying(lantai))  # type: ignore[arg-type]
    view = lead(lantai, pair, view_by_id(lantai, pair, made), State.DESTINATION_REGISTERED)
    asked = office_date(clock.now())
    clock.advance(days=40)
    for state in (State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED):
        view = lead(lantai, pair, now(lantai, pair.first, view), state)
        assert (stored(lantai, view).timer, stored(lantai, view).due_on) == (
            Timer.REVIEW,
            lantai.calendar.add(asked, 15),
        )
        owner = Actor(ActorKind.GRADUATE, view.graduate_id)
        (seen,) = lantai.transfers.of_graduate(owner, owner.id)
        assert seen.due is not None
        assert seen.due.overdue
        assert "暂缓申请尚未审核完毕" in seen.due.words
        assert "寄出" not in seen.due.words + seen.due.label + seen.due.source
    assert lantai.transfer_watch.check() == []


@pytest.mark.parametrize("state", [State.DESTINATION_REGISTERED, State.COLLEGE_REVIEWED])
def test_who_wishes_to_be_sent_after_all_is_sent_within_the_days_from_then_on(
    state: State, lantai: Lantai, pair: Pair, graduate_factory: People, clock: FakeClock
) -> None:
    made = lantai.destinations.open(pair.first, graduate_factory().id, staying(lantai))  # type: ignore[arg-type]
    view = lead(lantai, pair, view_by_id(lantai, pair, made), state)
    clock.advance(days=40)
    lantai.destinations.change(pair.first, view.id, view.version, destination(lantai))
    row = stored(lantai, view)
    assert (row.timer, row.due_on) == (Timer.DISPATCH, lantai.calendar.add(office_date(clock.now()), 15))


def test_of_a_wish_past_its_review_the_days_to_send_run() -> None:
    """As a dossier that came back, whatever was wished before it was sent."""
    day = date(2026, 7, 1)
    for state, timer in clocks.TIMER_OF.items():
        wished = clocks.due(clocks.ClockFacts(state, day, stays=True, kept_until=day), CALENDAR)
        assert wished is not None
        assert wished.timer is (Timer.REVIEW if state in clocks.REVIEWED else timer)


UNTIL = date(2027, 6, 30)
EVERY = [s.value for s in HoldStage]


@pytest.mark.parametrize(
    ("today", "stage"),
    [
        (date(2027, 3, 29), None),
        (date(2027, 3, 30), HoldStage.MONTHS),
        (date(2027, 5, 29), HoldStage.MONTHS),
        (date(2027, 5, 30), HoldStage.MONTH),
        (date(2027, 6, 22), HoldStage.MONTH),
        (date(2027, 6, 23), HoldStage.WEEK),
        (date(2027, 6, 30), HoldStage.WEEK),
        (date(2027, 7, 1), HoldStage.OVER),
    ],
)
def test_the_stages_of_an_end(today: date, stage: HoldStage | None) -> None:
    assert hold_stage(UNTIL, today) is stage


def test_months_go_back_as_well() -> None:
    assert months_after(date(2026, 5, 31), -3) == date(2026, 2, 28)
    assert months_after(date(2026, 1, 15), -1) == date(2025, 12, 15)


def test_the_graduate_is_told_at_every_stage_once(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock
) -> None:
    today = office_date(clock.now())
    until = today + timedelta(days=300)
    view = held_until(lantai, pair, reviewed, until)
    version, stages = view.version, []
    for day in (150, 60, 65, 10, 10, 6):  # days from one look to the next
        clock.advance(days=day)
        lantai.hold_watch.tick()
        assert lantai.hold_watch.tick() == 0
        stages.append([e["stage"] for e in told(lantai, TOLD)])
    assert stages == [[], EVERY[:1], EVERY[:2], EVERY[:2], EVERY[:3], EVERY]
    assert now(lantai, pair.first, view).version == version


def test_staff_hear_how_many_ended_and_find_them_overdue(
    lantai: Lantai, pair: Pair, graduate_factory: People, clock: FakeClock
) -> None:
    until = office_date(clock.now()) + timedelta(days=20)
    views = []
    for _ in range(2):
        view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.COLLEGE_REVIEWED)
        views.append(held_until(lantai, pair, view, until))
    assert lantai.hold_watch.tick() == 0  # the approval of a short hold tells of its end
    clock.advance(days=30)
    lines, total = lantai.transfers.under_way(pair.first, UnderWay(overdue=True))
    assert (total, {line.id for line in lines}) == (2, {v.id for v in views})
    assert lantai.hold_watch.tick() == 2
    assert told(lantai, ENDED) == [{"count": 2}]
    assert "2 份" in str(staff_line_for(ENDED, {"count": 2}))
    assert lantai.hold_watch.tick() == 0


@pytest.fixture
def over(lantai: Lantai, pair: Pair, graduate_factory: People, clock: FakeClock) -> list[TransferView]:
    """Two holds that have ended, and nobody was told."""
    until, views = office_date(clock.now()) + timedelta(days=20), []
    for _ in range(2):
        view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.COLLEGE_REVIEWED)
        views.append(held_until(lantai, pair, view, until))
    clock.advance(days=30)
    return views


def test_a_transfer_somebody_is_at_holds_up_no_other_and_staff_hear(lantai: Lantai, over: list[TransferView]) -> None:
    with lantai.db.engine.begin() as another:
        another.execute(text("select id from transfer where id = :id for update"), {"id": over[0].id})
        assert lantai.hold_watch.tick() == 1
    assert (len(told(lantai, TOLD)), told(lantai, ENDED)) == (1, [{"count": 2}])
    assert (lantai.hold_watch.tick(), lantai.hold_watch.tick()) == (1, 0)


@pytest.mark.usefixtures("over")
def test_a_round_that_is_killed_has_told_the_staff(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    dies_at_the_second(HoldWatch, "_tell", monkeypatch)
    with pytest.raises(SystemExit):
        lantai.hold_watch.tick()
    assert (len(told(lantai, TOLD)), told(lantai, ENDED)) == (1, [{"count": 2}])


def test_a_hold_renewed_is_told_of_anew(lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock) -> None:
    view = held_until(lantai, pair, reviewed, office_date(clock.now()) + timedelta(days=100))
    clock.advance(days=95)
    lantai.hold_watch.tick()
    lantai.destinations.change(pair.first, view.id, view.version, staying(lantai))  # type: ignore[arg-type]
    view = lead(lantai, pair, now(lantai, pair.first, view), State.COLLEGE_REVIEWED)
    view = held_until(lantai, pair, view, office_date(clock.now()) + timedelta(days=100))
    assert lantai.hold_watch.tick() == 0
    clock.advance(days=95)
    assert lantai.hold_watch.tick() == 1


def test_the_notice_says_what_until_when_and_whom_to_call(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock, run_jobs: Callable[[], None]
) -> None:
    held_until(lantai, pair, reviewed, office_date(clock.now()) + timedelta(days=100))
    clock.advance(days=30)
    lantai.hold_watch.tick()
    run_jobs()
    graduate = Actor(ActorKind.GRADUATE, reviewed.graduate_id)
    notices, _ = lantai.inbox.notices(graduate, before=None, limit=50)
    (notice,) = [n for n in notices if "暂缓保管" in n.title]
    for words in ("登记去向", "招生学校", "户籍地", "咨询：学校档案馆"):
        assert words in notice.body
    for stage in HoldStage:
        text = notice_for(TOLD, {"stage": stage.value, "kept_until": "2027-06-30"})
        assert text is not None
        assert text.template is Template.TRANSFER_STEP
        assert "2027年6月30日" in text.body
        assert len(text.phrase) <= 5
        assert len(text.hint) <= 20


def test_three_months_before_the_end_the_page_says_so(lantai: Lantai) -> None:
    rule = TIMERS[Timer.HOLD]
    assert delay_words(rule, UNTIL, date(2027, 3, 29), lantai.calendar, "档案科") == ""
    for day in (date(2027, 3, 30), UNTIL):
        words = delay_words(rule, UNTIL, day, lantai.calendar, "档案科")
        assert "2027年6月30日" in words
        assert "请在此之前登记去向" in words
        assert words.endswith("咨询：档案科。")
    assert "已满" in delay_words(rule, UNTIL, date(2027, 7, 20), lantai.calendar, "档案科")


def test_a_clock_set_back_tells_nothing_again(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock
) -> None:
    held_until(lantai, pair, reviewed, office_date(clock.now()) + timedelta(days=100))
    clock.advance(days=95)
    assert lantai.hold_watch.tick() == 1
    clock.advance(days=-60)
    assert lantai.hold_watch.tick() == 0
    clock.advance(days=70)
    assert (lantai.hold_watch.tick(), [e["stage"] for e in told(lantai, TOLD)]) == (1, ["week", "over"])


def test_the_desk_asks_again_once_a_day(
    lantai: Lantai, pair: Pair, reviewed: TransferView, clock: FakeClock, clerk: Clerk
) -> None:
    desk, graduate_id = lantai.hold_desk, reviewed.graduate_id
    with pytest.raises(Conflict, match="not_held"):
        desk.ask(pair.first, graduate_id, reviewed.id)
    view = held_until(lantai, pair, reviewed, office_date(clock.now()) + timedelta(days=200))
    assert desk.of_graduate(pair.first, graduate_id) is None
    with pytest.raises(Conflict, match="hold_goes_on"):
        desk.ask(pair.first, graduate_id, view.id)
    clock.advance(days=201)
    lantai.hold_watch.tick()
    shown = desk.of_graduate(pair.first, graduate_id)
    assert shown is not None
    assert (shown.stage, shown.may_ask, [t.staff_id for t in shown.told]) == (HoldStage.OVER, True, [None])
    desk.ask(pair.first, graduate_id, view.id)
    with pytest.raises(Conflict, match="asked_today"):
        desk.ask(pair.second, graduate_id, view.id)
    shown = desk.of_graduate(pair.first, graduate_id)
    assert shown is not None
    assert (shown.may_ask, [t.staff_id for t in shown.told]) == (False, [None, pair.first.id])
    clock.advance(days=1)
    desk.ask(pair.second, graduate_id, view.id)
    with pytest.raises(NotFound):
        desk.ask(pair.first, pair.first.id, view.id)
    for role in (Role.REVIEWER, Role.AUDITOR):
        with pytest.raises(Forbidden):
            desk.ask(clerk(role), graduate_id, view.id)
    with pytest.raises(Forbidden):
        desk.of_graduate(clerk(Role.AUDITOR), graduate_id)


def test_a_transfer_that_is_led_through_a_hold_ends_as_any_other(
    lantai: Lantai, pair: Pair, reviewed: TransferView
) -> None:
    view = held_until(lantai, pair, reviewed, office_date(lantai.clock.now()) + timedelta(days=30))
    for edge in way(State.HELD_AT_SCHOOL, State.SCHOOL_APPROVED):
        view = walk(lantai, pair, view, edge)
    assert view.state is State.SCHOOL_APPROVED
    assert lantai.transfer_watch.check() == []
