"""Alipay's notifications against python-alipay-sdk, which shares no code with ours: RSA by pycryptodome, its own
signing strings. RSA2 is deterministic, so that two who sign the same string give the same signature.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl

import pytest
from alipay import AliPay
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ports import CallbackRejected
from providers.alipay.notify import AlipayNotifications
from providers.sandbox.alipay_crypto import rsa2_sign, signing_text
from tests.providers.alipay.fake_alipay import APP_ID, key_of, private_pem, public_pem

BASE = {"app_id": APP_ID, "notify_id": "a" * 34, "notify_type": "open_app_auth_notify", "charset": "utf-8"}
NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True).filter(lambda n: n not in (*BASE, "sign", "sign_type"))
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
PARAMS = st.dictionaries(NAMES, VALUES | st.sampled_from(["& = + % ?", '{"a":"} & {=中"}', "👩\u200d🎓"]), max_size=6)
DROPPED = {1: ("sign", "sign_type"), 2: ("sign",)}


def sdk(owner: str = "alipay", sign_type: str = "RSA2") -> AliPay:
    """Signs as ``owner``, believes Alipay."""
    return AliPay(APP_ID, None, private_pem(owner), public_pem("alipay"), sign_type)


def signed(params: Mapping[str, str], version: int, by: AliPay | None = None) -> dict[str, str]:
    """As the SDK signs and encodes it, and as a web server reads it then."""
    whole = {**BASE, **params, "sign_type": "RSA2"}
    covered = {k: v for k, v in whole.items() if k not in DROPPED[version]}
    sent = dict(parse_qsl((by or sdk()).sign_data(covered), keep_blank_values=True, strict_parsing=True))
    return {**sent, "sign_type": "RSA2"}


def believed(form: Mapping[str, str]) -> bool:
    try:
        AlipayNotifications(APP_ID, public_pem("alipay")).decode(form)
    except CallbackRejected:
        return False
    return True


def believed_by_the_sdk(form: Mapping[str, str]) -> bool:
    """V1 only: that is all it knows."""
    bare = dict(form)
    return bool(sdk().verify(bare, bare.pop("sign")))


@pytest.mark.parametrize("version", [1, 2])
@settings(max_examples=60, deadline=None)
@given(params=PARAMS)
def test_what_it_signs_we_read_and_the_sandbox_signs_the_same(version: int, params: dict[str, str]) -> None:
    form = signed(params, version)
    found = AlipayNotifications(APP_ID, public_pem("alipay")).decode(form)
    assert found == {k: v for k, v in form.items() if k not in DROPPED[version]}
    assert rsa2_sign(key_of("alipay"), signing_text(form, DROPPED[version])) == form["sign"]
    assert believed_by_the_sdk(form) is (version == 1)


ALTERED: list[Callable[[dict[str, str]], object]] = [
    lambda form: form.update(notify_id="b"),
    lambda form: form.update(extra="1"),
    lambda form: form.pop("charset"),
    lambda form: form.update(charset="utf-8 "),
    lambda form: form.update(notify_type=form["notify_type"] + "&x=1"),
    lambda form: form.update(sign=signed({}, 1, sdk("stranger"))["sign"]),
    lambda form: form.update(sign=signed({}, 2, sdk("stranger"))["sign"]),
    lambda form: form.update(sign=signed({}, 1, sdk(sign_type="RSA"))["sign"]),
    lambda form: form.update(sign=form["sign"][4:]),
]


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("alter", ALTERED)
def test_what_was_altered_neither_believes(alter: Callable[[dict[str, str]], object], version: int) -> None:
    form = signed({}, version)
    assert believed(form)
    alter(form)
    assert not believed(form)
    assert not believed_by_the_sdk(form)


def test_a_new_id_made_by_moving_the_bounds_of_an_old_one_is_refused() -> None:
    """The same signed string, so the SDK takes it; whoever drops repeats by the id would handle it again."""
    form = signed({}, 1)
    moved = {k: v for k, v in form.items() if k != "notify_type"}
    moved["notify_id"] += f"&notify_type={form['notify_type']}"
    assert believed_by_the_sdk(moved)
    with pytest.raises(CallbackRejected) as caught:
        AlipayNotifications(APP_ID, public_pem("alipay")).decode(moved)
    assert caught.value.code == "callback_unreadable"
