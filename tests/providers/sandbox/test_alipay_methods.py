"""Log-in, certification, messages and the phone-number text of Alipay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.sandbox.alipay_crypto import aes_decrypt, rsa2_valid
from tests.providers.sandbox.alipay_caller import call, request_parameters
from tests.providers.sandbox.conftest import PERSON, Bench

TOKEN = "alipay.system.oauth.token"
SEND = "alipay.open.app.mini.templatemessage.send"
OPEN = "alipay.user.certify.open"
H5 = "datadigital.fincloud.generalsaas.face.certify"


def _code(bench: Bench, phone: Any) -> str:
    return str(bench.control(f"/phones/{phone['id']}/login-code")["code"])


def _initialize(bench: Bench, family: str = OPEN, order: str = "a" * 32, **changed: Any) -> Any:
    person = {
        "identity_type": "CERT_INFO",
        "cert_type": "IDENTITY_CARD",
        "cert_name": PERSON["real_name"],
        "cert_no": PERSON["id_number"],
    }
    content = {
        "outer_order_no": order,
        "biz_code": "FACE" if family == OPEN else "FUTURE_TECH_BIZ_FACE_SDK",
        "identity_param": person,
        "merchant_config": {"return_url": "alipays://x"},
    } | changed
    return call(bench, f"{family}.initialize", content).node


def test_login(bench: Bench) -> None:
    phone = bench.phone("alipay")
    code = _code(bench, phone)
    answer = call(bench, TOKEN, grant_type="authorization_code", code=code)
    assert answer.verified
    assert answer.node["open_id"] == phone["open_id"]
    assert not {"code", "user_id"} & set(answer.node)
    again = call(bench, TOKEN, grant_type="authorization_code", code=code)
    assert (again.name, again.node["code"], again.node["sub_code"]) == ("error_response", "40002", "isv.code-invalid")


def test_refresh_token_is_single_use(bench: Bench) -> None:
    phone = bench.phone("alipay")
    node = call(bench, TOKEN, grant_type="authorization_code", code=_code(bench, phone)).node
    refresh = {"grant_type": "refresh_token", "refresh_token": node["refresh_token"]}
    assert call(bench, TOKEN, **refresh).node["open_id"] == phone["open_id"]
    assert call(bench, TOKEN, **refresh).node["sub_code"] == "isv.refresh-token-invalid"


def test_published_refusals(bench: Bench, vectors: dict[str, Any]) -> None:
    seen = {
        "bad code": call(bench, TOKEN, grant_type="authorization_code", code="x").node,
        "bad refresh_token": call(bench, TOKEN, grant_type="refresh_token", refresh_token="x").node,
        "bad template": call(bench, SEND, {"to_open_id": bench.phone("alipay")["open_id"]}).node,
        "expired certify_id": call(bench, f"{OPEN}.query", {"certify_id": "x"}).node,
    }
    for row in vectors["ali.errors.observed"]["expected"]:
        for member in ("code", "msg", "sub_code", "sub_msg"):
            assert seen[row["case"]][member] == row[member], row["case"]


@pytest.mark.parametrize("family", [OPEN, H5])
def test_certification(bench: Bench, family: str) -> None:
    phone = bench.phone("alipay")
    certify_id = _initialize(bench, family)["certify_id"]
    pending = call(bench, f"{family}.query", {"certify_id": certify_id}).node
    assert pending["passed"] == "F"
    assert "fail_reason" not in pending
    assert bench.control(f"/phones/{phone['id']}/face", {"certify_id": certify_id})["result"] == "pass"
    assert call(bench, f"{family}.query", {"certify_id": certify_id}).node["passed"] == "T"


def test_somebody_else_does_not_pass(bench: Bench) -> None:
    phone = bench.phone("alipay", real_name="李四")
    certify_id = _initialize(bench)["certify_id"]
    assert bench.control(f"/phones/{phone['id']}/face", {"certify_id": certify_id})["result"] == "mismatch"
    node = call(bench, f"{OPEN}.query", {"certify_id": certify_id}).node
    assert (node["passed"], node["fail_reason"]) == ("F", "人脸比对不通过")


def test_certify_id_expires_and_belongs_to_its_family(bench: Bench) -> None:
    certify_id = _initialize(bench)["certify_id"]
    assert call(bench, f"{H5}.query", {"certify_id": certify_id}).node["sub_code"] == "CERTIFY_ID_EXPIRED"
    bench.world.clock.advance(86401)
    assert call(bench, f"{OPEN}.query", {"certify_id": certify_id}).node["sub_code"] == "CERTIFY_ID_EXPIRED"


@pytest.mark.parametrize(
    "changed",
    [
        {"outer_order_no": "a" * 33},
        {"biz_code": "PALM"},
        {"identity_param": "not json"},
        {"identity_param": {"identity_type": "CERT_INFO", "cert_type": "PASSPORT"}},
        {"merchant_config": {}},
    ],
)
def test_beginnings_that_are_refused(bench: Bench, changed: dict[str, Any]) -> None:
    assert _initialize(bench, **changed)["sub_code"] == "isv.invalid-parameter"


def test_identity_may_come_as_text_and_orders_are_used_once(bench: Bench) -> None:
    person = {"identity_type": "CERT_INFO", "cert_type": "IDENTITY_CARD", "cert_name": "甲", "cert_no": "1"}
    assert _initialize(bench, identity_param=json.dumps(person))["code"] == "10000"
    assert _initialize(bench)["code"] == "40002"


def test_certify_page_needs_our_signature(bench: Bench) -> None:
    bench.phone("alipay", name="小兰的手机")
    certify_id = _initialize(bench)["certify_id"]
    parameters = request_parameters(bench, f"{OPEN}.certify", {"certify_id": certify_id})
    page = bench.client.get("/alipay/gateway.do", query_string=parameters).text
    assert "小兰的手机" in page
    assert "模拟" in page
    refused = bench.client.get("/alipay/gateway.do", query_string={**parameters, "sign": "AAAA"}).text
    assert "isv.invalid-signature" in refused


def test_h5_address_leads_to_a_page(bench: Bench) -> None:
    certify_id = _initialize(bench, H5)["certify_id"]
    address = call(bench, f"{H5}.verify", {"certify_id": certify_id}).node["certify_url"]
    assert PERSON["real_name"] in bench.client.get(address).text


def _message(bench: Bench, phone: Any, **changed: Any) -> dict[str, Any]:
    data = {"keyword1": {"value": "成绩单更正"}, "keyword2": {"value": "已办结"}}
    return {
        "to_open_id": phone["open_id"],
        "user_template_id": bench.environment["LANTAI_ALIPAY_TEMPLATE_TICKET_DECIDED"],
        "page": "pages/inbox",
        "data": json.dumps(data, ensure_ascii=False),
    } | changed


def _subscribe(bench: Bench, phone: Any) -> Any:
    ids = [bench.environment["LANTAI_ALIPAY_TEMPLATE_TICKET_DECIDED"]]
    return bench.control(f"/phones/{phone['id']}/subscribe", {"template_ids": ids, "accept": True})


def test_message_needs_consent_and_arrives(bench: Bench) -> None:
    phone = bench.phone("alipay")
    assert call(bench, SEND, _message(bench, phone)).node["code"] == "40004"
    assert _subscribe(bench, phone)["result"]["behavior"] == "subscribe"
    assert bench.callbacks.received == []
    assert call(bench, SEND, _message(bench, phone)).node["code"] == "10000"
    shown = bench.client.get(f"/control/phones/{phone['id']}/messages").get_json()["messages"]
    assert [m["fields"] for m in shown] == [{"keyword1": "成绩单更正", "keyword2": "已办结"}]


@pytest.mark.parametrize(
    ("changed", "sub_code"),
    [
        ({"user_template_id": "x"}, "USER_TEMPLATE_ILLEGAL"),
        ({"data": '{"keyword2":{"value":"a"}}'}, "USER_TEMPLATE_LACK_KEYWORD"),
        ({"data": json.dumps({"keyword1": {"value": "字" * 51}})}, "USER_KEYWORD_LENGTH_ERROR"),
        ({"data": {"keyword1": {"value": "a"}}}, "isv.invalid-parameter"),
        ({"page": "p" * 129}, "isv.invalid-parameter"),
    ],
)
def test_message_refusals(bench: Bench, changed: dict[str, Any], sub_code: str) -> None:
    phone = bench.phone("alipay")
    _subscribe(bench, phone)
    assert call(bench, SEND, _message(bench, phone, **changed)).node["sub_code"] == sub_code


def test_consent_can_be_asked(bench: Bench) -> None:
    phone = bench.phone("alipay")
    ids = [bench.environment[f"LANTAI_ALIPAY_TEMPLATE_{name}"] for name in ("TICKET_DECIDED", "TRANSFER_STEP")]
    _subscribe(bench, phone)
    content = {"open_id": phone["open_id"], "template_id_list": ids}
    rows = call(bench, "alipay.open.app.messagetemplate.subscribe.query", content).node["subscribe_relations"]
    assert [row["subscribe_state"] for row in rows] == ["SUBSCRIBE", "UNSUBSCRIBE"]


def test_phone_number_text(bench: Bench) -> None:
    phone = bench.phone("alipay")
    answer = json.loads(bench.control(f"/phones/{phone['id']}/phone-code")["response"])
    key = bench.world.config.alipay_platform_key.public_key()
    assert rsa2_valid(key, f'"{answer["response"]}"', answer["sign"])
    plain = json.loads(aes_decrypt(bench.environment["LANTAI_ALIPAY_CONTENT_AES_KEY"], answer["response"]))
    assert plain == {"code": "10000", "msg": "Success", "mobile": phone["phone_number"]}


@pytest.mark.parametrize("fault", ["unsigned", "wrong_key", "no_relation"])
def test_phone_number_texts_to_refuse(bench: Bench, fault: str) -> None:
    phone = bench.phone("alipay")
    answer = json.loads(bench.control(f"/phones/{phone['id']}/phone-code", {"fault": fault})["response"])
    key = bench.world.config.alipay_platform_key.public_key()
    assert not rsa2_valid(key, f'"{answer["response"]}"', answer.get("sign", ""))
    if fault == "no_relation":
        assert json.loads(answer["response"])["subCode"] == "isv.invalid-auth-relations"
