"""通知 at the console: what was sent to whom by which way, in plain words; filters, pages and who may look."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from app.actors import SYSTEM, Purpose, Role
from app.jobs import Announce
from app.people.models import PlatformIdentity
from app.ports import SendFault
from notifications.channel_rules import ContactKind, Way
from notifications.fault_actions import OTHERS
from notifications.history import OUTCOME_LABELS, WAY_LABELS, Outcome, words_of
from notifications.models import AttemptState, DeliveryAttempt, Notice
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.notifications.ways import code_of
from tests.staff_console.conftest import Desk

PER_PAGE = 20


@pytest.fixture
def person(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
    lantai: Lantai,
    world: World,
) -> Person:
    """With a WeChat account and a verified e-mail, and no notice yet."""
    made = graduate_factory("欧阳文静")
    signed_in(made, 2)
    actor = made.actor(Purpose.MANAGE_ACCOUNT, now=lantai.clock.now())
    added = lantai.contacts.add(actor, ContactKind.EMAIL, "graduate@example.cn")
    lantai.contacts.verify(actor, added.id, code_of(world, ContactKind.EMAIL))
    run_jobs()
    with lantai.db.transaction() as session:
        for table in ("delivery_attempt", "contact_attempt", "notice", "procrastinate_jobs"):
            session.execute(text(f"delete from {table}"))
    return made


@pytest.fixture
def told(lantai: Lantai, person: Person, run_jobs: Callable[[], None]) -> Callable[..., None]:
    def tell(kind: str = "ticket.decided", state: str = "applied") -> None:
        with lantai.db.transaction() as session:
            data = {"state": state}
            event = lantai.log.record(session, SYSTEM, kind, graduate_id=person.id, data=data)
            lantai.queue.enqueue(session, Announce(event))
        run_jobs()

    return tell


def test_ways_and_outcomes_in_plain_words(
    desk: Callable[..., Desk], person: Person, told: Callable[..., None], world: World, lantai: Lantai
) -> None:
    told()
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    told(state="rejected")
    with lantai.db.transaction() as session:
        identity = session.scalars(select(PlatformIdentity.id)).one()
        at = lantai.clock.now() - timedelta(seconds=1)
        for n in range(2):
            later = at + timedelta(seconds=n)
            lantai.subscriptions.popup(session, identity, "wechat-transfer_step", accepted=True, at=later)
    told("transfer.moved", "sealed")
    page = desk(Role.DISPATCHER).get(f"/graduates/{person.id}/notices")
    assert page.status_code == 200
    words = page.text
    assert "微信提醒：微信已接收" in words
    assert "微信提醒：未发出：毕业生未订阅或订阅次数已用完" in words
    assert "no_credit:scripted" in words
    assert "电子邮件：收件方邮件服务器已接收" in words
    assert "档案转递：已密封" in words
    assert "还可接收约 1 条" in words
    assert "graduate@example.cn" not in words
    with lantai.db.transaction() as session:
        types = session.scalars(text("select type from event where type = 'notices.read'")).all()
    assert len(types) == 1
    access = [e.type for e in lantai.dossiers.access_log(person.actor(now=lantai.clock.now()), before=None, limit=5)]
    assert "notices.read" in access


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", {"已更正", "未予更正", "已办结"}),
        ("?way=wechat&outcome=sent", {"已更正"}),
        ("?way=wechat&outcome=failed", {"未予更正"}),
        ("?way=email", {"未予更正"}),
        ("?way=sms", set()),
        ("?way=inbox", {"已办结"}),
        ("?way=inbox&outcome=sent", set()),
        ("?outcome=sent", {"已更正", "未予更正"}),
        ("?outcome=open", set()),
        ("?way=nonsense&outcome=nonsense", {"已更正", "未予更正", "已办结"}),
    ],
)
def test_filters(
    query: str,
    titles: set[str],
    desk: Callable[..., Desk],
    person: Person,
    told: Callable[..., None],
    world: World,
    lantai: Lantai,
) -> None:
    told()
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    told(state="rejected")
    with lantai.db.transaction() as session:
        session.execute(update(PlatformIdentity).values(unreachable_at=lantai.clock.now()))
        session.execute(text("update notice_contact set unreachable_at = now()"))
    told(state="resolved")
    page = desk().get(f"/graduates/{person.id}/notices{query}").text
    found = {t for t in ("已更正", "未予更正", "已办结") if f"更正申请：{t}</th>" in page or f"：{t}</th>" in page}
    assert found == titles
    assert f"共 <b>{len(titles)}</b> 条" in page


def test_pages_and_what_waits_for_the_end_of_quiet_hours(
    desk: Callable[..., Desk], person: Person, told: Callable[..., None], clock: FakeClock, lantai: Lantai
) -> None:
    for _ in range(PER_PAGE):
        told()
    clock.advance(hours=14)  # 23:00 in Beijing
    told("transfer.moved", "sealed")
    clerk = desk()
    first, second = (clerk.get(f"/graduates/{person.id}/notices?page={n}").text for n in (1, 2))
    assert "免打扰时段" in first
    assert "08:00" in first
    assert f"共 <b>{PER_PAGE + 1}</b> 条" in first
    assert second.count("更正申请：已更正") == 1
    assert "回到第一页" in clerk.get(f"/graduates/{person.id}/notices?page=9").text
    with lantai.db.transaction() as session:
        assert (
            session.scalars(select(DeliveryAttempt).join(Notice).where(Notice.event_type == "transfer.moved")).all()
            == []
        )


@pytest.mark.parametrize("role", [Role.ADMINISTRATOR, Role.AUDITOR])
def test_only_who_may_look_a_graduate_up(role: Role, desk: Callable[..., Desk], person: Person) -> None:
    assert desk(role).get(f"/graduates/{person.id}/notices").status_code == 403


def test_every_outcome_has_its_words() -> None:
    assert set(WAY_LABELS) == set(Way)
    assert set(OUTCOME_LABELS) == set(Outcome)
    for way in set(Way) - {Way.INBOX}:
        for state in AttemptState:
            for reason in ("", *(f"{f.value}:1" for f in SendFault), *OTHERS):
                assert words_of(way, state, reason)
    for state, reason, words in (
        (AttemptState.UNKNOWN, "worker_lost", "未得到确认：发送时服务中断，可能已送达"),
        (AttemptState.FAILED, "held", "未发出：通道暂停过久，未发送"),
        (AttemptState.FAILED, "config:40037", "未发出：模板或平台配置有误"),
        (AttemptState.RETRY, "retry:-1", "将再试（平台繁忙或连接不上）"),
    ):
        assert words_of(Way.WECHAT, state, reason) == words
