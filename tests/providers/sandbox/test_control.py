"""The control API itself: faults, journal, reset, and who may call."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.sandbox.conftest import PERSON, SUBSCRIBE, Bench

IP_LIST = "/wechat/cgi-bin/getcallbackip"


def _ip_list(bench: Bench) -> Any:
    return bench.client.get(IP_LIST, query_string={"access_token": bench.token()})


def _fault(bench: Bench, **body: Any) -> None:
    bench.control("/faults", {"target": "wechat:/cgi-bin/getcallbackip", **body}, status=201)


def test_errcode_fault_hits_the_next_calls_only(bench: Bench) -> None:
    _fault(bench, kind="errcode", value=-1, times=2)
    assert [_ip_list(bench).get_json(force=True).get("errcode") for _ in range(3)] == [-1, -1, None]


def test_http_faults(bench: Bench) -> None:
    for kind, value in (("http_500", None), ("garbage", None), ("slow", 1.5)):
        _fault(bench, kind=kind, value=value)
    broken, garbled, slow = _ip_list(bench), _ip_list(bench), _ip_list(bench)
    assert broken.status_code == 500
    assert (garbled.status_code, garbled.get_json(force=True, silent=True)) == (200, None)
    assert slow.get_json(force=True) == {"ip_list": ["127.0.0.1"]}
    assert bench.slept == [1.5]


@pytest.mark.parametrize(("value", "arrived"), [(None, 0), ("after", 1)])
def test_reset_before_or_after_the_effect(bench: Bench, value: str | None, arrived: int) -> None:
    phone = bench.phone()
    template_id = bench.environment["LANTAI_WECHAT_TEMPLATE_TICKET_DECIDED"]
    bench.control(f"/phones/{phone['id']}/subscribe", {"template_ids": [template_id], "accept": True})
    bench.control("/faults", {"target": f"wechat:{SUBSCRIBE[7:]}", "kind": "reset", "value": value}, status=201)
    message = {"touser": phone["open_id"], "template_id": template_id, "data": {"thing1": {"value": "a"}}}
    bench.app.testing = True
    with pytest.raises(ConnectionResetError):
        bench.wechat(SUBSCRIBE[7:], message)
    assert len(bench.client.get(f"/control/phones/{phone['id']}/messages").get_json()["messages"]) == arrived


@pytest.mark.parametrize(
    "body",
    [
        {"target": "wechat:/x", "kind": "explode"},
        {"target": "mars", "kind": "slow"},
        {"target": "wecom", "kind": "slow", "times": 0},
        {"kind": "slow"},
    ],
)
def test_faults_are_checked(bench: Bench, body: dict[str, Any]) -> None:
    assert bench.control("/faults", body, status=422)["error"] == "invalid"


def test_faults_are_listed_and_cleared(bench: Bench) -> None:
    _fault(bench, kind="garbage", times=3)
    listed = bench.client.get("/control/faults").get_json()["faults"]
    assert [(f["kind"], f["times"]) for f in listed] == [("garbage", 3)]
    assert bench.client.delete("/control/faults").status_code == 200
    assert _ip_list(bench).get_json(force=True) == {"ip_list": ["127.0.0.1"]}


def test_calls_are_kept_and_masked(bench: Bench) -> None:
    phone = bench.phone()
    code = bench.control(f"/phones/{phone['id']}/login-code")["code"]
    bench.login(code)
    papers = {"cert_type": "IDENTITY_CARD", "cert_name": PERSON["real_name"], "cert_no": PERSON["id_number"]}
    body = {"out_seq_no": "order-0001", "cert_info": papers, "openid": phone["open_id"]}
    bench.wechat("/cityservice/face/identify/getverifyid", body)
    reply = bench.client.get("/control/calls")
    calls = reply.get_json()["calls"]
    assert [c["api"] for c in calls] == [
        "/sns/jscode2session",
        "/cgi-bin/stable_token",
        "/cityservice/face/identify/getverifyid",
    ]
    assert calls[2]["parameters"]["out_seq_no"] == "order-0001"
    assert calls[2]["parameters"]["cert_info"]["cert_type"] == "IDENTITY_CARD"
    secrets = (code, bench.environment["LANTAI_WECHAT_APP_SECRET"], PERSON["real_name"], PERSON["id_number"])
    assert not [secret for secret in secrets if secret in reply.get_data(as_text=True)]
    later = bench.client.get(f"/control/calls?since={calls[1]['seq']}&api=/cityservice/face/identify/getverifyid")
    assert [c["outcome"] for c in later.get_json()["calls"]] == ["0"]


def test_refusals_are_in_the_journal(bench: Bench) -> None:
    bench.login("nonsense")
    assert bench.client.get("/control/calls").get_json()["calls"][0]["outcome"] == "40029"


def test_phones_can_be_listed_and_given_ids(bench: Bench) -> None:
    made = bench.phone(id="wang", open_id="o-wang")
    assert (made["id"], made["open_id"]) == ("wang", "o-wang")
    listed = bench.client.get("/control/phones").get_json()["phones"]
    assert [p["id"] for p in listed] == ["wang"]
    one = bench.client.get("/control/phones/wang").get_json()
    assert {c["left"] for c in one["consents"]} == {0}


@pytest.mark.parametrize(
    "changed", [{"platform": "fax"}, {"real_name": ""}, {"id_number": None}, {"shoe_size": 41}, {"open_id": "o-1"}]
)
def test_phones_are_checked(bench: Bench, changed: dict[str, Any]) -> None:
    bench.phone(open_id="o-1")
    bench.control("/phones", {"platform": "wechat", **PERSON, **changed}, status=422)


def test_unknown_phone(bench: Bench) -> None:
    assert bench.control("/phones/nobody/login-code", status=404)["error"] == "unknown_phone"


def test_reset_forgets_all(bench: Bench) -> None:
    phone, token = bench.phone(), bench.token()
    _fault(bench, kind="garbage")
    bench.control("/reset")
    assert bench.client.get("/control/phones").get_json() == {"phones": []}
    assert bench.client.get("/control/faults").get_json() == {"faults": []}
    assert bench.client.get("/control/calls").get_json() == {"calls": []}
    assert bench.client.get(IP_LIST, query_string={"access_token": token}).get_json(force=True)["errcode"] == 40001
    bench.control(f"/phones/{phone['id']}/login-code", status=404)


def test_clock_runs_ahead_for_lifetimes(bench: Bench) -> None:
    code = bench.control(f"/phones/{bench.phone()['id']}/login-code")["code"]
    assert bench.control("/clock/advance", {"seconds": 400}) == {"ahead": 400.0}
    assert bench.login(code)["errcode"] == 40029


@pytest.mark.parametrize(
    ("address", "headers"),
    [
        ("203.0.113.9", {}),
        ("127.0.0.1", {"Host": "rebound.example"}),
        ("127.0.0.1", {"Origin": "https://evil.example"}),
    ],
)
def test_loopback_only(bench: Bench, address: str, headers: dict[str, str]) -> None:
    reply = bench.client.get("/control/phones", headers=headers, environ_base={"REMOTE_ADDR": address})
    assert reply.status_code == 403
