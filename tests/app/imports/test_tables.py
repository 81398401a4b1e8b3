"""Tables in the state they come in: encodings, dates, headers, spreadsheets with formulas, merges and lost digits."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.errors import Invalid
from app.imports.bundle import open_upload
from app.imports.cohort import Cohort
from app.imports.headers import SYNONYMS
from app.imports.templates import template_file
from app.written_dates import iso_date
from tests.app.imports.test_imports import _zip, row, table

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 6, 1)


def cohort(data: bytes, name: str = "g.csv", **mapping: str) -> Cohort:
    return Cohort(open_upload(name, data), {"graduates": mapping}, TODAY)


def faults(data: bytes, name: str = "g.csv", **mapping: str) -> list[list[tuple[str, str, str]]]:
    read = cohort(data, name, **mapping)
    read.survey()
    return [[(f.column, f.code, f.cell) for f in r.faults] for r in read.graduates()]


def book(*rows: list[Any], change: Callable[[Any], None] | None = None) -> bytes:
    made, out = openpyxl.Workbook(), io.BytesIO()
    sheet = made.active
    assert sheet is not None
    for cells in rows:
        sheet.append(cells)
    if change is not None:
        change(sheet)
    made.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-06-01", "2026-06-01"),
        ("2026/6/1", "2026-06-01"),
        ("2026.6.1", "2026-06-01"),
        ("20260601", "2026-06-01"),
        ("2026年6月1日", "2026-06-01"),
        ("２０２６年６月１日", "2026-06-01"),
        ("2026-06-01 00:00:00", "2026-06-01"),
        ("46174", "2026-06-01"),
        ("2022-09", "2022-09"),
        ("2022年9月", "2022-09"),
        ("202209", "2022-09"),
        ("2022年", "2022"),
        ("2026-02-30", None),
        ("2026-13", None),
        ("06/01/2026", None),
        ("明天", None),
        ("9999999", None),
    ],
)
def test_days_in_every_style(written: str, meant: str | None) -> None:
    assert iso_date(written) == meant


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
def test_encodings(encoding: str) -> None:
    # ASCII for longer than any sample, so that only the end tells the encoding
    padding = "".join(f"x{n}" for n in range(40_000))
    data = table({**{"note": padding[:90_000]}, **row(1)}, encoding=encoding)
    read = list(cohort(data).graduates())
    assert [(r.row["姓名"], r.faults) for r in read] == [("张三", [])]


def test_utf_16_as_spreadsheets_save_it() -> None:
    lines = ["\t".join(row(1)), "\t".join(row(1).values())]
    for encoding, mark in (("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff")):
        data = mark + "\r\n".join(lines).encode(encoding)
        assert faults(data) == [[]]


def test_a_broken_encoding_says_where() -> None:
    good = table(row(1), row(2), encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        faults(good + b"2022," + b"\xff\xfe\xfd\n")
    assert f"{len(good) + 6} 字节" in caught.value.faults[0].detail
    with pytest.raises(Invalid) as caught:
        faults(good + b"abc\x00def\n")
    assert "第 4 行" in caught.value.faults[0].detail


def test_a_header_under_a_title_with_other_names_and_decorations() -> None:
    renamed = {
        "学号": "*学生学号",
        "姓名": "学生姓名（必填）",
        "身份证号": "证件号码",
        "学院": "院系",
        "毕业年份": "毕业届别",
    }
    people = [{renamed.get(k, k): v for k, v in row(n).items()} for n in (1, 2)]
    people[1]["证件号码"] = "123"
    body = table(*people, encoding="utf-8")
    title = "兰台大学 2026 届毕业生名单,,,\n制表：学生处,,,\n".encode()
    assert faults(title + body) == [[], [("证件号码", "id_number_length", "C5")]]


def test_missing_and_doubled_columns_are_named_and_a_mapping_decides() -> None:
    doubled = table({**row(1), "证件号码": "x"}, encoding="utf-8")
    assert faults(doubled) == [[]]  # the field's own name goes before its synonyms
    twice = table(row(1), encoding="utf-8").replace("班级".encode(), b"").replace("手机号".encode(), "学院".encode())
    with pytest.raises(Invalid) as caught:
        faults(twice)
    assert [(f.pointer, f.code) for f in caught.value.faults] == [("/graduates/学院", "duplicate_column")]
    odd = table({("人员编号" if k == "学号" else k): v for k, v in row(1).items()}, encoding="utf-8")
    with pytest.raises(Invalid) as caught:
        faults(odd)
    assert [f.pointer for f in caught.value.faults] == ["/graduates/学号"]
    assert faults(odd, 人员编号="学号") == [[]]
    with pytest.raises(Invalid):
        faults(table(row(1)), 学号="")
    assert not any(len(set(names)) < len(names) for names in SYNONYMS.values())


def test_numbers_that_a_spreadsheet_ruined() -> None:
    values = list(row(1).values())
    ruined = [*values[:2], 110105200403150019, *values[3:]]
    assert faults(book(list(row(1)), ruined), "g.xlsx")[0][0] == ("身份证号", "digits_lost", "C2")
    written = table(row(1, 身份证号="1.10105E+17"))
    assert faults(written) == [[("身份证号", "digits_lost", "C2")]]


def test_formulas_are_refused_and_never_computed_and_text_stays_text() -> None:
    values = list(row(1).values())
    data = book(list(row(1)), ["=1+1", *values[1:]], [values[0], "=张三", *values[2:]])
    told = faults(data, "g.xlsx")
    assert ("学号", "formula_cell", "A2") in told[0]
    assert ("姓名", "formula_cell", "B3") in told[1]
    assert faults(table(row(1, 学号='="2022000001"'))) == [[("学号", "student_number_characters", "A2")]]


def test_merged_cells_are_told() -> None:
    def merge(sheet: Any) -> None:
        sheet.merge_cells("D3:D4")

    rows = [list(row(n).values()) for n in (1, 2, 3)]
    told = faults(book(list(row(1)), *rows, change=merge), "g.xlsx")
    assert told[0] == []
    assert ("学院", "merged_cell", "D3") in told[1]
    assert ("学院", "merged_cell", "D4") in told[2]


def test_dates_serials_and_empty_lines_of_a_workbook() -> None:
    people = {**row(1), "入学日期": datetime(2022, 9, 1), "毕业日期": 46174}  # noqa: DTZ001
    read = list(cohort(book(list(people), [], list(people.values())), "g.xlsx").graduates())
    assert [(r.line, r.row["入学日期"], r.row["毕业日期"], r.faults) for r in read] == [
        (3, "2022-09-01", "2026-06-01", [])
    ]
    assert faults(table(row(1, 出生日期="2004年3月15日"), row(2, 出生日期="2004-02-31"))) == [
        [],
        [("出生日期", "date_wrong", "J3")],
    ]


def test_workbooks_that_are_none() -> None:
    good = book(list(row(1)), list(row(1).values()))

    def without(**parts: bytes) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w") as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
            for name, data in parts.items():
                new.writestr(name.replace("__", "/").replace("_dot_", "."), data)
        return out.getvalue()

    for data, code in (
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "workbook_encrypted"),
        (without(xl__vbaProject_dot_bin=b"x"), "workbook_macros"),
        (_zip({"xl/workbook.xml": b"<broken"}), "workbook_damaged"),
        (_broken_sheet(good), "workbook_damaged"),
        (_entities(good), "workbook_damaged"),
    ):
        with pytest.raises(Invalid, match=code):
            faults(data, "g.xlsx")


def _changed(book_: bytes, change: Callable[[bytes], bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book_)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            new.writestr(name, change(data) if name == "xl/worksheets/sheet1.xml" else data)
    return out.getvalue()


def _broken_sheet(good: bytes) -> bytes:
    return _changed(good, lambda xml: xml[:-40])


def _entities(good: bytes) -> bytes:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>'
    return _changed(good, lambda xml: bomb + xml)


@pytest.mark.parametrize(
    "kind", ["graduates", "courses", "awards", "education", "evaluations", "research", "materials"]
)
def test_templates_come_back_as_they_are_asked_for(kind: str) -> None:
    text = template_file(kind, "csv").data
    assert text.startswith(b"\xef\xbb\xbf")
    made = openpyxl.load_workbook(io.BytesIO(template_file(kind, "xlsx").data))
    assert made.sheetnames[1] == "填写说明"
    header = [c.value for c in next(made.worksheets[0].iter_rows(max_row=1))]
    assert header == text.decode("utf-8-sig").strip().split(",")
    assert all(c.number_format == "@" for c in next(made.worksheets[0].iter_rows(min_row=2, max_row=2)))


def test_a_filled_template_is_taken() -> None:
    made = openpyxl.load_workbook(io.BytesIO(template_file("graduates", "xlsx").data))
    header = [c.value for c in next(made.worksheets[0].iter_rows(max_row=1))]
    for column, name in enumerate(header, 1):
        made.worksheets[0].cell(2, column, row(1).get(str(name), ""))
    out = io.BytesIO()
    made.save(out)
    assert faults(out.getvalue(), "g.xlsx") == [[]]


def test_web_processes_start_without_the_maker_of_workbooks() -> None:
    """25 MB of each: only who asks for a template pays for it."""
    code = "import sys, wsgi, app.imports.templates as made; print('openpyxl' in sys.modules);"
    code += "print(bool(made.template_file('graduates', 'xlsx').data), 'openpyxl' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "True", "True"]
