"""Where throwaway data goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from deploy import scratch

PLENTY = "MemTotal: 32000000 kB\nMemAvailable:   16000000 kB\n"


@pytest.fixture
def report(tmp_path: Path) -> Path:
    file = tmp_path / "meminfo"
    file.write_text(PLENTY)
    return file


def vfs(free: int, flags: int = 0) -> os.statvfs_result:
    return os.statvfs_result((4096, 4096, free // 4096, free // 4096, free // 4096, 9, 9, 9, flags, 255))


@pytest.mark.parametrize(
    ("free", "flags", "memory", "taken"),
    [
        (16 * scratch.GIB, 0, PLENTY, True),
        (64 << 20, 0, PLENTY, False),  # a container's
        (16 * scratch.GIB, os.ST_NOEXEC, PLENTY, False),
        (16 * scratch.GIB, 0, "MemAvailable: 2000000 kB\n", False),
        (16 * scratch.GIB, 0, "MemTotal: 32000000 kB\n", False),
    ],
)
def test_memory_is_taken_only_where_there_is_plenty(
    tmp_path: Path, report: Path, monkeypatch: pytest.MonkeyPatch, free: int, flags: int, memory: str, taken: bool
) -> None:
    report.write_text(memory)
    monkeypatch.setattr(os, "statvfs", lambda _: vfs(free, flags))
    assert scratch.roomy(tmp_path, report) is taken


def test_what_is_not_there_is_not_taken(tmp_path: Path, report: Path) -> None:
    assert not scratch.roomy(tmp_path / "gone", report)
    assert not scratch.roomy(tmp_path, tmp_path / "no-report")
