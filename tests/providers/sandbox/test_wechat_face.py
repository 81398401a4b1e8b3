"""Face verification 2.0 from beginning to verdict."""

from __future__ import annotations

from typing import Any

import pytest

from providers.sandbox.wechat_crypto import cert_hash
from tests.providers.sandbox.conftest import PERSON, Bench

BEGIN = "/cityservice/face/identify/getverifyid"
QUERY = "/cityservice/face/identify/queryverifyinfo"
CERT = {"cert_type": "IDENTITY_CARD", "cert_name": PERSON["real_name"], "cert_no": PERSON["id_number"]}


def _begin(bench: Bench, phone: Any, seq: str = "order-0001", **changed: Any) -> Any:
    body = {"out_seq_no": seq, "cert_info": CERT, "openid": phone["open_id"]} | changed
    return bench.wechat(BEGIN, body)


def _query(bench: Bench, phone: Any, ticket: str, **changed: Any) -> Any:
    digest = cert_hash(CERT["cert_type"], CERT["cert_name"], CERT["cert_no"])
    body = {"verify_id": ticket, "out_seq_no": "order-0001", "cert_hash": digest, "openid": phone["open_id"]}
    return bench.wechat(QUERY, body | changed)


def test_pending_then_passed(bench: Bench) -> None:
    phone = bench.phone()
    begun = _begin(bench, phone)
    assert (begun["errcode"], begun["expires_in"]) == (0, 3600)
    assert len(begun["verify_id"]) <= 256
    assert _query(bench, phone, begun["verify_id"])["verify_ret"] == 10300
    assert bench.control(f"/phones/{phone['id']}/face", {"verify_id": begun["verify_id"]})["result"] == "pass"
    assert _query(bench, phone, begun["verify_id"]) == {"errcode": 0, "errmsg": "ok", "verify_ret": 10000}


@pytest.mark.parametrize("holder", [{"real_name": "李四"}, {"id_number": "110101199901010028"}, {"face_passes": False}])
def test_another_person_or_face_never_passes(bench: Bench, holder: dict[str, Any]) -> None:
    phone = bench.phone(**holder)
    verify_id = _begin(bench, phone)["verify_id"]
    assert bench.control(f"/phones/{phone['id']}/face", {"verify_id": verify_id})["result"] == "mismatch"
    assert _query(bench, phone, verify_id)["verify_ret"] == 10004


@pytest.mark.parametrize(
    ("word", "verify_ret"), [("cancel", 90002), ("blur", 10010), ("id_mismatch", 10003), (10042, 10042)]
)
def test_scripted_results(bench: Bench, word: str | int, verify_ret: int) -> None:
    phone = bench.phone()
    verify_id = _begin(bench, phone)["verify_id"]
    bench.control(f"/phones/{phone['id']}/face", {"verify_id": verify_id, "result": word})
    assert _query(bench, phone, verify_id)["verify_ret"] == verify_ret


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"openid": "o-other"}, 84017),
        ({"cert_hash": "0" * 64}, 84018),
        ({"out_seq_no": "order-0002"}, 84020),
        ({"verify_id": "unknown"}, 84021),
    ],
)
def test_query_must_fit_the_beginning(bench: Bench, changed: dict[str, str], errcode: int) -> None:
    phone = bench.phone()
    verify_id = _begin(bench, phone)["verify_id"]
    bench.control(f"/phones/{phone['id']}/face", {"verify_id": verify_id})
    reply = _query(bench, phone, verify_id, **changed)
    assert reply["errcode"] == errcode
    assert "verify_ret" not in reply


def test_an_hour_is_the_limit(bench: Bench) -> None:
    phone = bench.phone()
    verify_id = _begin(bench, phone)["verify_id"]
    bench.world.clock.advance(3601)
    assert _query(bench, phone, verify_id)["errcode"] == 84022
    bench.control(f"/phones/{phone['id']}/face", {"verify_id": verify_id}, status=409)


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"out_seq_no": ""}, 84010),
        ({"out_seq_no": "四个字符"}, 84011),
        ({"out_seq_no": "x" * 33}, 84011),
        ({"cert_info": None}, 84012),
        ({"cert_info": {**CERT, "cert_type": "PASSPORT"}}, 84013),
        ({"cert_info": {**CERT, "cert_name": ""}}, 84014),
        ({"cert_info": {**CERT, "cert_no": "123"}}, 84015),
        ({"openid": ""}, 84016),
        ({"openid": "o-nobody"}, 40003),
    ],
)
def test_beginnings_that_are_refused(bench: Bench, changed: dict[str, Any], errcode: int) -> None:
    assert _begin(bench, bench.phone(), **changed)["errcode"] == errcode


def test_order_numbers_are_used_once(bench: Bench) -> None:
    phone = bench.phone()
    assert _begin(bench, phone)["errcode"] == 0
    assert _begin(bench, phone)["errcode"] == 84019


def test_only_the_named_account_can_do_the_check(bench: Bench) -> None:
    phone, other = bench.phone(), bench.phone()
    verify_id = _begin(bench, phone)["verify_id"]
    refused = bench.control(f"/phones/{other['id']}/face", {"verify_id": verify_id}, status=409)
    assert refused["error"] == "not_this_phone"
    assert _query(bench, phone, verify_id)["verify_ret"] == 10300
