"""Scans that come with a cohort: filed with their material, or the row is refused in the words of the file."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import pytest

from app.actors import SYSTEM, Actor
from app.imports.bundle import packed_folder
from app.imports.views import ImportReport
from parts import Lantai
from tests.app.conftest import Clerk
from tests.app.imports.test_imports import row, table
from tests.fakes import jpeg

NUMBER = row(1)["学号"]


def bundle(folder: Path, file: str) -> BinaryIO:
    (folder / "graduates.csv").write_bytes(table(row(1)))
    material = {"学号": NUMBER, "类别": "4-1", "种类": "transcript", "题名": "成绩单", "页数": "1", "文件": file}
    other = {**material, "题名": "毕业生登记表", "文件": ""}
    (folder / "materials.csv").write_bytes(table(other, material))
    (folder / "materials").mkdir()
    (folder / "materials" / "scan.jpg").write_bytes(jpeg())
    return packed_folder(folder)


def run(lantai: Lantai, folder: Path, file: str) -> ImportReport:
    return lantai.importer.run(SYSTEM, "cohort", bundle(folder, file))


def test_a_scan_is_filed_with_its_own_material(lantai: Lantai, clerk: Clerk, tmp_path: Path) -> None:
    assert run(lantai, tmp_path, "scan.jpg").filed == 1
    actor: Actor = clerk()
    graduate = lantai.people.find_by_student_number(actor, NUMBER)
    items = lantai.dossiers.catalogue(actor, lantai.dossiers.dossier_id_of(graduate.id)).items
    with_file = [i for i in items if i.has_file]
    assert [i.title for i in with_file] == ["成绩单"]
    assert lantai.dossiers.material_file(actor, with_file[0].id, purpose="filing").data == jpeg()


@pytest.mark.parametrize("file", ["absent.jpg", "../graduates.csv", "..\\graduates.csv"])
def test_a_scan_that_is_not_there_refuses_the_row(file: str, lantai: Lantai, tmp_path: Path) -> None:
    report = run(lantai, tmp_path, file)
    assert report.filed == 0
    assert [(f.column, f.words) for f in report.rows[0].faults] == [("文件", "材料文件夹中没有这个文件")]
