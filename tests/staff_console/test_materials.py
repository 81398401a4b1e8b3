"""Scans at the console: filed, advised on, found twice, replaced; supplements reviewed; fixity watched over."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.actors import Role
from app.dossiers.models import Dossier, MaterialVersion
from app.dossiers.rules import DossierState
from app.events import Event
from app.materials.models import FixityRun, ScanUpload
from app.materials.rules import Entry
from app.materials.scans import ScanFile
from parts import Lantai
from tests import fakes
from tests.conftest import Person
from tests.staff_console.conftest import Desk
from tests.staff_console.scans import Measuring, followed, materials, picture, send

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture(autouse=True)
def measuring(lantai: Lantai, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in (lantai.scans, lantai.supplements):
        monkeypatch.setattr(service, "_cleaner", Measuring())


def test_several_scans_at_once_each_with_its_advice(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    form = clerk.read(f"/graduates/{person.id}/materials/new")
    assert form.forms[f"/console/graduates/{person.id}/materials/new"]["token"]
    assert "DA/T 31-2017" in form.text
    answer = send(
        clerk,
        person,
        (picture(1, 300), "三好学生证书.jpg"),
        (picture(2, 150), "奖学金证书.jpg"),
        (picture(3, 0, 3), "竞赛证书.jpg"),
        (b"MZ a program", "病毒.jpg"),
    )
    text = followed(clerk, answer)
    assert "共 4 份，已归档 3 份，未归档 1 份" in text
    assert "300 dpi，符合 DA/T 31-2017，适合文字识别" in text
    assert "150 dpi，低于 DA/T 31-2017 要求的 200 dpi，建议重新扫描" in text
    assert "文件未写明分辨率；若原件为 A4，约合 300 dpi" in text
    assert "文件已损坏或加密" in text
    assert [m.sequence for m in materials(lantai, person)] == [1, 2, 3]
    titles = [i.title for i in lantai.dossiers.catalogue(clerk.login.actor, person.dossier_id).items]
    assert {"三好学生证书", "奖学金证书", "竞赛证书"} <= set(titles)


def test_pages_that_differ_from_the_catalogue_are_said(desk: Desks, graduate_factory: People) -> None:
    person, clerk = graduate_factory(), desk()
    text = followed(clerk, send(clerk, person, (picture(1, 200, 2), "a.jpg"), pages="3"))
    assert "目录登记 3 页，文件实有 2 页" in text
    assert "200 dpi，符合 DA/T 31-2017；需要文字识别的宜为 300 dpi" in text


def test_a_double_submit_makes_one(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk, token = graduate_factory(), desk(), uuid4()
    files = lantai.outside.files
    assert isinstance(files, fakes.MemoryFiles)
    before = len(files.files)
    first, second = (send(clerk, person, (picture(), "a.jpg"), token=token) for _ in range(2))
    assert first.location == second.location
    assert len(materials(lantai, person)) == 1
    assert len(files.files) - before == 2  # content and preview; the second submit left nothing
    other = send(clerk, graduate_factory(), (picture(), "a.jpg"), token=token)
    assert (other.status_code, "已经提交过" in other.text) == (409, True)


def test_two_submits_at_the_same_moment_make_one(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, token = graduate_factory(), uuid4()
    clerk = desk()
    gate, seen = threading.Barrier(2), []

    def one() -> None:
        gate.wait()
        view = lantai.scans.upload(
            clerk.login.actor, person.id, token, Entry("7", "", "证书"), [ScanFile("a.jpg", picture())]
        )
        seen.append(view)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert len(materials(lantai, person)) == 1


def test_the_same_content_here_is_refused_and_elsewhere_said_without_a_name(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    one, other, clerk = graduate_factory(), graduate_factory(), desk()
    followed(clerk, send(clerk, one, (picture(), "a.jpg")))
    again = followed(clerk, send(clerk, one, (picture(), "b.jpg")))
    assert "本档案中已有内容完全相同的文件" in again
    assert len(materials(lantai, one)) == 1
    twice = followed(clerk, send(clerk, one, (picture(9), "c.jpg"), (picture(9), "d.jpg")))
    assert "已归档 1 份，未归档 1 份" in twice
    followed(clerk, send(clerk, one, (picture(), "b.jpg"), allow_same="yes"))
    assert len(materials(lantai, one)) == 3
    foreign = followed(clerk, send(clerk, other, (picture(), "a.jpg")))
    assert "另一份档案中已有内容完全相同的文件" in foreign
    assert one.card.name not in foreign
    assert str(one.id) not in foreign


def test_what_is_wrong_with_the_form_is_said(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    cases: tuple[tuple[dict[str, str], str], ...] = (
        ({"class_code": ""}, "请选择材料种类或类别"),
        ({"class_code": "77"}, "没有这个类别"),
        ({"pages": "x"}, "超出范围"),
        ({"formed_on": "2026/06/01"}, "日期请写成"),
        ({"formed_on": "2026-02-30"}, "日期请写成"),
        ({"formed_on": "2027-01"}, "日期不能晚于今天"),
        ({"title": "证\u202e书"}, "不可见"),
        ({"token": "x"}, "必填"),
    )
    for values, words in cases:
        form: dict[str, Any] = {"token": str(uuid4()), "class_code": "7", **values}
        form["files"] = [(io.BytesIO(picture()), "a.jpg")]
        answer = clerk.post(f"/graduates/{person.id}/materials/new", form, content_type="multipart/form-data")
        assert answer.status_code == 422, values
        assert words in answer.text, values
    assert send(clerk, person).status_code == 422
    assert send(clerk, person, *((picture(n), f"{n}.jpg") for n in range(13))).status_code == 422
    assert send(clerk, person, (picture(1), "1.jpg"), (picture(2), "2.jpg"), pages="1").status_code == 422
    assert materials(lantai, person) == []
    assert desk(Role.REVIEWER).get(f"/graduates/{person.id}/materials/new").status_code == 403


def test_a_sealed_dossier_takes_no_scan_and_nothing_is_left(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    files = lantai.outside.files
    assert isinstance(files, fakes.MemoryFiles)
    with lantai.db.transaction() as session:
        session.get_one(Dossier, person.dossier_id).state = DossierState.SEALED
    before = set(files.files)
    answer = send(clerk, person, (picture(), "a.jpg"))
    assert answer.status_code == 409
    assert set(files.files) == before
    with lantai.db.transaction() as session:
        assert session.scalar(select(func.count(ScanUpload.id))) == 0


def test_a_catalogue_line_gets_its_scan_and_a_replacement_keeps_the_old_one(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    lantai.purposes.open(clerk.login.actor, person.id, "filing")
    items = lantai.dossiers.catalogue(clerk.login.actor, person.dossier_id).items
    paper = next(i for i in items if i.title == "成绩单")
    path = f"/materials/{paper.id}"
    page = clerk.read(path)
    assert "只有目录，没有扫描件" in page.text
    form = page.forms[f"/console{path}/versions"]
    first, second = picture(1, 300, 2), picture(2, 150, 2)

    def replace(data: bytes, **changes: str) -> Any:
        values: dict[str, Any] = {**form, "file": (io.BytesIO(data), "a.jpg"), **changes}
        return clerk.post(f"{path}/versions", values, content_type="multipart/form-data")

    assert replace(first).location == f"/console{path}"
    # the token makes the same form one version, a new form on the old version is told what happened
    assert replace(first).status_code == 303
    stale = replace(second, token=str(uuid4()))
    assert (stale.status_code, "刚刚有了新版本" in stale.text) == (412, True)
    form = clerk.read(path).forms[f"/console{path}/versions"]
    assert form["version"] == "2"
    assert replace(second, title="成绩单（补）").status_code == 303
    page = clerk.read(path)
    assert "第 3 版" in page.text
    assert "150 dpi，低于" in page.text
    assert re.search(r"[0-9a-f]{64}.*[0-9a-f]{64}", page.text)
    assert clerk.get(f"{path}/versions/2/file").data == first
    assert clerk.get(f"{path}/versions/3/file").data == second
    assert clerk.get(f"{path}/versions/1/file").status_code == 404
    with lantai.db.transaction() as session:
        rows = session.scalars(
            select(MaterialVersion).where(MaterialVersion.material_id == paper.id).order_by(MaterialVersion.number)
        ).all()
        types = session.scalars(select(Event.type).where(Event.object_id == paper.id)).all()
    assert [r.file_name is not None for r in rows] == [False, True, True]
    assert types.count("dossier.material_replaced") == 2
    assert types.count("dossier.file_read") == 2


def test_the_preview_is_ours_shown_under_strict_headers_and_leaves_a_trace(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    followed(clerk, send(clerk, person, (picture(), "a.jpg")))
    (material,) = materials(lantai, person)
    path = f"/materials/{material.id}/versions/1/preview"
    answer = clerk.get(path)
    assert (answer.data, answer.mimetype) == (fakes.jpeg(30, 40), "image/jpeg")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["Cache-Control"] == "no-store"
    with lantai.db.transaction() as session:
        event = session.scalars(select(Event).where(Event.type == "dossier.file_read")).one()
    assert (event.graduate_id, event.data["part"], event.data["purpose"]) == (person.id, "preview", "filing")
    # somebody else says first what for
    other = desk(Role.REVIEWER).get(path)
    assert other.status_code == 303
    assert "/purpose" in other.location
    assert desk(Role.DISPATCHER).get(path).status_code == 403


# --- fixity -----------------------------------------------------------------------------------------------------------


def test_fixity_is_started_watched_and_its_findings_listed(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    followed(clerk, send(clerk, person, (picture(), "a.jpg")))
    assert "还没有检查记录" in clerk.read("/fixity").text
    assert clerk.post("/fixity/run").status_code == 303
    assert "正在检查" in clerk.read("/fixity").text
    files = lantai.outside.files
    assert isinstance(files, fakes.MemoryFiles)
    with lantai.db.transaction() as session:
        name = session.scalars(select(MaterialVersion.file_name).where(MaterialVersion.file_name.is_not(None))).one()
        run_id = session.scalars(select(FixityRun.id)).one()
    assert name is not None
    files.files[name] = files.files[name][:-1] + bytes([files.files[name][-1] ^ 1])
    while lantai.fixity.slice(run_id):
        continue
    text = clerk.read("/fixity?open=1").text
    assert "材料 · 文件" in text
    assert "未修复" in text
    assert person.card.name not in text
    assert "1 处内容未通过完整性检查" in clerk.read("/").text
    assert "材料 · 文件" in desk(Role.AUDITOR).read("/fixity").text
    assert desk(Role.REVIEWER).get("/fixity").status_code == 403
