"""The work list and the queue: filters, pages, order, empty states, fragments."""

from __future__ import annotations

from collections.abc import Callable

from app.actors import Role
from app.corrections.rules import Kind
from app.corrections.views import TicketView
from parts import Lantai
from staff_console.forms import PAGE_SIZE
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
Opener = Callable[..., TicketView]


def test_home_says_what_waits(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: FakeClock
) -> None:
    clerk = desk()
    assert "没有未办结的申请" in clerk.read("/").text
    taken, waiting = open_ticket(graduate_factory("欧阳文静")), open_ticket(graduate_factory())
    lantai.desk.take(clerk.login.actor, taken.line.id, taken.line.version)
    text = clerk.read("/").text
    assert "待受理 1" in text
    assert "办理中 1" in text
    assert "没有超期申请" in text
    assert text.count(taken.line.number) == 2  # among mine, and among the nearest
    assert text.count(waiting.line.number) == 1
    assert "欧阳**" in text
    clock.advance(days=40)
    late = desk().read("/").text
    assert "已超期 2" in late
    assert "须尽快办结" in late


def test_home_fits_the_role(desk: Desks) -> None:
    dispatcher = desk(Role.DISPATCHER).read("/").text
    assert "进行中的转递" in dispatcher
    assert "待受理" not in dispatcher
    administrator = desk(Role.ADMINISTRATOR).read("/")
    assert "工作人员" in administrator.text
    assert "/console/graduates/find" not in administrator.forms
    assert "可从左侧进入" in desk(Role.AUDITOR).read("/").text


def test_filters_narrow_the_queue(desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai) -> None:
    clerk = desk()
    first = open_ticket(graduate_factory())
    other = open_ticket(graduate_factory(), Kind.OTHER, None, {})
    lantai.desk.take(clerk.login.actor, other.line.id, other.line.version)

    def numbers(query: str) -> set[str]:
        text = clerk.read(f"/tickets{query}").text
        return {t.line.number for t in (first, other) if t.line.number in text}

    assert numbers("") == {first.line.number, other.line.number}
    assert numbers("?kind=transcription") == {first.line.number}
    assert numbers("?state=in_review") == {other.line.number}
    assert numbers("?mine=1") == {other.line.number}
    assert numbers("?overdue=1") == set()
    assert "请放宽筛选条件" in clerk.read("/tickets?overdue=1").text
    assert numbers("?state=nonsense&kind=%00&page=-3") == {first.line.number, other.line.number}
    lantai.desk.accept(clerk.login.actor, first.line.id, first.line.version)
    assert numbers("") == {other.line.number}
    assert numbers("?state=applied") == {first.line.number}


def test_the_chosen_filter_stays_chosen(desk: Desks) -> None:
    form = desk().read("/tickets?state=needs_info&kind=other&mine=1").forms["/console/tickets"]
    assert form == {"state": "needs_info", "kind": "other", "mine": "1"}


def test_pages_hold_everything_once_nearest_deadline_first(
    desk: Desks, graduate_factory: People, open_ticket: Opener, clock: FakeClock
) -> None:
    opened = []
    for _ in range(PAGE_SIZE + 3):
        opened.append(open_ticket(graduate_factory(), Kind.OTHER, None, {}).line.number)
        clock.advance(days=1)
    clerk = desk()
    first, second = clerk.read("/tickets").text, clerk.read("/tickets?page=2").text
    assert [n for n in opened if n in first] == opened[:PAGE_SIZE]
    assert [n for n in opened if n in second] == opened[PAGE_SIZE:]
    assert first.index(opened[0]) < first.index(opened[1])
    assert "第 1 / 2 页" in first
    assert "这一页没有内容" in clerk.read("/tickets?page=9").text


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
