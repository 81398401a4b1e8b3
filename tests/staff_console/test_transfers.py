"""Transfers: opening, moving on with proof, going back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest

from app.actors import Role
from app.transfers.rules import State
from app.transfers.service import TransferView
from parts import Lantai
from tests.conftest import Person
from tests.staff_console.conftest import Desk
from tests.staff_console.reading import Reader

Desks = Callable[..., Desk]
People = Callable[..., Person]
OPENING = {"channel": "ems", "receiver_name": "某市人才中心", "receiver_address": "人民路 1 号"}


def _open(clerk: Desk, person: Person, lantai: Lantai) -> TransferView:
    answer = clerk.post(f"/graduates/{person.id}/transfers", OPENING)
    assert answer.status_code == 303
    return lantai.transfers.of_graduate(clerk.login.actor, person.id)[0]


def _advance(clerk: Desk, view: TransferView, lantai: Lantai, *targets: State) -> TransferView:
    for target in targets:
        view = lantai.transfers.move(clerk.login.actor, view.id, view.version, target, "N-1")
    return view


def test_opens_and_lists_one(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, dispatcher = graduate_factory("欧阳文静"), desk(Role.DISPATCHER)
    assert "没有进行中的转递" in dispatcher.read("/transfers").text
    view = _open(dispatcher, person, lantai)
    assert view.state is State.DRAFT
    page = dispatcher.read(f"/graduates/{person.id}/transfers")
    assert "转递已建立" in page.text
    assert "记为“去向已登记”" in page.text
    listed = dispatcher.read("/transfers").text
    assert "欧阳**" in listed
    assert "某市人才中心" in listed


def test_a_second_one_is_refused_and_typing_kept(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    _open(clerk, person, lantai)
    answer = clerk.post(f"/graduates/{person.id}/transfers", OPENING)
    assert answer.status_code == 409
    assert "已有正在进行的转递" in answer.text
    assert len(lantai.transfers.of_graduate(clerk.login.actor, person.id)) == 1


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("channel", "self_carry"),
        ("channel", ""),
        ("receiver_name", " "),
        ("receiver_name", "长" * 121),
        ("receiver_address", ""),
    ],
)
def test_opening_checks_every_field(
    field: str, value: str, desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    answer = clerk.post(f"/graduates/{person.id}/transfers", {**OPENING, field: value})
    assert answer.status_code == 422
    kept = Reader(answer.text).forms[f"/console/graduates/{person.id}/transfers"]
    other = "receiver_address" if field != "receiver_address" else "receiver_name"
    assert kept[other] == OPENING[other]
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id) == []


def test_only_three_channels_are_offered(desk: Desks, graduate_factory: People) -> None:
    page = desk().read(f"/graduates/{graduate_factory().id}/transfers")
    offered = [a["value"] for tag, a in page.tags if tag == "option" and a["value"]]
    assert offered == ["confidential_post", "dedicated_person", "ems"]
    assert "不得由本人自带" in page.text


def test_moves_with_the_proof_the_step_needs(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk(Role.DISPATCHER)
    line = (
        State.DESTINATION_REGISTERED,
        State.COLLEGE_REVIEWED,
        State.SCHOOL_APPROVED,
        State.ASSEMBLED,
        State.CHECKED,
        State.SEALED,
    )
    view = _advance(clerk, _open(clerk, person, lantai), lantai, *line)
    path = f"/graduates/{person.id}/transfers"
    form = {"target": "handed_to_carrier", "version": str(view.version)}
    assert "运单号" in clerk.read(path).text
    for proof, words in (("", "运单号"), ("运单一二三", "运单号"), ("A" * 41, "运单号")):
        answer = clerk.post(f"{path}/{view.id}/move", {**form, "proof": proof})
        assert (answer.status_code, words in answer.text) == (422, True)
    done = clerk.post(f"{path}/{view.id}/move", {**form, "proof": "ea123456789cn"})
    assert done.status_code == 303
    page = clerk.read(path)
    assert "转递状态已更新" in page.text
    assert "运单号 EA123456789CN" in page.text
    again = clerk.post(f"{path}/{view.id}/move", {**form, "proof": "ea123456789cn"})
    assert (again.status_code, "转递状态已变化" in again.text) == (412, True)


def test_steps_are_not_skipped(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    view = _open(clerk, person, lantai)
    path = f"/graduates/{person.id}/transfers/{view.id}/move"
    skipped = clerk.post(path, {"target": "received", "version": "1", "proof": "R-1"})
    assert skipped.status_code == 409
    assert clerk.post(path, {"target": "lost", "version": "1"}).status_code == 422
    assert clerk.post(path, {"target": "destination_registered", "version": "x"}).status_code == 422
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id)[0].state is State.DRAFT


def test_withdrawing_lets_one_open_again(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    view = _open(clerk, person, lantai)
    path = f"/graduates/{person.id}/transfers"
    assert "确认已撤销" in clerk.read(path).text
    assert clerk.post(f"{path}/{view.id}/move", {"target": "withdrawn", "version": "1"}).status_code == 303
    assert f"/console{path}" in clerk.read(path).forms


def test_foreign_ids_and_wrong_roles(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, other, clerk = graduate_factory(), graduate_factory(), desk()
    view = _open(clerk, person, lantai)
    form = {"target": "destination_registered", "version": "1"}
    assert clerk.post(f"/graduates/{other.id}/transfers/{view.id}/move", form).status_code == 404
    assert clerk.post(f"/graduates/{uuid4()}/transfers", OPENING).status_code == 404
    reviewer = desk(Role.REVIEWER)
    assert reviewer.post(f"/graduates/{person.id}/transfers/{view.id}/move", form).status_code == 403
    page = reviewer.read(f"/graduates/{person.id}/transfers")
    assert "某市人才中心" in page.text
    assert not any("/move" in action for action in page.forms)
    bare = clerk.login.client.post(f"/console/graduates/{person.id}/transfers/{view.id}/move", data=form)
    assert bare.status_code == 403
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id)[0].state is State.DRAFT
