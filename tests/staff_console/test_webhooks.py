"""Subscriptions of other systems at the console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from app.actors import Role
from notifications.webhook_log import LogFilter
from notifications.webhook_rules import Message, State
from notifications.webhooks import Change
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Client, Deliver, bot, client_of, subscribed
from tests.notifications.conftest import deliver
from tests.staff_console.conftest import Desk

__all__ = ["deliver"]
Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture
def there() -> Iterator[Bot]:
    with bot() as made:
        yield made


@pytest.fixture
def client_of_all(lantai: Lantai) -> Client:
    return client_of(lantai)


def test_how_each_fares_and_what_was_delivered(
    desk: Desks,
    lantai: Lantai,
    clock: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: People,
    deliver: Deliver,
) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    assert "还没有事件订阅" in administrator.read("/webhooks").text
    webhook, secret = subscribed(lantai, client_of_all, there)
    there.status = 500
    person = graduate_factory()
    deliver()
    listed = administrator.read("/webhooks").text
    assert all(words in listed for words in ("通知机器人", there.url, "投递失败中"))
    path = f"/webhooks/{webhook}"
    text = administrator.read(path).text
    assert "答复状态码不是 2xx（500）" in text
    assert not [w for w in (secret, str(person.id), person.card.name) if w in text]
    assert "没有投递记录" in administrator.read(f"{path}?state=dead").text
    assert "没有投递记录" in administrator.read(f"{path}?type=ticket.opened").text
    assert "没有投递记录" in administrator.read(f"{path}?before=1").text
    auditor = desk(Role.AUDITOR).read(path).text
    assert "投递记录" in auditor
    assert "重新投递" not in auditor


def test_stopping_testing_and_sending_again(
    desk: Desks,
    lantai: Lantai,
    clock: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: People,
    deliver: Deliver,
) -> None:
    administrator = desk(Role.ADMINISTRATOR)
    webhook, _ = subscribed(lantai, client_of_all, there)
    path = f"/webhooks/{webhook}"
    graduate_factory()
    lantai.event_feed.take_in()
    assert administrator.post(f"{path}/disable").status_code == 303
    assert "工作人员停用" in administrator.read(path).text
    deliver()
    [line] = lantai.webhook_log.deliveries(client_of_all.actor, webhook, LogFilter(), None, 5)
    assert (line.state, there.seen) == (Message.DEAD, [])
    assert administrator.post(f"{path}/replay/{line.event_id}").status_code == 409
    there.deaf = True
    administrator.post(f"{path}/test")
    assert "测试没有通过：答复中没有测试码" in administrator.read(path).text
    there.deaf = False
    administrator.post(f"{path}/test")
    assert "测试已通过" in administrator.read(path).text
    assert administrator.post(f"{path}/replay/{line.event_id}").status_code == 303
    deliver()
    assert len(there.seen) == 1
    day = clock.now().date().isoformat()
    assert administrator.post(f"{path}/replay", {"since": day, "until": day}).status_code == 303
    deliver()
    assert len(there.seen) == 2 + 1, "what was filed, again, and that the subscription had been stopped"
    for since, until in (("", day), (day, "2026-01-01"), ("2026-01-01", day)):
        assert administrator.post(f"{path}/replay", {"since": since, "until": until}).status_code == 422


def test_only_administrators_act_and_nobody_sees_what_is_absent(
    desk: Desks, lantai: Lantai, client_of_all: Client
) -> None:
    made, _ = lantai.webhooks.subscribe(client_of_all.actor, "https://bot.example/", ["dossier.filed"])
    auditor, archivist = desk(Role.AUDITOR), desk(Role.ARCHIVIST)
    assert archivist.get("/webhooks").status_code == 403
    for act in ("test", "disable", "replay", f"replay/{uuid4()}"):
        assert auditor.post(f"/webhooks/{made.id}/{act}").status_code == 403
    administrator = desk(Role.ADMINISTRATOR)
    assert administrator.get(f"/webhooks/{uuid4()}").status_code == 404
    assert administrator.post(f"/webhooks/{uuid4()}/disable").status_code == 404
    lantai.webhooks.change(client_of_all.actor, made.id, Change(enabled=False))
    assert lantai.webhooks.any(made.id).state is State.DISABLED
    assert "接入系统自行停用" in administrator.read("/webhooks").text
