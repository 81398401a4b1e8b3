"""The gateway: our signature, our time, its signature over awkward text, encryption, faults."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.providers.sandbox.alipay_caller import BEIJING, call, post, request_parameters, sign
from tests.providers.sandbox.conftest import Bench

QUERY = "alipay.open.app.messagetemplate.subscribe.query"
CONTENT = {"open_id": "x", "template_id_list": []}


def test_signed_call_gets_a_signed_answer(bench: Bench) -> None:
    answer = call(bench, QUERY, CONTENT)
    assert answer.name == "alipay_open_app_messagetemplate_subscribe_query_response"
    assert answer.node["code"] == "10000"
    assert answer.verified


def test_answers_are_awkward_but_signed_as_they_stand(bench: Bench) -> None:
    raws = [call(bench, QUERY, CONTENT) for _ in range(3)]
    assert all(answer.verified for answer in raws)
    assert all("\\/" in answer.raw and "}{" in answer.raw for answer in raws)
    assert len({answer.raw for answer in raws}) == 3


def test_signature_covers_values_before_url_encoding(bench: Bench) -> None:
    content = {"open_id": "100% & 中文 +/=", "template_id_list": []}
    assert call(bench, QUERY, content, notify_url="").node["code"] == "10000"


@pytest.mark.parametrize("name", ["biz_content", "timestamp", "version"])
def test_altered_parameters_are_refused(bench: Bench, name: str) -> None:
    parameters = request_parameters(bench, QUERY, CONTENT)
    later = (datetime.now(BEIJING) + timedelta(minutes=2)).strftime("%Y-%m-%d %H:%M:%S")
    parameters[name] = {"biz_content": "{}", "timestamp": later, "version": "1.1"}[name]
    assert post(bench, parameters).node["sub_code"] == "isv.invalid-signature"


def test_another_key_is_refused(bench: Bench) -> None:
    parameters = request_parameters(bench, QUERY, CONTENT)
    parameters["sign"] = sign(rsa.generate_private_key(65537, 2048), parameters)
    answer = post(bench, parameters)
    assert (answer.node["code"], answer.node["sub_code"]) == ("40002", "isv.invalid-signature")


@pytest.mark.parametrize(("minutes", "accepted"), [(-14, True), (14, True), (-16, False), (16, False), (-480, False)])
def test_time_window(bench: Bench, minutes: int, accepted: bool) -> None:
    at = (datetime.now(BEIJING) + timedelta(minutes=minutes)).strftime("%Y-%m-%d %H:%M:%S")
    node = call(bench, QUERY, CONTENT, timestamp=at).node
    assert (node.get("sub_code") != "isv.invalid-timestamp") is accepted


@pytest.mark.parametrize(
    ("name", "sub_code"),
    [
        ("method", "isv.missing-method"),
        ("app_id", "isv.missing-app-id"),
        ("sign", "isv.missing-signature"),
        ("sign_type", "isv.missing-signature-type"),
        ("timestamp", "isv.missing-timestamp"),
        ("version", "isv.missing-version"),
    ],
)
def test_missing_parameters_answer_unsigned_under_error_response(bench: Bench, name: str, sub_code: str) -> None:
    parameters = request_parameters(bench, QUERY, CONTENT)
    del parameters[name]
    answer = post(bench, parameters)
    assert (answer.name, answer.signed) == ("error_response", False)
    assert (answer.node["code"], answer.node["sub_code"]) == ("40001", sub_code)


@pytest.mark.parametrize(
    ("changed", "sub_code"),
    [
        ({"app_id": "2021"}, "isv.invalid-app-id"),
        ({"sign_type": "RSA"}, "isv.invalid-signature-type"),
        ({"method": "alipay.trade.pay"}, "isv.invalid-method"),
        ({"timestamp": "2026/07/01"}, "isv.invalid-timestamp"),
    ],
)
def test_wrong_parameters(bench: Bench, changed: dict[str, str], sub_code: str) -> None:
    parameters = {"method": QUERY} | changed
    assert call(bench, content=CONTENT, **parameters).node["sub_code"] == sub_code


def test_encrypted_content_both_ways(bench: Bench) -> None:
    answer = call(bench, QUERY, CONTENT, encrypt_type="AES")
    assert answer.raw.startswith('"')
    assert answer.verified
    assert answer.node["code"] == "10000"


def test_undecipherable_content(bench: Bench) -> None:
    parameters = request_parameters(bench, QUERY, encrypt_type="AES", biz_content="AAAA")
    answer = post(bench, parameters)
    assert (answer.node["code"], answer.node["sub_code"]) == ("40003", "isv.decryption-error-unknown")


@pytest.mark.parametrize(
    ("fault", "name", "signed", "verified"),
    [
        ({"kind": "unsigned"}, "alipay_open_app_messagetemplate_subscribe_query_response", False, False),
        ({"kind": "wrong_key"}, "alipay_open_app_messagetemplate_subscribe_query_response", True, False),
        ({"kind": "error_response"}, "error_response", False, False),
        ({"kind": "sub_code"}, "alipay_open_app_messagetemplate_subscribe_query_response", True, True),
    ],
)
def test_scripted_answers(bench: Bench, fault: Any, name: str, signed: bool, verified: bool) -> None:
    bench.control("/faults", {"target": f"alipay:{QUERY}", **fault}, status=201)
    answer = call(bench, QUERY, CONTENT)
    assert (answer.name, answer.signed, answer.verified) == (name, signed, verified)
    assert call(bench, QUERY, CONTENT).verified


def test_20000_once(bench: Bench) -> None:
    fault = {"target": f"alipay:{QUERY}", "kind": "sub_code", "value": "aop.unknow-error", "times": 1}
    bench.control("/faults", fault, status=201)
    assert [call(bench, QUERY, CONTENT).node["code"] for _ in range(2)] == ["20000", "10000"]


def test_scripted_sub_code_with_its_own_code(bench: Bench) -> None:
    value = {"code": "40004", "sub_code": "SYSTEM_ERROR", "sub_msg": "系统繁忙"}
    bench.control("/faults", {"target": "alipay:*", "kind": "sub_code", "value": value}, status=201)
    node = call(bench, QUERY, CONTENT).node
    assert (node["code"], node["sub_code"], node["sub_msg"]) == ("40004", "SYSTEM_ERROR", "系统繁忙")
