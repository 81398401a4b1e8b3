"""WeChat's sealed calls are set whole or not at all, and their keys are looked at when the house starts."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings, SettingsError
from providers.keys import FileKeys
from providers.outside import build_outside
from tests.providers.wechat.test_sealed_calls import certificate, key_of, private_pem

NAMES = ("key", "key_sn", "private_key_file", "platform_cert_file", "platform_sn")


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, Any]:
    FileKeys.create(tmp_path / "keys")
    (tmp_path / "own.pem").write_text(private_pem(key_of("app")))
    (tmp_path / "platform.cer").write_text(certificate(key_of("platform")))
    values = (base64.b64encode(bytes(32)).decode(), "1", tmp_path / "own.pem", tmp_path / "platform.cer", "2")
    base = {
        "key_dir": tmp_path / "keys",
        "data_dir": tmp_path / "data",
        "wechat_app_id": "wx1",
        "wechat_app_secret": "s",
    }
    return {**base, **{f"wechat_seal_{name}": value for name, value in zip(NAMES, values, strict=True)}}


def test_all_or_none(whole: dict[str, Any]) -> None:
    assert Settings(**whole).faults() == []
    assert Settings().faults() == []
    for name in NAMES:
        (fault,) = Settings(**{k: v for k, v in whole.items() if k != f"wechat_seal_{name}"}).faults()
        assert f"LANTAI_WECHAT_SEAL_{name.upper()} not set" in fault
    assert whole["wechat_seal_key"] not in repr(Settings(**whole))


def test_keys_that_cannot_be_used_are_named_at_start(whole: dict[str, Any], tmp_path: Path) -> None:
    assert build_outside(Settings(**whole), "redis://127.0.0.1:1").senders
    for name, value in (("key", "short"), ("private_key_file", tmp_path / "platform.cer")):
        with pytest.raises(SettingsError) as caught:
            build_outside(Settings(**{**whole, f"wechat_seal_{name}": value}), "redis://127.0.0.1:1")
        assert "LANTAI_WECHAT_SEAL" in str(caught.value)
        assert "short" not in str(caught.value)
