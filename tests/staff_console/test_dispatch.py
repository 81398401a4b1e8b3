"""Handing over in batches at the console: what a scanner sends, and what the clerk reads."""

from __future__ import annotations

import io
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from werkzeug.test import TestResponse

from app.actors import Role
from app.transfers.batch_models import BatchState
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from staff_console.receiver_import import packed
from tests.conftest import Person
from tests.moving import desk_pair, lead, opened
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
People = Callable[..., Person]


@pytest.fixture
def clerk(desk: Desks) -> Desk:
    return desk(Role.DISPATCHER)


def sealed(lantai: Lantai, person: Person) -> TransferView:
    pair = desk_pair(lantai)
    return lead(lantai, pair, opened(lantai, pair.first, person.id), State.SEALED)


def begun(clerk: Desk) -> UUID:
    answer = clerk.post("/dispatch", {"channel": "ems"})
    assert answer.status_code == 303
    return UUID(answer.headers["Location"].rsplit("/", 1)[1])


def test_a_slip_then_its_waybill_then_one_act(
    clerk: Desk, graduate_factory: People, lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    person = graduate_factory("欧阳文静")
    view = sealed(lantai, person)
    assert "还没有交寄批次" in clerk.read("/dispatch").text
    batch = begun(clerk)
    path = f"/dispatch/{batch}"
    assert "请扫描档案袋上的二维码" in clerk.read(path).text
    first = clerk.post(f"{path}/scan", {"code": view.number.lower(), "scanned": ""})
    assert (first.status_code, f'档案 <span class="code">{view.number}' in first.text) == (200, True)
    second = clerk.post(f"{path}/scan", {"code": "1099887766554", "scanned": view.number})
    assert second.status_code == 303
    page = clerk.read(path)
    for words in ("欧阳**", "1099887766554", "交寄这 1 份", "已记入清单"):
        assert words in page.text
    assert clerk.post(f"{path}/hand-over", {}).status_code == 303
    assert "交寄中" in clerk.read(path).text
    assert "hx-get" in clerk.get(f"{path}?part=progress").text
    run_jobs()
    assert "已完成" in clerk.read(path).text
    part = clerk.get(f"{path}?part=progress")
    assert part.headers["HX-Refresh"] == "true"
    assert "hx-get" not in part.text
    assert lantai.dispatching.batch(clerk.login.actor, batch).state is BatchState.DONE
    assert "JJ" in clerk.read("/dispatch").text


def test_what_the_scanner_gets_wrong_is_said_and_nothing_is_lost(
    clerk: Desk, graduate_factory: People, lantai: Lantai
) -> None:
    view, other = sealed(lantai, graduate_factory()), sealed(lantai, graduate_factory())
    path = f"/dispatch/{begun(clerk)}"
    unknown = clerk.post(f"{path}/scan", {"code": "1099887766554", "scanned": ""})
    assert (unknown.status_code, "没有这个转递号" in unknown.text) == (422, True)
    absent = clerk.post(f"{path}/scan", {"code": "ZD2026999999", "scanned": ""})
    assert absent.status_code == 422
    wrong = clerk.post(f"{path}/scan", {"code": "运单", "scanned": view.number})
    assert (wrong.status_code, f'value="{view.number}"' in wrong.text) == (422, True)
    # a slip read in part is no waybill
    part = clerk.post(f"{path}/scan", {"code": f"{other.number[:-1]}X", "scanned": view.number})
    assert (part.status_code, "没有这个转递号" in part.text) == (422, True)
    assert lantai.dispatching.batch(clerk.login.actor, UUID(path.rsplit("/", 1)[1])).waiting == 0
    # another slip takes the place of the first
    swapped = clerk.post(f"{path}/scan", {"code": other.number, "scanned": view.number})
    assert f'value="{other.number}"' in swapped.text
    clerk.post(f"{path}/scan", {"code": "1099887766554", "scanned": view.number})
    twice = clerk.post(f"{path}/scan", {"code": "1099887766555", "scanned": view.number})
    assert (twice.status_code, "请勿重复扫描" in twice.text) == (409, True)
    # no waybill makes it right, so the next slip is asked for
    assert "请扫描档案袋上的二维码" in twice.text
    used = clerk.post(f"{path}/scan", {"code": "1099887766554", "scanned": other.number})
    assert (used.status_code, "已用于另一次交寄" in used.text) == (409, True)
    assert f'value="{other.number}"' in used.text


def test_items_are_taken_out_and_batches_given_up(clerk: Desk, graduate_factory: People, lantai: Lantai) -> None:
    view = sealed(lantai, graduate_factory())
    batch = begun(clerk)
    path = f"/dispatch/{batch}"
    clerk.post(f"{path}/scan", {"code": "1099887766554", "scanned": view.number})
    (item,) = lantai.dispatching.items(clerk.login.actor, batch)
    assert clerk.post(f"{path}/items/{item.id}/remove", {}).status_code == 303
    assert "清单共 0 份" in clerk.read(path).text
    empty = clerk.post(f"{path}/hand-over", {})
    assert (empty.status_code, "没有待交寄的档案" in empty.text) == (409, True)
    assert clerk.post(f"{path}/drop", {}).status_code == 303
    assert "已放弃" in clerk.read(path).text
    assert clerk.post(f"{path}/scan", {"code": "1099887766554", "scanned": view.number}).status_code == 409
    assert clerk.get(f"/dispatch/{uuid4()}").status_code == 404


def upload(clerk: Desk, batch: UUID, data: bytes) -> TestResponse:
    return clerk.post(
        f"/dispatch/{batch}/list", {"list": (io.BytesIO(data), "清单.csv")}, content_type="multipart/form-data"
    )


def test_a_carriers_list_is_previewed_then_kept_just_as_shown(
    clerk: Desk, graduate_factory: People, lantai: Lantai
) -> None:
    first, second = sealed(lantai, graduate_factory("欧阳文静")), sealed(lantai, graduate_factory())
    batch = begun(clerk)
    path = f"/dispatch/{batch}"
    assert "导入运单号" in clerk.read(path).text
    assert "邮件号" in clerk.read(f"{path}/list").text
    good, bad = f"{first.number},1099887766554\n", f"{second.number},EA123456784CN\n"
    shown = upload(clerk, batch, f"转递号,运单号\n{good}{bad}".encode("gbk"))
    assert shown.status_code == 200
    for words in ("可以导入", "校验位不符", "只导入没有问题的 1 行", first.number):
        assert words in shown.text
    assert "清单共 0 份" in clerk.read(path).text
    confirm = Reader(shown.text).forms[f"/console{path}/list/take-in"]
    del confirm["csrf_token"]
    confirm.pop("sound_only", None)
    refused = clerk.post(f"{path}/list/take-in", confirm)
    assert (refused.status_code, "只导入没有问题的 1 行" in refused.text) == (422, True)
    other = {**confirm, "list": packed(f"转递号,运单号\n{second.number},1099887766554\n".encode()), "sound_only": "yes"}
    assert clerk.post(f"{path}/list/take-in", other).status_code == 409
    assert "清单共 0 份" in clerk.read(path).text
    assert clerk.post(f"{path}/list/take-in", {**confirm, "sound_only": "yes"}).status_code == 303
    page = clerk.read(path).text
    for words in ("已按清单记入批次", "清单共 1 份", "1099887766554", "欧阳**"):
        assert words in page


def test_files_and_forms_that_are_no_list_are_said(clerk: Desk) -> None:
    batch = begun(clerk)
    path = f"/dispatch/{batch}/list"
    for data, words in (
        (b"", "表头"),
        (b"a,b\n1,2\n", "表头"),
        ("转递号,运单号\n".encode(), "没有数据行"),
        (b"PK\x03\x04", "损坏"),
        (b"x" * (2 * 1024 * 1024 + 1), ""),
    ):
        reply = upload(clerk, batch, data)
        assert (reply.status_code in (413, 422), words in reply.text) == (True, True), data[:20]
    assert clerk.post(path, {}).status_code == 422
    for sent in ("", "x", packed(b"1")[:-4]):
        reply = clerk.post(f"{path}/take-in", {"list": sent, "shown": "x"})
        assert (reply.status_code, "请重新选择文件并预检" in reply.text) == (422, True)
    evil = upload(clerk, batch, "转递号,运单号\n<script>x</script>,<b>1\n".encode())
    assert "<script>x" not in evil.text
    assert clerk.get(f"/dispatch/{uuid4()}/list").status_code == 404
    clerk.post(f"/dispatch/{batch}/drop", {})
    assert upload(clerk, batch, "转递号,运单号\nZD2026000001,1\n".encode()).status_code == 409
