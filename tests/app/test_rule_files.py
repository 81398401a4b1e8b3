"""Whatever file of rules a school puts in place is refused in one manner: too large, absent, no TOML, no version."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.completeness import checklist
from app.dossiers import class_map
from app.rule_files import MOST_BYTES, RuleFileInvalid
from app.transfers import channel_file
from app.working_days import notices

Load = Callable[[Path], object]
LOADERS: dict[str, Load] = {
    "checklist": lambda path: checklist.load(path, class_map.current()),
    "class map": class_map.use,
    "channels": channel_file.load,
    "working days": notices.load,
}


@pytest.mark.parametrize("load", LOADERS.values(), ids=LOADERS)
@pytest.mark.parametrize(
    ("data", "fault"),
    [
        (None, "无法读取"),
        (b"#" * (MOST_BYTES + 1), "过大"),
        (b"version = ", "不是 UTF-8 的 TOML 文件"),
        ("version = '第一版'".encode("gbk"), "不是 UTF-8 的 TOML 文件"),
        (b"version = 7\nyear = 1\n", "version 应"),
    ],
)
def test_a_file_that_is_none(load: Load, data: bytes | None, fault: str, tmp_path: Path) -> None:
    path, before = tmp_path / "own.toml", class_map.current()
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(RuleFileInvalid) as refused:
        load(path)
    assert fault in str(refused.value)
    assert refused.value.faults
    assert class_map.current() is before
