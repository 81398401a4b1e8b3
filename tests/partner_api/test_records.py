"""The JSON form of a graduate: its published schema says what the door takes, and nothing is lost on the way."""

from __future__ import annotations

import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from pydantic import ValidationError

from partner_api.records import TABLES, GraduateRecord, columns_of, row_of, schema, tables_of

GOOD: dict[str, Any] = {
    "student_number": "2026910001",
    "name": "测试生",
    "id_number": "110105200403150011",
    "college": "文学院",
    "major": "档案学",
    "degree_level": "本科",
    "cohort_year": 2026,
    "sex": "女",
    "courses": [{"course_name": "档案学概论", "term": "2024-2025-1", "credit": "3", "grade": "92"}],
    "awards": [{"award_name": "三好学生", "awarded_on": "2025-05"}],
    "materials": [{"class_code": "4-1", "title": "成绩单", "pages": 2}],
}


def test_the_schema_is_one_and_takes_what_the_door_takes() -> None:
    document = schema()
    jsonschema.Draft202012Validator.check_schema(document)
    jsonschema.Draft202012Validator(document).validate(GOOD)
    assert GraduateRecord.model_validate_json(json.dumps(GOOD)).name == "测试生"


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": 7},
        {"cohort_year": "2026"},
        {"degree_level": "学士"},
        {"secret": "x"},
        {"awards": [{"level": "校级"}]},
        {"awards": [{"award_name": "x", "awarded_on": "2025年5月"}]},
        {"materials": [{"class_code": "4-1", "title": "成绩单", "pages": 0}]},
        {"courses": [{"course_name": "x", "term": "1", "grade": "1"}] * 501},
        {"student_number": None},
    ],
)
def test_what_the_schema_refuses_the_door_refuses(change: dict[str, Any]) -> None:
    body = GOOD | change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(body)
    with pytest.raises(ValidationError):
        GraduateRecord.model_validate(body)


def test_members_are_the_imports_columns() -> None:
    record = GraduateRecord.model_validate(GOOD)
    assert row_of(record) == {
        "学号": "2026910001",
        "姓名": "测试生",
        "身份证号": "110105200403150011",
        "学院": "文学院",
        "专业": "档案学",
        "学历层次": "本科",
        "毕业年份": "2026",
        "性别": "女",
    }
    tables = tables_of(record)
    assert tables["awards"] == [{"奖项名称": "三好学生", "日期": "2025-05"}]
    assert tables["materials"] == [{"类别": "4-1", "题名": "成绩单", "页数": "2"}]
    assert tables["research"] == []
    assert set(TABLES) | set(columns_of(GraduateRecord)) == set(GraduateRecord.model_fields)
