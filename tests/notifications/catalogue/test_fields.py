"""The whole catalogue in every state against the platforms' rules, and what happens to words that break them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import select

from app.actors import SYSTEM
from app.jobs import Announce, DeliverNotice
from app.ports import Platform
from notifications.announcing import Announcer
from notifications.catalogue.editions import CATALOGUE_VERSION, EDITIONS
from notifications.catalogue.fields import PUSHED, faults_of, mail_text, platform_fields, sms_text
from notifications.catalogue.text import NoticeText, Template
from notifications.catalogue.words import notice_for
from notifications.channels import Channels
from notifications.check_codes import CheckCodes, MessageWriter
from notifications.delivery import NoticeDelivery
from notifications.models import DeliveryAttempt, Notice
from notifications.routing import Router
from parts import Lantai
from providers.sandbox.config import Template as SandboxTemplate
from providers.sandbox.template_values import check_data
from tests.conftest import ApiClient, Person, World
from tests.notifications.catalogue.samples import happenings

NEW_YEAR = datetime(2026, 12, 31, 17, 0, tzinfo=UTC)  # 2027 already in Beijing
SCHOOLS = ("兰台大学", "中" * 60, "😀" * 30, f"{'长' * 31}{'𠮷' * 5}")
CODE = "W" * 8
NO_ID = UUID(int=0)


@pytest.mark.parametrize("version", EDITIONS)
@pytest.mark.parametrize("school", SCHOOLS)
def test_every_notice_in_every_state_fits_both_platforms(version: str, school: str) -> None:
    wechat = SandboxTemplate("id", "标题", dict.fromkeys(("thing1", "phrase2", "date3", "thing4"), "x"))
    tried = 0
    for kind, data in happenings(version):
        words = notice_for(kind, data, version)
        assert words is not None
        for platform in PUSHED:
            fields = platform_fields(platform, words, school, NEW_YEAR, CODE)
            assert faults_of(platform, fields) == [], (words.key, platform)
            assert "2027年1月1日" in fields.values()
            tried += 1
        told = platform_fields(Platform.WECHAT, words, school, NEW_YEAR, CODE)
        # the sandbox wrote WeChat's rules down on its own
        assert check_data(wechat, {k: {"value": v} for k, v in told.items()}) == told
    assert tried > 150


def test_new_notices_show_their_code_on_every_channel_and_old_ones_keep_their_words() -> None:
    for words in EDITIONS[CATALOGUE_VERSION].values():
        for school in SCHOOLS:
            assert platform_fields(Platform.WECHAT, words, school, NEW_YEAR, CODE)["thing4"].endswith(CODE)
            assert platform_fields(Platform.ALIPAY, words, school, NEW_YEAR, CODE)["keyword1"].endswith(CODE)
        assert sms_text(words, "兰台大学", CODE).endswith(CODE)
        assert CODE in mail_text(words, "兰台大学", "咨询处", NEW_YEAR, CODE)[1]
    for words in EDITIONS["2026-1"].values():
        assert platform_fields(Platform.WECHAT, words, "校", NEW_YEAR, CODE)["thing4"] == words.hint


def test_words_that_break_a_rule_are_found() -> None:
    """Planted: one sign too many, a line break, a Latin letter in a phrase."""
    good = notice_for("chat.answered", {})
    assert good is not None

    def faults(**changes: str) -> list[str]:
        bad = replace(good, **changes)  # type: ignore[arg-type]
        return faults_of(Platform.WECHAT, platform_fields(Platform.WECHAT, bad, "校", NEW_YEAR))

    assert faults() == []
    assert faults(hint="字" * 21) == ["thing4:bad_thing"]
    assert faults(hint="请进入\n小程序") == ["thing4:control_character"]
    assert faults(phrase="已答复A", subject="😀" * 11) == ["thing1:bad_thing", "phrase2:bad_phrase"]


class Refused(MessageWriter):
    """Finds a fault in what goes to ``platforms``."""

    def __init__(self, *platforms: Platform) -> None:
        super().__init__("兰台大学", CheckCodes(bytes(32)))
        self._platforms = platforms

    def faults(self, platform: Platform, text: NoticeText, notice_id: UUID, at: datetime) -> list[str]:
        return ["thing4:bad_thing"] if platform in self._platforms else []


@dataclass(frozen=True)
class Telling:
    announcer: Announcer
    delivery: NoticeDelivery


def telling_with(lantai: Lantai, writer: MessageWriter) -> Telling:
    ids = {p.value: dict.fromkeys(Template, "template") for p in PUSHED}
    channels = Channels(lantai.outside.senders, ids, writer)
    router = Router(lantai.db, lantai.preferences, lantai.subscriptions, (), lantai.queue, lantai.clock)
    return Telling(
        Announcer(lantai.db, channels, lantai.staff_lines, lantai.delivery.deliver, lantai.clock),
        NoticeDelivery(
            lantai.db,
            lantai.people,
            lantai.subscriptions,
            channels,
            router,
            lantai.staff_lines,
            lantai.queue,
            lantai.clock,
        ),
    )


def tell(lantai: Lantai, telling: Telling, person: Person) -> Notice:
    with lantai.db.transaction() as session:
        event = lantai.log.record(session, SYSTEM, "chat.answered", graduate_id=person.id)
    telling.announcer.announce(Announce(event))
    with lantai.db.transaction() as session:
        return session.scalars(select(Notice).where(Notice.event_id == event)).one()


@pytest.fixture
def person(
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
    world: World,
) -> Person:
    made = graduate_factory()
    signed_in(made, 2)
    run_jobs()
    world.wechat_sender.sent.clear()
    world.alerts.lines.clear()
    return made


def test_unfit_words_are_never_sent_but_told_to_staff_once_and_the_inbox_has_them(
    lantai: Lantai, person: Person, world: World
) -> None:
    telling = telling_with(lantai, Refused(*PUSHED))
    tell(lantai, telling, person)
    notice = tell(lantai, telling, person)
    telling.delivery.deliver(DeliverNotice(notice.id))
    assert world.wechat_sender.sent == []
    with lantai.db.transaction() as session:
        assert session.scalars(select(DeliveryAttempt).where(DeliveryAttempt.notice_id == notice.id)).all() == []
    assert [line for line in world.alerts.lines if "thing4:bad_thing" in line and "chat.answered" in line]
    assert len(world.alerts.lines) == len(PUSHED)
    rows, _ = lantai.inbox.notices(person.actor(), before=None, limit=9)
    assert [r.title for r in rows[:2]] == ["在线咨询：客服已答复"] * 2


def test_a_fault_on_one_platform_leaves_the_other_its_message(lantai: Lantai, person: Person, world: World) -> None:
    telling = telling_with(lantai, Refused(Platform.ALIPAY))
    telling.delivery.deliver(DeliverNotice(tell(lantai, telling, person).id))
    assert len(world.wechat_sender.sent) == 1
    assert len(world.alerts.lines) == 1
