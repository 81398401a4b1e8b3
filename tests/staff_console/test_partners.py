"""The page of the systems that come through the machines' door."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import select

from app.actors import Actor, ActorKind, Role
from app.events import Event
from app.imports.rules import BatchSource
from app.ports import SendFault
from auth.machine_keys import NewKey
from notifications.partner_notices import Kind
from notifications.partner_sending import Recipient
from parts import Lantai
from staff_console.words import moment
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.partner_api.test_ingest import BAD_ID, line, table
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]


def test_what_each_may_and_by_which_keys(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    assert "还没有接入系统" in administrator.read("/partners").text
    _, credential = lantai.partners.add("教务系统", ["dossiers:push", "notices:send"])
    lantai.partners.add("测试系统", ["notices:send"], sandbox=True)
    now = clock.now()
    made = lantai.machine_keys.add("教务系统", NewKey(scopes=("notices:send",), per_minute=30))
    lantai.machine_keys.add("教务系统", NewKey(bytes(32), not_before=now + timedelta(days=1)))
    lantai.machine_keys.add("教务系统", NewKey(expires_at=now + timedelta(hours=1)))
    text = administrator.read("/partners").text
    shown = ("教务系统", "测试系统（测试用）", "推送毕业生档案数据", made.key_id, "30 次", "未生效", "Ed25519 公钥")
    for words in shown:
        assert words in text, words
    assert "已失效" not in text
    assert not [secret for secret in (credential, made.secret or "?") if secret in text]
    clock.advance(hours=1)
    assert "已失效" in desk(Role.AUDITOR).read("/partners").text


def test_closing_and_revoking_is_the_administrators_and_recorded(desk: Desks, lantai: Lantai) -> None:
    client_id, _ = lantai.partners.add("教务系统", ["notices:send"])
    key_id = lantai.machine_keys.add("教务系统", NewKey()).key_id
    acts = (f"/partners/keys/{key_id}/revoke", f"/partners/{client_id}/disable")
    auditor, archivist, administrator = desk(Role.AUDITOR), desk(), desk(Role.ADMINISTRATOR)
    assert archivist.get("/partners").status_code == 403
    page = auditor.read("/partners").text
    assert "确认吊销" not in page
    assert "确认停用" not in page
    for act in acts:
        assert auditor.post(act).status_code == 403
        assert archivist.post(act).status_code == 403
    assert [k.revoked_at for k in lantai.machine_keys.all()] == [None]
    for act, told in zip(acts, ("已吊销", "已停用"), strict=True):
        at_once = administrator.post(act)
        assert (at_once.status_code, "请先勾选确认" in at_once.text) == (422, True)
        assert told not in administrator.read("/partners").text
        done = administrator.post(act, {"understood": "yes"})
        assert done.status_code == 303
        assert told in administrator.read("/partners").text
    assert lantai.partners.clients()[0].disabled_at is not None
    with lantai.db.transaction() as session:
        query = select(Event.type, Event.actor_id).where(Event.object_id == client_id).order_by(Event.id)
        told_of = [tuple(row) for row in session.execute(query)][2:]
    who = administrator.login.id
    assert told_of == [("partner.key_revoked", who), ("partner.disabled", who)]
    for absent in (f"/partners/{uuid4()}/disable", "/partners/keys/lantai_none/revoke"):
        assert administrator.post(absent, {"understood": "yes"}).status_code == 404


def test_revoked_keys_leave_the_page_in_time(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    lantai.partners.add("教务系统", ["notices:send"])
    key_id = lantai.machine_keys.add("教务系统", NewKey()).key_id
    lantai.machine_keys.revoke(key_id)
    page = desk(Role.AUDITOR).read("/partners").text
    assert key_id in page
    assert "近 90 天内吊销的密钥（1）" in page
    clock.advance(days=90)
    assert key_id not in desk(Role.AUDITOR).read("/partners").text


def row_of(page: str) -> list[list[str]]:
    """The cells of every hour, without the unit."""
    rows = re.findall(r"<tr><th scope=\"row\" data-label=\"时段\">(.*?)</tr>", page, re.S)
    return [[re.sub(r"<.*?>", "", r.partition("</th>")[0]), *re.findall(r">(\d+) 条<", r)] for r in rows]


def test_notices_are_counted_by_the_hour(
    desk: Desks,
    lantai: Lantai,
    clock: FakeClock,
    world: World,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
) -> None:
    people = [graduate_factory() for _ in range(3)]
    for person in people[:2]:
        signed_in(person, 2)
    run_jobs()
    client, _ = lantai.partners.add("学工系统", ["notices:send"])
    lantai.partners.add("教务系统", ["dossiers:push"])
    sandbox, _ = lantai.partners.add("测试系统", ["notices:send"], sandbox=True)
    empty = desk(Role.AUDITOR).get("/partners").text
    assert empty.count("近 24 小时没有请求发送通知") == 2

    def ask(number: str, by: UUID = client) -> None:
        fields = {"place": "archive_desk", "until": "2026-06-30"}
        actor, dry = Actor(ActorKind.PARTNER, by), by == sandbox
        lantai.partner_sending.send(actor, Kind.ASK_VISIT, Recipient(number), fields, sandbox=dry)

    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    for named in (*(p.card.student_number for p in people), "2099999999", "2099999998"):
        ask(named)
    ask("2099999999", sandbox)
    run_jobs()
    first = clock.now()
    clock.advance(hours=1)
    ask("2099999997")
    later = clock.now()
    shown = row_of(desk(Role.AUDITOR).get("/partners").text)
    hours = [f"{moment(at.replace(minute=0))} 起一小时" for at in (first, later)]
    assert sorted(shown) == sorted(
        [[hours[1], "1", "0", "0", "0"], [hours[0], "5", "3", "2", "1"], [hours[0], "1", "0", "0", "0"]]
    )
    clock.advance(hours=24)
    assert [r[1:] for r in row_of(desk(Role.AUDITOR).get("/partners").text)] == [["1", "0", "0", "0"]]


def test_what_came_from_the_sandbox_is_marked_and_has_no_way_in(
    desk: Desks, lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    clerk, client_id = desk(), lantai.partners.add("测试系统", ["dossiers:push"], sandbox=True)[0]
    sent_by, data = Actor(ActorKind.PARTNER, client_id), io.BytesIO(table(line(1), line(2, BAD_ID)))
    batch = lantai.importer.receive(sent_by, name="a.csv", stream=data, source=BatchSource.PARTNER, dry_only=True)
    lantai.importer.start_check(clerk.login.actor, batch.id)
    run_jobs()
    path = f"/import/{batch.id}"
    assert "（测试用）" in clerk.read("/import").text
    page = clerk.read(path)
    assert "只能预检，不会写入档案" in page.text
    assert f"/console{path}/mapping" in page.forms
    assert not {f"/console{path}/{act}" for act in ("start", "mend")} & set(page.forms)
    refused = clerk.post(f"{path}/start", {"version": lantai.importer.batch(sent_by, batch.id).version})
    assert (refused.status_code, "只能预检，不能导入" in refused.text) == (409, True)


def test_what_was_refused_at_once_is_shown_by_hour_and_reason(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    client_id, _ = lantai.partners.add("教务系统", ["dossiers:push"])
    auditor = desk(Role.AUDITOR)
    assert "当场拒绝" not in auditor.read("/partners").text
    for status, code in (
        (429, "rate_limited"),
        (429, "rate_limited"),
        (403, "scope_required"),
        (404, "batch_not_found"),
    ):
        lantai.partner_refusals.note(client_id, status, code)
    lantai.partner_refusals.copy()
    text = auditor.read("/partners").text
    hour = moment(clock.now().replace(minute=0))
    for words in (
        "近 24 小时当场拒绝的请求",
        f"{hour} 起一小时",
        "3 次",
        "rate_limited",
        "：2 次",
        "scope_required",
        "：1 次",
    ):
        assert words in text, words
    assert "batch_not_found" not in text
