"""Which carriers are asked, by the settings, and what is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings, SettingsError
from providers.carriers.ems import Ems
from providers.keys import FileKeys
from providers.outside import build_outside

EMS: dict[str, Any] = {
    "ems_base_url": "https://ems.example.org/api",
    "ems_app_id": "app-1",
    "ems_app_secret": "do-not-show-this",
}


def faults(**more: Any) -> list[str]:
    return [fault for fault in Settings(**{**EMS, **more}).faults() if "LANTAI_EMS" in fault]


def test_ems_needs_its_address_and_secret_and_is_https_in_production() -> None:
    assert faults() == faults(environment="production") == []
    assert faults(ems_app_id="", ems_app_secret="", ems_base_url="") == []
    assert faults(ems_app_secret="") == ["LANTAI_EMS_APP_SECRET is missing or a default value"]
    assert faults(ems_base_url="") == ["LANTAI_EMS_BASE_URL is not set"]
    for address in ("http://ems.example.org", "https://127.0.0.1:9300/ems", "https://sandbox.example.org"):
        assert len(faults(environment="production", ems_base_url=address)) == 1, address
    assert "do-not-show" not in repr(Settings(**EMS))


def test_the_sandbox_is_told_of_by_the_carriers_address_too() -> None:
    assert not Settings(**EMS).uses_sandbox
    assert Settings(**{**EMS, "ems_base_url": "http://127.0.0.1:9300/ems"}).uses_sandbox


def test_the_carrier_is_wired_where_it_has_an_app_id(tmp_path: Path) -> None:
    FileKeys.create(tmp_path / "keys")
    base: dict[str, Any] = {"key_dir": tmp_path / "keys", "data_dir": tmp_path / "data"}
    assert build_outside(Settings(**base), "redis://127.0.0.1:1").carriers == {}
    carriers = build_outside(Settings(**base, **EMS), "redis://127.0.0.1:1").carriers
    assert list(carriers) == ["ems"]
    assert isinstance(carriers["ems"], Ems)
    with pytest.raises(SettingsError) as caught:
        build_outside(Settings(**base, **EMS, ems_dialect=tmp_path / "none.toml"), "redis://127.0.0.1:1")
    assert caught.value.faults == ["LANTAI_EMS_DIALECT: cannot be read"]
