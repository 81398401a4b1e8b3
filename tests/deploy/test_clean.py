"""Cleaning removes what was made, keeps what was written by people, and does not touch a running demo."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from deploy.clean import clean


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("var/data", "app/__pycache__", ".venv/lib/__pycache__", ".mypy_cache", ".git/hooks"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "app" / "rules.py").write_text("")
    (tmp_path / "var" / "demo.lock").write_text("")
    return tmp_path


def test_caches_and_var_go_and_the_rest_stays(project: Path) -> None:
    assert clean(project, everything=False) is None
    assert sorted(p.name for p in project.iterdir()) == [".git", ".venv", "app"]
    assert [p.name for p in (project / "app").iterdir()] == ["rules.py"]
    assert (project / ".venv/lib/__pycache__").exists()


def test_everything_takes_the_environment_too(project: Path) -> None:
    assert clean(project, everything=True) is None
    assert not (project / ".venv").exists()


@pytest.mark.parametrize("lock", ["var/demo.lock", "var/data/owner.lock"])
def test_a_running_demo_is_left_alone(project: Path, lock: str) -> None:
    with (project / lock).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        reason = clean(project, everything=True)
    assert reason is not None
    assert lock in reason
    assert (project / "var").exists()
