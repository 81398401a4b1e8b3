"""One graduate as a campus system sends it: the JSON form, its published schema, and its columns in the import's words.

Text stays text: dates are ISO 8601 (2026-06-30), grades and credits are strings as the campus system prints them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.dossiers.rules import MATERIAL_CLASSES

SCHEMA_BASE = "/partner/api/v1/schemas"
Text = Annotated[str, Field(min_length=1, max_length=200)]
Name = Annotated[str, Field(min_length=1, max_length=60)]
Day = Annotated[str, Field(pattern=r"^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$")]
MOST_ROWS = 500


class Strict(BaseModel):
    """Unknown members are refused, text is not coerced from numbers."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, strict=True)


class Course(Strict):
    course_name: Text = Field(title="课程名称")
    term: Name = Field(title="学期", examples=["2024-2025-1"])
    credit: Name | None = Field(None, title="学分")
    grade: Name = Field(title="成绩")


class Award(Strict):
    award_name: Text = Field(title="奖项名称")
    level: Name | None = Field(None, title="级别", examples=["校级"])
    issuer: Text | None = Field(None, title="授予单位")
    awarded_on: Day | None = Field(None, title="日期")


class Education(Strict):
    school: Text = Field(title="学校")
    level: Name | None = Field(None, title="阶段", examples=["高中"])
    start_on: Day | None = Field(None, title="入学年月")
    end_on: Day | None = Field(None, title="毕业年月")


class Evaluation(Strict):
    item: Text = Field(title="维度")
    result: Name | None = Field(None, title="等级")
    academic_year: Name | None = Field(None, title="学年")
    comment: str | None = Field(None, max_length=1000, title="评语")


class Research(Strict):
    title: Text = Field(title="题目")
    kind: Name | None = Field(None, title="类型")
    role: Name | None = Field(None, title="角色")
    published_on: Day | None = Field(None, title="日期")


class Material(Strict):
    class_code: str = Field(title="类别", json_schema_extra={"enum": list(MATERIAL_CLASSES)})
    kind: Annotated[str, Field(max_length=30)] | None = Field(None, title="种类", examples=["transcript"])
    title: Text = Field(title="题名")
    formed_on: Day | None = Field(None, title="形成日期")
    pages: int | None = Field(None, ge=1, le=9999, title="页数")
    remark: Text | None = Field(None, title="备注")


class GraduateRecord(Strict):
    """One graduate's dossier data."""

    student_number: Name = Field(title="学号", examples=["2022010001"])
    name: Text = Field(title="姓名")
    id_number: Name = Field(title="身份证号")
    phone: Name | None = Field(None, title="手机号")
    college: Name = Field(title="学院")
    major: Name = Field(title="专业")
    degree_level: Literal["专科", "本科", "硕士", "博士"] = Field(title="学历层次")
    cohort_year: int = Field(ge=1950, le=2100, title="毕业年份")
    sex: Name | None = Field(None, title="性别")
    birth_date: Day | None = Field(None, title="出生日期")
    ethnicity: Name | None = Field(None, title="民族")
    origin_region: Name | None = Field(None, title="生源地代码")
    political_status: Name | None = Field(None, title="政治面貌")
    class_name: Name | None = Field(None, title="班级")
    enrolled_on: Day | None = Field(None, title="入学日期")
    graduated_on: Day | None = Field(None, title="毕业日期")
    study_length: Name | None = Field(None, title="学制")
    destination_code: Name | None = Field(None, title="转递编号")
    courses: list[Course] = Field(default_factory=list, max_length=MOST_ROWS, title="课程成绩")
    awards: list[Award] = Field(default_factory=list, max_length=MOST_ROWS, title="奖励荣誉")
    education: list[Education] = Field(default_factory=list, max_length=MOST_ROWS, title="教育经历")
    evaluations: list[Evaluation] = Field(default_factory=list, max_length=MOST_ROWS, title="综合素质评价")
    research: list[Research] = Field(default_factory=list, max_length=MOST_ROWS, title="科研与知识产权")
    materials: list[Material] = Field(default_factory=list, max_length=MOST_ROWS, title="材料目录")


TABLES: Mapping[str, type[Strict]] = {
    "courses": Course,
    "awards": Award,
    "education": Education,
    "evaluations": Evaluation,
    "research": Research,
    "materials": Material,
}


def columns_of(model: type[Strict]) -> dict[str, str]:
    """Member -> the import's Chinese column: the member's title."""
    return {name: field.title or name for name, field in model.model_fields.items() if name not in TABLES}


def row_of(item: Strict) -> dict[str, str]:
    """A member of a table, or the graduate's own row, under the import's columns."""
    names = columns_of(type(item))
    return {names[k]: str(v) for k, v in item.model_dump(exclude_none=True, exclude=set(TABLES)).items()}


def tables_of(record: GraduateRecord) -> dict[str, list[dict[str, str]]]:
    """The other tables' rows, without the student number, which is the graduate's own."""
    return {table: [row_of(item) for item in getattr(record, table)] for table in TABLES}


def schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of a graduate."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"{SCHEMA_BASE}/graduate.json",
        **GraduateRecord.model_json_schema(ref_template="#/$defs/{model}"),
        "title": "毕业生",
    }
