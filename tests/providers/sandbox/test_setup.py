"""The demo environment and the settings read from it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from app.settings import load_settings
from providers.sandbox.config import ConfigFault, SandboxConfig
from providers.sandbox.setup import CARRIER_AUTO, read_environment_file, write_demo_environment

PLAIN = {
    CARRIER_AUTO,
    "LANTAI_QUIET_BEGINS",
    "LANTAI_QUIET_ENDS",
    "LANTAI_SMS_SIGN_NAME",
    *(f"LANTAI_MAIL_{name}" for name in ("HOST", "PORT", "SECURITY", "FROM")),
}
"""What is no secret and the same everywhere."""


def test_both_sides_can_start_from_the_file(tmp_path: Path) -> None:
    path = write_demo_environment(tmp_path / "demo", 9311, "http://127.0.0.1:8000/")
    settings = load_settings(path)
    config = SandboxConfig.from_environment(read_environment_file(path))
    assert settings.wechat_app_id == config.wechat_app_id
    assert settings.wechat_base_url == "http://127.0.0.1:9311/wechat"
    assert settings.alipay_gateway_url == "http://127.0.0.1:9311/alipay/gateway.do"
    assert settings.wecom_base_url == "http://127.0.0.1:9311/wecom"
    assert settings.wechat_push_aes_key.get_secret_value() == config.wechat_push_aes_key
    assert config.public_url == "http://127.0.0.1:8000"
    assert settings.uses_sandbox
    assert {t.template_id for t in config.alipay_templates} == {
        settings.alipay_template_ticket_decided,
        settings.alipay_template_transfer_step,
        settings.alipay_template_account_notice,
    }
    assert settings.alipay_private_key_file is not None
    assert settings.alipay_private_key_file.is_file()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = write_demo_environment(tmp_path / "demo", 9311, "http://127.0.0.1:8000")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    keys = list(path.parent.glob("*.pem"))
    assert len(keys) == 4
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o400}


def test_a_second_run_keeps_secrets_and_follows_addresses(tmp_path: Path) -> None:
    first = read_environment_file(write_demo_environment(tmp_path, 9311, "http://127.0.0.1:8000"))
    second = read_environment_file(write_demo_environment(tmp_path, 9312, "http://127.0.0.1:8001"))
    changed = {name for name in first if first[name] != second[name]}
    assert changed == {
        "LANTAI_PUBLIC_URL",
        "LANTAI_WECHAT_BASE_URL",
        "LANTAI_ALIPAY_GATEWAY_URL",
        "LANTAI_WECOM_BASE_URL",
        "LANTAI_EMS_BASE_URL",
        "LANTAI_SMS_BASE_URL",
    }


def test_two_environments_share_no_secret(tmp_path: Path) -> None:
    one = read_environment_file(write_demo_environment(tmp_path / "a", 1, "http://x"))
    two = read_environment_file(write_demo_environment(tmp_path / "b", 1, "http://x"))
    same = {name for name in one if one[name] == two[name]}
    assert not [name for name in same if "URL" not in name and name not in PLAIN]


def test_an_environment_from_before_the_carrier_gets_its_secrets(tmp_path: Path) -> None:
    path = write_demo_environment(tmp_path, 1, "http://x")
    before = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in before if "EMS" not in line), encoding="utf-8")
    again = read_environment_file(write_demo_environment(tmp_path, 1, "http://x"))
    assert len(again["LANTAI_EMS_APP_SECRET"]) == 64
    assert again["LANTAI_WECHAT_APP_SECRET"] in "".join(before)
    config = SandboxConfig.from_environment(again)
    assert (config.ems_app_secret, config.carrier_auto) == (again["LANTAI_EMS_APP_SECRET"], True)
    assert again["LANTAI_EMS_APP_SECRET"] not in repr(config)


def test_missing_settings_are_all_named() -> None:
    with pytest.raises(ConfigFault, match=r"LANTAI_WECHAT_APP_ID.*LANTAI_WECOM_ROBOT_KEY"):
        SandboxConfig.from_environment({})


def test_template_definitions_and_spacing(tmp_path: Path) -> None:
    values = read_environment_file(write_demo_environment(tmp_path, 1, "http://x"))
    definitions = tmp_path / "templates.json"
    definitions.write_text(
        '{"wechat":{"TRANSFER_STEP":{"title":"转递","fields":{"thing1":"事项"},"long_term":true}}}', encoding="utf-8"
    )
    extra = {"SANDBOX_TEMPLATES_FILE": str(definitions), "SANDBOX_NOTIFY_SPACING_SECONDS": "0.1,0.2"}
    config = SandboxConfig.from_environment(values | extra)
    template = {t.template_id: t for t in config.wechat_templates}[values["LANTAI_WECHAT_TEMPLATE_TRANSFER_STEP"]]
    assert (template.title, dict(template.fields), template.long_term) == ("转递", {"thing1": "事项"}, True)
    assert config.notify_spacing_s == (0.1, 0.2)


def test_secrets_are_not_in_the_repr(config: SandboxConfig) -> None:
    text = repr(config)
    secrets = (config.wechat_app_secret, config.wechat_push_token, config.wecom_robot_key, config.wechat_push_aes_key)
    assert not [secret for secret in secrets if secret in text]
