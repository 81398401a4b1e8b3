"""`lantai clocks`: what the operator is told, and the exit code a schedule can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from app.corrections.models import Ticket
from cli import lantai as command
from commands import clocks
from parts import Lantai
from tests.app.corrections.conftest import OpenFor
from tests.conftest import Person, World
from tests.fakes import FakeClock


@pytest.fixture
def run(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    @contextmanager
    def wired() -> Iterator[Lantai]:
        yield lantai

    # the command wires from the environment; here it gets the test's own parts
    monkeypatch.setattr(clocks, "wired", wired)

    def call(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, ["clocks", *words])
        return result.exit_code, result.output

    return call


def test_check_finds_names_and_repairs(
    run: Callable[..., tuple[int, str]], graduate_factory: Callable[..., Person], open_for: OpenFor, lantai: Lantai
) -> None:
    ticket = open_for(graduate_factory()).line
    assert run("check") == (0, "全部一致。\n")
    with lantai.db.transaction() as session:
        session.execute(update(Ticket).values(decide_by=date(2026, 7, 1)))
    code, words = run("check")
    assert code == 1
    assert f"{ticket.number}：decide_by" in words
    assert run("check", "--repair") == (0, f"{ticket.number}：decide_by\n已改正 1 件。\n")
    assert run("check") == (0, "全部一致。\n")


def test_a_rehearsal_looks_ahead_and_production_refuses_it(
    run: Callable[..., tuple[int, str]],
    graduate_factory: Callable[..., Person],
    open_for: OpenFor,
    lantai: Lantai,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ticket = open_for(graduate_factory()).line
    production = replace(lantai, settings=lantai.settings.model_copy(update={"environment": "production"}))
    with monkeypatch.context() as there:
        there.setattr(clocks, "wired", lambda: nullcontext(production))
        code, words = run("watch", "--on", "2026-06-25")
        assert code == 2
        assert "正式环境不可使用" in words
    assert run("watch") == (0, "重算 0 件，提醒与上报 0 件，摘要 0 条。\n")
    assert run("watch", "--on", "2026-06-25") == (0, "重算 0 件，提醒与上报 2 件，摘要 1 条。\n")
    with lantai.db.transaction() as session:
        at = session.get_one(Ticket, ticket.id).escalated_at
    assert at == datetime(2026, 6, 25, 1, 0, tzinfo=UTC)
    assert run("check") == (0, "全部一致。\n")


def test_watch_makes_a_round_and_sends_the_digest_when_asked(
    run: Callable[..., tuple[int, str]],
    graduate_factory: Callable[..., Person],
    open_for: OpenFor,
    clock: FakeClock,
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    open_for(graduate_factory())
    clock.advance(days=40, hours=12)  # a Saturday night
    assert run("watch") == (0, "重算 0 件，提醒与上报 2 件，摘要 0 条。\n")
    assert run("watch", "--digest") == (0, "重算 0 件，提醒与上报 0 件，摘要 1 条。\n")
    assert run("watch", "--digest") == (0, "重算 0 件，提醒与上报 0 件，摘要 0 条。\n")
    run_jobs()
    assert world.alerts.lines[-1] == "更正申请期限：0 件即将到期，1 件已超期，其中 1 件未分派，请到工作台办理"
