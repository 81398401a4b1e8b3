"""A cohort as it comes: row by row, every fault in the words of the file, and twice without doubling."""

from __future__ import annotations

import csv
import io
import zipfile
from datetime import datetime
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import func, select

from app.actors import SYSTEM, Purpose, Role
from app.errors import Forbidden, Invalid
from app.imports.bundle import ZipBundle, packed_folder
from app.imports.views import ImportReport
from app.people.models import Graduate
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person, make_id_number
from tests.fakes import FakeClock, jpeg

COLUMNS = ["学号", "姓名", "身份证号", "学院", "专业", "学历层次", "毕业年份", "手机号", "性别", "出生日期"]


def row(n: int, **changes: str) -> dict[str, str]:
    return {
        "学号": f"2022{n:06d}",
        "姓名": "张三",
        "身份证号": make_id_number(n),
        "学院": "文学院",
        "专业": "档案学",
        "学历层次": "本科",
        "毕业年份": "2026",
        "手机号": f"1380013{n:04d}",
        "性别": "女",
        "出生日期": "2004-03-15",
        **changes,
    }


def table(*rows: dict[str, str], columns: list[str] | None = None, encoding: str = "utf-8-sig") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns or (list(rows[0]) if rows else COLUMNS))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def run(lantai: Lantai, data: bytes, name: str = "graduates.csv") -> ImportReport:
    return lantai.importer.run(SYSTEM, name, io.BytesIO(data))


def faults(report: ImportReport) -> list[list[tuple[str, str]]]:
    return [[(f.column, f.code) for f in r.faults] for r in report.rows]


def count(lantai: Lantai) -> int:
    with lantai.db.transaction() as session:
        return session.scalar(select(func.count(Graduate.id))) or 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gb18030"])
def test_good_rows_are_filed_in_either_encoding_and_a_second_run_adds_nothing(encoding: str, lantai: Lantai) -> None:
    data = table(row(1), row(2, 姓名="欧阳㐂"), encoding=encoding)
    seen: list[tuple[int, int, int]] = []
    report = lantai.importer.run(
        SYSTEM, "g.csv", io.BytesIO(data), lambda done, of, rows: seen.append((done, of, len(rows)))
    )
    assert (report.filed, report.refused, seen) == (2, 0, [(2, 2, 2)])
    assert [r.student for r in report.rows] == ["2022****01", "2022****02"]
    again = run(lantai, data)
    assert (again.filed, faults(again)) == (0, [[("学号", "student_exists")]] * 2)
    assert count(lantai) == 2
    more = run(lantai, table(row(1), row(3), encoding=encoding))
    assert (more.filed, count(lantai)) == (1, 3)


def test_bad_rows_are_told_apart_and_good_ones_still_filed(lantai: Lantai) -> None:
    wrong_digit = make_id_number(3)[:-1] + ("1" if make_id_number(3)[-1] != "1" else "2")
    report = run(
        lantai,
        table(
            row(1),
            row(2, 姓名=""),
            row(3, 身份证号=wrong_digit),
            row(4, 学历层次="学士"),
            row(5, 毕业年份="二〇二六"),
            row(6, 手机号="12345"),
            row(7, 出生日期="2004-03-16"),
            row(1),
            row(8, 姓名="张\u200b三"),
            row(9),
        ),
    )
    assert faults(report) == [
        [],
        [("姓名", "required")],
        [("身份证号", "id_number_check_digit")],
        [("学历层次", "unknown_level")],
        [("毕业年份", "year_wrong")],
        [("手机号", "phone_format")],
        [("出生日期", "birth_date_differs")],
        [("学号", "duplicate_in_file")],
        [("姓名", "name_invisible_character")],
        [],
    ]
    assert [r.line for r in report.rows] == list(range(2, 12))
    assert (report.filed, count(lantai)) == (2, 2)
    assert all(f.words for r in report.rows for f in r.faults)
    assert wrong_digit not in str(report)


def test_short_rows_long_rows_and_blank_lines_keep_their_line_numbers(lantai: Lantai) -> None:
    good = ",".join(row(2).values())
    text = ",".join(COLUMNS) + f"\n2022000001,张三\n\n\n{good},more,cells\n"
    report = run(lantai, text.encode())
    assert [(r.line, r.outcome) for r in report.rows] == [(2, "refused"), (5, "filed")]
    assert ("身份证号", "required") in faults(report)[0]


def test_tables_that_cannot_be_read_are_refused_whole(lantai: Lantai) -> None:
    def pointers(data: bytes, name: str = "g.csv") -> set[str]:
        with pytest.raises(Invalid) as caught:
            run(lantai, data, name)
        return {f.pointer for f in caught.value.faults}

    lacking = [c for c in COLUMNS if c not in ("身份证号", "学院")]
    assert pointers(table({c: row(1)[c] for c in lacking})) == {"/graduates/身份证号", "/graduates/学院"}
    assert pointers(table(columns=COLUMNS)) == {"/graduates"}
    assert pointers(b"") == {"/graduates"}
    assert pointers(b"\xff\xfe\x00\x00\x81") == {"/graduates"}
    assert pointers(('学号\n"' + "x" * 200_000 + '"\n').encode()) == {"/graduates"}
    assert pointers(b"PK\x03\x04 broken", "g.xlsx") == set()
    assert pointers(_zip({"xl/workbook.xml": b"<broken"}), "g.xlsx") == set()
    assert count(lantai) == 0


def _zip(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _workbook(*rows: dict[str, object]) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(list(rows[0]))
    for values in rows:
        sheet.append(list(values.values()))
    book.save(out)
    return out.getvalue()


def test_a_workbook_with_numbers_and_dates(lantai: Lantai) -> None:
    values: dict[str, object] = {**row(1), "学号": 2022000001.0, "毕业年份": 2026, "出生日期": datetime(2004, 3, 15)}  # noqa: DTZ001
    report = run(lantai, _workbook(values, {**row(2), "学历层次": None}), "g.xlsx")
    assert faults(report) == [[], [("学历层次", "required")]]
    with lantai.db.transaction() as session:
        assert lantai.people.student_exists(session, "2022000001")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_zip_with_a_workbook_tables_and_photos(compression: int, lantai: Lantai, clock: FakeClock) -> None:
    """Stored without compression too: the workbook inside must not be taken for the upload itself."""
    courses = [
        {"学号": "2022000001", "课程名称": "高等数学", "学期": "2024-2025-1", "学分": "4", "成绩": "91"},
        {"学号": "2022000001", "课程名称": "档案学概论", "学期": "2024-2025-2", "学分": "2", "成绩": "88"},
    ]
    materials = [{"学号": "2022000001", "类别": "4-1", "题名": "成绩单", "页数": "2", "形成日期": "2026-06-01"}]
    data = _zip(
        {
            "2026届/graduates.xlsx": _workbook({**row(1)}, {**row(2)}, {**row(3)}),
            "2026届/courses.csv": table(*courses),
            "2026届/materials.csv": table(*materials),
            "2026届/photos/2022000001.jpg": jpeg(),
            "2026届/photos/2022000002.jpg": b"not a picture",
        },
        compression,
    )
    report = run(lantai, data, "2026.zip")
    assert faults(report) == [[], [("照片", "document_type_refused")], []]
    with lantai.db.transaction() as session:
        index = lantai.people.student_number_index("2022000001")
        owner = session.scalars(select(Graduate.id).where(Graduate.student_number_bidx == index)).one()
    assert lantai.dossiers.reference_photo(owner) == jpeg()
    actor = Person(owner, None, lantai.dossiers.dossier_id_of(owner)).actor(Purpose.VIEW_DOSSIER, now=clock.now())  # type: ignore[arg-type]
    section = lantai.dossiers.section_by_name(actor, "course")
    assert [r.body["course_name"] for r in section.records] == ["高等数学", "档案学概论"]
    titles = [i.title for i in lantai.dossiers.catalogue(actor).items if i.kind == "material"]
    assert titles == ["成绩单"]


def test_a_material_of_an_unknown_class_keeps_its_graduate_out_instead_of_vanishing(lantai: Lantai) -> None:
    materials = [{"学号": "2022000001", "类别": "11", "题名": "某材料"}]
    data = _zip({"graduates.csv": table(row(1), row(2)), "materials.csv": table(*materials)})
    assert faults(run(lantai, data, "g.zip")) == [[("类别", "unknown_class")], []]
    fixed = _zip({"graduates.csv": table(row(1), row(2)), "materials.csv": table({**materials[0], "类别": "10"})})
    assert faults(run(lantai, fixed, "g.zip")) == [[], [("学号", "student_exists")]]


def test_damaged_archives_are_refused(lantai: Lantai) -> None:
    good = _zip({"graduates.csv": table(row(1))}, zipfile.ZIP_STORED)
    flipped = good.replace("文学院".encode(), "文学完".encode())
    assert flipped != good
    with pytest.raises(Invalid, match="archive_damaged"):
        run(lantai, flipped, "g.zip")
    with pytest.raises(Invalid, match="archive_damaged"):
        ZipBundle(b"PK\x03\x04")


def test_windows_names_and_photo_paths_that_climb_out(tmp_path: Path, lantai: Lantai) -> None:
    entry = zipfile.ZipInfo("x")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        entry.filename = "届/graduates.csv".encode("gbk").decode("cp437")
        archive.writestr(entry, table(row(1)))
    raw = out.getvalue()
    assert ZipBundle(raw).names() == ["graduates.csv"]
    folder = tmp_path / "cohort"
    (folder / "photos").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(jpeg())
    (folder / "graduates.csv").write_bytes(table(row(1, 学号="../../secret")))
    report = lantai.importer.run(SYSTEM, "cohort", packed_folder(folder))
    assert faults(report) == [[("学号", "student_number_characters")]]


def test_only_archivists_import(lantai: Lantai, clerk: Clerk) -> None:
    for role in set(Role) - {Role.ARCHIVIST}:
        with pytest.raises(Forbidden):
            lantai.importer.run(clerk(role), "g.csv", io.BytesIO(table(row(1))))
    assert lantai.importer.run(clerk(), "g.csv", io.BytesIO(table(row(1)))).filed == 1
