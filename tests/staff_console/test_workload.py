"""Every number of the workload report is the length of the list it leads to."""

from __future__ import annotations

import csv
import html
import re
from collections.abc import Callable
from datetime import timedelta

from app.actors import Purpose, Role
from app.corrections import report_rules
from app.corrections.report_rules import Dimension, Period
from app.corrections.rules import Kind
from app.corrections.views import TicketView
from app.office_time import office_date
from parts import Lantai
from tests.conftest import Person, StaffLogin
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
Opener = Callable[..., TicketView]


def history(
    staff_factory: Callable[..., StaffLogin],
    graduate_factory: People,
    open_ticket: Opener,
    lantai: Lantai,
    clock: FakeClock,
) -> tuple[StaffLogin, StaffLogin]:
    """Seven tickets of two colleges over two months: in time, late, refused, still open."""
    one, two = staff_factory(Role.ARCHIVIST), staff_factory(Role.ARCHIVIST)
    for n in range(7):
        person = graduate_factory(college="数学学院" if n % 2 else "文学院")
        kind = Kind.OTHER if n % 3 else Kind.TRANSCRIPTION
        line = (open_ticket(person, kind, None, {}) if n % 3 else open_ticket(person)).line
        handler = (one if n < 4 else two).actor
        if n == 6:
            break
        clock.advance(days=(1, 10, 45)[n % 3])
        taken = lantai.desk.take(handler, line.id, line.version).line
        clock.advance(days=2)
        if n == 5:
            lantai.desk.reject(handler, line.id, taken.version, "record_is_right", "经核对无误")
        else:
            lantai.desk.accept(handler, line.id, taken.version)
    return one, two


def test_every_number_leads_to_its_list(
    desk: Desks,
    staff_factory: Callable[..., StaffLogin],
    graduate_factory: People,
    open_ticket: Opener,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    first = office_date(clock.now())
    history(staff_factory, graduate_factory, open_ticket, lantai, clock)
    clerk, last = desk(), office_date(clock.now())
    span = Period(first, last)
    seen = 0
    for dimension in Dimension:
        found = lantai.reports.report(clerk.login.actor, dimension, span)
        assert (found.whole.opened, found.whole.closed) == (7, 6)
        assert sum(line.closed for line in found.lines) == 6
        assert 0 < found.whole.decided_in_time < 6
        assert 0 < found.whole.answered_in_time < found.whole.answered
        page = clerk.get(f"/workload?by={dimension.value}&from={first}&to={last}").text
        links = re.findall(r'<a href="(/console/tickets\?[^"]+)">(\d+)</a>', page)
        for link, number in links:
            listed = clerk.get(html.unescape(link).removeprefix("/console")).text
            assert listed.count('name="pick"') == int(number), link
            seen += 1
    assert seen > 50
    assert clerk.get("/workload?by=nonsense&from=x&to=2026-13-01").status_code == 200


def test_the_report_as_a_file_says_the_same(
    desk: Desks,
    staff_factory: Callable[..., StaffLogin],
    graduate_factory: People,
    open_ticket: Opener,
    lantai: Lantai,
    clock: FakeClock,
) -> None:
    first = office_date(clock.now())
    history(staff_factory, graduate_factory, open_ticket, lantai, clock)
    auditor, last = desk(Role.AUDITOR), office_date(clock.now())
    rows = list(csv.reader(auditor.get(f"/workload.csv?from={first}&to={last}").text.lstrip("\ufeff").splitlines()))
    assert rows[0][:3] == ["经办人", "新收", "已首次答复"]
    assert rows[-1][0] == "合计"
    assert rows[-1][rows[0].index("办结")] == "6"
    # whoever does not work at the desk reads numbers and is offered no list
    page = auditor.get(f"/workload?from={first}&to={last}").text
    assert "合计" in page
    assert "/console/tickets?" not in page
    assert desk(Role.DISPATCHER).get("/workload").status_code == 403


def test_the_median_and_the_months() -> None:
    assert report_rules.median({}) is None
    assert report_rules.median({3: 1}) == 3
    assert report_rules.median({1: 2, 4: 1, 9: 1}) == 2.5
    assert report_rules.median({1: 1, 4: 1, 9: 3}) == 9
    today = office_date(FakeClock().now())
    span = report_rules.period(None, None, today)
    assert (span.first.month, span.first.day, span.last) == (1, 1, today)
    assert report_rules.period(today, today - timedelta(days=9), today).first.month == 1
    month = report_rules.month_of(f"{today:%Y-%m}", Period(today, today + timedelta(days=90)))
    assert month.first == today
    assert (month.last + timedelta(days=1)).day == 1


def test_a_later_round_takes_nothing_away_and_what_was_dropped_stands_apart(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    first, person, clerk, other = office_date(clock.now()), graduate_factory(), desk(), desk()
    line = open_ticket(person).line
    asked = lantai.desk.ask(clerk.login.actor, line.id, line.version, "请补充。").line
    clock.advance(days=60)  # silence is nobody's delay
    rejected = lantai.desk.reject(clerk.login.actor, line.id, asked.version, "record_is_right", "经核对无误").line
    gone = open_ticket(graduate_factory(), Kind.OTHER, None, {}).line
    lantai.desk.take(clerk.login.actor, gone.id, gone.version)
    last = office_date(clock.now())
    span = Period(first, last)

    def whole() -> tuple[int, int, float | None]:
        found = lantai.reports.report(clerk.login.actor, Dimension.HANDLER, span).whole
        return found.closed, found.decided_in_time, found.median_days

    assert whole() == (1, 1, 0)
    clock.advance(days=1)
    owner = person.actor(Purpose.VIEW_DOSSIER, Purpose.CORRECT, now=clock.now())
    appealed = lantai.corrections.appeal(owner, line.id, rejected.version, "请再核对。").line
    lantai.assigning.assign(other.login.actor, line.id, appealed.version, other.login.id)
    assert whole() == (1, 1, 0)
    found = lantai.reports.report(clerk.login.actor, Dimension.HANDLER, span)
    assert {each.key: each.closed for each in found.lines if each.closed} == {str(clerk.login.id): 1}
    page = desk().get(f"/workload?from={first}&to={last}").text
    links = [html.unescape(x) for x in re.findall(r'href="(/console/tickets\?[^"]+)">1</a>', page) if "decided_by" in x]
    assert len(links) == 2  # decided, and in time
    for link in links:
        assert line.number in desk().get(link.removeprefix("/console")).text
    lantai.corrections.withdraw(owner, line.id, lantai.desk.ticket(other.login.actor, line.id).line.version)
    span = Period(first, office_date(clock.now()))
    assert whole() == (1, 1, 0)
    dropped = lantai.reports.report(clerk.login.actor, Dimension.HANDLER, span).whole.dropped
    assert dropped == 1
