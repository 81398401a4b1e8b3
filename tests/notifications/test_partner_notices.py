"""Notices that outside systems may send: what each takes, and that its words keep to the platforms' rules."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from app.errors import Invalid
from app.ports import Platform
from notifications.catalogue.fields import platform_fields
from notifications.catalogue.words import notice_for
from notifications.partner_notices import EVENT, MATERIALS, PLACES, Kind, checked, schema

TODAY = date(2026, 6, 1)
WHOLE: dict[Kind, dict[str, Any]] = {
    Kind.ASK_VISIT: {"place": "archive_desk", "until": "2026-06-30", "room": "A203"},
    Kind.MATERIALS_MISSING: {"materials": ["transcript", "award_forms"], "place": "registry", "until": "2026-06-01"},
    Kind.APPOINTMENT: {"place": "career_centre", "day": "2026-12-31", "time": "09:30"},
}
SAID = {
    Kind.ASK_VISIT: "请于 2026年6月30日前携带有效身份证件，到学校档案服务窗口（A203 室）办理毕业生档案相关手续。",
    Kind.MATERIALS_MISSING: "您的毕业生档案还缺：成绩单、奖励登记表。请于 2026年6月1日前交到教务处服务窗口。",
    Kind.APPOINTMENT: "您预约于 2026年12月31日 09:30 在就业指导中心办理毕业生档案手续，请携带有效身份证件按时前往。",
}
MOST: dict[Kind, dict[str, Any]] = {
    Kind.ASK_VISIT: {"place": "student_affairs", "until": "2026-12-31", "room": "A2030B"},
    Kind.MATERIALS_MISSING: {"materials": list(MATERIALS)[:5], "place": "student_affairs", "until": "2026-12-31"},
    Kind.APPOINTMENT: {"place": "student_affairs", "day": "2026-12-31", "time": "23:59", "room": "A2030B"},
}


@pytest.mark.parametrize("kind", list(Kind))
def test_what_is_whole_is_said_in_the_schools_words(kind: Kind) -> None:
    text = notice_for(EVENT, {"kind": kind.value, **checked(kind, WHOLE[kind], TODAY)})
    assert text is not None
    assert (text.body, text.calls) == (SAID[kind], True)


@pytest.mark.parametrize("kind", list(Kind))
def test_words_keep_to_the_value_rules_of_the_platforms(kind: Kind) -> None:
    """thing: 20 characters, phrase: 5 Chinese ones (WeChat's subscribe messages)."""
    text = notice_for(EVENT, {"kind": kind.value, **checked(kind, MOST[kind], TODAY)})
    assert text is not None
    told = platform_fields(Platform.WECHAT, text, "学校", datetime(2026, 6, 1, tzinfo=UTC))
    assert [v for k, v in told.items() if k.startswith("thing") and not 0 < len(v) <= 20] == []
    assert re.fullmatch(r"[\u4e00-\u9fff]{1,5}", told["phrase2"])
    assert not re.search(r"https?:|www\.|\.[a-z]{2,}", text.body)


def fault_of(kind: Kind, given: dict[str, Any]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        checked(kind, given, TODAY)
    return {f.pointer.removeprefix("/fields/"): f.code for f in caught.value.faults}


MISSING = WHOLE[Kind.MATERIALS_MISSING]
BAD: list[tuple[Kind, dict[str, Any], dict[str, str]]] = [
    (Kind.ASK_VISIT, {}, {"place": "required", "until": "required"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "url": "https://x.example"}, {"url": "unknown_field"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "until": "2026-05-31"}, {"until": "date_past"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "until": "2027-06-03"}, {"until": "date_far"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "until": "2026-02-30"}, {"until": "wrong"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "until": "2026-W23-1"}, {"until": "wrong"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "until": ["2026-06-30"]}, {"until": "wrong"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "place": "请加微信"}, {"place": "wrong"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "room": "13800138000"}, {"room": "wrong"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "room": "１０１"}, {"room": "wrong"}),
    (Kind.ASK_VISIT, {**WHOLE[Kind.ASK_VISIT], "room": "101\n"}, {"room": "wrong"}),
    (Kind.APPOINTMENT, {**WHOLE[Kind.APPOINTMENT], "time": "24:00"}, {"time": "wrong"}),
    (Kind.APPOINTMENT, {**WHOLE[Kind.APPOINTMENT], "time": "9:30"}, {"time": "wrong"}),
    (Kind.MATERIALS_MISSING, {**MISSING, "materials": []}, {"materials": "wrong"}),
    (Kind.MATERIALS_MISSING, {**MISSING, "materials": "transcript"}, {"materials": "wrong"}),
    (
        Kind.MATERIALS_MISSING,
        {**MISSING, "materials": ["transcript"] * 2},
        {"materials": "wrong"},
    ),
    (
        Kind.MATERIALS_MISSING,
        {**MISSING, "materials": list(MATERIALS)[:6]},
        {"materials": "wrong"},
    ),
    (Kind.MATERIALS_MISSING, {**MISSING, "materials": ["身份证"]}, {"materials": "wrong"}),
]


@pytest.mark.parametrize(("kind", "given", "faults"), BAD)
def test_what_does_not_fit_is_named(kind: Kind, given: dict[str, Any], faults: dict[str, str]) -> None:
    assert fault_of(kind, given) == faults


def test_the_published_schemas_say_the_same() -> None:
    for kind, given in [*WHOLE.items(), *MOST.items()]:
        assert Draft202012Validator(schema(kind)).is_valid(json.loads(json.dumps(given)))
    judged_by_today = {"date_past", "date_far"}
    for kind, given, faults in BAD:
        validator = Draft202012Validator(schema(kind), validate_formats=True)
        if faults.get("room") == "wrong" and given["room"].endswith("\n"):
            continue  # a pattern's $ stands before a last newline in some engines
        assert validator.is_valid(given) is bool(judged_by_today & set(faults.values())), given


def test_every_place_and_material_has_words() -> None:
    assert all(re.fullmatch(r"[\u4e00-\u9fff]{2,12}", words) for words in [*PLACES.values(), *MATERIALS.values()])
