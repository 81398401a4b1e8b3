"""The importer's tables: Chinese column names to record fields, and what makes a row unusable."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.dossiers.incoming import NewDossier, NewMaterial
from app.dossiers.rules import MATERIAL_CLASSES, Section
from app.people import rules as people
from app.people.service import Card
from app.written_dates import iso_date

Row = Mapping[str, str]

REQUIRED = ("学号", "姓名", "身份证号", "学院", "专业", "学历层次", "毕业年份")
DEGREE_LEVELS = ("专科", "本科", "硕士", "博士")
GRADUATE_TABLE = "graduates"

# table -> (section, column -> field)
SECTION_TABLES: Mapping[str, tuple[Section, Mapping[str, str]]] = {
    "courses": (
        Section.COURSE,
        {"课程名称": "course_name", "学期": "term", "学分": "credit", "成绩": "grade"},
    ),
    "awards": (
        Section.AWARD,
        {"奖项名称": "award_name", "级别": "level", "授予单位": "issuer", "日期": "awarded_on"},
    ),
    "education": (
        Section.EDUCATION,
        {"学校": "school", "阶段": "level", "入学年月": "start_on", "毕业年月": "end_on"},
    ),
    "evaluations": (
        Section.EVALUATION,
        {"维度": "item", "等级": "result", "学年": "academic_year", "评语": "comment"},
    ),
    "research": (
        Section.RESEARCH,
        {"题目": "title", "类型": "kind", "角色": "role", "日期": "published_on"},
    ),
}
IDENTITY_COLUMNS = {
    "性别": "sex",
    "出生日期": "birth_date",
    "民族": "ethnicity",
    "生源地代码": "origin_region",
    "政治面貌": "political_status",
}
ENROLMENT_COLUMNS = {
    "学院": "college",
    "专业": "major",
    "班级": "class_name",
    "入学日期": "enrolled_on",
    "毕业日期": "graduated_on",
    "学制": "study_length",
    "转递编号": "destination_code",
}
_IDENTITY = {"姓名": "name", "身份证号": "id_number", "手机号": "phone", **IDENTITY_COLUMNS}
_ENROLMENT = {"学号": "student_number", **ENROLMENT_COLUMNS}
DAYS = frozenset({"出生日期", "入学日期", "毕业日期", "日期", "形成日期", "入学年月", "毕业年月"})
"""Columns that hold days or months, in whatever style."""
MATERIAL_COLUMNS = ("学号", "类别", "种类", "题名", "形成日期", "页数", "备注", "文件")
FIELDS: Mapping[str, tuple[str, ...]] = {
    GRADUATE_TABLE: tuple(
        dict.fromkeys((*REQUIRED[:3], "手机号", *IDENTITY_COLUMNS, *REQUIRED[3:], *ENROLMENT_COLUMNS))
    ),
    **{table: ("学号", *names) for table, (_, names) in SECTION_TABLES.items()},
    "materials": MATERIAL_COLUMNS,
}
"""table -> every field a column may be taken for, in the order of the template."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    GRADUATE_TABLE: REQUIRED,
    "courses": ("学号", "课程名称", "学期", "成绩"),
    "awards": ("学号", "奖项名称"),
    "education": ("学号", "学校"),
    "evaluations": ("学号", "维度"),
    "research": ("学号", "题目"),
    "materials": ("学号", "类别", "题名"),
}
FURTHER_TABLES = tuple(t for t in FIELDS if t != GRADUATE_TABLE)
FAULT_WORDS = {
    "required": "必填",
    "too_long": "过长",
    "name_empty": "必填",
    "name_too_long": "姓名过长",
    "name_invisible_character": "姓名含有不可见字符",
    "name_private_use_character": "姓名含有自造字，请改用标准字符",
    "name_wrong_character": "姓名含有不允许的字符",
    "student_unknown": "学号不在本次毕业生表中",
    "graduate_unknown": "没有该学号的毕业生",
    "dossier_sealed": "该档案已封存或转出",
    "documents_busy": "照片处理繁忙，请稍后重新导入该行",
    "documents_unavailable": "照片暂时无法处理，请稍后重新导入该行",
    "database_unavailable": "数据库暂时不可用，请稍后重新导入该行",
    "file_store_unavailable": "文件暂时无法保存，请稍后重新导入该行",
    "unknown_level": f"应为{'、'.join(DEGREE_LEVELS)}之一",
    "year_wrong": "年份不正确",
    "duplicate_in_file": "与文件中前面的行重复",
    "student_exists": "该学号已存在",
    "duplicate_id_in_file": "与文件中前面的行身份证号相同而学号不同",
    "id_number_length": "身份证号应为 18 位",
    "id_number_15": "15 位旧身份证号须提供 18 位",
    "date_wrong": "日期无法识别，请写成 2026-06-01",
    "formula_cell": "单元格是公式，请改为粘贴值后重新上传",
    "error_cell": "单元格是错误值",
    "merged_cell": "单元格被合并，请取消合并并逐行填写",
    "digits_lost": "长数字已被表格软件改写，末尾数字已丢失，请把该列设为“文本”后重新填写",
    "id_number_characters": "身份证号含有不允许的字符",
    "id_number_check_digit": "身份证号校验码不正确",
    "id_number_region": "身份证号地区代码不正确",
    "id_number_birth_date": "身份证号出生日期不正确",
    "student_number_characters": "学号含有不允许的字符",
    "phone_format": "手机号格式不正确",
    "region_code_characters": "地区代码应为 6 位数字",
    "region_code_province": "地区代码省份不存在",
    "birth_date_differs": "出生日期与身份证号不一致",
    "unknown_class": "材料表中有不存在的类别",
    "scan_missing": "材料文件夹中没有这个文件",
    "scan_refused": "材料文件无法读取、过大或类型不支持",
    "document_unreadable": "照片无法读取",
    "document_type_refused": "照片类型不支持",
    "document_too_large": "照片过大",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """``column`` as it stands in the file, ``cell`` as a spreadsheet names it (C5); ``sheet`` and ``line`` only where
    the fault lies in another table than the row.
    """

    column: str
    code: str
    cell: str = ""
    sheet: str = ""
    line: int = 0

    def stored(self) -> dict[str, str | int]:
        kept: dict[str, str | int] = {
            "column": self.column,
            "code": self.code,
            "cell": self.cell,
            "sheet": self.sheet,
            "line": self.line,
        }
        return {k: v for k, v in kept.items() if v or k in ("column", "code")}

    @property
    def words(self) -> str:
        return FAULT_WORDS.get(self.code, FAULT_WORDS.get(self.code.split(":")[0], "内容有误"))


@dataclass(frozen=True, slots=True)
class Related:
    """The rows of the other tables that belong to one student number."""

    sections: Mapping[Section, Sequence[Mapping[str, str]]] = field(default_factory=dict)
    materials: Sequence[NewMaterial] = ()
    faults: Sequence[Fault] = ()
    scans: Mapping[int, str] = field(default_factory=dict)
    """Index into ``materials`` -> name of its file in the bundle's materials/ folder."""


def normal_row(row: Row) -> dict[str, str]:
    """Numbers, names, days and the year in the form they are stored in; what is wrong stays wrong."""
    normal = {
        **row,
        "学号": people.normalise_student_number(row.get("学号", "")),
        "姓名": people.normalise_name(row.get("姓名", "")),
        "身份证号": people.normalise_id_number(row.get("身份证号", "")),
        "手机号": people.normalise_phone(row.get("手机号", "")),
        "毕业年份": _YEAR_MARK.sub("", row.get("毕业年份", "")),
    }
    for column in ("出生日期", "入学日期", "毕业日期"):
        if text := row.get(column, ""):
            normal[column] = iso_date(text) or text
    return normal


_YEAR_MARK = re.compile(r"(?:年|届)$")
_SCIENTIFIC = re.compile(r"\d(?:\.\d+)?[Ee]\+\d{1,3}")
_NUMBERS = ("学号", "身份证号", "手机号")


def graduate_faults(row: Row, today: date) -> list[Fault]:
    """What keeps this row, in normal form, from being filed; empty when it may be."""
    faults = [Fault(c, "required") for c in REQUIRED if not row.get(c, "").strip()]
    lost = {c for c in _NUMBERS if _SCIENTIFIC.fullmatch(row.get(c, ""))}
    faults += [Fault(c, "digits_lost") for c in _NUMBERS if c in lost]
    checks = (
        ("学号", people.student_number_fault(row.get("学号", ""))),
        ("姓名", people.name_fault(row.get("姓名", ""))),
        ("身份证号", _id_number_fault(row.get("身份证号", ""), today)),
        ("手机号", _optional(people.phone_fault, row.get("手机号", ""))),
        ("生源地代码", _optional(people.region_code_fault, row.get("生源地代码", ""))),
    )
    told = {f.column for f in faults}
    faults += [Fault(column, code) for column, code in checks if code and column not in told]
    if row.get("学历层次") and row["学历层次"] not in DEGREE_LEVELS:
        faults.append(Fault("学历层次", "unknown_level"))
    faults += [Fault(c, "too_long") for c in ("学院", "专业") if len(row.get(c, "")) > 60]
    year = row.get("毕业年份", "")
    if year and not (year.isascii() and year.isdigit() and 1950 <= int(year) <= today.year + 10):
        faults.append(Fault("毕业年份", "year_wrong"))
    given = row.get("出生日期", "")
    faults += [
        Fault(c, "date_wrong") for c in ("出生日期", "入学日期", "毕业日期") if row.get(c) and iso_date(row[c]) is None
    ]
    if given and not faults:
        born = people.id_number_birth_date(row.get("身份证号", ""))
        if born is not None and not born.isoformat().startswith(given):
            faults.append(Fault("出生日期", "birth_date_differs"))
    return faults


def student_number(row: Row) -> str:
    return people.normalise_student_number(row.get("学号", ""))


def _id_number_fault(text: str, today: date) -> str | None:
    """The numbers of before 1999 had fifteen digits: they are told apart, for they are no slip of the pen."""
    if len(text) == 15 and text.isascii() and text.isdigit():
        return "id_number_15"
    return people.id_number_fault(text, today)


def _optional(check: object, value: str) -> str | None:
    return check(value) if value and callable(check) else None


def section_body(columns: Mapping[str, str], row: Row) -> dict[str, str]:
    return {name: value for column, name in columns.items() if (value := row.get(column))}


def further_row(sheet: str, row: Row) -> tuple[dict[str, str], list[Fault]]:
    """A row of a further table with its days in normal form, and what is wrong with it."""
    normal = dict(row)
    faults = [Fault(c, "required") for c in NEEDED[sheet] if not row.get(c)]
    for column in DAYS & row.keys():
        if row[column]:
            made = iso_date(row[column])
            if made is None:
                faults.append(Fault(column, "date_wrong"))
            else:
                normal[column] = made
    if sheet == "materials":
        if row.get("类别") and row["类别"] not in MATERIAL_CLASSES:
            faults.append(Fault("类别", "unknown_class"))
        if len(row.get("种类", "")) > 30:
            faults.append(Fault("种类", "too_long"))
    return normal, faults


def new_material(row: Row) -> NewMaterial:
    pages = row.get("页数", "")
    return NewMaterial(
        class_code=row["类别"],
        kind=row.get("种类", ""),
        title=row.get("题名", ""),
        formed_on=row.get("形成日期") or None,
        pages=int(pages) if pages.isascii() and pages.isdigit() else None,
        remark=row.get("备注") or None,
    )


def new_dossier(row: Row, related: Related, photo: bytes | None) -> NewDossier:
    """A checked row with what belongs to it, ready to be filed."""
    card = Card(row["姓名"], row["身份证号"], row["学号"], row.get("手机号", ""))
    records = {
        Section.IDENTITY: [section_body(_IDENTITY, row)],
        Section.ENROLMENT: [section_body(_ENROLMENT, row)],
        **related.sections,
    }
    return NewDossier(
        card=card,
        cohort_year=int(row["毕业年份"]),
        college=row["学院"],
        major=row["专业"],
        degree_level=row["学历层次"],
        records=records,
        materials=related.materials,
        photo=photo,
    )
