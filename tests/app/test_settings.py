"""Production is refused by name, fault by fault; elsewhere only what the law forbids is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.settings import Settings, SettingsError, load_settings
from providers.keys import FileKeys


@pytest.fixture
def production(tmp_path: Path) -> Callable[..., Settings]:
    """Settings a production start-up accepts, and changes to them."""
    FileKeys.create(tmp_path / "keys")
    for name in ("private.pem", "platform.pem"):
        (tmp_path / name).write_text("key")

    def make(**changes: Any) -> Settings:
        good: dict[str, Any] = {
            "environment": "production",
            "public_url": "https://archive.example.edu.cn",
            "database_url": "postgresql+psycopg://app@db/lantai",
            "database_owner_url": "postgresql+psycopg://owner@db/lantai",
            "redis_url": "redis://cache:6379/0",
            "key_dir": tmp_path / "keys",
            "wechat_app_id": "wx1",
            "wechat_app_secret": "a-real-one",
            "wechat_push_token": "another",
            "wechat_push_aes_key": "a" * 43,
            "alipay_app_id": "2021",
            "alipay_private_key_file": tmp_path / "private.pem",
            "alipay_platform_public_key_file": tmp_path / "platform.pem",
            **{
                f"{platform}_template_{name}": "id"
                for platform in ("wechat", "alipay")
                for name in ("ticket_decided", "transfer_step", "account_notice")
            },
        }
        return Settings(**{**good, **changes})

    return make


def test_good_production_settings_start(production: Callable[..., Settings]) -> None:
    assert production().faults() == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"database_url": ""}, "DATABASE_URL"),
        ({"database_owner_url": ""}, "DATABASE_OWNER_URL"),
        ({"redis_url": ""}, "REDIS_URL"),
        ({"public_url": "http://archive.example.edu.cn"}, "LANTAI_PUBLIC_URL"),
        ({"wechat_base_url": "http://127.0.0.1:9000"}, "LANTAI_WECHAT_BASE_URL"),
        ({"wechat_base_url": "http://api.weixin.qq.com"}, "LANTAI_WECHAT_BASE_URL"),
        ({"alipay_gateway_url": "https://openapi-sandbox.dl.alipaydev.com"}, "LANTAI_ALIPAY_GATEWAY_URL"),
        ({"wecom_base_url": "https://localhost"}, "LANTAI_WECOM_BASE_URL"),
        ({"wechat_app_id": ""}, "LANTAI_WECHAT_APP_ID"),
        ({"alipay_app_id": ""}, "LANTAI_ALIPAY_APP_ID"),
        ({"wechat_app_secret": ""}, "LANTAI_WECHAT_APP_SECRET"),
        ({"wechat_app_secret": "ChangeMe"}, "LANTAI_WECHAT_APP_SECRET"),
        ({"wechat_push_token": "secret"}, "LANTAI_WECHAT_PUSH_TOKEN"),
        ({"wechat_push_aes_key": ""}, "LANTAI_WECHAT_PUSH_AES_KEY"),
        ({"alipay_private_key_file": None}, "LANTAI_ALIPAY_PRIVATE_KEY_FILE"),
        ({"alipay_private_key_file": Path("/nowhere")}, "LANTAI_ALIPAY_PRIVATE_KEY_FILE"),
        ({"alipay_platform_public_key_file": None}, "LANTAI_ALIPAY_PLATFORM_PUBLIC_KEY_FILE"),
        ({"key_dir": Path("/nowhere")}, "LANTAI_KEY_DIR"),
    ],
)
def test_each_fault_is_named(change: dict[str, Any], named: str, production: Callable[..., Settings]) -> None:
    (fault,) = production(**change).faults()
    assert named in fault
    assert production(**change, environment="development").faults() == []  # the demo may have all of these


def test_every_fault_is_told_at_once_and_no_secret_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "LANTAI_ENV_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANTAI_ENVIRONMENT", "production")
    monkeypatch.setenv("LANTAI_KEY_DIR", "/nowhere")
    monkeypatch.setenv("LANTAI_WECHAT_APP_SECRET", "password")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert len(caught.value.faults) >= 10
    assert "password" not in str(caught.value).lower()


def test_local_face_on_wechat_is_refused_in_every_environment(production: Callable[..., Settings]) -> None:
    for environment in ("development", "demo", "test", "production"):
        (fault,) = production(environment=environment, wechat_verifiers=("local_face",)).faults()
        assert "LANTAI_LOCAL_FACE_ON_WECHAT_OVERRIDE" in fault


def test_the_environment_is_read_once_with_lists_and_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "lantai.env"
    file.write_text("LANTAI_SCHOOL_NAME=某大学\nLANTAI_ALIPAY_VERIFIERS=local_face, alipay_certify\n")
    monkeypatch.setenv("LANTAI_ENV_FILE", str(file))
    settings = load_settings()
    assert (settings.school_name, settings.alipay_verifiers) == ("某大学", ("local_face", "alipay_certify"))
    monkeypatch.setenv("LANTAI_SCHOOL_NAME", "另一所")
    assert load_settings().school_name == "另一所"
    with pytest.raises(Exception, match="frozen"):
        settings.school_name = "x"  # type: ignore[misc]
    monkeypatch.setenv("LANTAI_WECHAT_VERIFIERS", "magic")
    monkeypatch.setenv("LANTAI_FRAMES_TTL_S", "121")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert {f.split(":")[0].split(".")[0] for f in caught.value.faults} == {
        "LANTAI_WECHAT_VERIFIERS",
        "LANTAI_FRAMES_TTL_S",
    }
    assert "magic" not in str(caught.value)


def test_secrets_do_not_print(production: Callable[..., Settings]) -> None:
    shown = repr(production(wechat_app_secret="do-not-show-me"))
    assert "do-not-show-me" not in shown
    assert "owner@db" not in shown


@pytest.mark.parametrize(
    "address", ["", "notice", "@lantai.example", "a..b@lantai.example", ".a@lantai.example", "兰台 <a@lantai.example>"]
)
def test_letters_need_a_whole_address_to_come_from(production: Callable[..., Settings], address: str) -> None:
    mail = {"mail_host": "mail.example.edu.cn", "mail_security": "tls"}
    assert production(**mail, mail_from="notice@lantai.example").faults() == []
    (fault,) = production(**mail, mail_from=address).faults()
    assert "LANTAI_MAIL_FROM" in fault
