"""The doctor tells by which class map and checklist dossiers are filed and measured."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.completeness import checklist
from app.dossiers import class_map
from app.settings import Settings
from commands.doctor import Finding, doctor_command, lists_in_force


@pytest.fixture(autouse=True)
def shipped_afterwards() -> Iterator[None]:
    yield
    class_map.use(None)


def test_the_shipped_versions_are_told_by_version_day_and_digest() -> None:
    kinds = class_map.use(None)
    listed = checklist.load(None, kinds)
    found = list(lists_in_force(Settings(environment="test")))
    assert [(f.name, f.ok) for f in found] == [("类别映射", True), ("材料清单", True)]
    facts = [
        (kinds.version, str(kinds.valid_from), kinds.digest[:12], "随程序附带"),
        (listed.version, str(listed.valid_from), listed.digest[:12], "随程序附带"),
    ]
    for finding, words in zip(found, facts, strict=True):
        assert all(word in finding.words for word in words)


def test_a_schools_own_map_is_named_and_a_wrong_one_is_a_fault(tmp_path: Path) -> None:
    own = tmp_path / "school.toml"
    shipped = max(class_map.SHIPPED.glob("*.toml")).read_text("utf-8")
    own.write_text(shipped.replace(f'version = "{class_map.history()[-1].version}"', 'version = "school-7"'), "utf-8")
    told = next(lists_in_force(Settings(environment="test", class_map=own)))
    assert (told.ok, "school-7" in told.words, "school.toml" in told.words) == (True, True, True)
    own.write_text("version = 1\n", "utf-8")
    (told,) = lists_in_force(Settings(environment="test", class_map=own))
    assert told.ok is False
    assert "LANTAI_CLASS_MAP" in told.words
    lacking = tmp_path / "none.toml"
    *_, told = lists_in_force(Settings(environment="test", checklist=lacking))
    assert (told.name, told.ok) == ("材料清单", False)
    assert "LANTAI_CHECKLIST" in told.words


def test_the_command_prints_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commands.doctor.load_settings", lambda: Settings(environment="test"))
    monkeypatch.setattr("commands.doctor.service_urls", lambda _: None)
    for part in ("_database", "_redis", "_keys", "_files", "_platform", "_fonts", "_face_stack"):
        monkeypatch.setattr(f"commands.doctor.{part}", lambda *_: Finding("其他", True, "正常"))
    output = CliRunner().invoke(doctor_command, []).output
    assert f"[正常] 类别映射：{class_map.current().version}" in output
    assert "[正常] 材料清单：" in output
