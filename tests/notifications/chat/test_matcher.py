"""Understanding: the tuning half stays understood, slips of the keyboard do no harm, and others stay others'."""

from __future__ import annotations

import pytest

from bench.chat.__main__ import evaluate
from bench.chat.phrases import Half, half, read_families
from notifications.chat.intents import PERSONAL, Intent
from notifications.chat.matcher import MOST_CHARACTERS, understand


def test_tuning_half_stays_understood() -> None:
    outcome = evaluate(half(read_families(), Half.TUNING))
    assert outcome.macro >= 0.98
    assert outcome.wrong_personal == 0


def test_halves_share_no_family_and_leave_none_out() -> None:
    families = read_families()
    tuning, held_back = ({f.name for f in half(families, which)} for which in Half)
    assert not tuning & held_back
    assert tuning | held_back == {f.name for f in families}
    assert {f.intent for f in half(families, Half.HELD_BACK)} == {f.intent for f in families} == set(Intent)


@pytest.mark.parametrize(
    "written",
    [
        "我的档案到哪了",
        "我的檔案到哪裡了？",
        "我的党安到哪了",
        "我的dangan到哪了",
        "wo de dang an dao na le",
        "  我的档案，到哪了！！😭😭",
        "我的ＤＡＮＧＡＮ到哪了",
    ],
)
def test_one_question_however_written(written: str) -> None:
    assert understand(written).intent is Intent.TRANSFER


@pytest.mark.parametrize(
    "about_another",
    [
        "查一下张三的档案",
        "帮我查李想的档案到哪了",
        "老王的档案寄了没",
        "我二舅的档案到哪了",
        "ZhangSan的档案在哪",
        "Tom的档案到哪了",
        "110101199003074512的档案到哪了",
        "那个谁的档案到哪了",
        "我的档案和他的档案到哪了",
        "欧阳娜娜的材料齐了吗",
        "我们班张三档案到了没",
        "学号 20210001 的更正申请批了吗",
        "我导师的档案",
    ],
)
def test_a_question_about_another_is_never_answered_from_own_data(about_another: str) -> None:
    assert understand(about_another).intent not in PERSONAL


@pytest.mark.parametrize("refused", ["不用查我的档案", "没有问我的档案状态", "我不是问我的档案到哪了"])
def test_what_was_declined_is_not_looked_up(refused: str) -> None:
    assert understand(refused).intent is Intent.NO_LOOKUP


def test_the_part_that_was_not_declined_counts() -> None:
    assert understand("我不是问我的档案到哪了，我想问怎么解绑").intent is Intent.UNBIND


@pytest.mark.parametrize("nothing", ["", " ", "\x00\x01", "。。。", "😂", "🏻‍👩‍🎓", "龘" * 40, "我的档案到哪了" * 60])
def test_nothing_to_understand_is_unknown(nothing: str) -> None:
    assert understand(nothing).intent is Intent.UNKNOWN


def test_a_letter_is_for_a_person_to_read() -> None:
    assert understand("我的档案到哪了" + "啊" * MOST_CHARACTERS).intent is Intent.UNKNOWN
