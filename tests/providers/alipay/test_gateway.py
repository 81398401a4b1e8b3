from __future__ import annotations

import json
import logging
import traceback
from urllib.parse import parse_qsl, urlsplit

import pytest

from providers.alipay.gateway import AlipayGateway, AlipayRefused
from providers.alipay.signing import AlipayKeyError
from providers.outbound import PlatformUnavailable
from tests.providers.alipay.fake_alipay import (
    APP_ID,
    FakeAlipay,
    aes,
    content_of,
    node_name,
    private_pem,
    public_pem,
    reply,
    signed_by,
)
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, FakeClock, closed_port_url

METHOD = "alipay.open.thing.do"
NAME = node_name(METHOD)
GOOD = b'{"code":"10000","msg":"Success","n":1}'


def call(alipay: FakeAlipay, answer: Answer | None = None) -> dict[str, object]:
    if answer is not None:
        alipay.answer = lambda seen: answer
    # only silence is waited for; a busy machine may need longer than that to answer
    return alipay.gateway(timeout_s=0.5 if answer == SILENT else 5.0).call(METHOD, {"a": 1})


def test_the_form_is_complete_and_signed(alipay: FakeAlipay) -> None:
    clock = FakeClock(1_767_196_800)  # 2025-12-31T16:00:00Z: already next year in Beijing
    assert alipay.gateway(clock).call(METHOD, {"名": "张三", "b": [1]}) == {"code": "10000", "msg": "Success"}
    asked = alipay.server.seen[0]  # the fake has checked the signature
    assert (asked.method, asked.path, asked.query) == ("POST", "/gateway.do", {})
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded;charset=utf-8"
    form = {key: value for key, value in asked.form.items() if key != "sign"}
    assert form == {
        "app_id": APP_ID,
        "method": METHOD,
        "format": "JSON",
        "charset": "utf-8",
        "sign_type": "RSA2",
        "timestamp": "2026-01-01 00:00:00",
        "version": "1.0",
        "biz_content": '{"名":"张三","b":[1]}',
    }


def test_empty_parameters_are_neither_sent_nor_signed(alipay: FakeAlipay) -> None:
    alipay.gateway().call(METHOD, top={"notify_url": "", "grant_type": "x"})
    form = alipay.server.seen[0].form
    assert "notify_url" not in form
    assert "biz_content" not in form
    assert form["grant_type"] == "x"


def test_certificate_mode_names_both_serials(alipay: FakeAlipay) -> None:
    gateway = AlipayGateway(
        APP_ID,
        private_pem("app"),
        public_pem("alipay"),
        gateway_url=alipay.server.url,
        clock=FakeClock(),
        app_cert_sn="aa",
        root_cert_sn="bb_cc",
    )
    gateway.call(METHOD, {})
    form = alipay.server.seen[0].form
    assert (form["app_cert_sn"], form["alipay_root_cert_sn"]) == ("aa", "bb_cc")


@pytest.mark.parametrize(
    "raw",
    [
        rb'{"code":"10000","url":"https:\/\/a\/b"}',
        rb'{"code":"10000","t":"a } \" { b"}',
        b'{ "msg" : "ok", "code" : "10000" }',
        '{"code":"10000","t":"中文"}'.encode(),
        rb'{"code":"10000","t":"\u4e2d"}',
    ],
)
def test_the_raw_text_is_what_is_verified(alipay: FakeAlipay, raw: bytes) -> None:
    assert call(alipay, reply(NAME, raw)) == json.loads(raw)


def test_an_unknown_member_beside_the_node_does_no_harm(alipay: FakeAlipay) -> None:
    grown = reply(NAME, GOOD).body[:-1] + b',"alipay_cert_sn":"00"}'
    assert call(alipay, Answer(grown))["n"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        reply(NAME, GOOD, "stranger"),
        reply(NAME, GOOD, "app"),
        reply(NAME, GOOD, None),
        reply(NAME, GOOD, sign=""),
        reply(NAME, GOOD, sign="AAAA"),
        reply(NAME, GOOD.replace(b"1}", b"2}"), sign=signed_by("alipay", GOOD)),
        reply(NAME, b'{"access_token":"x"}', None),  # a success without any code
        reply("error_response", GOOD, None),
        reply("other_response", GOOD),
        reply(NAME, b'"' + aes('{"code":"10000"}').encode() + b'"'),  # encrypted, and we have no key
        reply(NAME, b"[]"),
        reply(NAME, b"null"),
        Answer(b"{" + b'"a":' * 3),
        Answer(b'{"' + NAME.encode() + b'":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
        HTML,
        RESET,
        SILENT,
        Answer(b"", status=500),
    ],
)
def test_nothing_unsigned_tampered_or_garbled_is_believed(alipay: FakeAlipay, answer: Answer) -> None:
    with pytest.raises(PlatformUnavailable) as caught:
        call(alipay, answer)
    assert caught.value.sent is True
    assert len(alipay.server.seen) == 1


def test_a_forged_twin_before_the_signed_node_is_not_believed(alipay: FakeAlipay) -> None:
    genuine = reply(NAME, GOOD).body
    forged = b'{"' + NAME.encode() + b'":{"code":"10000","n":9},' + genuine[1:]
    with pytest.raises(PlatformUnavailable):
        call(alipay, Answer(forged))


@pytest.mark.parametrize(
    "answer",
    [
        reply(NAME, b'{"code":"40004","msg":"Business Failed","sub_code":"X_Y","sub_msg":"\xe5\xbc\xa0"}'),
        reply(NAME, b'{"code":"40004","sub_code":"X_Y"}', None),
        reply("error_response", b'{"code":"40004","sub_code":"X_Y"}', None),
        reply("error_response", b'{"code":40004,"sub_code":"X_Y"}'),
    ],
)
def test_a_refusal_is_believed_signed_or_not(alipay: FakeAlipay, answer: Answer) -> None:
    with pytest.raises(AlipayRefused) as caught:
        call(alipay, answer)
    assert (caught.value.code, caught.value.sub_code) == ("40004", "X_Y")


def test_a_refusal_with_a_wrong_signature_is_not(alipay: FakeAlipay) -> None:
    with pytest.raises(PlatformUnavailable):
        call(alipay, reply(NAME, b'{"code":"40004","sub_code":"X"}', "stranger"))


def test_free_text_of_theirs_is_not_kept(alipay: FakeAlipay) -> None:
    answer = reply(NAME, '{"code":"40004","sub_code":"张三 138","sub_msg":"张三"}'.encode())
    with pytest.raises(AlipayRefused) as caught:
        call(alipay, answer)
    assert "张三" not in str(caught.value) + repr(caught.value.__dict__)


def test_encryption_both_ways(secret_alipay: FakeAlipay) -> None:
    secret_alipay.node = lambda form: {"code": "10000", "got": content_of(form)}
    assert secret_alipay.gateway().call(METHOD, {"cert_no": "310"})["got"] == {"cert_no": "310"}
    form = secret_alipay.server.seen[0].form
    assert form["encrypt_type"] == "AES"
    assert "310" not in form["biz_content"]


def test_the_quotes_are_part_of_what_is_signed(secret_alipay: FakeAlipay) -> None:
    inner = aes('{"code":"10000"}').encode()
    unquoted = signed_by("alipay", inner)
    with pytest.raises(PlatformUnavailable):
        call(secret_alipay, reply(NAME, b'"' + inner + b'"', sign=unquoted))
    assert call(secret_alipay, reply(NAME, b'"' + inner + b'"')) == {"code": "10000"}


@pytest.mark.parametrize("inner", ['{"code":"10000"}', '{"code":"40004","sub_code":"X"}'])
def test_an_encrypted_node_is_opened_only_when_signed(secret_alipay: FakeAlipay, inner: str) -> None:
    with pytest.raises(PlatformUnavailable):
        call(secret_alipay, reply(NAME, b'"' + aes(inner).encode() + b'"', None))


@pytest.mark.parametrize("sealed", [b'"AAAA"', b'"!!!"', b'""', b'"' + aes("[1]").encode() + b'"'])
def test_signed_rubbish_inside_is_unavailable(secret_alipay: FakeAlipay, sealed: bytes) -> None:
    with pytest.raises(PlatformUnavailable):
        call(secret_alipay, reply(NAME, sealed))


def test_20000_is_tried_again_once_where_that_is_safe(alipay: FakeAlipay) -> None:
    busy = {"code": "20000", "sub_code": "isp.unknow-error"}
    alipay.node = lambda form: busy if len(alipay.server.seen) == 1 else {"code": "10000"}
    assert alipay.gateway().call(METHOD, {}, idempotent=True) == {"code": "10000"}
    assert len(alipay.server.seen) == 2


@pytest.mark.parametrize(("idempotent", "tries"), [(True, 2), (False, 1)])
def test_20000_forever_ends(alipay: FakeAlipay, idempotent: bool, tries: int) -> None:
    alipay.node = lambda form: {"code": "20000", "sub_code": "aop.unknow-error"}
    with pytest.raises(AlipayRefused):
        alipay.gateway().call(METHOD, {}, idempotent=idempotent)
    assert len(alipay.server.seen) == tries


def test_other_refusals_are_not_tried_again(alipay: FakeAlipay) -> None:
    alipay.node = lambda form: {"code": "40004", "sub_code": "X"}
    with pytest.raises(AlipayRefused):
        alipay.gateway().call(METHOD, {}, idempotent=True)
    assert len(alipay.server.seen) == 1


def test_a_page_address_is_signed_and_calls_nobody(alipay: FakeAlipay) -> None:
    url = alipay.gateway().signed_url(METHOD, {"certify_id": "a&b=中"})
    parts = urlsplit(url)
    form = dict(parse_qsl(parts.query, strict_parsing=True))
    alipay.check(form)
    assert parts.path == "/gateway.do"
    assert content_of(form) == {"certify_id": "a&b=中"}
    assert alipay.server.seen == []


def test_a_closed_door_means_never_sent(alipay: FakeAlipay) -> None:
    with pytest.raises(PlatformUnavailable) as caught:
        alipay.gateway(url=closed_port_url() + "/gateway.do").call(METHOD, {})
    assert caught.value.sent is False


def test_the_wrong_public_key_is_noticed_at_start() -> None:
    with pytest.raises(AlipayKeyError, match="own public key"):
        AlipayGateway(APP_ID, private_pem("app"), public_pem("app"), gateway_url="http://x", clock=FakeClock())


@pytest.mark.parametrize("answer", [HTML, SILENT, reply(NAME, GOOD, "stranger"), reply(NAME, b'{"code":"40004"}')])
def test_nothing_personal_in_errors_or_logs(
    alipay: FakeAlipay, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    alipay.answer = lambda seen: answer
    content = {"cert_no": "".join(["310101", "19980101", "1234"])}  # not in one piece: tracebacks quote the source
    with pytest.raises((PlatformUnavailable, AlipayRefused)) as caught:
        alipay.gateway(timeout_s=0.3).call(METHOD, content)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert content["cert_no"] not in told
    assert "urllib3" in caplog.text
