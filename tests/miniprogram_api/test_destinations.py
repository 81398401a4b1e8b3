"""Destinations: chosen among lawful receivers, changed in time, resting after a changed address, told to everybody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from stdnum.cn import uscc

from app.transfers.models import Transfer
from app.transfers.states import State
from parts import Lantai
from tests.conftest import ApiClient, Person
from tests.fakes import FakeClock
from tests.moving import CODE, desk_pair, lead, now, opened, receiver_code

SUMMER = datetime(2026, 7, 1, 4, 0, tzinfo=UTC)
People = Callable[..., Person]
SignedIn = Callable[..., ApiClient]


def until(clock: FakeClock, moment: datetime) -> None:
    clock.advance(seconds=(moment - clock.now()).total_seconds())


def record(lantai: Lantai, code: str, **facts: Any) -> str:
    receiver_code(lantai)
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, CODE, lantai.receivers.today).facts
    credit = f"12440300{len(code):09d}"
    wanted = replace(known, credit_code=credit + uscc.calc_check_digit(credit), region_code="440300", **facts)
    lantai.receivers.record(desk_pair(lantai).first, code, wanted, 0)
    return code


def key(n: int) -> dict[str, str]:
    return {"Idempotency-Key": f"destination-{n:04d}"}


@pytest.fixture
def summer(clock: FakeClock) -> FakeClock:
    until(clock, SUMMER)
    return clock


@pytest.fixture
def http(summer: FakeClock, graduate_factory: People, signed_in: SignedIn) -> ApiClient:
    return signed_in(graduate_factory(), purpose="destination")


def test_cases_and_suggestions_say_their_rule(http: ApiClient, lantai: Lantai) -> None:
    cases = http.get("/destinations").json
    assert {c["case"] for c in cases["items"]} == {
        "state_unit",
        "private_employment",
        "further_study",
        "unemployed",
        "kept_at_school",
    }
    assert all(c["rules"] and all(r["source"] for r in c["rules"]) for c in cases["items"])
    assert cases["changes_until"] == "2026-08-31"
    assert http.get("/destinations/suggestions?case=unemployed&region=330100").json == {"items": []}
    receiver_code(lantai)
    (found,) = http.get("/destinations/suggestions?case=unemployed&region=330100").json["items"]
    assert (found["code"], found["name"]) == (CODE, "某市人才服务中心")
    assert found["words"]
    assert http.get("/destinations/suggestions?case=self_carry").status_code == 422


def test_whoever_stays_at_school_names_where_it_goes_afterwards(http: ApiClient, lantai: Lantai) -> None:
    body = {"case": "kept_at_school", "receiver": receiver_code(lantai)}
    made = http.post("/transfers", json=body, headers=key(1))
    assert made.status_code == 201
    assert made.json["state"] == "destination_registered"


def test_registering_opens_a_transfer_once(http: ApiClient, lantai: Lantai) -> None:
    body = {"case": "unemployed", "receiver": receiver_code(lantai)}
    made = http.post("/transfers", json=body, headers=key(1))
    assert made.status_code == 201
    assert made.json["state"] == "destination_registered"
    assert made.json["due"]["label"] == "寄出期限"
    assert http.post("/transfers", json=body, headers=key(1)).json["id"] == made.json["id"]
    again = http.post("/transfers", json=body, headers=key(2))
    assert (again.status_code, again.json["code"]) == (409, "transfer_open")
    assert len(http.get("/transfers").json["items"]) == 1


@pytest.mark.parametrize(
    ("changed", "status", "told"),
    [
        ({"receiver": ""}, 422, "/receiver"),
        ({"receiver": "GG-000000"}, 404, "receiver_not_found"),
        ({"receiver": "某某的家"}, 404, "receiver_not_found"),
        ({"case": "self_carry"}, 422, "/case"),
        ({"case": "further_study", "letter_number": "DH-1"}, 422, "/receiver"),
        ({"case": "further_study"}, 422, "/letter_number"),
        ({"letter_number": "调字一号"}, 422, "/letter_number"),
        ({"letter_on": "2026-07-02"}, 422, "/letter_on"),
        ({"address": "某路 2 号"}, 422, "/address"),
        ({"channel": "self_carry"}, 422, "/channel"),
    ],
)
def test_what_cannot_be_registered(
    changed: dict[str, str], status: int, told: str, http: ApiClient, lantai: Lantai
) -> None:
    body = {"case": "unemployed", "receiver": receiver_code(lantai), **changed}
    refused = http.post("/transfers", json=body, headers=key(1))
    assert refused.status_code == status
    assert told in str(refused.json)
    assert http.get("/transfers").json["items"] == []


def test_who_was_an_official_goes_by_confidential_post(http: ApiClient, lantai: Lantai) -> None:
    body = {"case": "unemployed", "receiver": receiver_code(lantai), "history": ["former_official"]}
    assert http.post("/transfers", json=body, headers=key(1)).json["channel"] in (
        "confidential_post",
        "dedicated_person",
    )


def test_a_changed_address_rests_and_everybody_is_told(
    http: ApiClient, lantai: Lantai, summer: FakeClock, run_jobs: Callable[[], None]
) -> None:
    pair = desk_pair(lantai)
    made = http.post("/transfers", json={"case": "unemployed", "receiver": receiver_code(lantai)}, headers=key(1)).json
    view = lantai.transfers.of_graduate(pair.first, _owner(lantai, made["id"]))[0]
    view = lead(lantai, pair, view, State.SCHOOL_APPROVED)
    other = record(lantai, "GG-440300", name="另一市人才服务中心", address="另一路 2 号")
    path, body = f"/transfers/{made['id']}/destination", {"case": "private_employment", "receiver": other}
    stale = http.post(path, json=body, headers={**key(2), "If-Match": '"1"'})
    assert stale.status_code == 412
    assert http.post(path, json=body, headers=key(3)).status_code == 428
    changed = http.post(path, json=body, headers={**key(4), "If-Match": f'"{view.version}"'})
    assert (changed.status_code, changed.json["state"]) == (200, "destination_registered")
    assert changed.json["receiver_name"] == "另一市人才服务中心"
    run_jobs()
    titles = [n["title"] for n in http.get("/notices").json["items"]]
    assert "档案去向已变更" in titles
    view = now(lantai, pair.first, view)
    with pytest.raises(Exception, match="destination_rests"):
        lead(lantai, pair, view, State.COLLEGE_REVIEWED)
    summer.advance(hours=24)
    assert lead(lantai, pair, view, State.COLLEGE_REVIEWED).state is State.COLLEGE_REVIEWED


def _owner(lantai: Lantai, transfer_id: str) -> Any:
    with lantai.db.transaction() as session:
        return session.get_one(Transfer, transfer_id).graduate_id


def test_after_august_and_after_assembly_nothing_is_changed_here(http: ApiClient, lantai: Lantai) -> None:
    pair = desk_pair(lantai)
    body = {"case": "unemployed", "receiver": receiver_code(lantai)}
    made = http.post("/transfers", json=body, headers=key(1)).json
    view = lantai.transfers.of_graduate(pair.first, _owner(lantai, made["id"]))[0]
    view = lead(lantai, pair, view, State.ASSEMBLED)
    settled = http.post(
        f"/transfers/{view.id}/destination", json=body, headers={**key(2), "If-Match": f'"{view.version}"'}
    )
    assert (settled.status_code, settled.json["code"]) == (409, "destination_settled")


def test_the_last_day_is_the_end_of_august_in_china(
    graduate_factory: People, signed_in: SignedIn, lantai: Lantai, clock: FakeClock
) -> None:
    body = {"case": "unemployed", "receiver": receiver_code(lantai)}
    for moment, status in (
        (datetime(2026, 8, 31, 15, 59, tzinfo=UTC), 201),
        (datetime(2026, 8, 31, 16, 0, tzinfo=UTC), 409),
    ):
        until(clock, moment)
        http = signed_in(graduate_factory(), purpose="destination")
        assert http.post("/transfers", json=body, headers=key(1)).status_code == status


def test_it_takes_a_step_up_and_ones_own_transfer(
    summer: FakeClock, graduate_factory: People, signed_in: SignedIn, lantai: Lantai
) -> None:
    first, second = (
        signed_in(graduate_factory(), purpose="destination"),
        signed_in(graduate_factory(), purpose="destination"),
    )
    body = {"case": "unemployed", "receiver": receiver_code(lantai)}
    made = first.post("/transfers", json=body, headers=key(1)).json
    foreign = second.post(f"/transfers/{made['id']}/destination", json=body, headers={**key(2), "If-Match": '"2"'})
    assert foreign.status_code == 404
    weak = signed_in(graduate_factory())
    refused = weak.post("/transfers", json=body, headers=key(3))
    assert (refused.status_code, refused.json["purpose"]) == (403, "destination")


def test_a_body_whose_entitlement_ended_is_refused(http: ApiClient, lantai: Lantai) -> None:
    ended = record(lantai, "GG-440301", name="已撤销的中心", valid_to=date(2026, 6, 1))
    refused = http.post("/transfers", json={"case": "unemployed", "receiver": ended}, headers=key(1))
    assert (refused.status_code, refused.json["code"]) == (409, "receiver_not_authorised")


def test_a_redirected_dossier_waits_for_its_new_destination(
    http: ApiClient, lantai: Lantai, run_jobs: Callable[[], None]
) -> None:
    pair = desk_pair(lantai)
    made = http.post("/transfers", json={"case": "unemployed", "receiver": receiver_code(lantai)}, headers=key(1)).json
    view = lantai.transfers.of_graduate(pair.first, _owner(lantai, made["id"]))[0]
    lead(lantai, pair, view, State.REDIRECTED)
    new, old = http.get("/transfers").json["items"]
    assert (old["state"], old["successor_id"], old["next_words"]) == ("redirected", new["id"], "改寄的进度见新的转递")
    assert (new["state"], new["follows"], new["redirect_reason"]) == ("draft", old["id"], "按规定办理")
    assert (new["addressed"], old["addressed"], new["successor_id"]) == (False, True, None)
    run_jobs()
    assert "档案转递：改寄" in [n["title"] for n in http.get("/notices").json["items"]]
    other = record(lantai, "GG-440300", name="另一市人才服务中心", address="另一路 2 号")
    body = {"case": "private_employment", "receiver": other}
    path, headers = f"/transfers/{new['id']}/destination", {**key(2), "If-Match": f'"{new["version"]}"'}
    registered = http.post(path, json=body, headers=headers)
    assert (registered.status_code, registered.json["state"]) == (200, "destination_registered")
    assert (registered.json["receiver_name"], registered.json["addressed"]) == ("另一市人才服务中心", True)


def test_the_basis_of_the_channel_is_shown_and_left_out_it_stays_declared(http: ApiClient, lantai: Lantai) -> None:
    body = {"case": "unemployed", "receiver": receiver_code(lantai), "history": ["military_civilian"]}
    made = http.post("/transfers", json=body, headers=key(1)).json
    basis = made["channel_basis"]
    assert (basis["version"], basis["on"], basis["history"]) == ("2026-1", "2026-07-01", ["曾任军队文职人员"])
    assert len(basis["rules"]) == 2
    assert all(rule["words"] and rule["source"] for rule in basis["rules"])
    path, again = f"/transfers/{made['id']}/destination", {k: v for k, v in body.items() if k != "history"}
    kept = http.post(path, json=again, headers={**key(2), "If-Match": f'"{made["version"]}"'}).json
    assert (kept["channel"], kept["channel_basis"]["history"]) == (made["channel"], ["曾任军队文职人员"])
    none = http.post(path, json={**body, "history": []}, headers={**key(3), "If-Match": f'"{kept["version"]}"'}).json
    assert (none["channel"], none["channel_basis"]["history"]) == ("ems", [])
    unknown = http.post(
        path, json={**body, "history": ["king"]}, headers={**key(4), "If-Match": f'"{none["version"]}"'}
    )
    assert unknown.status_code == 422


def test_a_receiver_that_lapses_is_told_in_plain_words(http: ApiClient, lantai: Lantai, summer: FakeClock) -> None:
    made = http.post("/transfers", json={"case": "unemployed", "receiver": receiver_code(lantai)}, headers=key(1)).json
    assert made["concern"] == ""
    pair = desk_pair(lantai)
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, CODE, lantai.receivers.today)
    lantai.receivers.close(pair.first, known.id, lantai.receivers.today, known.version, "撤销通知")
    (shown,) = http.get("/transfers").json["items"]
    assert shown["concern"].startswith(
        "接收单位“某市人才服务中心”现在不能接收档案（授权已经到期）。档案不会寄往该单位。请重新选择"
    )
    assert "咨询：" in shown["concern"]
    assert shown["state"] == "destination_registered"


def test_in_autumn_who_was_withdrawn_registers_and_others_read_whom_to_call(
    summer: FakeClock, graduate_factory: People, signed_in: SignedIn, lantai: Lantai
) -> None:
    pair, withdrawn, late = desk_pair(lantai), graduate_factory(), graduate_factory()
    lead(lantai, pair, opened(lantai, pair.first, withdrawn.id), State.WITHDRAWN)
    until(summer, datetime(2026, 9, 20, 4, 0, tzinfo=UTC))
    body = {"case": "unemployed", "receiver": receiver_code(lantai)}
    refused = signed_in(late, purpose="destination").post("/transfers", json=body, headers=key(1))
    assert (refused.status_code, refused.json["code"]) == (409, "destination_closed")
    assert lantai.destinations.contact in refused.json["title"]
    http = signed_in(withdrawn, purpose="destination")
    assert http.get("/transfers").json["items"][0]["next_words"] == "请重新登记去向，经审核后办理转递"
    made = http.post("/transfers", json=body, headers=key(2))
    assert (made.status_code, made.json["state"]) == (201, "destination_registered")
