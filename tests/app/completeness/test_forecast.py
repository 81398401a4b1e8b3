"""The cohort's table, who lacks what, and reminders: counted first, sent once in 14 days, by the calendar too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import func, select

from app.actors import Role
from app.completeness import forecast
from app.completeness.models import CompletenessReminder
from app.completeness.views import Filter, Reminded
from app.dossiers.incoming import NewMaterial
from app.errors import Forbidden, TooLarge
from app.events import Event
from notifications.models import Notice
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person, World
from tests.fakes import FakeClock

FORM = (NewMaterial("4-1", "graduate_form", "毕业生登记表"), NewMaterial("4-1", "high_school", "高中材料"))
COHORT = Filter(2026)


@pytest.fixture
def cohort(graduate_factory: Callable[..., Person], lantai: Lantai) -> list[Person]:
    """Two of one college who owe everything, one of another who owes nothing themselves, one of another year."""
    people = [
        graduate_factory(name="王小明"),
        graduate_factory(name="李小红"),
        graduate_factory(college="理学院", major="数学", materials=FORM),
        graduate_factory(cohort_year=2025),
    ]
    lantai.completeness.recompute(None)
    return people


def test_the_overview_counts_by_college_kind_and_owner(cohort: list[Person], lantai: Lantai, clerk: Clerk) -> None:
    found = lantai.forecast.overview(clerk(), COHORT)
    assert (found.graduates, found.computed, found.complete, found.stale) == (3, 3, 0, 0)
    assert {(g.name, g.graduates, g.computed) for g in found.groups} == {("文学院", 2, 2), ("理学院", 1, 1)}
    kinds = {k.kind: k for k in found.kinds}
    assert (kinds["graduate_form"].missing, kinds["graduate_form"].paper_only) == (2, 1)
    assert (kinds["graduate_form"].soon, kinds["graduate_form"].overdue) == (2, 0)  # due 10 June, today 1 June
    assert kinds["graduate_form"].next_due == date(2026, 6, 10)
    assert (kinds["high_school"].overdue, kinds["high_school"].next_due) == (2, None)
    assert [k.missing for k in found.kinds] == sorted((k.missing for k in found.kinds), reverse=True)
    assert [n for code, _, n in found.owners if code == "graduate"] == [2]
    within = lantai.forecast.overview(clerk(), Filter(2026, college="理学院"))
    assert (within.graduates, [g.name for g in within.groups]) == (1, ["数学"])
    assert lantai.forecast.cohorts(clerk()) == [2026, 2025]
    assert lantai.forecast.places(clerk(), 2026) == {"文学院": ["档案学"], "理学院": ["数学"]}
    with pytest.raises(Forbidden):
        lantai.forecast.overview(clerk(Role.ADMINISTRATOR), COHORT)


def test_a_list_of_who_lacks_what_is_filtered_paged_and_masked(
    cohort: list[Person], lantai: Lantai, clerk: Clerk
) -> None:
    lines, total = lantai.forecast.lacking(clerk(), Filter(2026, kind="graduate_form"))
    assert ({x.name for x in lines}, total) == ({"王**", "李**"}, 2)
    assert {x.gaps for x in lines} == {(("毕业生登记表", "本人", date(2026, 6, 10)),)}
    first, total = lantai.forecast.lacking(clerk(), COHORT, limit=2)
    rest, _ = lantai.forecast.lacking(clerk(), COHORT, offset=2, limit=2)
    assert (total, len({x.graduate_id for x in (*first, *rest)})) == (3, 3)
    assert lantai.forecast.lacking(clerk(), Filter(2026, owner="graduate", due="overdue"))[1] == 2
    assert lantai.forecast.lacking(clerk(), Filter(2026, kind="graduate_form", due="overdue"))[1] == 0
    assert lantai.forecast.lacking(clerk(), Filter(2026, kind="graduate_form", due="soon"))[1] == 2


def test_an_export_is_recorded_and_has_a_limit(
    cohort: list[Person], lantai: Lantai, clerk: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(lantai.forecast.export(clerk(), COHORT)) == 3
    with lantai.db.transaction() as session:
        event = session.scalars(select(Event).where(Event.type == "completeness.exported")).one()
    assert event.data == {"cohort": 2026, "owner": "", "kind": "", "rows": 3}
    monkeypatch.setattr(forecast, "MOST_EXPORTED", 2)
    with pytest.raises(TooLarge):
        lantai.forecast.export(clerk(), COHORT)


def test_a_reminder_is_counted_first_and_sent_once_in_fourteen_days(
    cohort: list[Person], lantai: Lantai, clerk: Clerk, clock: FakeClock, run_jobs: Callable[[], None]
) -> None:
    actor, wanted = clerk(), Filter(2026, owner="academic", kind="graduate_form")  # the owner is always 本人
    assert lantai.reminders.remind(actor, wanted, dry_run=True) == Reminded(2, 2, 0)
    run_jobs()
    assert notices(lantai) == {}
    assert lantai.reminders.remind(actor, wanted, dry_run=False).graduates == 2
    run_jobs()
    assert notices(lantai) == {cohort[0].id: 1, cohort[1].id: 1}
    assert lantai.reminders.remind(actor, wanted, dry_run=True) == Reminded(0, 0, 2)
    # the whole filter again: only what they were not reminded of yet
    assert lantai.reminders.remind(actor, COHORT, dry_run=True) == Reminded(2, 2, 2)
    clock.advance(days=13, hours=23)
    assert lantai.reminders.remind(actor, wanted, dry_run=False).graduates == 0
    clock.advance(hours=2)
    assert lantai.reminders.remind(actor, wanted, dry_run=False).graduates == 2
    with pytest.raises(Forbidden):
        lantai.reminders.remind(clerk(Role.DISPATCHER), COHORT, dry_run=True)


def notices(lantai: Lantai) -> dict[object, int]:
    with lantai.db.transaction() as session:
        rows = session.execute(
            select(Notice.graduate_id, func.count())
            .where(Notice.event_type == "completeness.reminded")
            .group_by(Notice.graduate_id)
        )
        found: dict[object, int] = {}
        for graduate_id, number in rows:
            found[graduate_id] = number
        return found


def test_the_notice_names_nobody_and_no_paper(
    cohort: list[Person], lantai: Lantai, clerk: Clerk, run_jobs: Callable[[], None]
) -> None:
    lantai.reminders.remind(clerk(), COHORT, dry_run=False)
    run_jobs()
    shown, _ = lantai.inbox.notices(cohort[0].actor(), before=None, limit=5)
    text = shown[0].title + shown[0].body
    assert "材料" in text
    assert not [w for w in ("王小明", "毕业生登记表", "高中") if w in text]
    with lantai.db.transaction() as session:
        event = session.scalars(select(Event).where(Event.type == "completeness.reminded")).first()
        assert event is not None
        assert event.data == {"kinds": ["high_school", "graduate_form"], "due": "2026-05-01"}


def test_the_calendar_reminds_at_sixty_thirty_and_seven_days_once_each(
    cohort: list[Person], lantai: Lantai, clock: FakeClock
) -> None:
    """On 1 June the form is due in 9 days: the 30-day reminder is made up for, the 7-day one waits its 14 days."""
    assert lantai.reminders.remind_by_calendar() == 2
    assert lantai.reminders.remind_by_calendar() == 0
    with lantai.db.transaction() as session:
        rows = session.execute(select(CompletenessReminder.kind, CompletenessReminder.stage)).all()
        assert {(k, s) for k, s in rows} == {("graduate_form", 30)}  # what is overdue is the staff's to press for
    clock.advance(days=3)
    assert lantai.reminders.remind_by_calendar() == 0
    clock.advance(days=12)  # overdue by now
    assert lantai.reminders.remind_by_calendar() == 0


def test_a_sealed_dossier_is_not_reminded_of(cohort: list[Person], lantai: Lantai, clerk: Clerk) -> None:
    with lantai.db.transaction() as session:
        session.connection().exec_driver_sql(
            "update dossier set state = 'sealed' where graduate_id = %s", (cohort[0].id,)
        )
    assert lantai.reminders.remind(clerk(), COHORT, dry_run=True).graduates == 1


def test_the_staffs_group_gets_one_line_of_counts_a_week(
    cohort: list[Person], lantai: Lantai, world: World, clock: FakeClock, run_jobs: Callable[[], None]
) -> None:
    assert lantai.reminders.digest() == 1  # 2025's due days lie a year back
    assert lantai.reminders.digest() == 0
    run_jobs()
    lines = [line for line in world.alerts.lines if "完整性" in line]
    assert len(lines) == 1
    assert lines[0].startswith("2026 届档案完整性：3 人未齐")
    clock.advance(days=7, minutes=1)
    assert lantai.reminders.digest() == 1


def test_reminders_cannot_be_taken_back(cohort: list[Person], lantai: Lantai, clerk: Clerk) -> None:
    lantai.reminders.remind(clerk(), COHORT, dry_run=False)
    with pytest.raises(Exception, match=r"permission denied|append-only"), lantai.db.transaction() as session:
        session.connection().exec_driver_sql("delete from completeness_reminder")
