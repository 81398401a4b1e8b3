from __future__ import annotations

import pytest

from app.ports import (
    FingerprintCheck,
    LoginCodeRejected,
    LoginRefusedByPlatform,
    PhoneProofRejected,
    Platform,
    PlatformLogin,
    PlatformPhone,
)
from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient
from providers.wechat.login import (
    SoterCheck,
    UserDataRejected,
    WeChatLogin,
    WeChatPhone,
    WeChatSessions,
    open_user_data,
    raw_data_is_genuine,
    raw_data_signature,
    session_signature,
)
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, FakeClock, as_json
from tests.providers.wechat.fake_wechat import APP_ID, SECRET, FakeWeChat, refusal


def phone_info(**changes: object) -> dict[str, object]:
    info: dict[str, object] = {
        "phoneNumber": "13800001111",
        "purePhoneNumber": "13800001111",
        "countryCode": "86",
        "watermark": {"timestamp": 1_760_000_000, "appid": APP_ID},
    }
    return {"errcode": 0, "phone_info": {**info, **changes}}


# --- login code ---


def test_a_code_becomes_an_account(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: as_json({"openid": "o1", "session_key": "k==", "unionid": "u1"})
    login: PlatformLogin = WeChatLogin(client)
    account = login.exchange_code("the-code")
    assert (account.platform, account.app_id, account.open_id) == (Platform.WECHAT, APP_ID, "o1")
    assert (account.union_id, account.session_key) == ("u1", "k==")
    asked = wechat.calls()[0]
    assert (asked.method, asked.path) == ("GET", "/wechat/sns/jscode2session")
    assert asked.query == {
        "appid": APP_ID,
        "secret": SECRET,
        "js_code": "the-code",
        "grant_type": "authorization_code",
    }


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (40029, LoginCodeRejected),
        (40163, LoginCodeRejected),
        (40226, LoginRefusedByPlatform),
        (-1, PlatformUnavailable),
        (45011, PlatformUnavailable),
        (40125, PlatformUnavailable),
        (99999, PlatformUnavailable),
    ],
)
def test_refusals_of_a_code_are_told_apart_and_never_retried(
    wechat: FakeWeChat, client: WeChatClient, code: int, error: type[Exception]
) -> None:
    wechat.api = lambda seen: refusal(code)
    with pytest.raises(error):
        WeChatLogin(client).exchange_code("c")
    assert len(wechat.calls()) == 1


@pytest.mark.parametrize("answer", [HTML, RESET, SILENT, as_json({"openid": "o1"}), as_json({"session_key": "k"})])
def test_an_unclear_answer_is_never_retried(wechat: FakeWeChat, answer: Answer) -> None:
    wechat.api = lambda seen: answer
    with pytest.raises(PlatformUnavailable):
        WeChatLogin(wechat.client(timeout_s=0.3)).exchange_code("c")
    assert len(wechat.calls()) == 1


# --- phone ---


@pytest.mark.parametrize(
    ("changes", "number"),
    [
        ({}, "13800001111"),
        ({"countryCode": 86}, "13800001111"),
        ({"countryCode": "852", "purePhoneNumber": "91234567"}, "85291234567"),
        ({"countryCode": 1, "purePhoneNumber": "2025550123"}, "12025550123"),
    ],
)
def test_the_phone_number_is_digits(
    wechat: FakeWeChat, client: WeChatClient, changes: dict[str, object], number: str
) -> None:
    wechat.api = lambda seen: as_json(phone_info(**changes))
    phone: PlatformPhone = WeChatPhone(client)
    assert phone.phone_number("o1", "pc") == number
    assert wechat.calls()[0].json == {"code": "pc", "openid": "o1"}


@pytest.mark.parametrize(
    "watermark", [None, {}, "x", {"appid": "wx9999999999999999", "timestamp": 1}, {"appid": [APP_ID]}]
)
def test_another_apps_watermark_is_refused(wechat: FakeWeChat, client: WeChatClient, watermark: object) -> None:
    wechat.api = lambda seen: as_json(phone_info(watermark=watermark))
    with pytest.raises(PhoneProofRejected):
        WeChatPhone(client).phone_number("o1", "pc")


@pytest.mark.parametrize("changes", [{"purePhoneNumber": "138 0000"}, {"countryCode": ""}, {"purePhoneNumber": None}])
def test_a_garbled_number_is_unavailable(wechat: FakeWeChat, client: WeChatClient, changes: dict[str, object]) -> None:
    wechat.api = lambda seen: as_json(phone_info(**changes))
    with pytest.raises(PlatformUnavailable):
        WeChatPhone(client).phone_number("o1", "pc")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (40029, PhoneProofRejected),
        (40163, PhoneProofRejected),
        (40013, PhoneProofRejected),
        (40003, PhoneProofRejected),
        (-1, PlatformUnavailable),
        (45011, PlatformUnavailable),
    ],
)
def test_refusals_of_a_phone_code(wechat: FakeWeChat, client: WeChatClient, code: int, error: type[Exception]) -> None:
    wechat.api = lambda seen: refusal(code)
    with pytest.raises(error):
        WeChatPhone(client).phone_number("o1", "pc")


# --- fingerprint ---


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (as_json({"errcode": 0, "is_ok": True}), True),
        (as_json({"errcode": 0, "is_ok": False}), False),
        (as_json({"errcode": 0, "is_ok": "true"}), False),
        (as_json({"errcode": 0, "is_ok": 1}), False),
        (as_json({"errcode": 0}), False),
        (refusal(40003), False),
        (refusal(40097), False),
    ],
)
def test_only_a_clear_yes_is_a_fingerprint(
    wechat: FakeWeChat, client: WeChatClient, answer: Answer, verdict: bool
) -> None:
    wechat.api = lambda seen: answer
    check: FingerprintCheck = SoterCheck(client)
    assert check.verify("o1", '{"raw":1}', "sig") is verdict
    asked = wechat.calls()[0]
    assert asked.path == "/wechat/cgi-bin/soter/verify_signature"
    assert asked.json == {"openid": "o1", "json_string": '{"raw":1}', "json_signature": "sig"}


@pytest.mark.parametrize("answer", [refusal(-1), refusal(45011), HTML])
def test_a_busy_fingerprint_server_is_unavailable(wechat: FakeWeChat, client: WeChatClient, answer: Answer) -> None:
    wechat.api = lambda seen: answer
    with pytest.raises(PlatformUnavailable):
        SoterCheck(client).verify("o1", "{}", "sig")


# --- session key ---


def test_a_session_is_checked_with_the_signature_of_nothing(wechat: FakeWeChat, client: WeChatClient) -> None:
    assert WeChatSessions(client).check("o1", "key==") is True
    asked = wechat.calls()[0]
    assert (asked.method, asked.path) == ("GET", "/wechat/wxa/checksession")
    assert asked.query["signature"] == session_signature("key==")
    assert asked.query["sig_method"] == "hmac_sha256"
    assert "key==" not in str(asked.query)
    wechat.api = lambda seen: refusal(87009)
    assert WeChatSessions(client).check("o1", "key==") is False


def test_a_session_key_is_replaced(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: as_json({"errcode": 0, "openid": "o1", "session_key": "new=="})
    assert WeChatSessions(client).reset("o1", "old==") == "new=="
    wechat.api = lambda seen: refusal(87007)
    with pytest.raises(LoginCodeRejected):
        WeChatSessions(client).reset("o1", "old==")
    wechat.api = lambda seen: refusal(40097)
    with pytest.raises(PlatformUnavailable):
        WeChatSessions(client).reset("o1", "old==")


def test_raw_data_signature_notices_a_change() -> None:
    good = raw_data_signature('{"nickName":"甲"}', "k==")
    assert raw_data_is_genuine('{"nickName":"甲"}', good, "k==")
    assert not raw_data_is_genuine('{"nickName":"乙"}', good, "k==")
    assert not raw_data_is_genuine('{"nickName":"甲"}', "é" + good[1:], "k==")


@pytest.mark.parametrize(
    ("session_key", "data", "iv"),
    [
        ("not base64", "AAAA", "AAAA"),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("AAAAAAAAAAAAAAAAAAAAAA==", "AAA", "AAAAAAAAAAAAAAAAAAAAAA=="),
        ("AAAA", "AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ],
)
def test_unreadable_user_data_means_log_in_again(session_key: str, data: str, iv: str) -> None:
    with pytest.raises(UserDataRejected):
        open_user_data(session_key, data, iv, app_id=APP_ID, clock=FakeClock())
