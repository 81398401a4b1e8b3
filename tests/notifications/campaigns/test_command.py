"""`lantai campaign`: what operators are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from click.testing import CliRunner

from app.errors import Conflict, NotFound
from cli import lantai as command
from commands import campaigns
from notifications.campaigns.rules import State
from parts import Lantai
from tests.moving import Pair
from tests.notifications.campaigns.cohorts import cohort, ready, running

Run = Callable[..., str]


@pytest.fixture
def run(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def wired() -> Iterator[Lantai]:
        yield lantai

    # the command wires from the environment; here it gets the test's own parts
    monkeypatch.setattr(campaigns, "wired", wired)

    def call(*words: object) -> str:
        result = CliRunner().invoke(command, ["campaign", *map(str, words)])
        if result.exception is not None:
            raise result.exception
        return result.output

    return call


def test_operators_look_pause_and_resume(lantai: Lantai, pair: Pair, run: Run) -> None:
    people = cohort(lantai, 30, bound=5)
    waiting, campaign = ready(lantai, pair.first), running(lantai, pair)
    listed = run("list").splitlines()
    assert [line.split()[0] for line in listed] == [str(campaign), str(waiting)]
    assert "未启动" in listed[1]
    assert run("list", "--state", "ready").split()[0] == str(waiting)
    lantai.campaign_sending.tick()
    assert "已暂停" in run("pause", campaign)
    assert lantai.campaign_reading.campaign(pair.first, campaign).state is State.PAUSED
    shown = run("show", campaign)
    assert "20 / 30" in shown
    assert "等待发送 10" in shown
    assert "仅站内信 20" in shown
    assert not [p for p in people if str(p) in shown]
    assert "已继续" in run("resume", campaign)
    with pytest.raises(Conflict, match="campaign_state"):
        run("resume", campaign)
    with pytest.raises(NotFound):
        run("show", uuid4())
