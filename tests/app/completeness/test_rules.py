"""The condition language, due days and standings, without a database; and what a checklist file may not say."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.completeness import checklist, rules
from app.completeness.checklist import FACTS, ChecklistInvalid
from app.completeness.rules import Due, Facts, HeldPaper, Standing
from app.dossiers import class_map

BASE: dict[str, tuple[str, ...]] = {"cohort_year": ("2026",), "degree_level": ("本科",)}
CODE = {"enrolment.destination_code": ("A1B2C3D4E5F6G7H8I9",)}
SMALL = """
version = "own-1"
valid_from = 2026-09-01
graduation_day = "06-30"
[owners]
graduate = "本人"
[[item]]
kind = "transcript"
need = "mandatory"
owner = "graduate"
due = { before_graduation = 10 }
ground = "本校办法"
mark = "U"
"""


def standings(facts: Facts, *held: HeldPaper, cohort: int = 2026) -> dict[str, Standing]:
    shipped = checklist.load(None, class_map.current())
    wanted = {**BASE, "cohort_year": (str(cohort),), **facts, "held": tuple(h.kind for h in held)}
    return {f.item.code: f.standing for f in rules.assess(shipped, wanted, held, cohort)}


@pytest.mark.parametrize(
    ("condition", "true"),
    [
        ({"field": "degree_level", "is": "本科"}, True),
        ({"field": "degree_level", "in": ["硕士", "博士"]}, False),
        ({"field": "cohort_year", "at_least": 2023}, True),
        ({"field": "cohort_year", "at_most": 2022}, False),
        ({"field": "education.school", "contains": ["境外"]}, True),
        ({"field": "education.level", "contains": ["境外"]}, False),
        ({"field": "award.award_name", "filled": True}, False),
        ({"field": "award.award_name", "filled": False}, True),
        ({"not": {"field": "degree_level", "is": "本科"}}, False),
        ({"all": [{"field": "degree_level", "is": "本科"}, {"field": "cohort_year", "at_most": 2022}]}, False),
        ({"any": [{"field": "degree_level", "is": "博士"}, {"field": "cohort_year", "at_least": 2023}]}, True),
        ({"field": "enrolment.study_length", "at_least": 1}, False),  # "四年" is no number
    ],
)
def test_conditions_are_data(condition: dict[str, Any], true: bool) -> None:
    facts = {**BASE, "education.school": ("第一中学", "境外某大学"), "enrolment.study_length": ("四年",)}
    assert rules.condition_fault(condition, FACTS) is None
    assert rules.holds(condition, facts) is true


@pytest.mark.parametrize(
    "condition",
    [
        "本科",
        {"field": "identity.shoe_size", "is": "42"},
        {"field": "degree_level"},
        {"field": "degree_level", "is": "本科", "in": ["硕士"]},
        {"field": "degree_level", "in": "本科"},
        {"field": "cohort_year", "at_least": "2023"},
        {"field": "cohort_year", "at_least": True},
        {"any": []},
        {"any": [{"field": "degree_level", "is": "本科"}], "field": "degree_level"},
        {"not": {"all": [{"field": "degree_level", "like": "本"}]}},
    ],
)
def test_what_is_no_condition_is_refused(condition: object) -> None:
    assert rules.condition_fault(condition, FACTS)


def test_report_cards_end_with_2022_and_destination_codes_begin_with_2023() -> None:
    old, new = standings({}, cohort=2022), standings({}, cohort=2023)
    assert (old["report_card"], old["destination_code"]) == (Standing.MISSING, Standing.NOT_APPLICABLE)
    assert (new["report_card"], new["destination_code"]) == (Standing.NOT_APPLICABLE, Standing.MISSING)
    assert standings(CODE)["destination_code"] is Standing.PRESENT
    for wrong in ("A1B2C3D4E5F6G7H8I", "A1B2C3D4E5F6G7H8I９", "a1b2c3d4e5f6g7h8i9"):
        assert standings({"enrolment.destination_code": (wrong,)})["destination_code"] is Standing.WRONG


def test_level_party_deferral_service_and_abroad_change_what_is_owed() -> None:
    plain = standings({})
    assert plain["thesis_review"] is Standing.MISSING
    assert {plain[c] for c in ("party_form", "league_form", "abroad", "military_service", "roll_change")} == {
        Standing.NOT_APPLICABLE
    }
    junior = standings({"degree_level": ("专科",)})
    assert junior["thesis_review"] is junior["degree_paper"] is Standing.NOT_APPLICABLE
    master = standings({"degree_level": ("硕士",)})
    assert (master["admission_exam"], master["military_training"]) == (Standing.MISSING, Standing.NOT_APPLICABLE)
    party = standings({"identity.political_status": ("中共党员",)})
    assert {party[c] for c in ("party_form", "party_application", "party_full", "league_form")} == {Standing.MISSING}
    probation = standings({"identity.political_status": ("中共预备党员",)})
    assert (probation["party_form"], probation["party_full"]) == (Standing.MISSING, Standing.NOT_APPLICABLE)
    assert standings({"enrolment.years_over": ("1",)})["roll_change"] is Standing.MISSING
    assert standings({"education.level": ("交换学习",)})["abroad"] is Standing.MISSING
    assert standings({"education.school": ("武警某部",)})["military_service"] is Standing.MISSING


def test_another_kind_may_answer_and_content_is_told_apart() -> None:
    found = standings({}, HeldPaper("gaokao_form", has_content=True), HeldPaper("transcript", has_content=False))
    assert (found["high_school"], found["transcript"]) == (Standing.PRESENT, Standing.PAPER_ONLY)


def test_due_days_follow_graduation_or_stand_in_the_calendar() -> None:
    assert Due(before_graduation=20).of(date(2026, 6, 30), 2026) == date(2026, 6, 10)
    assert Due(on=(8, 31)).of(date(2026, 6, 30), 2026) == date(2026, 8, 31)
    shipped = checklist.load(None, class_map.current())
    assert rules.graduation_of({"enrolment.graduated_on": ("soon", "2026-01-10")}, 2026, shipped) == date(2026, 1, 10)
    assert rules.graduation_of({}, 2026, shipped) == date(2026, 6, 30)


@pytest.mark.parametrize(
    ("left", "stage"), [(61, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (0, 7), (-1, None)]
)
def test_the_calendar_knows_which_reminder_is_due(left: int, stage: int | None) -> None:
    assert rules.stage_of(date(2026, 7, 1), date.fromordinal(date(2026, 7, 1).toordinal() - left)) == stage


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"own-1"', '"own 1"'), "version"),
        (("06-30", "02-29"), "graduation_day"),
        (('"transcript"', '"unheard_of"'), "没有种类 unheard_of"),
        (('need = "mandatory"', 'need = "maybe"'), "need"),
        (('need = "mandatory"', 'need = "conditional"'), "须有 when"),
        (('owner = "graduate"', 'owner = "nobody"'), "没有 nobody 这个责任方"),
        (("before_graduation = 10", 'on = "13-01"'), "due"),
        (('ground = "本校办法"', 'ground = " "'), "依据"),
        (
            ('ground = "本校办法"', 'ground = "办法"\nwhen = { field = "no.such", is = "x" }\notherwise = "无"'),
            "no.such",
        ),
        (('ground = "本校办法"', 'ground = "办法"\nwhen = { field = "major", is = "x" }'), "otherwise"),
        (('kind = "transcript"', 'field = "major"\ncode = "m"\nname = "n"\npattern = "["'), "正则"),
        (('kind = "transcript"', 'kind = "transcript"\ncolour = "red"'), "colour"),
    ],
)
def test_a_wrong_checklist_is_refused_by_name(change: tuple[str, str], words: str) -> None:
    assert checklist.read(SMALL.encode(), class_map.current()).version == "own-1"
    with pytest.raises(ChecklistInvalid) as refused:
        checklist.read(SMALL.replace(*change).encode(), class_map.current())
    assert words in "\n".join(refused.value.faults)


def test_a_kind_may_stand_once_and_the_file_must_exist(tmp_path: Path) -> None:
    twice = SMALL + "[[item]]" + SMALL.partition("[[item]]")[2]
    with pytest.raises(ChecklistInvalid, match="transcript 出现多次"):
        checklist.read(twice.encode(), class_map.current())
    with pytest.raises(ChecklistInvalid, match="无法读取"):
        checklist.load(tmp_path / "absent.toml", class_map.current())
