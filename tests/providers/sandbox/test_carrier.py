"""The carrier of the sandbox: signatures, scripts, pushes, forgetting, faults and pages."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import Any

import pytest

from providers.sandbox.carrier_pages import SCRIPT_WORDS
from providers.sandbox.waybills import SCRIPTS
from tests.providers.sandbox.conftest import Bench

NUMBER, OTHER = "EA123456785CN", "1234567890123"
DAY = 86_400


@pytest.fixture(autouse=True)
def by_hand(bench: Bench) -> None:
    bench.world.waybills.auto = False


def ask(bench: Bench, number: str = NUMBER, *, secret: str = "", **changed: Any) -> Any:
    body = {
        "appId": bench.environment["LANTAI_EMS_APP_ID"],
        "timestamp": int(bench.world.clock.wall() * 1000),
        "nonce": secrets.token_hex(16),
        "waybillNo": number,
    } | changed
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    key = (secret or bench.environment["LANTAI_EMS_APP_SECRET"]).encode()
    body = {"sign": hmac.new(key, text, hashlib.sha256).hexdigest(), **body}
    reply = bench.client.post("/ems/track/query", data=json.dumps(body).encode())
    assert reply.status_code == 200
    return reply.get_json(force=True)


def codes(bench: Bench, number: str = NUMBER) -> list[str]:
    answer = ask(bench, number)
    assert (answer["code"], answer["data"]["waybillNo"]) == ("0", number)
    return [line["opCode"] for line in answer["data"]["traces"]]


def test_only_a_fresh_and_rightly_signed_query_is_answered(bench: Bench) -> None:
    bench.control("/waybills", {"number": NUMBER}, status=201)
    assert ask(bench)["code"] == "0"
    assert ask(bench, secret="another")["code"] == "AUTH_FAILED"
    assert ask(bench, appId="another")["code"] == "AUTH_FAILED"
    assert ask(bench, sign="")["code"] == "AUTH_FAILED"
    assert ask(bench, timestamp=int((bench.world.clock.wall() - 301) * 1000))["code"] == "TIMESTAMP_EXPIRED"
    assert ask(bench, timestamp="now")["code"] == "TIMESTAMP_EXPIRED"
    assert ask(bench, nonce="n" * 20)["code"] == "0"
    assert ask(bench, nonce="n" * 20)["code"] == "NONCE_REPLAYED"
    assert ask(bench, nonce="short")["code"] == "BAD_REQUEST"
    assert ask(bench, "EA1")["code"] == "BAD_REQUEST"
    assert bench.client.post("/ems/track/query", data=b"[").get_json(force=True)["code"] == "BAD_REQUEST"


def test_without_an_app_id_of_its_own_nobody_is_answered(bench: Bench) -> None:
    object.__setattr__(bench.world.config, "ems_app_id", "")
    try:
        assert ask(bench, appId="")["code"] == "AUTH_FAILED"
    finally:
        object.__setattr__(bench.world.config, "ems_app_id", bench.environment["LANTAI_EMS_APP_ID"])


def test_an_unknown_number_is_not_found_unless_it_starts_by_itself(bench: Bench) -> None:
    assert ask(bench)["code"] == "WAYBILL_NOT_FOUND"
    bench.control("/waybills/auto", {"on": True})
    assert codes(bench) == ["ACCEPT"]


def test_the_normal_script_runs_with_the_sandboxs_age(bench: Bench) -> None:
    bench.control("/waybills", {"number": NUMBER}, status=201)
    assert codes(bench) == ["ACCEPT"]
    bench.world.clock.advance(DAY)
    assert codes(bench) == ["ACCEPT", "DEPART"]
    bench.world.clock.advance(3 * DAY)
    answer = ask(bench)["data"]["traces"]
    assert [line["opCode"] for line in answer] == ["ACCEPT", "DEPART", "ARRIVE", "DELIVERING", "SIGNED"]
    assert [bool(line.get("signer")) for line in answer] == [False] * 4 + [True]
    assert len({line["traceId"] for line in answer}) == 5


def test_every_script_tells_its_story(bench: Bench) -> None:
    assert set(SCRIPT_WORDS) == set(SCRIPTS)
    numbers = {script: f"{n:013d}" for n, script in enumerate(SCRIPTS)}
    for script, number in numbers.items():
        bench.control("/waybills", {"number": number, "script": script}, status=201)
    bench.world.clock.advance(30 * DAY)
    told = {script: codes(bench, number) for script, number in numbers.items()}
    assert told["manual"] == []
    assert told["lose"] == ["ACCEPT", "DEPART"]
    assert told["lost"][-1] == "LOST"
    assert told["return"][-1] == told["refuse"][-1] == told["contradictory"][-1] == "RETURNED"
    assert "REFUSED" in told["refuse"]
    assert told["contradictory"][-2] == "SIGNED"
    assert told["delay"][-1] == "SIGNED"
    assert len(told["duplicates"]) == 2 * len(told["normal"])
    assert sorted(told["out_of_order"]) == sorted(told["normal"])
    assert told["out_of_order"] != told["normal"]


def test_a_trace_is_forgotten_after_a_year(bench: Bench) -> None:
    bench.control("/waybills", {"number": NUMBER}, status=201)
    bench.world.clock.advance(364 * DAY)
    assert codes(bench)
    bench.world.clock.advance(2 * DAY)
    assert ask(bench)["code"] == "WAYBILL_NOT_FOUND"
    bench.world.waybills.auto = True
    assert ask(bench)["code"] == "WAYBILL_NOT_FOUND"


def test_a_tester_pushes_and_steps(bench: Bench) -> None:
    bench.control("/waybills", {"number": NUMBER, "script": "lose"}, status=201)
    assert bench.control("/waybills/step", {"number": NUMBER})["code"] == "DEPART"
    assert bench.control("/waybills/step", {"number": NUMBER}, status=422)["error"] == "invalid"
    pushed = {"number": NUMBER, "code": "X9", "at": 1_780_000_000, "id": "own", "place": "某地", "words": "某事"}
    bench.control("/waybills/push", pushed)
    line = ask(bench)["data"]["traces"][-1]
    assert line == {
        "traceId": "own",
        "opTime": "2026-05-29 04:26:40",
        "opCode": "X9",
        "opOrgName": "某地",
        "opDesc": "某事",
    }
    shown = bench.client.get("/control/waybills").get_json()["waybills"]
    assert [(w["number"], len(w["trace"])) for w in shown] == [(NUMBER, 3)]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/waybills", {"number": "x"}, 422),
        ("/waybills", {"number": OTHER, "script": "x"}, 422),
        ("/waybills", {"number": NUMBER}, 422),
        ("/waybills", {}, 422),
        ("/waybills/push", {"number": OTHER, "code": "SIGNED"}, 404),
        ("/waybills/push", {"number": NUMBER}, 422),
        ("/waybills/push", {"number": NUMBER, "code": "SIGNED", "at": "now"}, 422),
        ("/waybills/step", {"number": OTHER}, 404),
        ("/waybills/auto", {"on": 1}, 422),
    ],
)
def test_wrong_calls_are_told_so(bench: Bench, path: str, body: dict[str, Any], status: int) -> None:
    bench.control("/waybills", {"number": NUMBER, "script": "manual"}, status=201)
    assert bench.control(path, body, status=status)["error"] in ("invalid", "unknown_waybill")


def test_trouble_as_scripted_and_numbers_are_masked_in_the_journal(bench: Bench) -> None:
    bench.control("/waybills", {"number": NUMBER}, status=201)
    bench.control("/faults", {"target": "ems", "kind": "errcode", "value": "LIMITED"}, status=201)
    assert ask(bench)["code"] == "LIMITED"
    bench.control("/faults", {"target": "ems", "kind": "slow", "value": 7}, status=201)
    assert ask(bench)["code"] == "0"
    assert bench.slept == [7]
    bench.control("/faults", {"target": "ems", "kind": "http_500"}, status=201)
    assert bench.client.post("/ems/track/query", data=b"{}").status_code == 500
    calls = bench.client.get("/control/calls?api=/track/query").get_json()["calls"]
    assert [call["outcome"] for call in calls] == ["LIMITED", "0", "http_500"]
    assert NUMBER not in json.dumps(calls)


def test_a_reset_forgets_the_consignments(bench: Bench) -> None:
    bench.control("/waybills", {"number": NUMBER}, status=201)
    bench.control("/reset")
    bench.world.waybills.auto = False
    assert ask(bench)["code"] == "WAYBILL_NOT_FOUND"


# --- pages ------------------------------------------------------------------------------------------------------------


def test_a_person_hands_over_looks_and_pushes(bench: Bench) -> None:
    made = bench.client.post("/waybills/", data={"number": "ea123456785cn", "script": "manual"})
    assert made.status_code == 303
    page = bench.client.get(made.headers["Location"]).text
    assert NUMBER in page
    assert "没有轨迹" in page
    pushed = bench.client.post(f"/waybills/{NUMBER}/do/push", data={"code": "ACCEPT"}, follow_redirects=True).text
    assert "已收寄" in pushed
    assert codes(bench) == ["ACCEPT"]
    assert NUMBER in bench.client.get("/waybills/").text
    ended = bench.client.post(f"/waybills/{NUMBER}/do/step", follow_redirects=True).text
    assert "做不到" in ended
    unheard = bench.client.post(f"/waybills/{NUMBER}/do/push", data={"code": "<b>"}, follow_redirects=True).text
    assert "做不到" in unheard
    assert "<b>" not in unheard


def test_a_number_of_another_shape_and_one_that_is_not_there(bench: Bench) -> None:
    assert "没有收寄" in bench.client.post("/waybills/", data={"number": "x"}, follow_redirects=True).text
    assert bench.client.get(f"/waybills/{OTHER}").status_code == 404
