"""The class map: kinds by title, what it refuses, its history, and that no title opens what its class keeps back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.dossiers import class_map
from app.dossiers.class_map import ClassMapInvalid
from app.dossiers.rules import MATERIAL_CLASSES, Zone
from app.settings import Settings, SettingsError
from providers.embedded.records import ServiceUrls
from wiring import build

SMALL = """
version = "own-1"
valid_from = 2026-09-01
[[kind]]
code = "transcript"
name = "成绩单"
class = "4-1"
ground = "本校办法"
"""


@pytest.fixture(autouse=True)
def shipped_again() -> Iterator[None]:
    yield
    class_map.use(None)


@pytest.mark.parametrize(
    ("title", "class_code", "kind", "found"),
    [
        ("成绩单", "4-1", "", "transcript"),
        ("成绩单（扫描件）", "", "", "transcript"),
        ("张某某本科学生成绩单 2份", "4-1", "", "transcript"),
        ("毕业设计（论文）评定书", "4-1", "", "thesis_review"),
        ("毕业论文(设计)评定书", "4-1", "", "thesis_review"),
        ("２０２４－２０２５学年鉴定表", "3", "", "year_review"),
        ("高中毕业生登记表", "4-1", "", "high_school"),  # the longer title wins over 毕业生登记表
        ("中国共产主义青年团入团志愿书", "6", "", "league_form"),
        ("全国大学生数学建模竞赛二等奖", "7", "", "award_paper"),
        ("入党申请书", "6", "application", "party_application"),
        ("转专业申请", "6", "application", "application"),
        ("成绩单", "10", "confidential", "confidential"),  # a sealed kind stays what it is, whatever its title
        ("组织函件", "10", "", ""),
        ("组织函件", "10", "own_kind", "own_kind"),
        ("成绩单", "4-1", "own_kind", "own_kind"),  # an unknown kind is not opened by its title
        ("", "4-1", "毕业生登记表", "graduate_form"),  # a kind given by its Chinese name
        ("就业报到证", "10", "", "report_card"),
        ("毕业去向登记表", "10", "", "destination"),
    ],
)
def test_a_material_gets_its_kind(title: str, class_code: str, kind: str, found: str) -> None:
    assert class_map.classify(title, class_code, kind) == found


def test_a_title_that_merely_ends_like_an_open_kind_is_not_opened() -> None:
    """入党申请书 is the graduate's own; what the branch wrote about it in another class is not."""
    kind = class_map.classify("关于某同学入党申请书", "5", "")
    assert class_map.current().zone_of("5", kind).zone is Zone.B
    kind = class_map.classify("入党申请书审查意见", "6", "")
    assert class_map.current().zone_of("6", kind).zone is Zone.B


def test_every_kind_stands_in_a_class_with_its_ground_and_the_foundations_kinds_are_kept() -> None:
    found = class_map.current()
    assert {"confidential", "application", "transcript"} <= set(found.kinds)
    assert all(k.class_code in MATERIAL_CLASSES and k.ground for k in found.kinds.values())
    assert sum(len(kinds) for _, _, kinds in found.options()) == len(found.kinds)
    codes = [code for code, _, _ in found.options()]
    assert codes == [c for c in MATERIAL_CLASSES if c in codes]


def test_the_job_card_belongs_to_cohorts_up_to_2022_and_the_destination_from_2023() -> None:
    kinds = class_map.current().kinds
    assert [kinds["report_card"].of_cohort(y) for y in (2000, 2022, 2023)] == [True, True, False]
    assert [kinds["destination"].of_cohort(y) for y in (2022, 2023, 2030)] == [False, True, True]
    assert kinds["transcript"].of_cohort(1990)


def test_versions_have_a_history_and_the_latest_is_in_force() -> None:
    versions = class_map.history()
    assert [m.version for m in versions] == ["2026-1", "2026-2"]
    assert class_map.current().version == "2026-2"
    assert len({m.digest for m in versions}) == 2
    assert class_map.current().kinds.keys() >= versions[0].kinds.keys()  # no code was ever taken away


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("own-1", "own 1"), "version"),
        (("2026-09-01", '"soon"'), "valid_from"),
        (("4-1", "4-9"), "没有 4-9 这一类"),
        (('"transcript"', '"Transcript!"'), "code"),
        (('ground = "本校办法"', ""), "缺少 ground"),
        (('class = "4-1"', 'class = "4-1"\nzone = "Z-1"'), "没有 Z-1 这条展示规则"),
        (('class = "4-1"', 'class = "4-1"\nform = ["stamp"]'), "form"),
        (('class = "4-1"', 'class = "4-1"\ncolour = "red"'), "没有 colour 这一项"),
        (('class = "4-1"', 'class = "4-1"\nsynonyms = ["（）"]'), "synonyms"),
        (('class = "4-1"', 'class = "4-1"\ncohort_to = "2022"'), "cohort_to"),
        (("[[kind]]", "[[sort]]"), "[[kind]]"),
        (("version =", "version"), "TOML"),
    ],
)
def test_a_wrong_map_is_refused_by_name(change: tuple[str, str], words: str) -> None:
    with pytest.raises(ClassMapInvalid) as refused:
        class_map.read(SMALL.replace(*change).encode())
    assert words in "\n".join(refused.value.faults)


def test_a_title_of_two_kinds_and_a_code_that_stands_twice_are_refused() -> None:
    second = SMALL.partition("[[kind]]")[2]
    with pytest.raises(ClassMapInvalid) as refused:
        class_map.read((SMALL + "[[kind]]" + second + "[[kind]]" + second.replace('"transcript"', '"grades"')).encode())
    text = "\n".join(refused.value.faults)
    assert "代码 transcript 出现多次" in text
    assert "同时属于 transcript 和 grades" in text


def test_a_school_puts_its_own_map_in_force_and_a_wrong_one_stops_the_start(
    tmp_path: Path, settings: Settings, urls: ServiceUrls
) -> None:
    own = tmp_path / "map.toml"
    own.write_text(SMALL, encoding="utf-8")
    assert class_map.use(own).version == "own-1"
    assert class_map.classify("毕业生登记表") == ""
    own.write_text(SMALL.replace("4-1", "4-9"), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"LANTAI_CLASS_MAP.*没有 4-9 这一类"):
        build(settings.model_copy(update={"class_map": own}), urls)
    with pytest.raises(SettingsError, match="无法读取"):
        build(settings.model_copy(update={"class_map": tmp_path / "absent.toml"}), urls)
