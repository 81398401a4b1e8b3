"""Normal form, bigrams, phrases, levels and strengths."""

from __future__ import annotations

import pytest

from app.errors import Invalid
from app.retrieval import rules
from app.retrieval.rules import Level, Strength


def test_text_is_brought_to_one_form_and_cut_into_bigrams_and_words() -> None:
    assert rules.normalise("ＡＢＣ　大学英语（一）") == "abc 大学英语(一)"
    assert rules.tokens(rules.normalise("Python 程序设计２０２４")) == {"python", "程序", "序设", "设计", "2024"}
    assert rules.tokens("数") == frozenset()
    assert rules.tokens("王𠮷学") == {"王𠮷", "𠮷学"}  # outside the Basic Multilingual Plane


def test_no_bigram_reaches_from_one_text_into_the_next() -> None:
    assert rules.tokens(rules.joined(["三好", "学校"])) == {"三好", "学校"}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("数", "search_too_short"),
        ("竞赛 一", "search_too_short"),
        ("！", "search_too_short"),
        ("数" * 61, "search_too_long"),
    ],
)
def test_what_cannot_be_searched_for_is_said(query: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        rules.words(query)
    assert caught.value.code == code


def test_a_phrase_must_stand_together() -> None:
    normal = rules.joined(["学生会计划", "校团委"])
    assert rules.contains(normal, rules.words("学生会"))
    assert rules.tokens("会计学生") >= {"会计", "学生"}
    assert not rules.contains(rules.joined(["学生与会计"]), ["生会"])
    assert not rules.contains(normal, ["计划校团"])
    # words of other scripts are whole: 'c' is not found in 'cet'
    assert rules.contains(rules.joined(["CET 六级"]), ["cet"])
    assert not rules.contains(rules.joined(["CET 六级"]), ["c"])


@pytest.mark.parametrize(
    ("filed", "level"),
    [
        ("国家级", Level.NATIONAL),
        ("全国", Level.NATIONAL),
        ("省级", Level.PROVINCIAL),
        ("自治区级", Level.PROVINCIAL),
        ("市级", Level.MUNICIPAL),
        ("校级", Level.SCHOOL),
        ("院级", Level.COLLEGE),
        ("学院", Level.COLLEGE),
        ("特别", Level.OTHER),
        ("", Level.NONE),
    ],
)
def test_levels_are_read_from_free_text(filed: str, level: Level) -> None:
    assert rules.level_of(filed) is level


def test_strengths_come_from_awards_research_and_evaluations_alone() -> None:
    assert rules.strength_of("award", "全国大学生数学建模竞赛二等奖") is Strength.CONTEST
    assert rules.strength_of("research", "任何题目") is Strength.RESEARCH
    assert rules.strength_of("evaluation", "艺术素养") is Strength.ARTS
    assert rules.strength_of("course", "大学体育") is Strength.NONE
