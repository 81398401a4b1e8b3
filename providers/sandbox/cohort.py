"""The invented class as the files a school would hand over: CSV, XLSX and ID photos."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random

from openpyxl import Workbook
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from providers.sandbox.cohort_people import SampleGraduate, make_cohort

GRADUATE_COLUMNS = (
    "学号",
    "姓名",
    "身份证号",
    "手机号",
    "性别",
    "民族",
    "出生日期",
    "政治面貌",
    "学院",
    "专业",
    "班级",
    "学历层次",
    "学习形式",
    "学制",
    "入学日期",
    "毕业日期",
    "毕业年份",
    "学位",
    "论文题目",
    "生源地代码",
    "生源地",
    "毕业去向",
    "去向单位",
    "转递编号",
    "特长",
)
COURSE_COLUMNS = ("学号", "课程名称", "学期", "学分", "成绩")
AWARD_COLUMNS = ("学号", "奖项名称", "级别", "授予单位", "日期")
SCHOOLING_COLUMNS = ("学号", "阶段", "学校", "入学年月", "毕业年月")
EVALUATION_COLUMNS = ("学号", "学年", "维度", "等级", "评语")
RESEARCH_COLUMNS = ("学号", "类型", "题目", "角色", "日期", "状态")
_PHOTO_SIZE = (390, 567)  # one inch by 1.45: the usual ID photo's shape
_PORTRAIT_SIDE = 1024
_PICTURES = {".jpg", ".jpeg", ".png"}

Row = Sequence[str]


def write_cohort(
    folder: Path, *, n: int, seed: int, year: int, portraits: Path | None = None, photos: int = 60
) -> list[SampleGraduate]:
    """Write graduates.csv and .xlsx, courses, awards, education, evaluations and research .csv, and photos/<学号>.jpg.

    CSV is UTF-8 with a byte-order mark; every cell is text; days are YYYY-MM-DD. The first ``photos`` graduates get a
    picture: one each from ``portraits`` while they last (see portrait_sources), then a drawn silhouette.
    """
    people = make_cohort(n, seed, year)
    folder.mkdir(parents=True, exist_ok=True)
    rows = [graduate_row(person) for person in people]
    _write_csv(folder / "graduates.csv", GRADUATE_COLUMNS, rows)
    _write_xlsx(folder / "graduates.xlsx", GRADUATE_COLUMNS, rows)
    _write_sections(folder, people)
    _write_photos(folder / "photos", people[:photos], portrait_sources(portraits), seed)
    return people


def graduate_row(person: SampleGraduate) -> Row:
    """In the order of GRADUATE_COLUMNS; several 特长 are joined by '、'."""
    return (
        person.student_number,
        person.name,
        person.id_number,
        person.phone,
        person.sex,
        person.ethnicity,
        person.born.isoformat(),
        person.standing,
        person.college,
        person.major,
        person.class_name,
        person.level,
        person.study_form,
        str(person.years),
        person.entered.isoformat(),
        person.graduated.isoformat(),
        str(person.graduation_year),
        person.degree,
        person.thesis,
        person.origin_code,
        person.origin,
        person.destination,
        person.destination_unit,
        person.transfer_code,
        "、".join(person.strengths),
    )


def portrait_sources(folder: Path | None) -> list[Path]:
    """One picture per person: each picture lying in ``folder``, and the first one of each of its sub-folders."""
    if folder is None or not folder.is_dir():
        return []
    entries = sorted(folder.iterdir())
    firsts = [next(iter(_pictures(sorted(entry.iterdir()))), None) for entry in entries if entry.is_dir()]
    return _pictures(entries) + [path for path in firsts if path is not None]


def _pictures(paths: Iterable[Path]) -> list[Path]:
    return [path for path in paths if path.is_file() and path.suffix.lower() in _PICTURES]


def _write_sections(folder: Path, people: Sequence[SampleGraduate]) -> None:
    """The sections with several rows a person."""
    numbered = [(person.student_number, person) for person in people]
    _write_csv(
        folder / "courses.csv",
        COURSE_COLUMNS,
        ((number, c.name, c.term, c.credits, c.grade) for number, p in numbered for c in p.courses),
    )
    _write_csv(
        folder / "awards.csv",
        AWARD_COLUMNS,
        ((number, a.name, a.level, a.awarded_by, a.on.isoformat()) for number, p in numbered for a in p.awards),
    )
    _write_csv(
        folder / "education.csv",
        SCHOOLING_COLUMNS,
        ((number, s.stage, s.school, s.entered, s.left) for number, p in numbered for s in p.schooling),
    )
    _write_csv(
        folder / "evaluations.csv",
        EVALUATION_COLUMNS,
        ((number, e.school_year, e.aspect, e.grade, e.remark) for number, p in numbered for e in p.evaluations),
    )
    _write_csv(
        folder / "research.csv",
        RESEARCH_COLUMNS,
        ((number, r.kind, r.title, r.role, r.on.isoformat(), r.state) for number, p in numbered for r in p.research),
    )


def _write_csv(path: Path, columns: Row, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(rows)


def _write_xlsx(path: Path, columns: Row, rows: Iterable[Row]) -> None:
    """One sheet, every cell a string, so that no spreadsheet shortens an identity number."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("毕业生")
    for row in (columns, *rows):
        sheet.append(row)
    book.save(path)


def _write_photos(folder: Path, people: Sequence[SampleGraduate], portraits: Sequence[Path], seed: int) -> None:
    folder.mkdir(exist_ok=True)
    for index, person in enumerate(people):
        chance = Random(f"{seed}/photo/{index}")  # noqa: S311 - a drawing
        picture = _portrait(portraits[index]) if index < len(portraits) else _silhouette(chance)
        picture.save(folder / f"{person.student_number}.jpg", "JPEG", quality=92)


def _portrait(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((_PORTRAIT_SIDE, _PORTRAIT_SIDE))
    upright.info.clear()
    return upright


def _silhouette(chance: Random) -> Image.Image:
    """Head and shoulders in one grey before one light colour: plainly nobody, and no face for any detector."""
    width, height = _PHOTO_SIZE
    tone = chance.randint(95, 135)
    colour, middle = (tone, tone + 6, tone + 14), width // 2
    picture = Image.new("RGB", _PHOTO_SIZE, chance.choice(((214, 226, 240), (232, 236, 240), (224, 232, 226))))
    draw = ImageDraw.Draw(picture)
    head, shoulders = chance.randint(84, 96), chance.randint(160, 182)
    top = chance.randint(120, 140)
    draw.ellipse((middle - head, top, middle + head, top + int(head * 2.5)), fill=colour)
    draw.rectangle((middle - 46, top + 2 * head, middle + 46, height), fill=colour)
    draw.rounded_rectangle((middle - shoulders, height - 150, middle + shoulders, height + 90), 90, fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(1.2))


__all__ = ["SampleGraduate", "graduate_row", "make_cohort", "portrait_sources", "write_cohort"]
