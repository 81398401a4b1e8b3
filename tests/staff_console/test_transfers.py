"""Transfers: opening, moving on with proof, going back, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from uuid import uuid4

import pytest

from app.actors import Role
from app.receivers.views import Wanted
from app.transfers.showing import TransferView
from app.transfers.states import Channel, State
from parts import Lantai
from tests.conftest import Person, make_id_number
from tests.fakes import jpeg
from tests.moving import CODE, desk_pair, lead, receiver_code
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]
OPENING = {"case": "unemployed", "channel": "ems", "receiver": CODE}


def _open(clerk: Desk, person: Person, lantai: Lantai) -> TransferView:
    receiver_code(lantai)
    answer = clerk.post(f"/graduates/{person.id}/transfers", OPENING)
    assert answer.status_code == 303
    return lantai.transfers.of_graduate(clerk.login.actor, person.id)[0]


def test_opens_and_lists_one(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, dispatcher = graduate_factory("欧阳文静"), desk(Role.DISPATCHER)
    assert "没有进行中的转递" in dispatcher.read("/transfers").text
    view = _open(dispatcher, person, lantai)
    assert view.state is State.DRAFT
    page = dispatcher.read(f"/graduates/{person.id}/transfers")
    assert "转递已建立" in page.text
    assert "登记去向" in page.text
    listed = dispatcher.read("/transfers").text
    assert "欧阳**" in listed
    assert "某市人才服务中心" in listed


def test_a_second_one_is_refused_and_typing_kept(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    _open(clerk, person, lantai)
    answer = clerk.post(f"/graduates/{person.id}/transfers", OPENING)
    assert answer.status_code == 409
    assert "已有正在进行的转递" in answer.text
    assert len(lantai.transfers.of_graduate(clerk.login.actor, person.id)) == 1


@pytest.mark.parametrize(
    ("field", "value", "status", "words"),
    [
        ("channel", "self_carry", 422, ""),
        ("case", "", 422, ""),
        ("receiver", " ", 422, "必填"),
        ("receiver", "GG-999999", 404, ""),
        ("case", "further_study", 422, "调档函"),
        ("letter_on", "昨天", 422, "日期"),
        ("letter_on", "2099-01-01", 422, "不能晚于今天"),
        ("history", "former_official", 422, "机要"),
    ],
)
def test_opening_checks_every_field(
    field: str, value: str, status: int, words: str, desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    receiver_code(lantai)
    answer = clerk.post(f"/graduates/{person.id}/transfers", {**OPENING, field: value})
    assert answer.status_code == status
    assert words in answer.text
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id) == []


def test_only_three_channels_and_bodies_of_the_registry_are_offered(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    bare = clerk.read(f"/graduates/{person.id}/transfers")
    assert "名录中没有符合" in bare.text
    receiver_code(lantai)
    page = clerk.read(f"/graduates/{person.id}/transfers?case=unemployed&region=330100")
    offered = [a["value"] for tag, a in page.tags if tag == "option" and a["value"] in set(Channel)]
    assert offered == ["confidential_post", "dedicated_person", "ems"]
    assert "不得由本人自带" in page.text
    assert "某市人才服务中心" in page.text
    assert "依据" in page.text


def test_the_home_region_leads_to_a_body_though_the_shown_card_is_masked(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    receiver_code(lantai)
    (known,) = lantai.receivers.search(clerk.login.actor, Wanted()).lines
    home = replace(known.facts, name="户籍地人才服务中心", region_code=make_id_number(1)[:6])
    lantai.receivers.record(desk_pair(lantai).first, "HOME", home, 0)
    assert "户籍地人才服务中心" in clerk.read(f"/graduates/{person.id}/transfers?case=unemployed").text


def test_moves_with_the_proof_the_step_needs(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk(Role.DISPATCHER)
    view = lead(lantai, desk_pair(lantai), _open(clerk, person, lantai), State.SEALED)
    path = f"/graduates/{person.id}/transfers"
    form = {"version": str(view.version)}
    assert "运单号" in clerk.read(path).text
    for number, words in (
        ("", "运单号"),
        ("运单一二三", "运单号"),
        ("A" * 41, "运单号"),
        ("EA123456789CN", "校验位不符"),
    ):
        answer = clerk.post(f"{path}/{view.id}/move/handed_to_carrier", {**form, "tracking_number": number})
        assert (answer.status_code, words in answer.text) == (422, True)
    done = clerk.post(f"{path}/{view.id}/move/handed_to_carrier", {**form, "tracking_number": "ea123456785cn"})
    assert done.status_code == 303
    page = clerk.read(path)
    assert "转递状态已更新" in page.text
    assert "运单号 EA123456785CN" in page.text
    again = clerk.post(f"{path}/{view.id}/move/handed_to_carrier", {**form, "tracking_number": "ea123456785cn"})
    assert (again.status_code, "转递状态已变化" in again.text) == (412, True)


def test_a_seal_is_proposed_with_a_photo_and_confirmed_by_another(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, first, second = graduate_factory(), desk(Role.DISPATCHER), desk(Role.ARCHIVIST)
    view = lead(lantai, desk_pair(lantai), _open(first, person, lantai), State.CHECKED)
    path = f"/graduates/{person.id}/transfers"
    acts = f"{path}/{view.id}/propose/sealed"
    form = {"version": str(view.version), "seal_number": "MF2026-9"}
    missing = first.post(acts, form)
    assert (missing.status_code, "密封照片" in missing.text) == (422, True)
    sent = first.post(acts, {**form, "photo": (BytesIO(jpeg(5)), "seal.jpg")})
    assert sent.status_code == 303
    own = first.read(path)
    act = next(f for f in own.forms if f.endswith("/drop")).removesuffix("/drop")
    assert f"{act}/confirm" not in own.forms
    other = second.read(path)
    assert "MF2026-9" in other.text
    assert "待另一人确认：密封" in other.text
    photo = second.get(f"{act.removeprefix('/console')}/photo")
    assert (photo.status_code, photo.content_type) == (200, "image/jpeg")
    alone = first.post(f"{act.removeprefix('/console')}/confirm", {})
    assert (alone.status_code, "不能是同一人" in alone.text) == (409, True)
    assert second.post(f"{act.removeprefix('/console')}/confirm", {}).status_code == 303
    assert lantai.transfers.of_graduate(first.login.actor, person.id)[0].state is State.SEALED


def test_a_seal_is_opened_by_two_and_taking_back_leaves_it_whole(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, first = graduate_factory(), desk(Role.DISPATCHER)
    view = lead(lantai, desk_pair(lantai), _open(first, person, lantai), State.SEALED)
    path = f"/graduates/{person.id}/transfers"
    form = {"version": str(view.version), "reason": "去向有误"}
    assert first.post(f"{path}/{view.id}/move/withdrawn", form).status_code == 409
    assert first.post(f"{path}/{view.id}/propose/withdrawn", form).status_code == 303
    drop = next(f for f in first.read(path).forms if f.endswith("/drop")).removeprefix("/console")
    assert first.post(drop, {}).status_code == 303
    assert lantai.transfers.of_graduate(first.login.actor, person.id)[0].state is State.SEALED


def test_steps_are_not_skipped(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    view = _open(clerk, person, lantai)
    path = f"/graduates/{person.id}/transfers/{view.id}/move"
    skipped = clerk.post(f"{path}/received", {"version": "1", "receipt_number": "R-1"})
    assert skipped.status_code == 409
    assert clerk.post(f"{path}/lost", {"version": "1"}).status_code == 404
    assert clerk.post(f"{path}/destination_registered", {"version": "x"}).status_code == 422
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id)[0].state is State.DRAFT


def test_withdrawing_lets_one_open_again(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, clerk = graduate_factory(), desk()
    view = _open(clerk, person, lantai)
    path = f"/graduates/{person.id}/transfers"
    assert "撤销" in clerk.read(path).text
    form = {"version": str(view.version), "reason": "建错了"}
    assert clerk.post(f"{path}/{view.id}/move/withdrawn", form).status_code == 303
    assert f"/console{path}" in clerk.read(path).forms


def test_foreign_ids_and_wrong_roles(desk: Desks, graduate_factory: People, lantai: Lantai) -> None:
    person, other, clerk = graduate_factory(), graduate_factory(), desk()
    view = _open(clerk, person, lantai)
    form = {"version": "1"}
    assert clerk.post(f"/graduates/{other.id}/transfers/{view.id}/move/destination_registered", form).status_code == 404
    assert clerk.post(f"/graduates/{uuid4()}/transfers", OPENING).status_code == 404
    reviewer = desk(Role.REVIEWER)
    assert (
        reviewer.post(f"/graduates/{person.id}/transfers/{view.id}/move/destination_registered", form).status_code
        == 403
    )
    page = reviewer.read(f"/graduates/{person.id}/transfers")
    assert "某市人才服务中心" in page.text
    assert not any("/move/" in action or "/propose/" in action for action in page.forms)
    bare = clerk.login.client.post(
        f"/console/graduates/{person.id}/transfers/{view.id}/move/destination_registered", data=form
    )
    assert bare.status_code == 403
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id)[0].state is State.DRAFT


def test_a_redirected_one_shows_its_successor_which_takes_a_new_receiver(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, dispatcher = graduate_factory(), desk(Role.DISPATCHER)
    old = lead(lantai, desk_pair(lantai), _open(dispatcher, person, lantai), State.REDIRECTED)
    (new,) = [v for v in lantai.transfers.of_graduate(dispatcher.login.actor, person.id) if v.follows == old.id]
    page = dispatcher.read(f"/graduates/{person.id}/transfers")
    assert f"改寄的进度见 {new.number}" in page.text
    assert f"由 {old.number} 改寄，原因：按规定办理" in page.text
    assert {f"#transfer-{new.id}", f"#transfer-{old.id}"} <= {v["href"] for tag, v in page.tags if "href" in v}
    assert "登记改寄的去向" in page.text
    at = f"/graduates/{person.id}/transfers/{new.id}"
    refused = dispatcher.post(f"{at}/move/destination_registered", {"version": str(new.version)})
    assert refused.status_code == 409
    assert "还没有新的接收单位" in refused.text
    wrong = dispatcher.post(f"{at}/destination", {**OPENING, "receiver": "", "version": str(new.version)})
    assert wrong.status_code == 422
    assert dispatcher.post(f"{at}/destination", {**OPENING, "version": str(new.version)}).status_code == 303
    page = dispatcher.read(f"/graduates/{person.id}/transfers")
    assert "登记改寄的去向" not in page.text
    (new,) = [v for v in lantai.transfers.of_graduate(dispatcher.login.actor, person.id) if v.id == new.id]
    assert (new.state, new.receiver_name) == (State.DESTINATION_REGISTERED, "某市人才服务中心")


def test_a_seal_without_a_photo_is_refused_whatever_digest_is_sent(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk(Role.DISPATCHER)
    view = lead(lantai, desk_pair(lantai), _open(clerk, person, lantai), State.CHECKED)
    form = {"version": str(view.version), "seal_number": "MF-1", "photo_digest": "0" * 64}
    at = f"/graduates/{person.id}/transfers/{view.id}/propose/sealed"
    assert clerk.post(at, form).status_code == 422
    assert lantai.double_acts.waiting(clerk.login.actor, person.id, view.id) is None


def test_the_desk_changes_an_approved_destination_in_a_form(
    desk: Desks, graduate_factory: People, lantai: Lantai
) -> None:
    person, clerk = graduate_factory(), desk()
    view = lead(lantai, desk_pair(lantai), _open(clerk, person, lantai), State.SCHOOL_APPROVED)
    assert "更改去向" in clerk.read(f"/graduates/{person.id}/transfers").text
    at = f"/graduates/{person.id}/transfers/{view.id}/destination"
    assert clerk.post(at, {**OPENING, "version": str(view.version)}).status_code == 303
    assert lantai.transfers.of_graduate(clerk.login.actor, person.id)[0].state is State.DESTINATION_REGISTERED
