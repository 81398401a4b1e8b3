"""What a dossier holds, who may see which part and why. Pure tables and functions.

The ten classes follow the catalogue form that schools borrow from 干部人事档案工作条例 (2018), arts. 16-17.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

RULES_VERSION = "2026-1"


class Section(StrEnum):
    IDENTITY = "identity"
    ENROLMENT = "enrolment"
    EDUCATION = "education"
    COURSE = "course"
    AWARD = "award"
    EVALUATION = "evaluation"
    RESEARCH = "research"


class Zone(StrEnum):
    """A: the graduate reads it. B: sees that it exists. C: sealed, the title is masked too."""

    A = "A"
    B = "B"
    C = "C"


class Source(StrEnum):
    IMPORT = "import"
    CORRECTION = "correction"
    STAFF = "staff"


class DossierState(StrEnum):
    OPEN = "open"
    SEALED = "sealed"
    TRANSFERRED = "transferred"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One field of a record. ``statutory`` fields follow documents issued by the state and need two persons;
    ``required`` ones may be corrected but not emptied; ``guards_account`` ones are what an account is verified
    against, so that changing one needs evidence and two persons as well.
    """

    label: str
    statutory: bool = False
    required: bool = False
    guards_account: bool = False


@dataclass(frozen=True, slots=True)
class SectionRule:
    label: str
    title_field: str
    fields: Mapping[str, FieldRule]


SECTIONS: Mapping[Section, SectionRule] = {
    Section.IDENTITY: SectionRule(
        "基本信息",
        "name",
        {
            "name": FieldRule("姓名", statutory=True, required=True),
            "id_number": FieldRule("身份证号", statutory=True, required=True),
            "sex": FieldRule("性别", statutory=True),
            "birth_date": FieldRule("出生日期", statutory=True),
            "ethnicity": FieldRule("民族", statutory=True),
            "origin_region": FieldRule("生源地代码"),
            "political_status": FieldRule("政治面貌"),
            "phone": FieldRule("手机号", guards_account=True),
        },
    ),
    Section.ENROLMENT: SectionRule(
        "学籍",
        "student_number",
        {
            "student_number": FieldRule("学号", required=True, guards_account=True),
            "college": FieldRule("学院", required=True),
            "major": FieldRule("专业", required=True),
            "class_name": FieldRule("班级"),
            "enrolled_on": FieldRule("入学日期"),
            "graduated_on": FieldRule("毕业日期"),
            "study_length": FieldRule("学制"),
            "destination_code": FieldRule("转递编号"),
        },
    ),
    Section.EDUCATION: SectionRule(
        "教育经历",
        "school",
        {
            "school": FieldRule("学校", required=True),
            "level": FieldRule("学历层次"),
            "major": FieldRule("专业"),
            "start_on": FieldRule("开始日期"),
            "end_on": FieldRule("结束日期"),
            "degree": FieldRule("学位"),
            "certificate_number": FieldRule("证书编号"),
        },
    ),
    Section.COURSE: SectionRule(
        "课程成绩",
        "course_name",
        {
            "course_name": FieldRule("课程名称", required=True),
            "term": FieldRule("学期", required=True),
            "credit": FieldRule("学分"),
            "grade": FieldRule("成绩", required=True),
        },
    ),
    Section.AWARD: SectionRule(
        "奖励荣誉",
        "award_name",
        {
            "award_name": FieldRule("奖项名称", required=True),
            "level": FieldRule("级别"),
            "issuer": FieldRule("授予单位"),
            "awarded_on": FieldRule("授予日期"),
        },
    ),
    Section.EVALUATION: SectionRule(
        "综合素质评价",
        "item",
        {
            "item": FieldRule("评价项目", required=True),
            "result": FieldRule("结果"),
            "academic_year": FieldRule("学年"),
            "comment": FieldRule("评语"),
        },
    ),
    Section.RESEARCH: SectionRule(
        "科研与知识产权",
        "title",
        {
            "title": FieldRule("题名", required=True),
            "kind": FieldRule("类型"),
            "role": FieldRule("本人角色"),
            "published_on": FieldRule("日期"),
            "identifier": FieldRule("编号"),
        },
    ),
}

MATERIAL_CLASSES: Mapping[str, str] = {
    "1": "履历材料",
    "2": "自传和思想类材料",
    "3": "考核鉴定类材料",
    "4-1": "学历学位材料",
    "4-2": "专业技术职务材料",
    "4-3": "学术评鉴材料",
    "4-4": "教育培训材料",
    "5": "政审、审计和审核材料",
    "6": "党、团类材料",
    "7": "表彰奖励材料",
    "8": "违规违纪违法处理处分材料",
    "9-1": "工资材料",
    "9-2": "任免材料",
    "9-3": "出国(境)审批材料",
    "9-4": "会议代表材料",
    "10": "其他材料",
}


@dataclass(frozen=True, slots=True)
class ZoneRule:
    """Why something is or is not shown to the graduate, in the words the graduate reads."""

    id: str
    zone: Zone
    ground: str
    ask: str
    objection: str


_ASK = "请联系学校档案管理部门"
_OBJECTION = "可在“更正”中提交异议，学校在 15 个工作日内答复；对答复不服的，可向主管教育行政部门反映"
_OPEN = ZoneRule("A-1", Zone.A, "个人信息保护法第四十五条：本人有权查阅、复制其个人信息", _ASK, _OBJECTION)
_EXISTS = ZoneRule(
    "B-1",
    Zone.B,
    "干部人事档案工作条例第三十五条：任何个人不得查阅本人的档案；参照执行，仅告知材料存在",
    _ASK,
    _OBJECTION,
)
_THIRD_PARTY = ZoneRule(
    "B-2", Zone.B, "个人信息保护法第四十五条、第十八条：内容涉及第三人评价，仅告知材料存在", _ASK, _OBJECTION
)
_SEALED = ZoneRule("C-1", Zone.C, "依法应当保密的材料（个人信息保护法第十八条第一款），题名不予显示", _ASK, _OBJECTION)

SECTION_ZONES: Mapping[Section, ZoneRule] = dict.fromkeys(Section, _OPEN)
CLASS_ZONES: Mapping[str, ZoneRule] = {
    "1": _OPEN,
    "2": _OPEN,
    "3": _EXISTS,
    "4-1": _OPEN,
    "4-2": _OPEN,
    "4-3": _THIRD_PARTY,
    "4-4": _OPEN,
    "5": _EXISTS,
    "6": _EXISTS,
    "7": _OPEN,
    "8": _EXISTS,
    "9-1": _OPEN,
    "9-2": _OPEN,
    "9-3": _OPEN,
    "9-4": _OPEN,
    "10": _EXISTS,
}
ZONE_RULES = (_OPEN, _EXISTS, _THIRD_PARTY, _SEALED)
_ZONE_BY_ID = {r.id: r for r in ZONE_RULES}

MASKED_TITLE = "（题名不予显示）"


def section_zone(section: Section) -> ZoneRule:
    return SECTION_ZONES[section]


def zone_rule(rule_id: str) -> ZoneRule:
    return _ZONE_BY_ID[rule_id]


def field_faults(section: Section, body: Mapping[str, str]) -> dict[str, str]:
    """Field name -> stable fault code; empty when the body may be stored."""
    rule = SECTIONS[section]
    faults = {name: "unknown_field" for name in body if name not in rule.fields}
    for name, field_rule in rule.fields.items():
        if field_rule.required and not body.get(name, "").strip():
            faults[name] = "required"
    return faults


def guards_account(section: Section, field: str) -> bool:
    return SECTIONS[section].fields[field].guards_account


def is_statutory(section: Section, field: str) -> bool:
    return SECTIONS[section].fields[field].statutory
