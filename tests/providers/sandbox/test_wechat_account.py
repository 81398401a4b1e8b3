"""Log-in codes, phone codes, session tools, fingerprint, text check, mini-program codes."""

from __future__ import annotations

import json

import pytest

from providers.sandbox.wechat_crypto import session_signature
from tests.providers.sandbox.conftest import Bench


def test_login_code_works_once(bench: Bench) -> None:
    phone = bench.phone(union_id="u1")
    code = bench.control(f"/phones/{phone['id']}/login-code")["code"]
    session = bench.login(code)
    assert (session["openid"], session["unionid"]) == (phone["open_id"], "u1")
    assert "errcode" not in session
    assert bench.login(code)["errcode"] == 40163


def test_login_code_lives_five_minutes(bench: Bench) -> None:
    code = bench.control(f"/phones/{bench.phone()['id']}/login-code")["code"]
    bench.world.clock.advance(301)
    assert bench.login(code)["errcode"] == 40029


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"appid": "wx0"}, 40013),
        ({"secret": "no"}, 40125),
        ({"js_code": ""}, 41008),
        ({"js_code": "x"}, 40029),
        ({"grant_type": "x"}, 40002),
    ],
)
def test_login_refusals(bench: Bench, changed: dict[str, str], errcode: int) -> None:
    code = bench.control(f"/phones/{bench.phone()['id']}/login-code")["code"]
    assert bench.login(code, **changed)["errcode"] == errcode


def test_blocked_user(bench: Bench) -> None:
    code = bench.control(f"/phones/{bench.phone(blocked=True)['id']}/login-code")["code"]
    assert bench.login(code)["errcode"] == 40226


def test_codes_of_other_kinds_and_platforms_are_worthless(bench: Bench) -> None:
    wechat, alipay = bench.phone(), bench.phone("alipay")
    phone_code = bench.control(f"/phones/{wechat['id']}/phone-code")["code"]
    alipay_code = bench.control(f"/phones/{alipay['id']}/login-code")["code"]
    assert [bench.login(code)["errcode"] for code in (phone_code, alipay_code)] == [40029, 40029]


def test_phone_number_once_and_bound_to_the_account(bench: Bench) -> None:
    phone, other = bench.phone(), bench.phone()
    path = "/wxa/business/getuserphonenumber"
    code = bench.control(f"/phones/{phone['id']}/phone-code")["code"]
    info = bench.wechat(path, {"code": code, "openid": phone["open_id"]})["phone_info"]
    assert (info["purePhoneNumber"], str(info["countryCode"])) == (phone["phone_number"], "86")
    assert info["watermark"]["appid"] == bench.world.config.wechat_app_id
    assert bench.wechat(path, {"code": code})["errcode"] == 40029
    second = bench.control(f"/phones/{phone['id']}/phone-code")["code"]
    assert bench.wechat(path, {"code": second, "openid": other["open_id"]})["errcode"] == 40029


def test_country_code_comes_as_text_and_as_number(bench: Bench) -> None:
    phone = bench.phone()
    kinds = set()
    for _ in range(2):
        code = bench.control(f"/phones/{phone['id']}/phone-code")["code"]
        kinds.add(type(bench.wechat("/wxa/business/getuserphonenumber", {"code": code})["phone_info"]["countryCode"]))
    assert kinds == {int, str}


def test_session_check_and_reset(bench: Bench) -> None:
    phone = bench.phone()
    key = bench.login(bench.control(f"/phones/{phone['id']}/login-code")["code"])["session_key"]
    query = {"access_token": bench.token(), "openid": phone["open_id"], "sig_method": "hmac_sha256"}

    def ask(path: str, signature: str) -> dict[str, object]:
        reply = bench.client.get(f"/wechat{path}", query_string={**query, "signature": signature})
        return dict(reply.get_json(force=True))

    signature = session_signature(key)
    assert ask("/wxa/checksession", signature)["errcode"] == 0
    assert ask("/wxa/checksession", "0" * 64)["errcode"] == 87009
    fresh = str(ask("/wxa/resetusersessionkey", signature)["session_key"])
    assert fresh != key
    assert ask("/wxa/checksession", signature)["errcode"] == 87009
    assert ask("/wxa/checksession", session_signature(fresh))["errcode"] == 0


def test_fingerprint_belongs_to_one_phone_and_one_text(bench: Bench) -> None:
    phone, other = bench.phone(), bench.phone()
    signed = bench.control(f"/phones/{phone['id']}/fingerprint", {"challenge": "挑战-42"})
    text = json.loads(signed["json_string"])
    assert text["raw"] == "挑战-42"
    assert {"fid", "counter", "tee_n", "tee_v", "fp_n", "fp_v", "cpu_id", "uid"} <= set(text)

    def is_ok(open_id: str, json_string: str) -> bool:
        body = {"openid": open_id, "json_string": json_string, "json_signature": signed["json_signature"]}
        return bool(bench.wechat("/cgi-bin/soter/verify_signature", body)["is_ok"])

    assert is_ok(phone["open_id"], signed["json_string"])
    assert not is_ok(phone["open_id"], signed["json_string"].replace("42", "43"))
    assert not is_ok(other["open_id"], signed["json_string"])


def test_fingerprint_needs_an_enrolled_phone(bench: Bench) -> None:
    phone = bench.phone(fingerprint_enrolled=False)
    refused = bench.control(f"/phones/{phone['id']}/fingerprint", {"challenge": "x"}, status=409)
    assert refused["error"] == "not_possible"


def test_text_check(bench: Bench) -> None:
    phone = bench.phone()
    body = {"version": 2, "scene": 1, "openid": phone["open_id"], "content": "我的姓名写错了"}
    path = "/wxa/msg_sec_check"
    assert bench.wechat(path, body)["errcode"] == 61010
    bench.control(f"/phones/{phone['id']}/login-code")
    assert bench.wechat(path, body)["result"] == {"suggest": "pass", "label": 100}
    assert bench.wechat(path, {**body, "content": "违规测试"})["result"]["suggest"] == "risky"
    assert bench.wechat(path, {**body, "scene": 9})["errcode"] == 40129
    bench.world.clock.advance(7201)
    assert bench.wechat(path, body)["errcode"] == 61010


def test_code_image_or_json(bench: Bench) -> None:
    path = f"/wechat/wxa/getwxacodeunlimit?access_token={bench.token()}"
    image = bench.client.post(path, json={"scene": "a1b2", "page": "pages/index"})
    assert image.data.startswith(b"\x89PNG")
    assert bench.client.post(path, json={"scene": "张三"}).get_json(force=True)["errcode"] == 40129


def test_garbled_bodies(bench: Bench) -> None:
    path = f"/wechat/wxa/msg_sec_check?access_token={bench.token()}"
    answers = [bench.client.post(path, data=data).get_json(force=True)["errcode"] for data in (b"", b"{", b"[]")]
    assert answers == [44002, 47001, 47001]
