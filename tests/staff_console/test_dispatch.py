"""Handing over in batches at the console: what a scanner sends, and what the clerk reads."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from app.actors import Role
from app.transfers.batch_models import BatchState
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person
from tests.moving import desk_pair, lead, opened
from tests.staff_console.conftest import Desk

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
