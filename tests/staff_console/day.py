"""A clerk's day at a browser: signing in by the page's own ways, and a ticket of each kind worked to its end by clicks.

What a decision left behind is read from the services and the database, never from the page that was clicked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pyotp
from playwright.sync_api import Locator, Page
from sqlalchemy import func, select

from app.actors import Purpose
from app.corrections.models import TicketApproval, TicketDecision
from app.corrections.rules import Kind, State
from app.corrections.views import TicketLine, TicketView
from app.dossiers.rules import Section
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock, jpeg
from tests.staff_console.authenticators import Device
from tests.staff_console.conftest import Desk

IDLE_FACTOR_S = 301  # a factor shown so long ago is asked for again
TOTP_STEP_S = 31
UNIT_QUESTION = "已函请教务处核对成绩登记表。"
TITLE = "省级优秀毕业生证书"


@dataclass
class Clerk:
    """One member of staff at one page."""

    desk: Desk
    page: Page
    site: str
    clock: FakeClock
    proved: int = 0

    @property
    def id(self) -> UUID:
        return self.desk.login.id

    def code(self) -> str:
        self.clock.advance(seconds=TOTP_STEP_S)  # a code is good once
        return pyotp.TOTP(self.desk.login.credentials.totp_secret).at(self.clock.now())

    def sign_in_by_password(self) -> None:
        self.page.goto(f"{self.site}/console/sign-in")
        self.page.get_by_label("用户名").fill(self.desk.login.credentials.username)
        self.page.get_by_label("密码").fill(self.desk.login.password)
        self.page.get_by_label("动态口令或恢复码").fill(self.code())
        self.page.get_by_role("button", name="登录", exact=True).click()
        self.page.get_by_role("heading", name="工作台").wait_for()

    def register_passkey(self) -> None:
        self.page.goto(f"{self.site}/console/account")
        self.page.get_by_role("textbox", name="名称", exact=True).fill("办公电脑")
        self.page.get_by_role("button", name="登记通行密钥").click()
        self.page.get_by_text("通行密钥已登记").wait_for()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="退出", exact=True).click()
        self.page.get_by_role("heading", name="工作人员登录").wait_for()

    def sign_in_by_passkey(self) -> None:
        self.page.get_by_role("button", name="用通行密钥登录").click()
        self.page.get_by_role("heading", name="工作台").wait_for()

    # --- on a ticket --------------------------------------------------------------------------------------------------

    def pick(self, line: TicketLine) -> None:
        """From the list, as everybody comes to a ticket."""
        self.page.goto(f"{self.site}/console/tickets")
        self.page.get_by_role("link", name=line.number).click()
        self.page.get_by_role("heading", name=line.number).wait_for()

    def take(self) -> None:
        self.page.get_by_role("button", name="受理，由我办理").click()
        self.told("已受理，由您办理")

    def told(self, words: str) -> None:
        self.page.locator("#notice").get_by_text(words).wait_for()

    def unfold(self, act: str) -> Locator:
        """The opened form of an act."""
        self.page.locator(f"#do-{act} > summary").click()
        return self.page.locator(f"#do-{act} form")

    def agree(self, button: str, note: str = "") -> None:
        """With the factor shown again where the form asks for it: by passkey where the browser has one."""
        form = self.unfold("accept")
        form.get_by_label("给申请人的说明").fill(note)
        asked = form.locator("[data-fresh]")
        by_passkey = form.get_by_role("button", name="用通行密钥验证并提交")
        self.proved += asked.count()
        if by_passkey.is_visible():
            by_passkey.click()
            return
        if asked.count():
            form.get_by_label("动态口令").fill(self.code())
        form.get_by_role("button", name=button).click()

    def upload(self, act: str, file: Path, button: str, **typed: str) -> None:
        form = self.unfold(act)
        for name, value in typed.items():
            field = form.locator(f"[name={name}]")
            if field.evaluate("e => e.tagName") == "SELECT":
                field.select_option(value)
            else:
                field.fill(value)
        form.locator("input[type=file]").set_input_files(file)
        form.get_by_role("button", name=button).click()


def at_work(device: Device, desk: Desk, site: str, clock: FakeClock) -> Clerk:
    """Signed in by passkey, which was registered in the browser before."""
    clerk = Clerk(desk, device.page, site, clock)
    clerk.sign_in_by_password()
    clerk.register_passkey()
    clerk.sign_out()
    clerk.sign_in_by_passkey()
    return clerk


@dataclass
class Office:
    """Two persons at two browsers, and what comes to them."""

    first: Clerk
    second: Clerk
    lantai: Lantai
    clock: FakeClock
    graduate_factory: Callable[..., Person]
    open_ticket: Callable[..., TicketView]
    identity_ticket: Callable[[Person], TicketView]
    folder: Path

    def scan(self, width: int) -> Path:
        file = self.folder / f"scan-{width}.jpg"
        file.write_bytes(jpeg(width))
        return file

    def seen(self, line: TicketLine) -> TicketView:
        return self.lantai.desk.ticket(self.first.desk.login.actor, line.id)

    def answer(self, person: Person, line: TicketLine, text: str) -> None:
        graduate = person.actor(Purpose.VIEW_DOSSIER, Purpose.CORRECT, now=self.clock.now())
        self.lantai.corrections.add_information(graduate, line.id, self.seen(line).line.version, text, ())

    def decided(self, line: TicketLine) -> list[tuple[State, list[str], str | None]]:
        """(outcome, who agreed, reason) of every decision on record."""
        with self.lantai.db.transaction() as session:
            rows = session.scalars(select(TicketDecision).where(TicketDecision.ticket_id == line.id))
            return [(r.outcome, r.approvers, r.reason_code) for r in rows]

    def agreements(self, line: TicketLine) -> int:
        with self.lantai.db.transaction() as session:
            found = session.scalar(select(func.count(TicketApproval.id)).where(TicketApproval.ticket_id == line.id))
            return found or 0


def transcription(office: Office) -> None:
    """The clerk mends what was asked for, agrees, and a new version stands."""
    line, clerk = office.open_ticket(office.graduate_factory()).line, office.first
    clerk.pick(line)
    clerk.take()
    form = clerk.unfold("edit")
    form.get_by_label("班级").fill("2 班")
    form.get_by_role("button", name="保存修改").click()
    clerk.told("拟更正内容已修改")
    clerk.page.get_by_text("申请人原提：二班").wait_for()
    clerk.agree("同意更正")
    clerk.told("档案已生成新版本")
    ticket = office.seen(line)
    assert (ticket.line.state, ticket.applied_version, ticket.record_version) == (State.APPLIED, 2, 2)
    assert ticket.current["class_name"] == "2 班"
    assert office.decided(line) == [(State.APPLIED, [str(clerk.id)], None)]


def refused(office: Office) -> None:
    """A wrong request ends with a reason the law knows; the record stays as it is."""
    line, clerk = office.open_ticket(office.graduate_factory()).line, office.first
    clerk.pick(line)
    form = clerk.unfold("reject")
    form.get_by_label("理由").select_option(label="经核对原件，现有记录无误")
    form.get_by_label("具体说明").fill("学籍卡上没有班级。")
    form.get_by_role("button", name="不予更正").click()
    clerk.told("已作出不予更正的决定")
    ticket = office.seen(line)
    assert (ticket.line.state, ticket.applied_version, ticket.record_version) == (State.REJECTED, None, 1)
    assert "《个人信息保护法》第四十六条" in (ticket.law or "")
    assert ticket.messages[-1].text == "学籍卡上没有班级。"
    assert office.decided(line) == [(State.REJECTED, [], "record_is_right")]


def missing_material(office: Office) -> None:
    """Nothing is agreed to that nobody has; the scan that came is filed."""
    person, clerk = office.graduate_factory(), office.first
    line = office.open_ticket(person, Kind.MISSING_MATERIAL, None, {}, "证书没有归档。").line
    clerk.pick(line)
    clerk.agree("同意并办结")
    clerk.page.get_by_role("alert").get_by_text("收集到的材料扫描件").wait_for()
    assert office.seen(line).line.state is State.SUBMITTED
    clerk.upload("collect", office.scan(60), "登记材料", class_code="7", title=TITLE)
    clerk.told("材料已登记")
    clerk.agree("同意并办结")
    clerk.told("已同意并办结")
    ticket = office.seen(line)
    assert (ticket.line.state, ticket.applied_version) == (State.RESOLVED, None)
    assert ticket.material_id is not None
    held = office.lantai.dossiers.material(clerk.desk.login.actor, ticket.material_id, purpose="filing")
    assert (held.title, held.class_code, held.version) == (TITLE, "7", 1)
    assert office.decided(line) == [(State.RESOLVED, [str(clerk.id)], None)]


def forming_unit(office: Office) -> None:
    """What the unit has not answered cannot be agreed to; its answer is kept as proof."""
    person, clerk = office.graduate_factory(), office.first
    line = office.open_ticket(
        person, Kind.FORMING_UNIT, Section.COURSE, {"grade": "88"}, "登记表上是 88 分。", (jpeg(),)
    ).line
    clerk.pick(line)
    form = clerk.unfold("send-out")
    form.get_by_label("转给哪个单位").fill(UNIT_QUESTION)
    form.get_by_role("button", name="转形成单位").click()
    clerk.told("已转形成单位")
    assert office.seen(line).line.state is State.WITH_UNIT
    assert clerk.page.locator("#do-accept").count() == 0
    clerk.upload("unit-answered", office.scan(61), "登记答复", unit_note="教务处已出具更正说明。")
    clerk.told("形成单位的答复已登记")
    clerk.agree("同意更正")
    clerk.told("档案已生成新版本")
    ticket = office.seen(line)
    assert (ticket.line.state, ticket.applied_version) == (State.APPLIED, 2)
    assert ticket.current["grade"] == "88"
    assert [e.proof for e in ticket.evidence if e.by_staff] == ["unit_reply"]
    assert [m.text for m in ticket.messages] == [UNIT_QUESTION, "教务处已出具更正说明。"]
    assert office.decided(line) == [(State.APPLIED, [str(clerk.id)], None)]


def statutory_identity(office: Office) -> None:
    """Two persons, each with a factor shown again; one alone changes nothing and cannot agree twice."""
    line = office.identity_ticket(office.graduate_factory()).line
    first, second = office.first, office.second
    before = first.proved, second.proved
    office.clock.advance(seconds=IDLE_FACTOR_S)
    first.pick(line)
    first.take()
    first.agree("同意（第一人）", "已核对公安机关证明。")
    first.told("等待另一位工作人员复核")
    first.page.get_by_text("您已同意本次更正").wait_for()
    assert first.page.locator("#do-accept").count() == 0
    half = office.seen(line)
    assert (half.line.state, half.record_version, office.decided(line)) == (State.AWAITING_SECOND, 1, [])
    office.clock.advance(seconds=IDLE_FACTOR_S)
    second.pick(line)
    second.agree("复核同意并更正")
    second.told("档案已生成新版本")
    assert (first.proved, second.proved) == (before[0] + 1, before[1] + 1)
    ticket = office.seen(line)
    assert (ticket.line.state, ticket.applied_version, ticket.current["sex"]) == (State.APPLIED, 2, "男")
    assert office.decided(line) == [(State.APPLIED, [str(first.id), str(second.id)], None)]


def other(office: Office) -> None:
    """Asked for more, answered by the graduate, closed without a change."""
    person, clerk = office.graduate_factory(), office.first
    line = office.open_ticket(person, Kind.OTHER, None, {}, "请核对归档日期。").line
    clerk.pick(line)
    form = clerk.unfold("ask")
    form.get_by_label("需要补充什么").fill("请说明哪一份材料。")
    form.get_by_role("button", name="请申请人补充").click()
    clerk.told("已请申请人补充")
    assert office.seen(line).line.state is State.NEEDS_INFO
    office.answer(person, line, "成绩单。")
    clerk.pick(line)
    clerk.page.get_by_text("成绩单。").wait_for()
    clerk.agree("同意并办结", "归档日期无误。")
    clerk.told("已同意并办结")
    ticket = office.seen(line)
    assert (ticket.line.state, ticket.applied_version) == (State.RESOLVED, None)
    assert [m.text for m in ticket.messages] == ["请说明哪一份材料。", "成绩单。", "归档日期无误。"]
    assert office.decided(line) == [(State.RESOLVED, [str(clerk.id)], None)]


WORK: Mapping[Kind, Callable[[Office], None]] = {
    Kind.TRANSCRIPTION: transcription,
    Kind.MISSING_MATERIAL: missing_material,
    Kind.FORMING_UNIT: forming_unit,
    Kind.STATUTORY_IDENTITY: statutory_identity,
    Kind.OTHER: other,
}
