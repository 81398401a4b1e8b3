"""Notices from Alipay to our call-back address."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from providers.sandbox.alipay_crypto import rsa2_valid, signing_text
from tests.providers.sandbox.conftest import Bench

V1, V2 = ("sign", "sign_type"), ("sign",)


def _last_form(bench: Bench) -> dict[str, str]:
    return dict(parse_qsl(bench.callbacks.received[-1][1].decode()))


def _valid(bench: Bench, form: dict[str, str], *dropped: str) -> bool:
    key = bench.world.config.alipay_platform_key.public_key()
    return rsa2_valid(key, signing_text(form, dropped), form["sign"])


@pytest.mark.parametrize(("version", "dropped", "other"), [("v1", V1, V2), ("v2", V2, V1)])
def test_both_signing_strings(bench: Bench, version: str, dropped: tuple[str, ...], other: tuple[str, ...]) -> None:
    params = {"notify_type": "servicemarket_order_notify", "空": "", "biz": "a&b=c 中"}
    delivery = bench.control("/callbacks/alipay", {"params": params, "version": version})["delivery"]
    form = _last_form(bench)
    assert delivery["state"] == "delivered"
    assert bench.callbacks.received[-1][0] == "http://lantai.test/partner/callbacks/alipay"
    assert form["biz"] == "a&b=c 中"
    assert _valid(bench, form, *dropped)
    assert not _valid(bench, form, *other)


def test_sent_again_with_the_same_notify_id_until_success(bench: Bench) -> None:
    bench.callbacks.answers = [(500, b""), (200, b"ok"), (200, b"success")]
    delivery = bench.control("/callbacks/alipay", {"params": {}})["delivery"]
    assert (delivery["state"], delivery["tries"]) == ("delivered", 3)
    assert bench.slept == [1.0, 1.0]
    assert len({body for _, body, _ in bench.callbacks.received}) == 1


def test_gives_up_after_eight(bench: Bench) -> None:
    bench.callbacks.answers = [(200, b"fail")] * 20
    delivery = bench.control("/callbacks/alipay", {"params": {}})["delivery"]
    assert (delivery["state"], delivery["tries"]) == ("given_up", 8)


@pytest.mark.parametrize("tamper", ["parameter", "stranger", "other_app"])
def test_notices_to_refuse(bench: Bench, tamper: str) -> None:
    bench.control("/callbacks/alipay", {"params": {}, "tamper": tamper})
    form = _last_form(bench)
    ours = form["app_id"] == bench.environment["LANTAI_ALIPAY_APP_ID"]
    assert _valid(bench, form, "sign", "sign_type") is (tamper == "other_app")
    assert ours is (tamper != "other_app")
