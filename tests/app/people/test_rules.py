"""Names and numbers of people."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum.cn import ric
from stdnum.iso7064 import mod_11_2

from app.people import rules

TODAY = date(2026, 6, 1)
digits17 = st.text("0123456789", min_size=17, max_size=17)


@st.composite
def id_numbers(draw: st.DrawFn) -> str:
    """Sound identity numbers of people born before TODAY."""
    region = draw(st.sampled_from(sorted(rules.PROVINCES))) + draw(st.text("0123456789", min_size=4, max_size=4))
    born = draw(st.dates(date(1930, 1, 1), TODAY)).strftime("%Y%m%d")
    first17 = region + born + draw(st.text("0123456789", min_size=3, max_size=3))
    return first17 + rules.id_check_digit(first17)


@given(digits17)
def test_check_digit_agrees_with_two_independent_ones(first17: str) -> None:
    digit = rules.id_check_digit(first17)
    assert digit == ric.calc_check_digit(first17 + "0")
    assert digit == mod_11_2.calc_check_digit(first17)


@given(id_numbers())
def test_sound_numbers_have_no_fault(number: str) -> None:
    assert rules.id_number_fault(number, TODAY) is None


@given(id_numbers(), st.integers(0, 17), st.sampled_from("0123456789X"))
def test_one_wrong_character_is_always_found(number: str, place: int, other: str) -> None:
    assume(number[place] != other)
    assert rules.id_number_fault(number[:place] + other + number[place + 1 :], TODAY) is not None


@given(id_numbers(), st.integers(0, 16))
def test_two_neighbours_swapped_are_always_found(number: str, place: int) -> None:
    left, right = number[place], number[place + 1]
    assume(left != right)
    assert rules.id_number_fault(number[:place] + right + left + number[place + 2 :], TODAY) is not None


def numbered(first17: str) -> str:
    return first17 + rules.id_check_digit(first17)


@pytest.mark.parametrize(
    ("number", "fault"),
    [
        ("11010519491231002X", None),
        ("110105194912310021", "id_number_check_digit"),
        ("11010519491231002", "id_number_length"),
        ("110105491231002", "id_number_length"),
        ("", "id_number_length"),
        ("1101051949123100AX", "id_number_characters"),
        ("١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", "id_number_characters"),
        (numbered("83000019900101001"), None),
        (numbered("99010519491231002"), "id_number_region"),
        (numbered("11010520010229001"), "id_number_birth_date"),
        (numbered("11010520000229001"), None),
        (numbered("11010520260602001"), "id_number_birth_date"),
        (numbered("11010520260601001"), None),
        (numbered("11010519050101001"), "id_number_birth_date"),
        (numbered("11010500000101001"), "id_number_birth_date"),
    ],
)
def test_id_number_faults(number: str, fault: str | None) -> None:
    assert rules.id_number_fault(number, TODAY) == fault


@pytest.mark.parametrize(
    "typed",
    [
        "11010519491231002x",
        " 110105 19491231 002X ",
        "１１０１０５１９４９１２３１００２Ｘ",
        "\u200b110105-19491231-002X\ufeff",
    ],
)
def test_id_numbers_as_people_type_them(typed: str) -> None:
    assert rules.normalise_id_number(typed) == "11010519491231002X"


def test_what_an_id_number_says() -> None:
    assert rules.id_number_birth_date("11010519491231002X") == date(1949, 12, 31)
    assert rules.id_number_is_male("11010519491231001X") is True
    assert rules.id_number_is_male("11010519491231002X") is False


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("320100", None),
        ("710000", None),
        ("830000", "region_code_province"),
        ("000000", "region_code_province"),
        ("32010", "region_code_characters"),
        ("32010０", "region_code_characters"),
        ("320100\n", "region_code_characters"),
    ],
)
def test_region_codes(code: str, fault: str | None) -> None:
    assert rules.region_code_fault(code) == fault


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("138 0013 8000", "13800138000"),
        ("+86 138-0013-8000", "13800138000"),
        ("(+86)13800138000", "13800138000"),
        ("0086 13800138000", "13800138000"),
        ("8613800138000", "13800138000"),
        ("１３８００１３８０００", "13800138000"),
        ("\u202d13800138000\u202c", "13800138000"),
    ],
)
def test_phones_as_people_type_them(typed: str, normal: str) -> None:
    assert rules.normalise_phone(typed) == normal
    assert rules.phone_fault(normal) is None


@pytest.mark.parametrize(
    "phone",
    ["", "12800138000", "1380013800", "138001380000", "+85261234567", "86138001380", "a3800138000", "13800138000\n"],
)
def test_other_phones_are_faults(phone: str) -> None:
    assert rules.phone_fault(phone) == "phone_format"


@pytest.mark.parametrize(
    ("typed", "normal", "fault"),
    [
        (" ２０２２０１０１ａ ", "20220101A", None),
        ("2022-01\u200b-01", "2022-01-01", None),
        ("202", "202", "student_number_characters"),
        ("-2022", "-2022", "student_number_characters"),
        ("2022/01", "2022/01", "student_number_characters"),
        ("2" * 25, "2" * 25, "student_number_characters"),
    ],
)
def test_student_numbers(typed: str, normal: str, fault: str | None) -> None:
    assert rules.normalise_student_number(typed) == normal
    assert rules.student_number_fault(normal) == fault


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("张　三", "张三"),
        ("  欧阳 修 ", "欧阳修"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽 ・ 买买提", "阿依古丽·买买提"),
        ("阿依古丽.买买提", "阿依古丽·买买提"),
        ("阿依古丽．买买提", "阿依古丽·买买提"),
        ("阿依古丽‧买买提", "阿依古丽·买买提"),
        ("Ａｎｎａ　  Smith", "Anna Smith"),
        ("John F. Kennedy", "John F. Kennedy"),
        ("e\u0301tienne", "étienne"),
        ("ｅ\u0301tienne", "étienne"),
        ("李䶮", "李䶮"),
        ("王𠮷", "王𠮷"),
    ],
)
def test_names_as_people_type_them(typed: str, normal: str) -> None:
    assert rules.normalise_name(typed) == normal
    assert rules.name_fault(normal) is None


@given(st.text(max_size=60))
def test_normal_forms_are_stable(text: str) -> None:
    for normalise in (
        rules.normalise_name,
        rules.normalise_id_number,
        rules.normalise_phone,
        rules.normalise_student_number,
    ):
        assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "name_empty"),
        ("张" * 51, "name_too_long"),
        ("张\u200b三", "name_invisible_character"),
        ("张\u202e三", "name_invisible_character"),
        ("张\u2067三", "name_invisible_character"),
        ("张\ufeff三", "name_invisible_character"),
        ("张\u3164", "name_invisible_character"),
        ("张\x00三", "name_invisible_character"),
        ("葛\U000e0100", "name_invisible_character"),
        ("张\ue863", "name_private_use_character"),
        ("张\ud842", "name_private_use_character"),
        ("张3", "name_wrong_character"),
        ("张⼤", "name_wrong_character"),
        ("张<b>", "name_wrong_character"),
        ("张·", "name_wrong_character"),
        ("·张", "name_wrong_character"),
        ("张\U0002ebf1", None),
        ("㐱", None),
        ("乐〇", None),
        ("Jean-Luc O'Neill", None),
    ],
)
def test_name_faults(name: str, fault: str | None) -> None:
    assert rules.name_fault(name) == fault


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张三", "张*"),
        ("张三丰", "张**"),
        ("欧阳修", "欧阳*"),
        ("欧阳", "欧*"),
        ("诸葛孔明", "诸葛**"),
        ("𠮷田", "𠮷*"),
        ("阿依古丽·买买提", "阿***·***"),
        ("Anna Smith", "A*** S***"),
        ("李", "李"),
        ("", ""),
    ],
)
def test_mask_name(name: str, masked: str) -> None:
    assert rules.mask_name(name) == masked


def test_masks_of_numbers() -> None:
    assert rules.mask_id_number("11010519491231002X") == "110*************2X"
    assert rules.mask_id_number("1101") == "****"
    assert rules.mask_phone("13812345678") == "138****5678"
    assert rules.mask_phone("12") == "**"
    assert rules.mask_student_number("202201010001") == "2022******01"
    assert rules.mask_student_number("2022011") == "2******"


@given(id_numbers())
def test_a_masked_number_hides_birth_date_and_sequence(number: str) -> None:
    masked = rules.mask_id_number(number)
    assert len(masked) == 18
    assert masked[3:16] == "*" * 13
