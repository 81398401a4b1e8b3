"""Importing a cohort through the console: upload, columns, dry run, import, reasons by cell, mending, undoing."""

from __future__ import annotations

import html
import io
import re
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from werkzeug.test import TestResponse

from app.actors import SYSTEM, Role
from app.errors import NotFound
from app.spool import SealedSpool
from parts import Lantai
from tests.conftest import make_id_number
from tests.fakes import FakeClock
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

HEADER = "学号,姓名,身份证号,学院,专业,学历层次,毕业年份"
BAD_ID = "110105200403150000"
Desks = Callable[..., Desk]
Jobs = Callable[[], None]


def _row(n: int, id_number: str = "", name: str = "测试甲", level: str = "本科") -> str:
    return f"2022{n:06d},{name},{id_number or make_id_number(n)},文学院,档案学,{level},2026"


def _csv(*rows: str, header: str = HEADER) -> bytes:
    return "\n".join([header, *rows]).encode("utf-8-sig")


def _upload(clerk: Desk, data: bytes, name: str = "graduates.csv", **form: Any) -> TestResponse:
    form = {"cohort": (io.BytesIO(data), name), **form}
    return clerk.post("/import/new", form, content_type="multipart/form-data")


@dataclass
class Batch:
    """A batch as a clerk goes through it: every act is the form on the page."""

    clerk: Desk
    path: str
    work: Jobs

    @property
    def page(self) -> Reader:
        answer = self.clerk.get(self.path)
        assert answer.status_code == 200, answer.text
        return Reader(answer.text)

    def submit(self, action: str, **values: Any) -> TestResponse:
        form = self.page.forms[f"/console{self.path}/{action}"]
        return self.clerk.post(f"{self.path}/{action}", {**form, **values})

    def go_through(self) -> Batch:
        """Columns as proposed, dry run, import."""
        assert self.submit("mapping").status_code == 303
        self.work()
        assert self.submit("start").status_code == 303
        self.work()
        return self


@pytest.fixture
def begin(run_jobs: Jobs) -> Callable[..., Batch]:
    def make(clerk: Desk, data: bytes, name: str = "graduates.csv", **form: Any) -> Batch:
        answer = _upload(clerk, data, name, **form)
        assert answer.status_code == 303, answer.text
        assert re.fullmatch(r"/console/import/[0-9a-f-]{36}", answer.location)
        return Batch(clerk, answer.location.removeprefix("/console"), run_jobs)

    return make


Begin = Callable[..., Batch]
FAULTY = (_row(1), _row(2, BAD_ID), _row(3, name="<b>测试乙</b>"), _row(1), _row(4, level="学士"))


def test_columns_are_shown_with_masked_samples_and_can_be_changed(desk: Desks, begin: Begin) -> None:
    odd = HEADER.replace("学历层次", "培养类型").replace("姓名", "学生姓名")
    batch = begin(desk(), _csv(_row(1, name="欧阳测试"), header=odd + ",宿舍") + b",1-101")
    page = batch.page
    form = page.forms[f"/console{batch.path}/mapping"]
    assert "还没有对应列的必填字段：学历层次" in page.text
    assert make_id_number(1) not in page.text
    assert "欧阳测试" not in page.text
    assert "2022000001" not in page.text
    names = {k: v for k, v in form.items() if k.startswith("column-")}
    assert list(names.values()) == ["学号", "姓名", "身份证号", "学院", "专业", "", "毕业年份", ""]
    level = list(names)[5]
    assert batch.submit("mapping", **{level: "学历层次"}).status_code == 303
    batch.work()
    assert "已预检，待导入" in batch.page.text
    assert batch.submit("start").status_code == 303
    batch.work()
    assert "已完成" in batch.page.text


def test_two_columns_for_one_field_are_refused_on_the_page(desk: Desks, begin: Begin) -> None:
    batch = begin(desk(), _csv(_row(1)))
    form = batch.page.forms[f"/console{batch.path}/mapping"]
    first, second = [k for k in form if k.startswith("column-")][:2]
    answer = batch.submit("mapping", **{first: "姓名", second: "姓名"})
    assert answer.status_code == 422
    assert "有两列都对应" in answer.text


def test_a_dry_run_files_nothing_and_the_import_files_the_good_rows(desk: Desks, begin: Begin, lantai: Lantai) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(*FAULTY))
    batch.submit("mapping")
    assert "正在预检" in batch.page.text
    batch.work()
    text = batch.page.text
    assert "预检通过 1 行，未通过 4 行" in text
    with pytest.raises(NotFound):
        lantai.people.find_by_student_number(clerk.login.actor, "2022000001")
    batch.submit("start")
    assert "正在导入" in batch.page.text
    batch.work()
    assert lantai.people.find_by_student_number(clerk.login.actor, "2022000001").card.name == "测试甲"
    assert "已完成" in batch.page.text


def test_every_refused_row_has_its_cell_and_reason_and_nothing_personal(desk: Desks, begin: Begin) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(*FAULTY)).go_through()
    page = Reader(clerk.get(f"{batch.path}?outcome=refused").text)
    for cell, words in (
        ("C3", "身份证号校验码不正确"),
        ("B4", "姓名含有不允许的字符"),
        ("", "与文件中前面的行重复"),
        ("F6", "应为专科、本科、硕士、博士之一"),
    ):
        assert words in page.text
        assert cell in page.text
    for secret in (BAD_ID, "2022000001", "测试乙", make_id_number(4)):
        assert secret not in clerk.get(batch.path).text
    filed = clerk.read(f"{batch.path}?outcome=filed").text
    assert "校验码" not in filed
    assert "没有这样的行" in clerk.read(f"{batch.path}?outcome=skipped").text


def test_rows_come_in_pages_and_as_a_part(desk: Desks, begin: Begin) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(*[_row(n, BAD_ID) for n in range(1, 61)], _row(61))).go_through()
    first = clerk.get(f"{batch.path}?outcome=refused")
    following = re.search(r'href="(/console/import/[^"]*after=51[^"]*)"', first.text)
    assert following is not None
    second = clerk.get(following[1].removeprefix("/console").replace("&amp;", "&")).text
    assert "C52" in second
    assert "C51<" not in second
    part = clerk.get(f"{batch.path}?outcome=refused&part=rows", headers={"HX-Request": "true"}).text
    assert "<html" not in part
    assert "C2" in part
    assert "后面没有了" in clerk.get(f"{batch.path}?after=999").text


def test_progress_refreshes_itself_and_ends(desk: Desks, begin: Begin) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(_row(1)))
    batch.submit("mapping")
    whole = clerk.get(batch.path).text
    assert '<noscript><meta http-equiv="refresh"' in whole
    assert "<progress" in whole
    part = clerk.get(f"{batch.path}?part=progress", headers={"HX-Request": "true"})
    assert "<progress" in part.text
    assert "<html" not in part.text
    batch.work()
    done = clerk.get(f"{batch.path}?part=progress", headers={"HX-Request": "true"})
    assert (done.data, done.headers["HX-Refresh"]) == (b"", "true")
    assert "http-equiv" not in clerk.get(batch.path).text


def test_the_error_file_is_mended_and_sent_again(desk: Desks, begin: Begin, lantai: Lantai) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(_row(1), _row(2, BAD_ID))).go_through()
    file = clerk.get(f"{batch.path}/errors.csv")
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.headers["Cache-Control"] == "no-store"
    mended = file.data.decode("utf-8-sig").replace(BAD_ID, make_id_number(2))
    answer = clerk.post(
        f"{batch.path}/mend",
        {"cohort": (io.BytesIO(mended.encode()), "errors.csv")},
        content_type="multipart/form-data",
    )
    assert answer.status_code == 303
    child = Batch(clerk, answer.location.removeprefix("/console"), batch.work)
    assert f'href="/console{batch.path}"' in clerk.get(child.path).text
    child.go_through()
    assert lantai.people.find_by_student_number(clerk.login.actor, "2022000002").college == "文学院"
    assert "修改后重新上传" in clerk.read("/import").text


def test_the_same_file_is_the_same_batch_and_a_key_stands_for_one_content(desk: Desks, begin: Begin) -> None:
    clerk = desk()
    first, again = begin(clerk, _csv(_row(1))), begin(clerk, _csv(_row(1)))
    assert first.path == again.path
    begin(clerk, _csv(_row(2)), batch_key="cohort-2026")
    answer = _upload(clerk, _csv(_row(3)), batch_key="cohort-2026")
    assert answer.status_code == 409
    assert "该批次键已用于内容不同的另一次导入" in answer.text
    assert _upload(clerk, _csv(_row(4)), batch_key="一二三").status_code == 422


def test_undo_is_confirmed_and_tells_what_hinders_it(desk: Desks, begin: Begin, lantai: Lantai) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(_row(1), _row(2))).go_through()
    assert batch.submit("undo").status_code == 422
    assert batch.submit("undo", understood="yes").status_code == 303
    batch.work()
    assert "已撤销" in batch.page.text
    with pytest.raises(NotFound):
        lantai.people.find_by_student_number(clerk.login.actor, "2022000001")
    used = begin(clerk, _csv(_row(5))).go_through()
    graduate = lantai.people.find_by_student_number(clerk.login.actor, "2022000005")
    form = {"document_kind": "id_card", "identity_checked": "yes"}
    assert clerk.post(f"/graduates/{graduate.id}/counter/activation", form).status_code in (200, 303)
    page = used.page
    assert "不能撤销：以下档案已被使用" in page.text
    assert "第 2 行" in page.text
    assert f"/console{used.path}/undo" not in page.forms


def test_cancel_and_stale_forms(desk: Desks, begin: Begin) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(_row(1)))
    stale = batch.page.forms[f"/console{batch.path}/mapping"]
    batch.submit("mapping")
    batch.work()
    answer = clerk.post(f"{batch.path}/mapping", stale)
    assert answer.status_code == 412
    assert "内容已被更新" in answer.text
    assert batch.submit("cancel").status_code == 303
    assert "已取消" in batch.page.text
    assert clerk.post(f"{batch.path}/start", {"version": "1"}).status_code in (409, 412)


def test_takes_a_zip_larger_than_any_other_request_without_leaving_it_on_disk(
    desk: Desks, begin: Begin, lantai: Lantai, monkeypatch: pytest.MonkeyPatch
) -> None:
    spools: list[SealedSpool] = []
    spill = SealedSpool._spill

    def watched(self: SealedSpool) -> None:
        spools.append(self)
        spill(self)

    monkeypatch.setattr(SealedSpool, "_spill", watched)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("graduates.csv", _csv(_row(7)))
        archive.writestr("notes.bin", bytes(3 * 1024 * 1024))
    clerk = desk()
    begin(clerk, out.getvalue(), "cohort.zip").go_through()
    assert spools
    assert lantai.people.find_by_student_number(clerk.login.actor, "2022000007").college == "文学院"


@pytest.mark.parametrize(("data", "words"), [(b"", "文件是空的"), (None, "请选择要导入的文件")], ids=["empty", "none"])
def test_without_a_usable_file_the_form_comes_back(data: bytes | None, words: str, desk: Desks) -> None:
    clerk = desk()
    answer = clerk.post("/import/new") if data is None else _upload(clerk, data)
    assert answer.status_code == 422
    assert words in answer.text
    assert "填写说明" in answer.text


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04 broken", "压缩包已损坏"),
        (HEADER.encode(), "没有毕业生数据"),
        ("学号,姓名\n1,甲".encode(), "缺少列：身份证号"),
    ],
    ids=["broken", "no-rows", "no-columns"],
)
def test_a_file_that_cannot_be_used_is_explained(data: bytes, words: str, desk: Desks, begin: Begin) -> None:
    batch = begin(desk(), data)
    text = batch.page.text
    if f"/console{batch.path}/mapping" in batch.page.forms:
        batch.submit("mapping")
        batch.work()
        text = batch.page.text
    assert words in text


def test_templates_come_in_both_forms_for_every_table(desk: Desks) -> None:
    clerk = desk()
    page = clerk.get("/import/new").text
    links = re.findall(r'href="/console(/import/templates/[^"]+)"', page)
    assert len(links) == 14
    for link in links:
        file = clerk.get(link)
        assert file.status_code == 200, link
        assert file.headers["Content-Disposition"].startswith("attachment")
        assert file.data.startswith(b"PK" if link.endswith("xlsx") else b"\xef\xbb\xbf")
    assert clerk.get("/import/templates/staff_member.csv").status_code == 404
    assert clerk.get("/import/templates/graduates.exe").status_code == 404


def test_the_list_says_who_when_and_what_came_of_it(desk: Desks, begin: Begin, clock: FakeClock) -> None:
    clerk = desk()
    assert "还没有导入过" in clerk.read("/import").text
    begin(clerk, _csv(_row(1), _row(2, BAD_ID)), "2026届.csv").go_through()
    text = clerk.read("/import").text
    for words in ("2026届.csv", "员工", "已完成", "2"):
        assert words in text
    for n in range(10, 31):
        clock.advance(seconds=1)
        begin(clerk, _csv(_row(n)))
    page = clerk.get("/import").text
    older = re.search(r'href="/console(/import\?before=[0-9a-f-]{36})"', page)
    assert older is not None
    assert "2026届.csv" not in page
    second = clerk.get(older[1]).text
    assert "2026届.csv" in second
    newer = re.search(r'rel="prev" href="/console(/import\?after=[0-9a-f-]{36})"', second)
    assert newer is not None
    assert _listed(clerk.get(newer[1]).text) == _listed(page)


def _listed(text: str) -> list[str]:
    return re.findall(r'data-row href="/console/import/([0-9a-f-]{36})"', text)


def test_the_list_is_filtered_by_state_and_source_and_keeps_that_while_paging(
    desk: Desks, begin: Begin, clock: FakeClock, lantai: Lantai
) -> None:
    clerk = desk()
    done = begin(clerk, _csv(_row(1))).go_through()
    for n in range(10, 31):
        clock.advance(seconds=1)
        begin(clerk, _csv(_row(n)))
    data = io.BytesIO(_csv(_row(99)))
    sent = lantai.importer.receive(SYSTEM, name="sent.csv", stream=data, source="partner")
    assert _listed(clerk.get("/import?state=done").text) == [done.path.removeprefix("/import/")]
    assert _listed(clerk.get("/import?source=partner").text) == [str(sent.id)]
    assert "没有这样的批次" in clerk.get("/import?source=partner&state=done").text
    first = clerk.get("/import?state=uploaded&source=console").text
    older = re.search(r'rel="next" href="/console(/import\?state=uploaded&amp;source=console&amp;before=[^"]+)"', first)
    assert older is not None
    second = clerk.get(html.unescape(older[1])).text
    assert len(_listed(first)) == 20
    assert len(_listed(second)) == 1
    assert len(_listed(clerk.get("/import?state=odd&source=<b>&before=x").text)) == 20


def test_rows_of_further_tables_are_mended_in_a_zip(desk: Desks, begin: Begin, lantai: Lantai) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("graduates.csv", _csv(_row(1), _row(2)))
        archive.writestr("courses.csv", "学号,课程名称,学期,成绩\n2022000001,,2025-1,90".encode())
    clerk = desk()
    batch = begin(clerk, out.getvalue(), "g.zip").go_through()
    file = clerk.get(f"{batch.path}/errors.csv")
    assert file.headers["Content-Type"] == "application/zip"
    assert file.headers["Content-Disposition"].endswith('.zip"')
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        tables = {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("graduates.csv", tables["graduates.csv"])
        archive.writestr("courses.csv", tables["courses.csv"].replace("2022000001,,", "2022000001,档案学概论,"))
    mended = {"cohort": (io.BytesIO(out.getvalue()), "errors.zip")}
    answer = clerk.post(f"{batch.path}/mend", mended, content_type="multipart/form-data")
    Batch(clerk, answer.location.removeprefix("/console"), batch.work).go_through()
    assert lantai.people.find_by_student_number(clerk.login.actor, "2022000001").college == "文学院"


def test_only_archivists_and_only_with_the_token(desk: Desks, begin: Begin) -> None:
    clerk = desk()
    batch = begin(clerk, _csv(_row(1)))
    other = desk(Role.DISPATCHER)
    assert _upload(other, _csv(_row(1))).status_code == 403
    assert other.get(batch.path).status_code == 403
    bare = clerk.login.client.post("/console/import/new", data={"cohort": (io.BytesIO(_csv(_row(1))), "a.csv")})
    assert bare.status_code == 403
    assert clerk.get(f"/import/{uuid.uuid4()}").status_code == 404
