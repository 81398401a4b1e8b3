"""`lantai receivers` and the invented list for trying it out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.actors import SYSTEM
from app.receivers import table
from app.receivers.rules import DestinationCase, ReceiverKind, faults, normal
from app.receivers.views import Wanted
from cli import lantai as command
from commands import receivers
from parts import Lantai
from providers.sandbox.cohort_tables import ORIGINS
from providers.sandbox.receivers import write_receivers
from tests.app.receivers.samples import facts
from tests.app.receivers.test_importing import file_of, opened, row

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def wired() -> Iterator[Lantai]:
        yield lantai

    # the command wires from the environment; here it gets the test's own parts
    monkeypatch.setattr(receivers, "wired", wired)

    def call(*words: str) -> tuple[int, str]:
        result = CliRunner().invoke(command, ["receivers", *words])
        return result.exit_code, result.output

    return call


def test_a_list_is_tried_out_taken_in_and_listed(run: Run, lantai: Lantai, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(file_of(row(1), row(2, 行政区划代码="440305"), encoding="gb18030"))
    code, said = run("import", str(path), "--dry-run")
    assert code == 0
    assert "新增 2 行" in said
    assert "没有写入" in said
    assert run("list")[1] == "共 0 个。\n"
    code, said = run("import", str(path))
    assert (code, "已导入" in said) == (0, True)
    assert "没有变化 2 行" in run("import", str(path))[1]
    code, said = run("list", "--region", "4403")
    assert "R-2" in said
    assert "R-1" not in said
    assert "共 1 个" in said


def test_a_wrong_row_is_told_with_column_and_reason_and_nothing_is_taken_in(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes(file_of(row(1), row(2, 类型="个人")))
    code, said = run("import", str(path))
    assert code == 1
    assert "第 3 行（示例区第2人才中心）不能导入：类型：" in said
    assert "没有导入任何一行" in said
    assert run("list")[1] == "共 0 个。\n"


def test_what_expires_and_what_may_receive_on_a_day(run: Run, lantai: Lantai) -> None:
    today = lantai.receivers.today
    lantai.receivers.record(SYSTEM, "R-1", facts(1, valid_to=today + timedelta(days=10)), 0)
    lantai.receivers.record(SYSTEM, "R-2", facts(2), 0)
    assert "共 1 个" in run("list", "--expiring", "10")[1]
    assert "共 0 个" in run("list", "--expiring", "9")[1]
    assert "共 1 个" in run("list", "--on", (today + timedelta(days=10)).isoformat())[1]
    assert "共 1 个" in run("list", "第2人力")[1]
    assert run("list", "--kind", "person")[0] == 2


def test_the_template_is_written(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "template.csv"
    assert run("template", str(path))[0] == 0
    assert path.read_bytes() == table.template()


def test_the_invented_list_is_sound_the_same_every_time_and_serves_the_invented_class(
    run: Run, lantai: Lantai, tmp_path: Path
) -> None:
    path, again = tmp_path / "a.csv", tmp_path / "b.csv"
    number = write_receivers(path, seed=7)
    assert write_receivers(again, seed=7) == number
    assert path.read_bytes() == again.read_bytes()
    rows = list(table.read(opened(path.read_bytes())))
    assert len(rows) == number
    for each in rows:
        assert each.facts is not None
        assert faults(normal(each.facts)) == [], each.name
        assert any(word in each.name for word in ("示例", "样本"))
    assert {r.facts.kind for r in rows if r.facts} == set(ReceiverKind)
    code, said = run("import", str(path))
    assert code == 0, said
    assert lantai.receivers.search(SYSTEM, Wanted()).total == number
    for region, _ in ORIGINS:
        assert lantai.receivers.suggestions(DestinationCase.UNEMPLOYED, region, "", lantai.receivers.today)
