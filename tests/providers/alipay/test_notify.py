from __future__ import annotations

import pytest

from app.ports import AlipayNotify, CallbackRejected
from providers.alipay.notify import AlipayNotifications
from tests.providers.alipay.fake_alipay import APP_ID, public_pem, signed_by

PARAMS = {
    "app_id": APP_ID,
    "notify_id": "n1",
    "notify_type": "open_app_auth_notify",
    "body": '{"a":"} & {=中"}',
    "charset": "UTF-8",
    "sign_type": "RSA2",
}


def form(version: int, params: dict[str, str] = PARAMS, owner: str = "alipay") -> dict[str, str]:
    """A notification of signing version 1 (without sign_type) or 2 (with it)."""
    signed = {k: v for k, v in params.items() if version == 2 or k != "sign_type"}
    text = "&".join(f"{key}={value}" for key, value in sorted(signed.items()))
    return {**params, "sign": signed_by(owner, text.encode())}


def notifications() -> AlipayNotify:
    return AlipayNotifications(APP_ID, public_pem("alipay"))


@pytest.mark.parametrize("version", [1, 2])
def test_both_versions_are_believed(version: int) -> None:
    found = notifications().decode(form(version))
    covered = {k: v for k, v in PARAMS.items() if version == 2 or k != "sign_type"}
    assert found == covered


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("signed_empty", [True, False])
def test_empty_values_signed_or_left_out(version: int, signed_empty: bool) -> None:
    with_empty = {**PARAMS, "memo": ""}
    sent = form(version, with_empty) if signed_empty else {**form(version), "memo": ""}
    found = notifications().decode(sent)
    assert found["notify_id"] == "n1"
    assert ("memo" in found) is signed_empty  # only what was signed comes through


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    "changes",
    [
        {"notify_id": "n2"},
        {"extra": "1"},
        {"body": "{}"},
        {"sign": ""},
        {"sign": "AAAA"},
        {"sign": "é"},
        {"sign_type": "RSA"},
        {"sign_type": ""},
        {"charset": "\ud800"},
        {f"f{n}": "" for n in range(300)},
    ],
)
def test_tampered_ones_are_not(version: int, changes: dict[str, str]) -> None:
    with pytest.raises(CallbackRejected):
        notifications().decode({**form(version), **changes})


@pytest.mark.parametrize("name", ["notify_id", "sign", "sign_type", "app_id"])
def test_missing_parts_are_noticed(name: str) -> None:
    short = {k: v for k, v in form(1).items() if k != name}
    with pytest.raises(CallbackRejected):
        notifications().decode(short)


@pytest.mark.parametrize("owner", ["app", "stranger"])
def test_other_keys_are_not_alipays(owner: str) -> None:
    with pytest.raises(CallbackRejected):
        notifications().decode(form(1, owner=owner))


@pytest.mark.parametrize("params", [{**PARAMS, "app_id": "2021000000000002"}, {"a": "1", "sign_type": "RSA2"}])
def test_another_apps_notification_is_refused(params: dict[str, str]) -> None:
    with pytest.raises(CallbackRejected):
        notifications().decode(form(1, params))


@pytest.mark.parametrize("changes", [{"notify_id": ""}, {"notify_id": "a b"}, {"notify_id": "9" * 129}, {"body": "\0"}])
def test_what_cannot_be_told_from_others_or_kept_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(CallbackRejected) as caught:
        notifications().decode(form(1, {**PARAMS, **changes}))
    assert caught.value.code == "callback_unreadable"


def test_nothing_at_all_is_refused() -> None:
    with pytest.raises(CallbackRejected):
        notifications().decode({})
