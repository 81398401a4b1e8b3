"""`lantai partner webhook`: what operators are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import uuid4

import pytest
from click.testing import CliRunner

from app.errors import NotFound
from cli import lantai as command
from commands import webhooks
from notifications.webhook_rules import State
from parts import Lantai
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.notifications.bots import Bot, Client, Deliver, subscribed

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def wired() -> Iterator[Lantai]:
        yield lantai

    # the command wires from the environment; here it gets the test's own parts
    monkeypatch.setattr(webhooks, "wired", wired)

    def call(*words: object) -> tuple[int, str]:
        result = CliRunner().invoke(command, ["partner", "webhook", *map(str, words)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.output

    return call


def test_from_list_to_replay(
    run: Run,
    lantai: Lantai,
    clock: FakeClock,
    there: Bot,
    client_of_all: Client,
    graduate_factory: Callable[..., Person],
    deliver: Deliver,
) -> None:
    webhook, secret = subscribed(lantai, client_of_all, there, "dossier.filed")
    there.status = 503
    graduate_factory()
    deliver()
    code, listed = run("list")
    assert code == 0
    assert f"{webhook}  通知机器人  {there.url}  投递失败中  待投递 1" in listed
    assert secret not in listed
    (logged,) = run("log", webhook)[1].splitlines()
    assert "503答复状态码不是 2xx" in logged
    assert run("log", webhook, "--state", "dead") == (0, "")
    assert run("disable", webhook, "--yes") == (0, "已停用。\n")
    assert "已停用（工作人员停用）" in run("list")[1]
    there.deaf = True
    code, words = run("test", webhook)
    assert (code, "答复中没有测试码" in words) == (1, True)
    there.deaf, there.status = False, 200
    assert run("test", webhook) == (0, "测试已通过，订阅已启用。\n")
    day = clock.now().date()
    assert run("replay", webhook, "--since", day, "--until", day) == (0, "已安排重新投递 1 条。\n")
    assert run("replay", webhook, "--event", uuid4()) == (0, "已安排重新投递 0 条。\n")
    deliver()
    assert len(there.seen) == 2
    assert lantai.webhooks.any(webhook).state is State.ACTIVE


def test_what_is_wrong_is_refused(run: Run, client_of_all: Client, lantai: Lantai, clock: FakeClock) -> None:
    day = clock.now().date()
    with pytest.raises(NotFound):
        run("test", uuid4())
    assert run("test", "x")[0] == 2
    assert run("replay", uuid4())[0] == 2
    assert run("replay", uuid4(), "--since", day)[0] == 2
    assert run("replay", uuid4(), "--since", day, "--until", day, "--event", uuid4())[0] == 2
    code, words = run("replay", uuid4(), "--since", day - timedelta(days=40), "--until", day)
    assert (code, "最长 30 天" in words) == (2, True)
