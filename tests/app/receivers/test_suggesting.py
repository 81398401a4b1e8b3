"""Which receiver is suggested for whom, by which rule."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.receivers.rules import DestinationCase, ReceiverFacts, ReceiverKind
from app.receivers.suggesting import Near, Suggestion, near, rules_of, suggest
from tests.app.receivers.samples import credit_code, facts

ON = date(2026, 6, 1)
HOME, WORK = "330106", "440305"


@dataclass(frozen=True)
class Body:
    code: str
    facts: ReceiverFacts


def body(code: str, kind: ReceiverKind, region: str, **changes: Any) -> Body:
    return Body(code, facts(kind=kind, region_code=region, authority="授权文件", **changes))


BODIES = [
    body("HOME-COUNTY", ReceiverKind.PUBLIC_BODY, HOME),
    body("HOME-CITY", ReceiverKind.PUBLIC_BODY, "330100"),
    body("HOME-PROVINCE", ReceiverKind.AUTHORISED_UNIT, "330000"),
    body("HOME-NEXT", ReceiverKind.PUBLIC_BODY, "330108"),
    body("HOME-GONE", ReceiverKind.PUBLIC_BODY, HOME, valid_to=date(2026, 6, 1)),
    body("WORK-COUNTY", ReceiverKind.PUBLIC_BODY, WORK),
    body("UNIT", ReceiverKind.STATE_UNIT, WORK),
    body("UNIT-FAR", ReceiverKind.STATE_UNIT, "110101"),
    body("SCHOOL", ReceiverKind.ADMITTING_SCHOOL, "310110", credit_code=credit_code("52")),
]


def told(case: DestinationCase, origin: str = HOME, work: str = WORK) -> list[tuple[str, str]]:
    return [(s.receiver.code, s.rule.id) for s in suggest(case, origin, work, BODIES, ON)]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (DestinationCase.UNEMPLOYED, [("HOME-COUNTY", "D-6"), ("HOME-CITY", "D-6"), ("HOME-PROVINCE", "D-6")]),
        (
            DestinationCase.PRIVATE_EMPLOYMENT,
            [("WORK-COUNTY", "D-3"), ("HOME-COUNTY", "D-4"), ("HOME-CITY", "D-4"), ("HOME-PROVINCE", "D-4")],
        ),
        (DestinationCase.STATE_UNIT, [("UNIT", "D-1"), ("UNIT-FAR", "D-1"), ("WORK-COUNTY", "D-2")]),
        (DestinationCase.FURTHER_STUDY, [("SCHOOL", "D-5")]),
        (DestinationCase.KEPT_AT_SCHOOL, [("HOME-COUNTY", "D-7"), ("HOME-CITY", "D-7"), ("HOME-PROVINCE", "D-7")]),
    ],
)
def test_each_case_leads_to_its_bodies_by_its_rule(case: DestinationCase, expected: list[tuple[str, str]]) -> None:
    assert told(case) == expected
    for rule in rules_of(case):
        assert rule.words
        assert rule.source


def test_without_a_region_nobody_is_guessed() -> None:
    assert told(DestinationCase.UNEMPLOYED, origin="") == []
    assert told(DestinationCase.PRIVATE_EMPLOYMENT, origin="", work="") == []


def test_who_works_at_home_is_told_each_body_once() -> None:
    assert told(DestinationCase.PRIVATE_EMPLOYMENT, work=HOME) == [
        ("HOME-COUNTY", "D-3"),
        ("HOME-CITY", "D-3"),
        ("HOME-PROVINCE", "D-3"),
    ]


def test_a_city_asked_for_finds_its_own_body_before_the_counties_within() -> None:
    assert [code for code, _ in told(DestinationCase.UNEMPLOYED, origin="330100")] == [
        "HOME-CITY",
        "HOME-PROVINCE",
        "HOME-COUNTY",
        "HOME-NEXT",
    ]


REGIONS = st.from_regex(r"(11|33|44)(0[1-3]|00)(0[1-3]|00)", fullmatch=True)


@given(REGIONS, REGIONS)
def test_near_is_about_the_same_province_or_elsewhere(one: str, other: str) -> None:
    found = near(one, other)
    assert (found is Near.SAME) == (one == other)
    assert found is Near.ELSEWHERE or one[:2] == other[:2]


@given(
    st.sampled_from(list(DestinationCase)),
    st.lists(st.tuples(st.sampled_from(list(ReceiverKind)), REGIONS, st.booleans()), max_size=12),
    REGIONS,
    REGIONS,
)
def test_nobody_is_suggested_twice_or_without_entitlement(
    case: DestinationCase, drawn: list[tuple[ReceiverKind, str, bool]], origin: str, work: str
) -> None:
    bodies = [
        body(f"B-{n}", kind, region, valid_to=None if open_ else ON) for n, (kind, region, open_) in enumerate(drawn)
    ]
    found: list[Suggestion[Body]] = suggest(case, origin, work, bodies, ON)
    codes = [s.receiver.code for s in found]
    assert len(codes) == len(set(codes))
    for s in found:
        assert s.rule in rules_of(case)
        assert s.receiver.facts.kind in s.rule.kinds
        assert s.receiver.facts.valid_to is None
