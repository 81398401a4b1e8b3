"""The people of the journey: an invented class whose personal data carry marks that the canary looks for.

Names hold two characters that stand nowhere else, grades and awards a word, scans and proofs a comment in the file.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from providers.sandbox.cohort import write_cohort

NAME_MARK = "龘靐"
GRADE_MARK = "鸞鷟"
SEALED = "组织函件"
FILE_MARK = b"JOURNEY-CANARY-FILE-7f3a9c51"
FRAME_MARK = b"JOURNEY-CANARY-FRAME-b2d84e06"
NUMERALS = "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳午未申酉"
YEAR = 2026
MATERIALS = (
    ("4-1", "transcript", "成绩单", "2", "scan.jpg"),
    ("4-1", "", "毕业生登记表", "4", ""),
    ("3", "", "学年鉴定表", "2", ""),
    ("6", "application", "入党申请书", "6", ""),
    ("10", "confidential", f"{SEALED}{GRADE_MARK}", "1", ""),
)
Row = dict[str, str]


@dataclass(frozen=True, slots=True)
class Person:
    """What a graduate knows of themself, and what their university has on file."""

    student_number: str
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    phone: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Portraits:
    """The registrar's photo, another picture of the same person, and somebody else."""

    registrar: Path
    visitor: Path
    stranger: Path

    @classmethod
    def of(cls, folder: Path) -> Portraits:
        return cls(folder / "person_a_1.jpg", folder / "person_a_2.jpg", folder / "person_b_1.jpg")


def write_class(folder: Path, *, serial: int, size: int, faced: int, portrait: Path) -> list[Person]:
    """A cohort folder of ``size`` graduates and one faulty row after them.

    The first ``faced`` have the portrait as the registrar's photo and a scanned transcript.

    ``serial`` keeps student numbers of several classes apart. ID numbers are the sandbox cohort's, of nobody.
    """
    sample = write_cohort(folder, n=size + 1, seed=7000 + serial, year=YEAR, photos=0)
    (folder / "graduates.xlsx").unlink()
    numbers = {p.student_number: f"9{serial:04d}{index:05d}" for index, p in enumerate(sample)}
    people = [
        Person(numbers[p.student_number], marked_name(serial, index), p.id_number, p.phone)
        for index, p in enumerate(sample)
    ]
    _rewrite(folder / "graduates.csv", lambda row, n: _graduate(row, n, people, numbers))
    for table in ("courses", "awards", "education", "evaluations", "research"):
        _rewrite(folder / f"{table}.csv", lambda row, _: _related(row, numbers))
    _write_materials(folder, people[:size], faced)
    for person in people[:faced]:
        shutil.copyfile(portrait, folder / "photos" / f"{person.student_number}.jpg")
    return people[:size]


def marked_name(serial: int, index: int) -> str:
    digits = f"{serial % 10}{index:03d}"
    return NAME_MARK + "".join(NUMERALS[int(d) + (10 if place % 2 else 0)] for place, d in enumerate(digits))


def _graduate(row: Row, index: int, people: list[Person], numbers: dict[str, str]) -> Row:
    person = people[index]
    changed = {"学号": numbers[row["学号"]], "姓名": person.name}
    if not row["转递编号"]:  # nobody's dossier may be sealed without one, and anybody may be cast to have it sealed
        changed["转递编号"] = f"{YEAR}{numbers[row['学号']]:0>14}"
    if index == len(people) - 1:  # the row the import must refuse: its ID number's check digit is wrong
        changed["身份证号"] = _wrong_check_digit(row["身份证号"])
    return row | changed


def _wrong_check_digit(number: str) -> str:
    return number[:-1] + ("1" if number[-1] != "1" else "2")


def _related(row: Row, numbers: dict[str, str]) -> Row:
    changed = {"学号": numbers[row["学号"]]}
    if "成绩" in row:
        changed["成绩"] = f"{row['成绩']}{GRADE_MARK}"
    return row | changed


def _rewrite(path: Path, change: Callable[[Row, int], Row]) -> None:
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    if rows:
        _write(path, [change(row, index) for index, row in enumerate(rows)])


def _write(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _write_materials(folder: Path, people: list[Person], scanned: int) -> None:
    (folder / "materials").mkdir(exist_ok=True)
    (folder / "materials" / "scan.jpg").write_bytes(marked_jpeg("TRANSCRIPT", FILE_MARK))
    names = ("类别", "种类", "题名", "页数", "文件")
    rows = [
        {
            "学号": person.student_number,
            "形成日期": f"{YEAR}-06-10",
            "备注": "",
            **dict(zip(names, cells if index < scanned else (*cells[:-1], ""), strict=True)),
        }
        for index, person in enumerate(people)
        for cells in MATERIALS
    ]
    _write(folder / "materials.csv", rows)


def marked_jpeg(label: str, mark: bytes) -> bytes:
    """A drawn sheet with ``mark`` as the file's comment."""
    page = Image.new("RGB", (620, 877), (250, 248, 242))
    draw = ImageDraw.Draw(page)
    draw.text((60, 60), label, fill=(40, 40, 48))
    for row in range(18):
        draw.line((60, 110 + row * 40, 560, 110 + row * 40), fill=(150, 150, 158))
    out = io.BytesIO()
    page.save(out, "JPEG", quality=85)
    return with_comment(out.getvalue(), mark)


def with_comment(jpeg: bytes, mark: bytes) -> bytes:
    """The same picture with a COM segment behind its start marker."""
    return jpeg[:2] + b"\xff\xfe" + (len(mark) + 2).to_bytes(2, "big") + mark + jpeg[2:]


def marked_pdf(mark: bytes) -> bytes:
    """One empty page; the mark stands in a comment and in the title."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>",
        b"<< /Title (" + mark + b") >>",
    ]
    out = b"%PDF-1.4\n%" + mark + b"\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(out),
    )
    return out + head + table + trailer
