"""The registry of receivers in the console: list and warnings, versions, closing, lists taken in with a preview."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from app.actors import SYSTEM, Role
from app.receivers.rules import FIELD_LABELS, ReceiverFacts
from app.receivers.views import Wanted
from parts import Lantai
from staff_console.receiver_import import packed
from tests.app.receivers.samples import credit_code, facts
from tests.app.receivers.test_importing import file_of, row
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
OPENED = date(2024, 1, 1)


def form(made: ReceiverFacts, **more: str) -> dict[str, str]:
    values = {n: "" if (v := getattr(made, n)) is None else str(v) for n in FIELD_LABELS}
    return {**values, **more}


def add(lantai: Lantai, serial: int = 1, **changes: object) -> UUID:
    return lantai.receivers.record(SYSTEM, f"R-{serial}", facts(serial, **changes), 0)


def test_the_list_is_empty_then_filled_and_narrowed(desk: Desks, lantai: Lantai) -> None:
    reader, today = desk(Role.DISPATCHER), lantai.receivers.today
    assert "名录还是空的" in reader.read("/receivers").text
    add(lantai, 1, valid_from=OPENED)
    add(lantai, 2, valid_from=OPENED, valid_to=today + timedelta(days=9), region_code="440305")
    add(lantai, 3, valid_from=OPENED, valid_to=today, region_code="440305")
    page = reader.read("/receivers")
    for n in (1, 2, 3):
        assert f"示例区第{n}人力" in page.text
    assert "登记单位" not in page.text
    for query, held in (
        ("text=第2人力", {2}),
        ("region=4403", {2, 3}),
        ("standing=expired", {3}),
        ("standing=expiring", {2}),
        (f"on={today}", {1, 2}),
        ("kind=admitting_school", set()),
        ("changed=1", set()),
        ("kind=person&region=x&on=y", {1, 2, 3}),
    ):
        text = reader.read(f"/receivers?{query}").text
        assert {n for n in (1, 2, 3) if f"示例区第{n}人力" in text} == held, query
    assert "没有符合条件的接收单位" in reader.read("/receivers?changed=1").text


def test_the_warnings_count_and_lead_to_their_lists(desk: Desks, lantai: Lantai) -> None:
    clerk, today = desk(), lantai.receivers.today
    first = add(lantai, 1, valid_from=OPENED)
    add(lantai, 2, valid_from=OPENED, valid_to=today + timedelta(days=9))
    add(lantai, 3, valid_from=OPENED, valid_to=today)
    lantai.receivers.record(SYSTEM, "R-1", facts(1, department="综合科", valid_from=today), 1)
    html = clerk.get("/receivers").text
    for label, query in (("即将到期", "standing=expiring"), ("已到期", "standing=expired"), ("有变动", "changed=1")):
        assert f'href="/console/receivers?{query}"><span class="label">{label}</span><b>1</b>' in html
    assert f"/console/receivers/{first}" in clerk.get("/receivers?changed=1").text


def test_a_body_is_registered_changed_and_closed(desk: Desks, lantai: Lantai) -> None:
    clerk, today = desk(), lantai.receivers.today
    made = clerk.post("/receivers", form(facts(valid_from=OPENED), code="hz-1"))
    assert made.status_code == 303
    path = made.headers["Location"].removeprefix("/console")
    page = clerk.read(path)
    assert "HZ-1" in page.text
    assert "第 1 版" in page.text
    filled = page.forms[f"/console{path}/versions"]
    assert (filled["address"], filled["valid_from"], filled["version"]) == ("示例路 1 号 3 楼", today.isoformat(), "1")
    del filled["csrf_token"]
    assert clerk.post(f"{path}/versions", {**filled, "address": "新址路 2 号"}).status_code == 303
    page = clerk.read(path)
    assert "第 2 版" in page.text
    assert "办公地址：新址路 2 号" in page.text
    stale = clerk.post(f"{path}/versions", {**filled, "address": "别处"})
    assert stale.status_code == 412
    assert "别处" in stale.text
    closing = {"version": "2", "on": (today + timedelta(days=3)).isoformat(), "closing_source": "省厅通知"}
    assert clerk.post(f"{path}/close", closing).status_code == 303
    page = clerk.read(path)
    assert "即将到期" in page.text
    assert "省厅通知" in page.text
    again = clerk.post(f"{path}/close", {**closing, "version": "3"})
    assert again.status_code == 409
    assert "已不接收档案" in again.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"credit_code": credit_code("92")}, "个体工商户"),
        ({"credit_code": credit_code("91")}, "企业不能接收档案"),
        ({"phone": "13800138000"}, "不能登记手机号"),
        ({"kind": "person"}, "个人和普通企业不能登记"),
        ({"valid_from": "明天"}, "应为日期"),
        ({"valid_to": "2023-01-01"}, "须晚于有效期起"),
    ],
)
def test_faults_stand_beside_their_fields_and_what_was_typed_stays(
    desk: Desks, lantai: Lantai, changes: dict[str, str], words: str
) -> None:
    reply = desk().post("/receivers", form(facts(), **changes, source="手工登记"))
    assert reply.status_code == 422
    assert words in reply.text
    assert "手工登记" in reply.text
    assert 'aria-invalid="true"' in reply.text
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 0


def upload(clerk: Desk, data: bytes, since: str = "2026-07-01") -> TestResponse:
    return clerk.post(
        "/receivers/import",
        {"list": (io.BytesIO(data), "名录.csv"), "since": since},
        content_type="multipart/form-data",
    )


def test_a_list_is_previewed_then_taken_in_just_as_shown(desk: Desks, lantai: Lantai) -> None:
    clerk = desk()
    shown = upload(clerk, file_of(row(1), row(2), encoding="gb18030"))
    assert shown.status_code == 200
    assert "示例区第1人才中心" in shown.text
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 0
    confirm = Reader(shown.text).forms["/console/receivers/import/take-in"]
    changed = {**confirm, "list": packed(file_of(row(1), row(3)))}
    del changed["csrf_token"], confirm["csrf_token"]
    assert clerk.post("/receivers/import/take-in", changed).status_code == 409
    assert clerk.post("/receivers/import/take-in", {**confirm, "shown": ""}).status_code == 409
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 0
    assert clerk.post("/receivers/import/take-in", confirm).status_code == 303
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 2
    assert clerk.post("/receivers/import/take-in", confirm).status_code == 409  # the same form twice
    assert "没有变化" in upload(clerk, file_of(row(1), row(2))).text
    assert all(line.number == 1 for line in lantai.receivers.search(SYSTEM, Wanted()).lines)


def test_a_list_with_one_wrong_row_offers_no_import(desk: Desks, lantai: Lantai) -> None:
    reply = upload(desk(), file_of(row(1), row(2, 类型="个人"), row(3, 统一社会信用代码="1")))
    for words in ("预检未通过", "个人和普通企业不能登记", "校验码"):
        assert words in reply.text
    assert "确认导入" not in reply.text


@pytest.mark.parametrize("sent", ["", "x", packed(b"1")[:-4], "====", packed(b"\0" * 11_000_000)])
def test_what_the_page_did_not_pack_is_refused(desk: Desks, sent: str) -> None:
    reply = desk().post("/receivers/import/take-in", {"list": sent, "shown": "x", "since": "2026-07-01"})
    assert reply.status_code == 422
    assert "请重新选择文件并预检" in reply.text


def test_a_file_that_is_no_list_says_so(desk: Desks) -> None:
    clerk = desk()
    for data, words in ((b"", "文件是空的"), (b"a,b\n1,2\n", "没有这样的列")):
        reply = upload(clerk, data)
        assert reply.status_code == 422
        assert words in reply.text
    assert upload(clerk, file_of(row(1)), since="x").status_code == 422
    assert clerk.post("/receivers/import", {"since": "2026-07-01"}).status_code == 422


def test_a_long_list_fits_through_the_form(desk: Desks, lantai: Lantai) -> None:
    """Three thousand counties and more: far beyond what a form may usually hold."""
    clerk, data = desk(), file_of(*(row(n) for n in range(1, 3201)))
    confirm = Reader(upload(clerk, data).text).forms["/console/receivers/import/take-in"]
    del confirm["csrf_token"]
    assert clerk.post("/receivers/import/take-in", confirm).status_code == 303
    assert lantai.receivers.search(SYSTEM, Wanted()).total == 3200


def test_the_template_can_be_downloaded_and_sent_back(desk: Desks) -> None:
    clerk = desk()
    reply = clerk.get("/receivers/template.csv")
    assert reply.status_code == 200
    assert reply.headers["Content-Disposition"].startswith("attachment")
    assert "文件中没有数据行" in upload(clerk, reply.data).text


def test_readers_see_the_rules_of_channels_with_their_version(desk: Desks) -> None:
    text = desk(Role.REVIEWER).read("/receivers/channel-rules").text
    for words in ("版本 2026-1", "随程序附带", "机要通信", "严禁个人自带", "二手或地方做法", "N-2"):
        assert words in text


@pytest.mark.parametrize("role", [Role.REVIEWER, Role.DISPATCHER])
def test_readers_change_nothing(desk: Desks, lantai: Lantai, role: Role) -> None:
    found, reader = add(lantai), desk(role)
    page = reader.get(f"/receivers/{found}").text
    assert "登记变更" not in page
    for path in ("/receivers", f"/receivers/{found}/versions", f"/receivers/{found}/close", "/receivers/import"):
        assert reader.post(path, form(facts())).status_code == 403
    for path in ("/receivers/new", "/receivers/import", "/receivers/template.csv"):
        assert reader.get(path).status_code == 403
