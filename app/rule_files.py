"""Files of rules that a school may replace with its own: TOML with a version and a first day, every fault named.

The files of a shipped folder are their history, the latest is in force.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

MARKS = ("C", "W", "U")
"""How sure a ground is: read in a primary copy, from a secondary source, unconfirmed."""
MOST_BYTES = 1_000_000
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,19}")


class RuleFileInvalid(Exception):
    """``faults`` says each wrong entry in the words of the file."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = list(faults)
        super().__init__("\n".join(faults))


class Versioned(Protocol):
    @property
    def version(self) -> str: ...
    @property
    def valid_from(self) -> date: ...


V = TypeVar("V", bound=Versioned)


def bytes_of(path: Path, invalid: type[RuleFileInvalid], most: int = MOST_BYTES) -> bytes:
    """Raises ``invalid`` for a file that is absent, unreadable or larger than ``most`` bytes."""
    try:
        size = path.stat().st_size
        data = path.read_bytes() if size <= most else b""
    except OSError as error:
        raise invalid([f"无法读取 {path}：{error.strerror}"]) from None
    if size > most:
        raise invalid([f"{path} 过大"])
    return data


def table(data: bytes, called: str, invalid: type[RuleFileInvalid]) -> dict[str, Any]:
    """Raises ``invalid`` for what is no TOML; ``called``: how the file is named there."""
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise invalid([f"{called}不是 UTF-8 的 TOML 文件：{error}"]) from None


def head_faults(raw: Mapping[str, Any]) -> list[str]:
    """Of ``version`` and ``valid_from``."""
    faults = []
    if not isinstance(raw.get("version"), str) or not _VERSION.fullmatch(raw["version"]):
        faults.append("version 应为 1 至 20 个字母、数字或 . _ -")
    if type(raw.get("valid_from")) is not date:
        faults.append("valid_from 应为日期，如 2026-06-01")
    return faults


def entries(
    raw: Mapping[str, Any], name: str, invalid: type[RuleFileInvalid], faults: Sequence[str]
) -> list[dict[str, Any]]:
    """The [[name]] tables. Raises ``invalid`` with the ``faults`` found so far where there are none."""
    found = raw.get(name, [])
    if not isinstance(found, list) or not found or not all(isinstance(entry, dict) for entry in found):
        raise invalid([*faults, f"没有 [[{name}]] 条目"])
    return found


def history(folder: Path, read: Callable[[bytes], V]) -> tuple[V, ...]:
    """Every shipped version, the oldest first. Raises what ``read`` does."""
    found = [read(path.read_bytes()) for path in sorted(folder.glob("*.toml"))]
    return tuple(sorted(found, key=lambda rules: (rules.valid_from, rules.version)))
