"""The first page: what to do next before anything else, for each duty, and that nothing is left."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import pytest
from sqlalchemy import update

from app.actors import Purpose, Role
from app.corrections.rules import Kind
from app.corrections.views import TicketView
from app.imports.rules import BatchSource
from app.materials.service import NewSupplement
from app.people.models import StaffMember
from parts import Lantai
from staff_console.work_list import LOOKED_THROUGH
from tests import fakes
from tests.conftest import Person
from tests.moving import opened, receiver_code
from tests.staff_console.conftest import Desk

Opener = Callable[..., TicketView]
Desks = Callable[..., Desk]
People = Callable[..., Person]


def _next(text: str) -> str:
    """What the page says to open now."""
    assert "下一件" in text
    return text.split("下一件", 1)[1].split("打开办理", 1)[0]


def test_the_most_pressing_ticket_is_first_and_one_click_away(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai, clock: fakes.FakeClock
) -> None:
    clerk, other = desk(), desk()
    older = open_ticket(graduate_factory("欧阳文静"), Kind.OTHER, None, {})
    lantai.desk.take(clerk.login.actor, older.line.id, older.line.version)
    newer, elsewhere = open_ticket(graduate_factory()), open_ticket(graduate_factory())
    lantai.desk.take(other.login.actor, elsewhere.line.id, elsewhere.line.version)
    page = clerk.read("/")
    # nobody has answered the newer one yet, and that is due before the older one's decision
    assert newer.line.number in _next(page.text)
    assert "还无人受理" in _next(page.text)
    assert "个工作日" in _next(page.text)
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a" and "href" in attributes]
    assert f"/console/tickets/{newer.line.id}" in links
    assert older.line.number in page.text
    assert "欧阳**" in page.text
    assert elsewhere.line.number not in page.text  # somebody else's
    lantai.desk.ask(clerk.login.actor, newer.line.id, newer.line.version, "请补充。")
    page = clerk.read("/")
    assert older.line.number in _next(page.text)
    assert newer.line.number not in page.text  # waits for the graduate
    clock.advance(days=40)
    late = desk().read("/").text
    assert "已超期 2" in late  # the third waits for the graduate
    assert "须尽快办结" in late


def test_a_second_persons_part_is_offered_to_others(
    desk: Desks,
    graduate_factory: People,
    identity_ticket: Callable[[Person], TicketView],
    lantai: Lantai,
    clock: fakes.FakeClock,
) -> None:
    first, second, graduate = desk(), desk(Role.REVIEWER), graduate_factory()
    ticket = identity_ticket(graduate)
    again = lantai.desk.accept(first.login.actor, ticket.line.id, ticket.line.version)
    assert ticket.line.number in _next(second.read("/").text)
    assert "等第二人复核" in _next(second.read("/").text)
    assert ticket.line.number not in first.read("/").text  # nothing the first can do brings it further
    with lantai.db.transaction() as session:
        session.execute(
            update(StaffMember)
            .where(StaffMember.id == second.login.id)
            .values(person_key=session.get_one(StaffMember, first.login.id).person_key)
        )
    assert ticket.line.number not in second.read("/").text  # the same person by another account
    graduate_actor = graduate.actor(Purpose.CORRECT, now=clock.now())
    lantai.corrections.add_information(graduate_actor, ticket.line.id, again.line.version, "已补充")
    assert ticket.line.number in _next(first.read("/").text)  # the agreement is void


def test_a_colleagues_many_tickets_do_not_hide_nobodys(
    desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    clerk, other = desk(), desk()
    for _ in range(LOOKED_THROUGH + 1):
        line = open_ticket(graduate_factory(), Kind.OTHER, None, {}).line
        lantai.assigning.assign(clerk.login.actor, line.id, line.version, other.login.id)
    free = open_ticket(graduate_factory()).line
    assert free.number in _next(clerk.read("/").text)


def test_everything_done_is_said(desk: Desks, graduate_factory: People, open_ticket: Opener) -> None:
    for roles in ((Role.ARCHIVIST,), (Role.REVIEWER,), (Role.DISPATCHER,)):
        text = desk(*roles).read("/").text
        assert "都办完了" in text
        assert "下一件" not in text


def test_other_errands_stand_in_piles_and_leave_when_done(
    desk: Desks, graduate_factory: People, lantai: Lantai, clock: fakes.FakeClock, run_jobs: Callable[[], None]
) -> None:
    clerk, person = desk(), graduate_factory("欧阳文静")
    actor = person.actor(Purpose.CORRECT, now=clock.now())
    sent = NewSupplement("7", "", "获奖证书", "2025-05", "请补入")
    lantai.supplements.submit(actor, lantai.supplements.prepare(actor, sent, fakes.jpeg(), "image/jpeg"))
    opened(lantai, clerk.login.actor, person.id)
    table = "学号,学生姓名,身份证号,学院,专业,学历层次,毕业年份\n20220001,测试甲,1,文学院,档案学,本科,2026\n"
    batch = lantai.importer.receive(
        clerk.login.actor, name="2026届.csv", stream=BytesIO(table.encode()), source=BatchSource.CONSOLE, batch_key="b"
    )
    lantai.importer.start_check(clerk.login.actor, batch.id)
    run_jobs()
    text = clerk.read("/").text
    assert "补充材料待审核 1" in text
    assert "获奖证书" in text
    assert "进行中的转递 1" in text
    assert "某市人才服务中心" in text
    assert "导入有未通过的行 1" in text
    assert "1 行未通过" in text
    assert "更正申请都已办完" in text
    clock.advance(days=31)
    assert "导入有未通过的行" not in desk().read("/").text


def test_receivers_that_changed_stand_there_as_a_count_with_a_link(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    clerk, dispatcher = desk(), desk(Role.DISPATCHER)
    going = [opened(lantai, clerk.login.actor, graduate_factory().id) for _ in range(2)]
    assert "接收单位有变动" not in dispatcher.read("/").text
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, receiver_code(lantai), lantai.receivers.today)
    lantai.receivers.close(clerk.login.actor, known.id, lantai.receivers.today, 1, "机构撤并")
    for who in (clerk, dispatcher):
        home = who.read("/")
        assert "接收单位有变动，影响在办转递 1" in home.text
        assert "授权已经到期 · 在办转递 2 件" in home.text
        assert "/console/transfers?receivers=doubtful" in {a.get("href") for _, a in home.tags}
    page = dispatcher.read("/transfers?receivers=doubtful")
    assert "某市人才服务中心 ：授权已经到期，在办转递 2 件" in page.text
    assert {v.number for v in going} <= set(page.text.split())
    assert "接收单位有变动 2 件" in dispatcher.read("/transfers").text
    assert "接收单位有变动" not in desk(Role.REVIEWER).read("/").text


def test_home_fits_the_role(desk: Desks) -> None:
    dispatcher = desk(Role.DISPATCHER).read("/").text
    assert "档案转递" in dispatcher
    assert "待受理" not in dispatcher
    administrator = desk(Role.ADMINISTRATOR).read("/")
    assert "工作人员" in administrator.text
    assert "/console/graduates/find" not in administrator.forms
    assert "可从左侧进入" in desk(Role.AUDITOR).read("/").text


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR])
def test_who_works_nothing_sees_nobodys_errands(
    role: Role, desk: Desks, graduate_factory: People, open_ticket: Opener
) -> None:
    number = open_ticket(graduate_factory()).line.number
    text = desk(role).read("/").text
    assert number not in text
    assert "下一件" not in text
