"""The ticket's way through a real Chromium, with and without JavaScript, on a served application."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from app.actors import Role
from app.corrections.rules import Kind, State
from app.corrections.views import TicketView
from parts import Lantai
from tests.conftest import Person, make_id_number
from tests.fakes import jpeg
from tests.staff_console.browsing import CHROMIUM, NO_CHROMIUM, Visit, apart
from tests.staff_console.conftest import Desk

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]
Opener = Callable[..., TicketView]
People = Callable[..., Person]
Desks = Callable[..., Desk]


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_a_ticket_is_decided_by_two_persons(
    scripts: bool,
    visit: Callable[..., Visit],
    desk: Desks,
    graduate_factory: People,
    identity_ticket: Callable[[Person], TicketView],
    lantai: Lantai,
) -> None:
    ticket, clerk, reviewer = identity_ticket(graduate_factory()), desk(), desk(Role.REVIEWER)
    first = visit(clerk, java_script_enabled=scripts)
    page = first.open("/tickets")
    page.get_by_role("link", name=ticket.line.number).click()
    page.get_by_role("button", name="受理，由我办理").click()
    page.get_by_text("已受理，由您办理").wait_for()
    page.locator("summary", has_text="同意更正").click()
    page.get_by_label("给申请人的说明").fill("已核对公安机关证明。")
    page.get_by_role("button", name="同意（第一人）").click()
    page.get_by_text("等待另一位工作人员复核").first.wait_for()
    second = visit(reviewer, java_script_enabled=scripts)
    page = second.open(f"/tickets/{ticket.line.id}")
    page.locator("summary", has_text="同意更正").click()
    page.get_by_role("button", name="复核同意并更正").click()
    page.get_by_text("档案已生成新版本").wait_for()
    assert lantai.desk.ticket(clerk.login.actor, ticket.line.id).line.state is State.APPLIED
    assert first.complaints == []
    assert second.complaints == []


def test_a_stale_form_keeps_its_text(
    visit: Callable[..., Visit], desk: Desks, graduate_factory: People, open_ticket: Opener, lantai: Lantai
) -> None:
    ticket, clerk, other = open_ticket(graduate_factory()), desk(), desk()
    page = visit(clerk).open(f"/tickets/{ticket.line.id}")
    page.locator("summary", has_text="请补充").click()
    page.get_by_label("需要补充什么").fill("请补充学籍卡照片。")
    lantai.desk.take(other.login.actor, ticket.line.id, ticket.line.version)
    page.get_by_role("button", name="请申请人补充").click()
    page.get_by_role("alert").get_by_text("没有提交").wait_for()
    assert page.get_by_label("需要补充什么").input_value() == "请补充学籍卡照片。"
    page.get_by_role("button", name="请申请人补充").click()
    page.get_by_text("已请申请人补充").wait_for()
    assert lantai.desk.ticket(clerk.login.actor, ticket.line.id).line.state is State.NEEDS_INFO


def test_the_queue_follows_keys_and_filters(
    visit: Callable[..., Visit], desk: Desks, graduate_factory: People, open_ticket: Opener
) -> None:
    tickets = [open_ticket(graduate_factory()) for _ in range(3)]
    one = visit(desk())
    page = one.open("/tickets")
    for key in "jjk":
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.textContent") == tickets[0].line.number
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "student_number"
    page.keyboard.type("j")  # typing in a field is typing
    assert page.get_by_role("textbox", name="按学号查找毕业生").input_value() == "j"
    page.get_by_role("combobox", name="类别").select_option("other")
    page.get_by_text("没有符合条件的申请").wait_for()
    assert "kind=other" in page.url
    assert page.get_by_role("combobox", name="类别").input_value() == "other"
    assert one.complaints == []


def test_shortcuts_can_be_switched_off(
    visit: Callable[..., Visit], desk: Desks, graduate_factory: People, open_ticket: Opener
) -> None:
    open_ticket(graduate_factory())
    page = visit(desk()).open("/tickets")
    page.get_by_role("button", name="键盘快捷键：开").click()
    page.locator("main").focus()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id") == "main"


def test_a_section_opens_in_its_place(visit: Callable[..., Visit], desk: Desks, graduate_factory: People) -> None:
    one, person = visit(desk()), graduate_factory()
    page = one.open(f"/graduates/{person.id}/dossier")
    page.get_by_role("link", name=re.compile("查看内容.*课程成绩")).click()
    page.get_by_label("目的").select_option("filing")
    page.get_by_role("button", name="登记并查阅").click()
    page.get_by_role("cell", name="82").wait_for()  # the section that was asked for
    page = one.open(f"/graduates/{person.id}/dossier")
    page.get_by_role("link", name=re.compile("查看内容.*课程成绩")).click()
    page.locator("#section-course").get_by_role("cell", name="82").wait_for()
    assert page.url.endswith("/dossier")
    assert one.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_a_phone(
    scheme: str, visit: Callable[..., Visit], desk: Desks, graduate_factory: People, open_ticket: Opener
) -> None:
    person = graduate_factory()
    ticket = open_ticket(person)
    one = visit(desk(), viewport={"width": 360, "height": 740}, color_scheme=scheme)
    for path in (
        "/",
        "/tickets",
        f"/tickets/{ticket.line.id}",
        f"/graduates/{person.id}",
        f"/graduates/{person.id}/dossier",
        f"/graduates/{person.id}/counter",
        f"/graduates/{person.id}/transfers",
        "/import",
        "/import/new",
        "/account",
    ):
        page = one.open(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    assert one.complaints == []


def test_credentials_show_a_code_without_breaking_the_policy(visit: Callable[..., Visit], desk: Desks) -> None:
    one = visit(desk(Role.ADMINISTRATOR))
    page = one.open("/staff")
    page.get_by_label("受邀人").fill("林一")
    page.get_by_role("checkbox", name="复核员").check()
    page.get_by_role("button", name="签发一次性链接").click()
    address = page.get_by_text("/console/welcome#").inner_text()
    page.goto(f"{one.site}/console/welcome#{address.split('#')[1]}")
    page.get_by_role("heading", name="设置登录方式").wait_for()
    assert "#" not in page.url
    box = page.locator("svg.qr").bounding_box()
    assert box is not None
    assert box["width"] > 150
    assert one.complaints == []


@pytest.mark.parametrize("scripts", [True, False], ids=["with-javascript", "without-javascript"])
def test_an_import_is_uploaded_and_its_progress_watched(
    scripts: bool, visit: Callable[..., Visit], desk: Desks, run_jobs: Callable[[], None], tmp_path: Path
) -> None:
    file = tmp_path / "2026届.csv"
    header = "学号,学生姓名,身份证号,学院,专业,培养类型,毕业年份"
    rows = [f"2022{n:06d},测试甲,{make_id_number(n)},文学院,档案学,本科,2026" for n in (1, 2)]
    file.write_text("\n".join([header, *rows, rows[0]]), "utf-8-sig")
    one = visit(desk(), java_script_enabled=scripts, viewport={"width": 360, "height": 740})
    page = one.open("/import/new")
    page.get_by_label("毕业生表或压缩包").set_input_files(file)
    page.get_by_role("button", name="上传并查看").click()
    page.get_by_text("还没有对应列的必填字段：学历层次").wait_for()
    page.get_by_label("第 F 列").select_option("学历层次")
    page.get_by_role("button", name="保存并预检").click()
    page.get_by_role("progressbar").wait_for()
    apart(run_jobs)
    page.get_by_text("预检通过 2 行，未通过 1 行").wait_for()  # nobody asked for the page again
    page.get_by_role("button", name="开始导入").click()
    page.get_by_role("progressbar").wait_for()
    apart(run_jobs)
    page.get_by_text("已完成").wait_for()
    page.get_by_label("结果").select_option("refused")
    if not scripts:
        page.get_by_role("button", name="筛选").click()
    page.get_by_text("与文件中前面的行重复").wait_for()
    page.locator("#rows tbody tr").nth(1).wait_for(state="detached")
    assert page.locator("#rows tbody tr").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth") if scripts else True
    assert one.complaints == []


def test_a_collected_scan_reaches_the_ticket(
    visit: Callable[..., Visit], desk: Desks, graduate_factory: People, open_ticket: Opener, tmp_path: Path
) -> None:
    """As a browser sends the form: a file needs its own kind of request."""
    file = tmp_path / "scan.jpg"
    file.write_bytes(jpeg(9))
    ticket = open_ticket(graduate_factory(), Kind.MISSING_MATERIAL, None, {})
    page = visit(desk()).open(f"/tickets/{ticket.line.id}")
    page.get_by_text("登记收到的材料").click()
    form = page.locator("form[action$='/collect']")
    form.get_by_label("类别").select_option("7")
    form.get_by_label("题名").fill("获奖证书")
    form.get_by_label("扫描件").set_input_files(file)
    page.get_by_role("button", name="登记材料").click()
    page.get_by_text("材料已登记").wait_for()
