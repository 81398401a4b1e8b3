"""The end of a hold, and of a loan, as staff meet them at the console."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from app.actors import SYSTEM, Role
from app.custody.rules import Borrower, Purpose, Wish
from app.office_time import office_date
from app.receivers.rules import DestinationCase
from app.transfers.channel_rules import PersonHistory
from app.transfers.destination import Destination
from app.transfers.rules import Evidence
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.app.receivers.samples import facts
from tests.app.transfers.footings import view_by_id
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import CODE, Pair, lead, now, opened, receiver_code, wish
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture
def held(lantai: Lantai, pair: Pair, graduate_factory: People) -> Callable[[int], TransferView]:
    def make(days: int) -> TransferView:
        view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.COLLEGE_REVIEWED)
        wish(lantai, view, stays=True)
        until: date = office_date(lantai.clock.now()) + timedelta(days=days)
        shown = {Evidence.KEPT_UNTIL: until.isoformat()}
        return lantai.transfers.move(pair.first, view.id, view.version, State.HELD_AT_SCHOOL, shown)

    return make


def offered(clerk: Desk, path: str) -> list[str]:
    """Codes of the bodies that the guided step lists."""
    section = clerk.get(path).text.split('id="hold-head"')[1].split("</section>")[0]
    return re.findall(r'name="receiver" value="([^"]+)"', section)


def test_when_a_hold_ends_the_page_says_what_to_do_next(
    desk: Desks, lantai: Lantai, pair: Pair, held: Callable[[int], TransferView], clock: FakeClock
) -> None:
    clerk, view = desk(Role.DISPATCHER), held(10)
    path = f"/graduates/{view.graduate_id}/transfers"
    assert "学校保管即将期满" in clerk.read(path).text
    clock.advance(days=12)
    clerk = desk(Role.DISPATCHER)
    assert view.number in clerk.read("/transfers?overdue=yes").text
    page = clerk.read(path)
    for words in ("学校保管期满", "询问毕业生去向", "登记户籍地接收单位", "期满去向", "户籍地", "依据："):
        assert words in page.text
    # what was registered for the time afterwards, then what the rule suggests for another region
    assert offered(clerk, path) == [CODE]
    lantai.receivers.record(SYSTEM, "GG-320100", facts(region_code="320100"), 0)
    assert offered(clerk, f"{path}?region=320100") == [CODE, "GG-320100"]
    ask = f"{path}/{view.id}/hold/ask"
    assert clerk.post(ask, {}).status_code == 303
    again = clerk.post(ask, {})
    assert (again.status_code, "今天已提醒过" in again.text) == (409, True)
    form = page.forms[f"/console{path}/{view.id}/destination"]
    assert form["case"] == "unemployed"
    sent = {"version": form["version"], "case": "unemployed", "receiver": CODE}
    assert clerk.post(f"{path}/{view.id}/destination", sent).status_code == 303
    assert now(lantai, pair.first, view).state is State.DESTINATION_REGISTERED
    assert "学校保管期满" not in clerk.read(path).text


def test_what_was_declared_holds_where_the_end_of_a_hold_asks_for_none(
    desk: Desks, lantai: Lantai, pair: Pair, graduate_factory: People, clock: FakeClock
) -> None:
    former = frozenset({PersonHistory.FORMER_OFFICIAL})
    wanted = Destination(DestinationCase.KEPT_AT_SCHOOL, receiver_code(lantai), history=former)
    made = lantai.destinations.open(pair.first, graduate_factory().id, wanted)
    view = lead(lantai, pair, view_by_id(lantai, pair, made), State.COLLEGE_REVIEWED)
    until = (office_date(clock.now()) + timedelta(days=10)).isoformat()
    shown = {Evidence.KEPT_UNTIL: until}
    view = lantai.transfers.move(pair.first, view.id, view.version, State.HELD_AT_SCHOOL, shown)
    clock.advance(days=12)
    clerk, path = desk(Role.DISPATCHER), f"/graduates/{view.graduate_id}/transfers"
    assert offered(clerk, path) == [CODE]
    sent = {"version": str(view.version), "case": "unemployed", "receiver": CODE}
    assert clerk.post(f"{path}/{view.id}/destination", sent).status_code == 303
    view = now(lantai, pair.first, view)
    assert (view.state, view.channel) == (State.DESTINATION_REGISTERED, Channel.CONFIDENTIAL_POST)
    assert lantai.transfer_footing.of_graduate(pair.first, view.graduate_id)[view.id].declared == former


def test_reviewers_see_the_end_and_neither_ask_nor_register(desk: Desks, held: Callable[[int], TransferView]) -> None:
    reviewer, view = desk(Role.REVIEWER), held(3)
    path = f"/graduates/{view.graduate_id}/transfers"
    page = reviewer.read(path)
    assert "学校保管即将期满" in page.text
    assert not [action for action in page.forms if action.endswith(("/ask", "/destination"))]
    assert reviewer.post(f"{path}/{view.id}/hold/ask", {}).status_code == 403


def test_nothing_presses_while_a_hold_goes_on(desk: Desks, held: Callable[[int], TransferView]) -> None:
    clerk, view = desk(Role.ARCHIVIST), held(300)
    page = clerk.read(f"/graduates/{view.graduate_id}/transfers")
    assert "期满：" not in page.text
    refused = clerk.post(f"/graduates/{view.graduate_id}/transfers/{view.id}/hold/ask", {})
    assert (refused.status_code, "三个月" in refused.text) == (409, True)


def test_a_loan_that_is_late_stands_on_the_first_page_with_its_notice(
    desk: Desks, lantai: Lantai, graduate_factory: People, clock: FakeClock
) -> None:
    clerk = desk(Role.ARCHIVIST)
    actor = clerk.login.actor
    loan = lantai.loans.ask(actor, graduate_factory().id, Wish(Borrower.STAFF, Purpose.SORTING, 1, staff_id=actor.id))
    assert "借阅逾期未还" not in clerk.read("/").text
    clock.advance(days=7)
    assert lantai.loan_watch.tick() == 1
    ((code, about),) = [(n.code, n.object_id) for n in lantai.staff_notices.unread(actor)]
    assert (code, about) == ("loan_overdue", loan)
    other = desk(Role.DISPATCHER)
    page = other.read("/")
    assert "借阅逾期未还" in page.text
    assert "最近催还" in other.read(f"/custody/loans/{loan}").text
