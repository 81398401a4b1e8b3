"""What is refused goes home as a file, is mended, and comes back as a batch of its own."""

from __future__ import annotations

import csv
import io
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.actors import SYSTEM
from app.errors import Conflict
from commands.cohort import import_command
from parts import Lantai
from tests.app.imports.test_batches import _stray, bundle, counts, receive
from tests.app.imports.test_imports import _zip, row, table


def test_the_error_file_is_mended_and_sent_again(lantai: Lantai) -> None:
    data = bundle(1, 2, 身份证号="110105200403150", 班级="=HYPERLINK(1)")
    view = lantai.importer.import_now(SYSTEM, receive(lantai, data, "g.zip").id)
    assert (view.filed, view.refused) == (1, 1)
    file = lantai.importer.error_file(SYSTEM, view.id)
    lines = list(csv.DictReader(io.StringIO(file.data.decode("utf-8-sig"))))
    assert [(x["行号"], x["错误原因"]) for x in lines] == [("2", "身份证号：15 位旧身份证号须提供 18 位（C2）")]
    assert lines[0]["学号"] == row(1)["学号"]
    mended = table({**lines[0], "身份证号": row(1)["身份证号"]})
    child = receive(lantai, mended, "mended.csv", parent=view.id)
    assert child.parent_id == view.id
    done = lantai.importer.import_now(SYSTEM, child.id)
    assert (done.filed, done.refused) == (1, 0)
    now = counts(lantai)
    # courses, awards, scan and photo came from the batch it mends
    assert (now["graduate"], now["record"], now["material"], now["import_stage"]) == (2, 10, 2, 0)
    with pytest.raises(Conflict, match="import_nothing_refused"):
        lantai.importer.error_file(SYSTEM, child.id)


def test_refused_rows_of_further_tables_come_with_the_error_file_and_go_back_with_it(lantai: Lantai) -> None:
    """A course with a wrong day, a course without a name, and courses whose graduate is refused for a wrong number."""
    people = [row(1), row(2), row(3, 学号="2022-x!")]
    courses = [
        {"学号": row(1)["学号"], "课程名称": "", "学期": "2025-1", "成绩": "=1+1"},
        {"学号": row(1)["学号"], "课程名称": "档案学概论", "学期": "2025-1", "成绩": "88"},
        {"学号": row(2)["学号"], "课程名称": "文书学", "学期": "2025-1", "成绩": "91"},
        {"学号": row(3)["学号"], "课程名称": "史学概论", "学期": "2025-1", "成绩": "77"},
    ]
    awards = [{"学号": row(1)["学号"], "奖项名称": "三好学生", "日期": "2025-05-04"}]
    data = _zip({"graduates.csv": table(*people), "courses.csv": table(*courses), "awards.csv": table(*awards)})
    view = receive(lantai, data, "g.zip")
    for act in (lantai.importer.check_now, lantai.importer.import_now):
        view = act(SYSTEM, view.id)
        assert (view.filed, view.refused) == (1, 3)
        file = lantai.importer.error_file(SYSTEM, view.id)
        assert (file.name[-4:], file.media_type) == (".zip", "application/zip")
        tables = _unzipped(file.data)
        assert list(tables) == ["graduates.csv", "courses.csv"]  # the award is sound and comes from the batch it mends
        assert [(x["课程名称"], x["成绩"], x["行号"], x["错误原因"]) for x in tables["courses.csv"]] == [
            ("", "'=1+1", "2", "courses 第 2 行 课程名称：必填（B2）"),
            ("档案学概论", "88", "3", ""),
            ("史学概论", "77", "5", "courses 第 5 行 学号：学号不在本次毕业生表中"),
        ]
        assert [x["行号"] for x in tables["graduates.csv"]] == ["2", "4"]
    tables["courses.csv"][0] |= {"课程名称": "写作", "成绩": "85"}
    tables["graduates.csv"][1]["学号"] = row(3)["学号"]
    mended = _zip({name: table(*rows) for name, rows in tables.items()})
    done = lantai.importer.import_now(SYSTEM, receive(lantai, mended, "errors.zip", parent=view.id).id)
    assert (done.filed, done.refused) == (2, 0)
    now = counts(lantai)
    # identity and enrolment of three, four courses, one award
    assert (now["graduate"], now["record"], now["import_stage"]) == (3, 3 * 2 + 4 + 1, 0)
    with pytest.raises(Conflict, match="import_nothing_refused"):
        lantai.importer.error_file(SYSTEM, done.id)


def _unzipped(data: bytes) -> dict[str, list[dict[str, str]]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {
            name: list(csv.DictReader(io.StringIO(archive.read(name).decode("utf-8-sig"))))
            for name in archive.namelist()
        }


def test_a_mended_file_is_read_with_the_columns_of_its_parent(lantai: Lantai) -> None:
    def named(n: int, **more: str) -> dict[str, str]:
        person = row(n, **more)
        return {"编号": person.pop("学号"), "=全名": person.pop("姓名"), **person}

    parent = receive(lantai, table(named(1), named(2, 身份证号="110105200403150")))
    said = {"编号": "学号", "=全名": "姓名"}
    parent = lantai.importer.set_mapping(SYSTEM, parent.id, said, parent.version)
    parent = lantai.importer.import_now(SYSTEM, parent.id)
    assert (parent.filed, parent.refused) == (1, 1)
    lines = list(csv.DictReader(io.StringIO(lantai.importer.error_file(SYSTEM, parent.id).data.decode("utf-8-sig"))))
    child = receive(lantai, table({**lines[0], "身份证号": row(2)["身份证号"]}), parent=parent.id)
    assert [c.field for c in lantai.importer.preview(SYSTEM, child.id).columns[:2]] == ["学号", "姓名"]
    assert lantai.importer.import_now(SYSTEM, child.id).filed == 1
    # somebody who sends the rows in the usual form is not held to what was said of other columns
    usual = receive(lantai, table(row(3)), parent=parent.id)
    assert lantai.importer.import_now(SYSTEM, usual.id).filed == 1
    assert receive(lantai, table(named(4))).mapping == {}


def test_cells_that_begin_a_formula_are_disarmed_in_the_error_file(lantai: Lantai) -> None:
    bad = {**row(1), "姓名": "=1+1", "学院": "@学院", "专业": "+专业"}
    view = lantai.importer.import_now(SYSTEM, receive(lantai, table(bad)).id)
    cells = list(csv.reader(io.StringIO(lantai.importer.error_file(SYSTEM, view.id).data.decode("utf-8-sig"))))[1]
    assert {"'=1+1", "'@学院", "'+专业"} <= set(cells)
    assert not any(c.startswith(("=", "+", "-", "@")) for c in cells)


def test_the_command_writes_a_zip_where_several_tables_are_refused(
    lantai: Lantai, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def wired() -> Any:
        yield lantai

    monkeypatch.setattr("commands.cohort.wired", wired)
    source = tmp_path / "g.zip"
    source.write_bytes(_zip({"graduates.csv": table(row(1)), "courses.csv": _stray()}))
    result = CliRunner().invoke(import_command, [str(source), "--errors", str(tmp_path / "errors.csv")])
    assert result.exit_code == 0, result.output
    written = tmp_path / "errors.zip"
    assert str(written) in result.output
    assert written.stat().st_mode & 0o777 == 0o600
    assert [x["课程名称"] for x in _unzipped(written.read_bytes())["courses.csv"]] == ["档案学概论"]
    assert not (tmp_path / "errors.csv").exists()
