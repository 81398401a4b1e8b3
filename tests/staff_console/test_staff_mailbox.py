"""A member of staff's own mailbox: nothing goes there before a mailed code has proved it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from app.actors import SYSTEM, ActorKind, Role
from app.errors import Conflict, Unauthenticated
from app.events import Event
from app.ports import SendFault
from notifications.catalogue.preview import SAMPLE_CODE
from notifications.models import StaffMailbox
from notifications.staff_mailbox import CODES, HOLDS_FOR, MOST_WRONG
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
ADDRESS = "zhang.gong@lantai.edu.cn"


def mailed_code(world: World) -> str:
    found = re.search(r"验证码：(\d{6})", world.mailer.sent[-1][2])
    assert found is not None
    return found[1]


def entered(desk: Desk, world: World, address: str = ADDRESS) -> str:
    assert desk.post("/account/mailbox", {"address": address}).status_code == 303
    return mailed_code(world)


def test_a_notice_goes_to_one_s_own_proved_mailbox(
    desk: Desks, lantai: Lantai, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    archivist, path = desk(Role.ARCHIVIST), "/notices/chat.answered"
    assert "发到我的邮箱试看" not in archivist.read(path).text
    code = entered(archivist, world)
    assert "待验证" in archivist.read("/account").text
    refused = archivist.post(f"{path}/test", {"way": "mail", "channel": "4"})
    assert refused.status_code == 303
    assert "请先在“我的账号”登记并验证" in archivist.read(path).text
    assert len(world.mailer.sent) == 1
    assert archivist.post("/account/mailbox/confirm", {"code": f" {code} "}).status_code == 303
    account = archivist.read("/account").text
    assert "z***@lantai.edu.cn：已验证" in account
    assert ADDRESS not in account
    assert archivist.read(path).text.count("发到我的邮箱试看") == 5
    archivist.post(f"{path}/test", {"way": "mail", "channel": "4"})
    assert "已发到您的测试收件邮箱" in archivist.read(path).text
    to, subject, body, message_id = world.mailer.sent[-1]
    assert (to, subject) == (ADDRESS, "【测试】邮件：在线咨询：客服已答复")
    assert body.startswith("这是测试，未发给毕业生。")
    assert SAMPLE_CODE in body
    assert re.fullmatch(r"<[0-9a-f]{32}@[a-z0-9.-]+>", message_id)
    assert world.alerts.lines == []
    with lantai.db.transaction() as session:
        events = session.scalars(select(Event).where(Event.actor_id == archivist.login.actor.id)).all()
        row = session.execute(text("select to_jsonb(m)::text from staff_mailbox m")).scalar_one()
    kinds = [e.type for e in events if e.type.startswith(("staff.mailbox", "notice."))]
    assert kinds == ["staff.mailbox_entered", "notice.tried", "staff.mailbox_proved", "notice.tried"]
    for kept in (row, str([e.data for e in events]), caplog.text):
        assert ADDRESS not in kept
        assert code not in kept


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "a@b",
        "a@@b.cn",
        "a b@c.cn",
        "a@b.cn,c@d.cn",
        "a@b.cn\nBcc: c@d.cn",
        "名@b.cn",
        "a..b@x.cn",
        ".a@x.cn",
        "a.@x.cn",
        "a@-x.cn",
        "a" * 65 + "@b.cn",
    ],
)
def test_what_is_no_address_is_told_beside_the_field(desk: Desks, world: World, address: str) -> None:
    answer = desk(Role.ARCHIVIST).post("/account/mailbox", {"address": address})
    assert answer.status_code == 422
    assert "请填写邮箱地址" in answer.text
    assert world.mailer.sent == []


def test_a_code_holds_for_ten_minutes_and_five_tries_and_once(
    desk: Desks, lantai: Lantai, world: World, clock: FakeClock
) -> None:
    archivist = desk(Role.ARCHIVIST)

    def confirm(code: str) -> int:
        return archivist.post("/account/mailbox/confirm", {"code": code}).status_code

    assert confirm("000000") == 409
    code = entered(archivist, world)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    assert [confirm(wrong) for _ in range(MOST_WRONG)] == [422] * MOST_WRONG
    assert confirm(code) == 409
    code = entered(archivist, world)
    clock.advance(seconds=HOLDS_FOR.total_seconds())
    assert confirm(code) == 409
    code = entered(archivist, world)
    assert (confirm(code), confirm(code)) == (303, 409)
    with lantai.db.transaction() as session:
        (row,) = session.scalars(select(StaffMailbox))
    assert (row.code_hash, row.verified_at) == (None, clock.now())


def test_codes_are_not_mailed_without_end(desk: Desks, world: World) -> None:
    archivist, other = desk(Role.ARCHIVIST), desk(Role.REVIEWER)
    for _ in range(CODES):
        entered(archivist, world)
    assert archivist.post("/account/mailbox", {"address": "else@lantai.edu.cn"}).status_code == 429
    assert other.post("/account/mailbox", {"address": ADDRESS.upper()}).status_code == 429
    assert len(world.mailer.sent) == CODES


def test_another_address_must_be_proved_anew_and_nobody_has_anothers(desk: Desks, world: World) -> None:
    archivist, other = desk(Role.ARCHIVIST), desk(Role.ADMINISTRATOR)
    code = entered(archivist, world)
    assert other.post("/account/mailbox/confirm", {"code": code}).status_code == 409
    archivist.post("/account/mailbox/confirm", {"code": code})
    entered(archivist, world, "new@lantai.edu.cn")
    assert "n***@lantai.edu.cn：待验证" in archivist.read("/account").text
    assert "发到我的邮箱试看" not in archivist.read("/notices/chat.answered").text
    assert archivist.post("/account/mailbox/remove").status_code == 303
    assert "n***@" not in archivist.read("/account").text


def test_a_server_that_refuses_is_told(desk: Desks, world: World) -> None:
    archivist = desk(Role.ARCHIVIST)
    world.mailer.faults.append(SendFault.RECIPIENT)
    answer = archivist.post("/account/mailbox", {"address": ADDRESS})
    assert answer.status_code == 503
    assert "邮件没有发出" in answer.text


@pytest.mark.parametrize("proved", [True, False])
def test_whoever_leaves_gets_nothing_more(desk: Desks, lantai: Lantai, world: World, proved: bool) -> None:
    archivist, other = desk(Role.ARCHIVIST), desk(Role.ARCHIVIST)
    code = entered(archivist, world)
    if proved:
        archivist.post("/account/mailbox/confirm", {"code": code})
    for one in (archivist, other):
        lantai.staff.disable(SYSTEM, one.login.credentials.username)
    sent, left = list(world.mailer.sent), archivist.login.actor
    with lantai.db.transaction() as session:
        assert session.scalars(select(StaffMailbox)).all() == []
        removed = session.scalars(select(Event).where(Event.type == "staff.mailbox_removed")).all()
    assert [(e.actor_kind, e.object_id) for e in removed] == [(ActorKind.SYSTEM, left.id)]
    # a request that began before the account was closed
    with pytest.raises(Conflict, match="mailbox_not_proved"):
        lantai.staff_mailboxes.send(left, "题", "文")
    with pytest.raises(Unauthenticated, match="session_expired"):
        lantai.staff_mailboxes.begin(left, ADDRESS)
    with lantai.db.transaction() as session:
        assert session.scalars(select(StaffMailbox)).all() == []
    assert world.mailer.sent == sent
