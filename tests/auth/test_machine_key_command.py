"""`lantai partner key`: what operators do and are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.errors import Invalid
from cli import lantai as command
from commands import machine_keys, partners
from parts import Lantai
from tests.fakes import FakeClock

JWK = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
Run = Callable[..., str]


@pytest.fixture
def run(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> Run:
    @contextmanager
    def wired() -> Iterator[Lantai]:
        yield lantai

    # the command wires from the environment; here it gets the test's own parts
    for module in (machine_keys, partners):
        monkeypatch.setattr(module, "wired", wired)

    def call(*words: object) -> str:
        result = CliRunner().invoke(command, ["partner", *map(str, words)])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return call


def test_from_adding_to_revoking(run: Run, lantai: Lantai, clock: FakeClock, tmp_path: Path) -> None:
    run("add", "教务系统", "--scope", "notices:send", "--scope", "dossiers:push")
    assert run("add", "测试系统", "--sandbox").strip().splitlines()[-1].startswith("lantai_sandbox_")
    assert "测试用" in run("list")
    made = run("key", "add", "教务系统", "--scope", "notices:send", "--per-minute", 60, "--expires", "2026-07-01")
    secret = made.strip().splitlines()[-1]
    [key] = lantai.machine_keys.all()
    assert key.key_id in made
    assert (key.scopes, key.per_minute) == (("notices:send",), 60)
    assert key.expires_at == datetime(2026, 6, 30, 16, tzinfo=UTC)
    listed = run("key", "list", "教务系统")
    assert secret not in listed
    assert f"{key.key_id}  教务系统  hmac-sha256  notices:send  每分钟 60 次  有效至 2026-07-01 00:00" in listed
    assert run("key", "list", "测试系统") == ""
    again = run("key", "rotate", key.key_id, "--overlap-hours", 1)
    assert secret not in again
    assert [k.expires_at is None for k in lantai.machine_keys.all()].count(True) == 1
    public = tmp_path / "key.jwk"
    public.write_text(json.dumps(JWK))
    told = run("key", "add", "教务系统", "--public-key", public)
    assert "HMAC" not in told
    run("key", "revoke", key.key_id, "--yes")
    clock.advance(hours=1)
    states = [line.rsplit("  ", 1)[1] for line in run("key", "list").splitlines()]
    assert sorted(states) == ["使用中", "使用中", "已吊销"]
    public.write_text("no key")
    with pytest.raises(Invalid, match="machine_key_refused"):
        run("key", "add", "教务系统", "--public-key", public)
