"""Importing a cohort through the console: the report tells every row, and bad files are explained."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from app.actors import Role
from parts import Lantai
from tests.conftest import make_id_number
from tests.staff_console.conftest import Desk

HEADER = "学号,姓名,身份证号,学院,专业,学历层次,毕业年份"
Desks = Callable[..., Desk]


def _row(n: int, id_number: str = "", name: str = "测试甲") -> str:
    return f"2022{n:06d},{name},{id_number or make_id_number(n)},文学院,档案学,本科,2026"


def _csv(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows]).encode("utf-8-sig")


def _upload(clerk: Desk, data: bytes, name: str = "graduates.csv") -> TestResponse:
    return clerk.post("/import", {"cohort": (io.BytesIO(data), name)}, content_type="multipart/form-data")


def test_reports_every_row_and_files_the_good_ones(desk: Desks, lantai: Lantai) -> None:
    clerk = desk()
    answer = _upload(clerk, _csv(_row(1), _row(2, "110105200403150000"), _row(3, name="<b>测试乙</b>"), _row(1)))
    assert answer.status_code == 200
    assert "已归档" in answer.text
    assert "身份证号校验码不正确" in answer.text
    assert "与文件中前面的行重复" in answer.text
    assert "110105200403150000" not in answer.text
    assert "2022000001" not in answer.text
    assert lantai.people.find_by_student_number(clerk.login.actor, "2022000001").card.name == "测试甲"


def test_a_second_run_adds_nothing(desk: Desks) -> None:
    clerk = desk()
    _upload(clerk, _csv(_row(1)))
    again = _upload(clerk, _csv(_row(1)))
    assert "该学号已存在" in again.text


def test_takes_a_zip_larger_than_any_other_request(desk: Desks, lantai: Lantai) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("graduates.csv", _csv(_row(7)))
        archive.writestr("notes.bin", bytes(600 * 1024))
    clerk = desk()
    assert _upload(clerk, out.getvalue(), "cohort.zip").status_code == 200
    assert lantai.people.find_by_student_number(clerk.login.actor, "2022000007").college == "文学院"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "请选择要导入的文件"),
        (b"PK\x03\x04 broken", "压缩包已损坏或不完整"),
        (HEADER.encode(), "没有毕业生数据"),
        ("学号,姓名\n1,甲".encode(), "缺少列：身份证号"),
    ],
)
def test_a_file_that_cannot_be_used_is_explained(data: bytes, words: str, desk: Desks) -> None:
    answer = _upload(desk(), data)
    assert answer.status_code == 422
    assert words in answer.text
    assert "文件要求" in answer.text


def test_without_a_file_or_the_role_or_the_token(desk: Desks) -> None:
    clerk = desk()
    assert clerk.post("/import").status_code == 422
    assert _upload(desk(Role.DISPATCHER), _csv(_row(1))).status_code == 403
    bare = clerk.login.client.post("/console/import", data={"cohort": (io.BytesIO(_csv(_row(1))), "a.csv")})
    assert bare.status_code == 403
