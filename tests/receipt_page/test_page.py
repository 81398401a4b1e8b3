"""The receiving archive's page over HTTP: no session, no script, and nothing secret in an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from uuid import uuid4

import pytest
from flask.testing import FlaskClient

from app.actors import Role
from app.transfers.showing import TransferView
from app.transfers.states import State
from parts import Lantai
from tests.conftest import Person
from tests.counting import ADDRESS, Printed, printed_slip
from tests.moving import Pair, lead, now, opened
from tests.staff_console.conftest import Desk, desk

__all__ = ["desk"]

Sent = tuple[TransferView, Printed]


@pytest.fixture
def sent(lantai: Lantai, graduate_factory: Callable[..., Person], pair: Pair) -> Sent:
    view = lead(lantai, pair, opened(lantai, pair.first, graduate_factory("欧阳文静").id), State.SEALED)
    slip = printed_slip(lantai, pair, view)
    return lead(lantai, pair, view, State.IN_TRANSIT), slip


def form(slip: Printed, **more: str) -> dict[str, str]:
    return {"slip": str(slip.id), "code": slip.code, **more}


def whole(slip: Printed) -> dict[str, str]:
    return form(slip, all_as_listed="yes", receipt_number="RS-77", counted_by="王清点")


def test_the_code_is_asked_for_and_nothing_is_told_before(client: FlaskClient, sent: Sent) -> None:
    view, slip = sent
    known, unknown = client.get(f"/receipt?slip={slip.id}"), client.get(f"/receipt?slip={uuid4()}")
    assert known.status_code == unknown.status_code == 200
    plain = re.compile(r"[0-9a-f-]{36}")
    assert plain.sub("", known.text) == plain.sub("", unknown.text)
    assert view.receiver_name not in known.text
    assert client.get("/receipt").status_code == client.get("/receipt?slip=%00<b>").status_code == 200
    assert "<b>" not in client.get("/receipt?slip=<b>").text


def test_the_catalogue_the_count_and_the_receipt(
    client: FlaskClient, sent: Sent, lantai: Lantai, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    view, slip = sent
    title = lantai.counting.open(slip.id, slip.code, ADDRESS).classes[0].titles[0][0]
    page = client.post("/receipt", data=form(slip))
    assert page.status_code == 200
    assert view.manifest_code is not None
    for words in (view.number, view.manifest_code, "目录所列", title):
        assert words in page.text, words
    assert "欧阳文静" not in page.text
    lacking = client.post("/receipt/count", data=form(slip, receipt_number="RS-77"))
    assert lacking.status_code == 422
    assert "请填写清点人" in lacking.text
    assert 'value="RS-77"' in lacking.text
    done = client.post("/receipt/count", data=whole(slip))
    assert done.status_code == 200
    assert f"{view.number}-HZ1" in done.text
    assert now(lantai, pair.first, view).state is State.RECEIVED
    again = client.post("/receipt/count", data=whole(slip))
    assert f"{view.number}-HZ1" in again.text
    opened_again = client.post("/receipt", data=form(slip))
    assert title not in opened_again.text
    for answer in (page, lacking, done):
        assert "Set-Cookie" not in answer.headers
        assert "<script" not in answer.text
        assert not re.search(r'(?:href|action)="[^"]*(?:slip=|code=)', answer.text)
    for secret in (slip.code, "RS-77", "王清点"):
        assert secret not in caplog.text


def test_all_ways_of_not_getting_in_look_the_same(client: FlaskClient, sent: Sent) -> None:
    _, slip = sent
    wrong = client.post("/receipt", data=form(slip, code="ZZZZ-ZZZZ-ZZZZ-ZZZZ"))
    unknown = client.post("/receipt", data=form(Printed(uuid4(), slip.code)))
    no_id = client.post("/receipt", data={"slip": "x", "code": slip.code})
    counted = client.post("/receipt/count", data={**whole(slip), "code": "ZZZZ"})
    plain = re.compile(r"[0-9a-f-]{36}")
    assert {a.status_code for a in (wrong, unknown, no_id, counted)} == {404}
    assert len({plain.sub("", a.text) for a in (wrong, unknown, no_id, counted)}) == 1
    assert slip.code not in wrong.text


def test_headers_are_strict_and_the_page_is_in_no_cache(client: FlaskClient, sent: Sent) -> None:
    for answer in (client.get("/receipt"), client.post("/receipt", data=form(sent[1]))):
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert " style=" not in answer.text


def test_too_many_tries_are_told_to_wait(client: FlaskClient) -> None:
    answers = [client.post("/receipt", data={"slip": str(uuid4()), "code": "x"}) for _ in range(45)]
    assert answers[-1].status_code == 429
    assert "清点口令" in answers[-1].text
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_difference_is_shown_to_the_desk_and_settled_there(
    client: FlaskClient, sent: Sent, lantai: Lantai, pair: Pair, desk: Callable[..., Desk]
) -> None:
    view, slip = sent
    page = client.post("/receipt", data=form(slip)).text
    typed = dict.fromkeys(re.findall(r'name="((?:items|pages)_[^"]+)"', page), "0")
    assert typed
    answer = client.post("/receipt/count", data={**form(slip), **typed, "receipt_number": "RS-1", "counted_by": "王"})
    assert "清点结果与目录不一致" in answer.text
    assert now(lantai, pair.first, view).state is State.IN_TRANSIT
    clerk = desk(Role.DISPATCHER)
    assert "清点不一致 1 件" in clerk.read("/transfers").text
    assert view.number in clerk.read("/transfers/cases").text
    shown = clerk.read(f"/graduates/{view.graduate_id}/transfers")
    [settle] = [f for f in shown.forms if f.endswith("/settle")]
    path = settle.removeprefix("/console")
    assert "档案尚未登记为已接收。咨询" in shown.text
    assert not [f for f in shown.forms if f.endswith("/move/received")]
    by_hand = {"version": str(now(lantai, pair.first, view).version), "receipt_number": "HZ-1", "manifest_code": "x"}
    early = clerk.post(f"/graduates/{view.graduate_id}/transfers/{view.id}/move/received", by_hand)
    assert early.status_code == 409
    assert "差异处理完毕之前不能登记回执" in early.text
    assert clerk.post(path, {"settled": ""}).status_code == 422
    assert clerk.post(path, {"settled": "已与接收单位核实"}).status_code == 303
    after = clerk.read(f"/graduates/{view.graduate_id}/transfers")
    assert "已与接收单位核实" in after.text
    assert settle not in after.forms
    assert clerk.post(path, {"settled": "又一次"}).status_code == 409
    assert view.number not in clerk.read("/transfers/cases").text
    reader = desk(Role.REVIEWER).read(f"/graduates/{view.graduate_id}/transfers")
    assert "接收清点不一致" in reader.text
