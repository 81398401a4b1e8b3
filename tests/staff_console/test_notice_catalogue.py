"""The catalogue of notices at the console: all of it, as each channel shows it, and a test to the staff's own group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from app.actors import Role
from app.errors import Conflict, Forbidden, NotFound, RateLimited, Unavailable
from app.events import Event
from app.ports import SendFailed, SendFault
from notifications.catalogue.editions import CATALOGUE_VERSION, EDITIONS
from notifications.catalogue.preview import SAMPLE_CODE, sample
from notifications.check_codes import ALPHABET, LENGTH
from notifications.staff_lines import BURST, EVERY_S, StaffLines
from notifications.trials import MOST, NoticeTrials, trial_line
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
ROBOT_BYTES = 2048


def test_every_notice_stands_there_and_opens(desk: Desks) -> None:
    auditor = desk(Role.AUDITOR)
    listed = auditor.get("/notices").text
    for notice in EDITIONS[CATALOGUE_VERSION].values():
        assert notice.title in listed
        assert f"/console/notices/{notice.key}" in listed
    for words in ("账号安全", "紧急", "至多一次", CATALOGUE_VERSION):
        assert words in listed
    assert "发到工作群试看" not in auditor.read("/notices/chat.answered").text


def test_a_notice_as_each_channel_shows_it(desk: Desks) -> None:
    text = desk(Role.ADMINISTRATOR).read("/notices/transfer.hold_ending.week").text
    for words in (
        "微信订阅消息",
        "支付宝模板消息",
        "站内通知",
        "短信",
        "邮件",
        "保管将满",
        "2026年12月31日",
        "transfer",
    ):
        assert words in text, words
    assert text.count(SAMPLE_CODE) == 5
    assert text.count("发到工作群试看") == 5


def test_what_is_no_notice_is_not_found(desk: Desks) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    for key in ("x", "chat.answered.", "%00", "a" * 300):
        assert administrator.get(f"/notices/{key}").status_code == 404


def test_a_test_goes_to_the_group_alone_and_is_recorded(desk: Desks, lantai: Lantai, world: World) -> None:
    archivist = desk(Role.ARCHIVIST)
    answer = archivist.post("/notices/chat.answered/test", {"channel": "0"})
    assert answer.status_code == 303
    assert "未发给毕业生" in archivist.read("/notices/chat.answered").text
    (line,) = world.alerts.lines
    assert line.startswith("【测试，未发给毕业生】chat.answered")
    assert SAMPLE_CODE in line
    assert world.wechat_sender.sent == world.alipay_sender.sent == []
    with lantai.db.transaction() as session:
        (kept,) = session.scalars(select(Event).where(Event.type == "notice.tried"))
    assert (kept.actor_id, kept.graduate_id) == (archivist.login.actor.id, None)
    assert kept.data == {
        "notice": "chat.answered",
        "version": CATALOGUE_VERSION,
        "channel": "微信订阅消息",
        "way": "robot",
    }
    for channel in ("5", "-1", "", "x", "９"):
        assert archivist.post("/notices/chat.answered/test", {"channel": channel}).status_code == 404
    assert archivist.post("/notices/x/test", {"channel": "0"}).status_code == 404
    assert desk(Role.REVIEWER).post("/notices/chat.answered/test", {"channel": "0"}).status_code == 403
    assert len(world.alerts.lines) == 1


def test_tests_are_limited_and_the_way_out_is_told(desk: Desks, world: World) -> None:
    archivist = desk(Role.ARCHIVIST)
    for _ in range(MOST + 1):
        archivist.post("/notices/chat.answered/test", {"channel": "2"})
    assert "试发过于频繁" in archivist.read("/notices/chat.answered").text
    assert len(world.alerts.lines) == MOST


class Refusing:
    def alert(self, text: str) -> None:
        raise SendFailed(SendFault.LATER, "45009")


def trials(lantai: Lantai, alerts: Refusing | None) -> NoticeTrials:
    outside = lantai.outside
    return NoticeTrials(
        lantai.db,
        lantai.log,
        outside.limits,
        StaffLines(lantai.db, alerts, lantai.clock),
        lantai.staff_mailboxes,
        lantai.clock,
        "兰台大学",
        "档案科",
    )


def test_without_a_robot_or_with_one_that_refuses(desk: Desks, lantai: Lantai) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    assert not trials(lantai, None).open
    with pytest.raises(Conflict, match="robot_not_configured"):
        trials(lantai, None).send(administrator.login.actor, "chat.answered", 0, by_mail=False)
    with pytest.raises(Unavailable, match="robot_refused") as refused:
        trials(lantai, Refusing()).send(administrator.login.actor, "chat.answered", 0, by_mail=False)
    assert refused.value.params == {"reason": "45009"}
    with pytest.raises(Unavailable, match="robot_refused") as resting:  # and alarms rest as long
        lantai.notice_trials.send(administrator.login.actor, "chat.answered", 0, by_mail=False)
    assert resting.value.params == {"reason": "resting"}
    for actor, key, error in (
        (replace(administrator.login.actor, roles=frozenset({Role.AUDITOR})), "chat.answered", Forbidden),
        (administrator.login.actor, "none", NotFound),
    ):
        with pytest.raises(error):
            trials(lantai, Refusing()).send(actor, key, 0, by_mail=False)


def test_tests_take_from_what_alarms_have_and_wait_where_nothing_is_left(
    desk: Desks, lantai: Lantai, world: World, clock: FakeClock
) -> None:
    actor = desk(Role.ADMINISTRATOR).login.actor
    for n in range(int(BURST) - 1):
        lantai.staff_lines.say(f"提醒 {n}")
    lantai.notice_trials.send(actor, "chat.answered", 0, by_mail=False)
    with pytest.raises(Unavailable, match="robot_refused"):
        lantai.notice_trials.send(actor, "chat.answered", 0, by_mail=False)
    assert len(world.alerts.lines) == BURST
    clock.advance(seconds=EVERY_S)
    lantai.notice_trials.send(actor, "chat.answered", 0, by_mail=False)
    assert len(world.alerts.lines) == BURST + 1


def test_the_second_wall_limits_too(desk: Desks, lantai: Lantai, clock: FakeClock) -> None:
    actor = desk(Role.ADMINISTRATOR).login.actor
    for _ in range(MOST):
        lantai.notice_trials.send(actor, "chat.answered", 0, by_mail=False)
    with pytest.raises(RateLimited):
        lantai.notice_trials.send(actor, "chat.answered", 0, by_mail=False)


def test_every_preview_fits_the_robot_and_its_code_is_of_the_alphabet(lantai: Lantai) -> None:
    for key in EDITIONS[CATALOGUE_VERSION]:
        text = sample(key)
        assert text is not None
        assert "{" not in text.body
        for shown in lantai.notice_trials.previews(key):
            assert len(trial_line(key, text.version, shown).encode()) <= ROBOT_BYTES, key
    assert len(SAMPLE_CODE) == LENGTH
    assert set(SAMPLE_CODE) <= set(ALPHABET)
