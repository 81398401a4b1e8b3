from __future__ import annotations

import pytest

from app.ports import LoginCodeRejected, Platform, PlatformLogin
from providers.alipay.login import AlipayLogin
from providers.outbound import PlatformUnavailable
from tests.providers.alipay.fake_alipay import APP_ID, FakeAlipay
from tests.providers.fake_server import SILENT


@pytest.mark.parametrize(
    ("node", "open_id", "union_id"),
    [
        ({"open_id": "074a1CcTG1", "access_token": "a", "expires_in": "300"}, "074a1CcTG1", None),
        ({"user_id": "2088102150477652", "access_token": "a", "expires_in": 300}, "2088102150477652", None),
        ({"open_id": "new", "user_id": "2088102150477652", "union_id": "u"}, "new", "u"),
        ({"open_id": "", "user_id": "2088102150477652"}, "2088102150477652", None),
    ],
)
def test_a_code_becomes_an_account(
    alipay: FakeAlipay, node: dict[str, object], open_id: str, union_id: str | None
) -> None:
    alipay.node = lambda form: node
    login: PlatformLogin = AlipayLogin(alipay.gateway())
    account = login.exchange_code("the-code")
    assert (account.platform, account.app_id) == (Platform.ALIPAY, APP_ID)
    assert (account.open_id, account.union_id, account.session_key) == (open_id, union_id, None)
    form = alipay.server.seen[0].form
    assert (form["method"], form["grant_type"], form["code"]) == (
        "alipay.system.oauth.token",
        "authorization_code",
        "the-code",
    )
    assert "biz_content" not in form


def test_login_works_with_content_encryption_on(secret_alipay: FakeAlipay) -> None:
    secret_alipay.node = lambda form: {"open_id": "o1"}
    assert AlipayLogin(secret_alipay.gateway()).exchange_code("c").open_id == "o1"
    assert "encrypt_type" not in secret_alipay.server.seen[0].form


@pytest.mark.parametrize(
    ("node", "error"),
    [
        ({"code": "40002", "sub_code": "isv.code-invalid"}, LoginCodeRejected),
        ({"code": "40002", "sub_code": "isv.invalid-signature"}, PlatformUnavailable),
        ({"code": "40002", "sub_code": "isv.invalid-timestamp"}, PlatformUnavailable),
        ({"code": "40006", "sub_code": "isv.insufficient-isv-permissions"}, PlatformUnavailable),
        ({"code": "20000", "sub_code": "isp.unknow-error"}, PlatformUnavailable),
        ({"access_token": "a"}, PlatformUnavailable),
        ({"open_id": 7}, PlatformUnavailable),
    ],
)
def test_refusals_are_told_apart_and_never_retried(
    alipay: FakeAlipay, node: dict[str, object], error: type[Exception]
) -> None:
    alipay.node = lambda form: node
    with pytest.raises(error):
        AlipayLogin(alipay.gateway()).exchange_code("c")
    assert len(alipay.server.seen) == 1


def test_a_silent_gateway_is_asked_once(alipay: FakeAlipay) -> None:
    alipay.answer = lambda seen: SILENT
    with pytest.raises(PlatformUnavailable):
        AlipayLogin(alipay.gateway(timeout_s=0.3)).exchange_code("c")
    assert len(alipay.server.seen) == 1
