"""Who can be on record as a receiver at all, and on which days it is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc

from app.receivers.age_keys import is_recipient
from app.receivers.rules import (
    KIND_GROUNDS,
    KIND_LABELS,
    ReceiverKind,
    Refusal,
    Standing,
    authorised_on,
    continued,
    credit_code_fault,
    faults,
    governing,
    normal,
    standing,
)
from app.wording.foundation import FAULT_WORDS as COMMON
from app.wording.receivers import FAULT_WORDS
from tests.app.receivers.samples import KEY, credit_code, facts

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
LETTERS = "0123456789ABCDEFGHJKLMNPQRTUWXY"
CODES = st.builds(
    lambda head, body: (b := head + body) + str(uscc.calc_check_digit(b)),
    st.sampled_from(["11", "12", "52", "81", "91", "92", "93"]),
    st.from_regex(r"[0-9]{6}[0-9A-HJ-NP-RTUWXY]{9}", fullmatch=True),
)


def test_there_is_no_kind_for_a_person_a_company_or_self_carry() -> None:
    assert {k.value for k in ReceiverKind} == {"public_body", "authorised_unit", "state_unit", "admitting_school"}
    assert set(KIND_LABELS) == set(KIND_GROUNDS) == set(ReceiverKind)
    for wrong in ("person", "company", "self", "self_carry", ""):
        with pytest.raises(ValueError, match="is not a valid"):
            ReceiverKind(wrong)


# --- credit codes -----------------------------------------------------------------------------------------------------


@given(CODES, st.integers(0, 17), st.sampled_from(LETTERS))
def test_one_wrong_character_is_always_noticed(code: str, place: int, letter: str) -> None:
    wrong = code[:place] + letter + code[place + 1 :]
    for kind in ReceiverKind:
        fault = credit_code_fault(wrong, kind, "文件")
        assert (fault == "credit_code_wrong") == (wrong != code), (code, wrong, fault)


@given(CODES, st.sampled_from(list(ReceiverKind)), st.sampled_from(["", "人社授〔2024〕1 号"]))
def test_which_codes_pass_for_which_kind(code: str, kind: ReceiverKind, authority: str) -> None:
    fault = credit_code_fault(code, kind, authority)
    leading = code[:2]
    if leading in ("92", "93"):
        assert fault == "credit_code_private"
    elif leading == "91":
        assert (fault is None) == (kind is ReceiverKind.STATE_UNIT and authority != "")
    elif leading in ("11", "12"):
        assert fault is None
    elif leading == "52":
        assert (fault is None) == (kind in (ReceiverKind.AUTHORISED_UNIT, ReceiverKind.ADMITTING_SCHOOL))
    else:
        assert (fault is None) == (kind is ReceiverKind.STATE_UNIT)


@given(st.text(max_size=20))
def test_anything_else_is_no_code(text: str) -> None:
    if not uscc.is_valid(text):
        assert credit_code_fault(text, ReceiverKind.STATE_UNIT, "文件") == "credit_code_wrong"


# --- facts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"name": ""}, "name", "required"),
        ({"name": "中" * 121}, "name", "too_long"),
        ({"name": "示例\u202e中心"}, "name", "invisible_characters"),
        ({"address": "示例路 1 号 张三收 13800138000"}, "address", "persons_number"),
        ({"department": "11010520040315123X"}, "department", "persons_number"),
        ({"phone": "13800138000"}, "phone", "persons_number"),
        ({"phone": "12345678"}, "phone", "phone_wrong"),
        ({"postal_code": "31000"}, "postal_code", "postal_code_wrong"),
        ({"region_code": "3301"}, "region_code", "region_code_characters"),
        ({"region_code": "990000"}, "region_code", "region_code_province"),
        ({"valid_to": date(2024, 1, 1)}, "valid_to", "ends_before_it_begins"),
        ({"public_key": KEY[:-1] + "q"}, "public_key", "public_key_wrong"),
        ({"push_url": "http://hr.example.org/in"}, "push_url", "push_url_wrong"),
        ({"push_url": "https://u:p@hr.example.org/in"}, "push_url", "push_url_wrong"),
        ({"push_url": "https://hr.example.org/in?token=1"}, "push_url", "push_url_wrong"),
        ({"push_url": "https://10.0.0.1/in"}, "push_url", "push_url_wrong"),
        ({"push_url": "https://[::1]/in"}, "push_url", "push_url_wrong"),
        ({"push_url": "https://hr.example.org:port/"}, "push_url", "push_url_wrong"),
        ({"push_url": "http://127.0.0.1:9300/hr"}, "push_url", "push_url_wrong"),
        ({"source": " "}, "source", "required"),
        ({"kind": ReceiverKind.AUTHORISED_UNIT}, "authority", "authority_missing"),
        ({"credit_code": credit_code("91")}, "credit_code", "credit_code_company"),
        ({"credit_code": credit_code("92")}, "credit_code", "credit_code_private"),
    ],
)
def test_what_cannot_be_recorded(changes: dict[str, Any], field: str, code: str) -> None:
    found = faults(normal(facts(**changes)))
    assert (field, code) in found
    assert code in {**COMMON, **FAULT_WORDS}


def test_what_can_be_recorded() -> None:
    good = facts(public_key=KEY, push_url="https://hr.example.org/dossiers", phone="400-123-4567")
    assert faults(good) == []
    unit = facts(kind=ReceiverKind.STATE_UNIT, credit_code=credit_code("91"), authority="国资委文件")
    assert faults(unit) == []
    local = facts(push_url="http://127.0.0.1:9300/hr")
    assert faults(local, local_push=True) == []


def test_the_normal_form_is_reached_once() -> None:
    rough = facts(
        name="  示例区  人才中心 ",
        credit_code=credit_code().lower().translate({48: 0xFF10}),
        phone="0571\u201412345678 ",
    )
    once = normal(rough)
    assert (once.name, once.credit_code, once.phone) == ("示例区 人才中心", credit_code(), "0571-12345678")
    assert normal(once) == once
    assert faults(once) == []


@given(st.integers(0, 61), st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7lb1A"))
def test_a_changed_public_key_is_no_public_key(place: int, letter: str) -> None:
    changed = KEY[:place] + letter + KEY[place + 1 :]
    assert is_recipient(changed) == (changed == KEY)


# --- days -------------------------------------------------------------------------------------------------------------


@given(DAYS, DAYS, st.none() | DAYS)
def test_a_body_is_authorised_from_the_first_day_to_the_day_before_the_last(
    on: date, begins: date, ends: date | None
) -> None:
    refusal = authorised_on(facts(valid_from=begins, valid_to=ends), on)
    if on < begins:
        assert refusal is Refusal.NOT_YET
    elif ends is not None and on >= ends:
        assert refusal is Refusal.EXPIRED
    else:
        assert refusal is None
    held = standing(begins, ends, on)
    assert (refusal is None) == (held in (Standing.VALID, Standing.EXPIRING))
    if held is Standing.EXPIRING:
        assert ends is not None
        assert ends - on <= timedelta(days=60)


def test_facts_that_would_not_pass_today_are_not_authorised() -> None:
    assert authorised_on(facts(credit_code=credit_code("91")), date(2025, 1, 1)) is Refusal.NOT_ENTITLED


@given(st.lists(DAYS, max_size=8), DAYS)
def test_the_last_version_that_has_begun_speaks(begins: list[date], on: date) -> None:
    found = governing(list(enumerate(begins, 1)), on)
    begun = [n for n, begin in enumerate(begins, 1) if begin <= on]
    assert found == (begun[-1] if begun else None)


OTHER = st.sampled_from([{}, {"address": "新址路 2 号"}, {"phone": "010-12345678", "department": "综合科"}])


@given(DAYS, DAYS, st.none() | st.integers(1, 900), st.none() | st.integers(1, 900), OTHER, DAYS, DAYS)
def test_a_list_told_twice_says_nothing_new(
    began: date,
    told_from: date,
    ended: int | None,
    told_to: int | None,
    other: dict[str, Any],
    since: date,
    later: date,
) -> None:
    last = facts(valid_from=began, valid_to=began + timedelta(days=ended) if ended else None)
    told = facts(valid_from=told_from, valid_to=told_from + timedelta(days=told_to) if told_to else None, **other)
    once = continued(last, told, since)
    assert continued(once, told, later) == once
    assert once == last or replace(once, valid_from=told.valid_from) == told
    assert once.valid_to is None or once.valid_from < once.valid_to
    if once != last and told.valid_from <= began and told.valid_to is None:
        assert once.valid_from == max(since, began)  # the days before keep the facts they had
