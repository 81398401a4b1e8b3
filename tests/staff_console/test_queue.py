"""The queues: counts, filters, pages, order, views, the table, empty states, fragments."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import select

from app.actors import Role
from app.corrections.assigning import How
from app.corrections.queue_rules import PAGE_SIZE
from app.corrections.rules import Kind
from app.corrections.views import TicketView
from app.events import Event
from app.office_time import office_date
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
Opener = Callable[..., TicketView]


def test_filters_narrow_the_list(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    first = open_ticket(graduate_factory(college="数学学院"))
    clock.advance(days=2)
    other = open_ticket(graduate_factory(), Kind.OTHER, None, {})
    clerk, colleague = desk(), desk()
    lantai.desk.take(clerk.login.actor, other.line.id, other.line.version)

    def numbers(query: str) -> set[str]:
        text = clerk.read(f"/tickets{query}").text
        return {t.line.number for t in (first, other) if t.line.number in text}

    both, day = {first.line.number, other.line.number}, office_date(first.line.opened_at)
    assert numbers("") == both
    assert numbers("?kind=transcription") == {first.line.number}
    assert numbers("?state=in_review") == {other.line.number}
    assert numbers("?mine=1") == numbers("?queue=mine") == {other.line.number}
    assert numbers("?queue=unassigned") == numbers("?handler=nobody") == {first.line.number}
    assert numbers(f"?handler={clerk.login.id}") == {other.line.number}
    assert numbers(f"?handler={colleague.login.id}") == set()
    assert numbers("?college=数学学院") == {first.line.number}
    assert numbers("?section=enrolment") == {first.line.number}
    assert numbers(f"?opened_to={day}") == {first.line.number}
    assert numbers(f"?opened_from={day + timedelta(days=1)}") == {other.line.number}
    assert numbers(f"?number={first.line.number}") == numbers(f"?number={first.line.serial}") == {first.line.number}
    assert numbers("?overdue=1") == set()
    assert numbers("?queue=soon") == {first.line.number}  # its first answer is due tomorrow
    assert "请放宽筛选条件" in clerk.read("/tickets?overdue=1").text
    nonsense = "?queue=x&state=nonsense&kind=%00&handler=1&opened_from=2026-99-99&at=after.x.1&order=drop&columns=a"
    assert numbers(nonsense) == both
    assert numbers("?at=after.999999999999999999.1") == set()
    lantai.desk.accept(clerk.login.actor, first.line.id, first.line.version)
    assert numbers("") == {other.line.number}
    assert numbers("?state=applied") == numbers("?queue=closed") == {first.line.number}
    today = office_date(clock.now())
    assert numbers(f"?queue=closed&closed_from={today}") == {first.line.number}
    assert numbers(f"?queue=closed&closed_to={today - timedelta(days=1)}") == set()
    assert numbers("?queue=closed&fact=decided_in_time") == {first.line.number}
    assert numbers("?queue=closed&fact=decided_late") == set()
    assert numbers("?queue=all") == both


def test_the_chosen_filter_stays_chosen(desk: Desks) -> None:
    form = (
        desk().read("/tickets?state=needs_info&kind=other&queue=mine&opened_from=2026-01-02").forms["/console/tickets"]
    )
    kept = {name: form[name] for name in ("state", "kind", "queue", "opened_from")}
    assert kept == {"state": "needs_info", "kind": "other", "queue": "mine", "opened_from": "2026-01-02"}


def test_counts_stand_beside_the_queues(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    clerk, reviewer = desk(), desk(Role.REVIEWER)
    waiting = open_ticket(graduate_factory(college="数学学院"))
    taken = open_ticket(graduate_factory())
    lantai.desk.take(clerk.login.actor, taken.line.id, taken.line.version)
    lantai.assigning.set_team(reviewer.login.actor, "数学学院", [clerk.login.id])
    text = clerk.read("/tickets").text
    for words in ("我经办的 1", "我负责的学院 1", "未分派 1", "已超期 0", "全部未办结 2", "已办结 0"):
        assert words in text
    team = clerk.read("/tickets?queue=team").text
    assert waiting.line.number in team
    assert taken.line.number not in team
    assert "没有您负责学院的未办结申请" in reviewer.read("/tickets?queue=team").text
    clock.advance(days=5)
    late = desk()
    # nobody has answered the one, and the other's decision is far
    assert "已超期 1" in late.read("/tickets").text
    assert waiting.line.number in late.read("/tickets?queue=overdue").text
    clock.advance(days=60)
    late = desk()
    assert "已超期 2" in late.read("/tickets").text
    assert waiting.line.number in late.read("/tickets?queue=overdue").text


def test_pages_go_on_and_back_and_hold_everything_once(
    desk: Desks, graduate_factory: People, open_ticket: Opener, clock: FakeClock
) -> None:
    """Forward to the end and back to the beginning, in every order."""
    opened = []
    for _ in range(2 * PAGE_SIZE + 3):
        opened.append(open_ticket(graduate_factory(), Kind.OTHER, None, {}).line.number)
        clock.advance(hours=7)
    clerk = desk()

    def walk(path: str, rel: str) -> list[list[str]]:
        pages = []
        while path:
            reader = clerk.read(path.removeprefix("/console"))
            pages.append([n for n in re.findall(r"GZ\d+", reader.text) if n in opened])
            links = [v["href"] for tag, v in reader.tags if tag == "a" and v.get("rel") == rel]
            path, last = (links[0] if links else ""), path
        pages.append([last])
        return pages

    for order, expected in (("due", opened), ("oldest", opened), ("newest", opened[::-1]), ("touched", opened[::-1])):
        *forward, [last] = walk(f"/tickets?order={order}", "next")
        lines = [list(dict.fromkeys(page)) for page in forward]
        assert [n for page in lines for n in page] == expected, order
        assert [len(page) for page in lines] == [PAGE_SIZE, PAGE_SIZE, 3]
        *backward, _ = walk(last, "prev")
        assert [list(dict.fromkeys(page)) for page in backward][::-1] == lines, order


def test_a_view_is_kept_shared_and_forgotten(desk: Desks) -> None:
    clerk, colleague = desk(), desk()
    form = {"name": "我的超期", "query": "queue=overdue&kind=other&nonsense=1"}
    assert clerk.post("/tickets/views", form).headers["Location"] == "/console/tickets?queue=overdue&kind=other"
    assert clerk.post("/tickets/views", {**form, "name": "全组未分派", "shared": "yes"}).status_code == 303
    mine, theirs = clerk.read("/tickets").text, colleague.read("/tickets").text
    assert "我的超期" in mine
    assert "我的超期" not in theirs
    assert "全组未分派 （员工1）" in theirs
    refused = clerk.post("/tickets/views", {"name": " ", "query": "queue=mine"})
    assert refused.status_code == 422
    assert "必填" in refused.text
    removing = [a for a in clerk.read("/tickets").forms if a.endswith("/remove")]
    assert len(removing) == 2
    for action in removing:
        assert colleague.post(action.removeprefix("/console"), {}).status_code == 404
        assert clerk.post(action.removeprefix("/console"), {}).status_code == 303
    assert "我的超期" not in clerk.read("/tickets").text


def test_the_list_as_a_table_has_masked_names_only(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, person = desk(), graduate_factory("欧阳文静")
    ticket = open_ticket(person)
    open_ticket(graduate_factory(), Kind.OTHER, None, {})
    answer = clerk.get("/tickets.csv?kind=transcription")
    assert answer.mimetype == "text/csv"
    heading, line = csv.reader(answer.text.lstrip("\ufeff").splitlines())
    assert len(heading) == len(line)
    assert line[0] == ticket.line.number
    assert "欧阳**" in line
    for secret in ("欧阳文静", person.card.student_number, person.card.id_number, person.card.phone, "班级录入有误"):
        assert secret not in answer.text
    with lantai.db.transaction() as session:
        recorded = session.scalars(select(Event).where(Event.type == "ticket.list_exported")).one()
    assert (recorded.actor_id, recorded.data) == (clerk.login.id, {"lines": 1, "queue": "open"})


def test_columns_are_chosen(desk: Desks, graduate_factory: People, open_ticket: Opener) -> None:
    open_ticket(graduate_factory(college="数学学院"))
    clerk = desk()

    def heads(query: str) -> set[str]:
        return set(re.findall(r'<th scope="col">([^<]+)</th>', clerk.get(f"/tickets{query}").text))

    assert heads("") == {"编号", "类别", "毕业生", "状态", "办理期限", "经办人"}
    assert heads("?columns=college&columns=touched") == {"编号", "学院", "最近变化"}


def test_htmx_gets_the_list_alone(desk: Desks, graduate_factory: People, open_ticket: Opener) -> None:
    number = open_ticket(graduate_factory()).line.number
    answer = desk().get("/tickets?kind=transcription", headers={"HX-Request": "true"})
    assert number in answer.text
    assert "<html" not in answer.text
    assert "HX-Request" in answer.headers["Vary"]


def test_the_queue_is_for_the_desk(desk: Desks) -> None:
    answer = desk(Role.DISPATCHER).get("/tickets")
    assert answer.status_code == 403
    assert "您的岗位没有进行此操作的权限" in answer.text
    assert answer.headers["X-Request-Id"] in answer.text
    part = desk(Role.DISPATCHER).get("/tickets", headers={"HX-Request": "true"})
    assert part.status_code == 403
    assert part.headers["HX-Retarget"] == "#notice"
    assert "<html" not in part.text


def test_who_answers_for_a_college_is_set_by_those_who_may(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, reviewer = desk(), desk(Role.REVIEWER)
    ticket = open_ticket(graduate_factory(college="数学学院"))
    assert "调整" not in clerk.read("/tickets/teams").text
    form = {"college": "数学学院", "staff": str(clerk.login.id)}
    assert clerk.post("/tickets/teams", form).status_code == 403
    assert reviewer.post("/tickets/teams", {**form, "college": "没有的学院"}).status_code == 422
    assert reviewer.post("/tickets/teams", form).status_code == 303
    assert "员工1" in desk(Role.ADMINISTRATOR).read("/tickets/teams").text
    lantai.assigning.assign(reviewer.login.actor, ticket.line.id, ticket.line.version, How.COLLEGE)
    assert lantai.desk.ticket(clerk.login.actor, ticket.line.id).line.assigned_to == clerk.login.id
