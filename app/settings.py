"""Settings: one frozen, typed object, read once from the environment. Refuses unsafe production values by name."""

from __future__ import annotations

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

TemplateName = Literal["ticket_decided", "transfer_step", "account_notice"]
Verifier = Literal["wechat_face", "alipay_certify", "local_face"]
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
# RFC 5321 4.1.2: a dot-string at a domain name
MAIL_ADDRESS = re.compile(r"[!#-'*+/-9=?A-Z^-~-]+(\.[!#-'*+/-9=?A-Z^-~-]+)*@([A-Za-z0-9-]+\.)+[A-Za-z][A-Za-z0-9-]+")
METRICS_TOKEN_LEAST = 24
DEFAULT_SECRETS = {"", "changeme", "change-me", "secret", "password", "sandbox"}


class SettingsError(Exception):
    """Start-up is refused; ``faults`` names each wrong setting and what to do."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("Lantai cannot start with these settings:\n" + "\n".join(f"  - {f}" for f in faults))


class Settings(BaseSettings):
    """Environment variables are LANTAI_<NAME> except DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL.

    LANTAI_ENV_FILE may name a file of NAME=value lines; real environment variables win over it.
    """

    model_config = SettingsConfigDict(
        env_prefix="LANTAI_", frozen=True, extra="ignore", hide_input_in_errors=True, populate_by_name=True
    )

    environment: Literal["development", "demo", "test", "production"] = "development"
    school_name: str = "兰台大学"
    archive_office: str = "学校档案馆学生档案科"
    archive_phone: str = ""
    archive_address: str = ""  # on envelopes, slips and letters
    archive_postal_code: str = ""
    public_url: str = "http://127.0.0.1:8000"

    # staff's passkeys: auto offers them where browsers do (https or http://localhost, never a bare IP address);
    # the domain they belong to is public_url's host unless a parent domain is named
    passkeys: Literal["auto", "on", "off"] = "auto"
    passkey_domain: str = ""

    # storage; empty database and Redis URLs mean the embedded servers under data_dir
    database_url: SecretStr = Field(SecretStr(""), validation_alias="DATABASE_URL")
    database_owner_url: SecretStr = Field(SecretStr(""), validation_alias="DATABASE_OWNER_URL")
    redis_url: SecretStr = Field(SecretStr(""), validation_alias="REDIS_URL")
    data_dir: Path = Path("var/data")
    key_dir: Path = Path("var/keys")
    database_pool: int = 8
    seal_suite: Literal["aes-256-gcm", "sm4-gcm"] = "aes-256-gcm"

    # sealed files: one folder or an S3-compatible store, and where wanted a replica of either kind
    file_store: Literal["local", "s3"] = "local"
    s3_endpoint: str = ""
    s3_bucket: str = ""
    s3_region: str = "us-east-1"
    s3_access_key: SecretStr = SecretStr("")
    s3_secret_key: SecretStr = SecretStr("")
    replica_dir: Path | None = None
    replica_s3_endpoint: str = ""
    replica_s3_bucket: str = ""
    replica_s3_region: str = "us-east-1"
    replica_s3_access_key: SecretStr = SecretStr("")
    replica_s3_secret_key: SecretStr = SecretStr("")
    replica_fallback: bool = False  # read from the replica what the primary does not have

    # platforms
    wechat_app_id: str = ""
    wechat_app_secret: SecretStr = SecretStr("")
    wechat_base_url: str = "https://api.weixin.qq.com"
    wechat_push_token: SecretStr = SecretStr("")
    wechat_push_aes_key: SecretStr = SecretStr("")
    # calls that WeChat takes encrypted and signed once the console's API 安全 asks for it: all five or none
    wechat_seal_key: SecretStr = SecretStr("")  # 32 bytes in base64
    wechat_seal_key_sn: str = ""
    wechat_seal_private_key_file: Path | None = None
    wechat_seal_platform_cert_file: Path | None = None
    wechat_seal_platform_sn: str = ""
    alipay_app_id: str = ""
    alipay_gateway_url: str = "https://openapi.alipay.com/gateway.do"
    alipay_private_key_file: Path | None = None
    alipay_platform_public_key_file: Path | None = None
    alipay_content_aes_key: SecretStr = SecretStr("")
    wecom_base_url: str = "https://qyapi.weixin.qq.com"
    wecom_robot_key: SecretStr = SecretStr("")
    wechat_template_ticket_decided: str = ""
    wechat_template_transfer_step: str = ""
    wechat_template_account_notice: str = ""
    alipay_template_ticket_decided: str = ""
    alipay_template_transfer_step: str = ""
    alipay_template_account_notice: str = ""
    platform_timeout_s: float = 3.0
    # WeChat's templates that are agreed to once for any number of messages, by our names: transfer_step, …
    wechat_long_term: Annotated[tuple[TemplateName, ...], NoDecode] = ()

    # e-mail: where a host is set. security none only for a server on this machine
    mail_host: str = ""
    mail_port: int = Field(465, ge=1, le=65535)
    mail_security: Literal["tls", "starttls", "none"] = "tls"
    mail_user: str = ""
    mail_password: SecretStr = SecretStr("")
    mail_from: str = ""

    # SMS: where an address is set; see providers/sms.py for what is spoken
    sms_base_url: str = ""
    sms_access_key: str = ""
    sms_secret: SecretStr = SecretStr("")
    sms_sign_name: str = ""
    sms_template_notice: str = ""
    sms_template_code: str = ""

    # between these hours of Beijing time only urgent notices leave the house, unless the graduate chose others; the
    # same hour twice means none
    quiet_begins: str = Field("22:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
    quiet_ends: str = Field("08:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")

    # carriers: EMS is asked where an app id is set; ems_dialect: the contract's own names, see providers/carriers
    ems_base_url: str = ""
    ems_app_id: str = ""
    ems_app_secret: SecretStr = SecretStr("")
    ems_dialect: Path | None = None
    # working days without any sign of life after hand-over, and without a new one later, until loss is suspected
    carrier_silent_days: int = Field(7, ge=1, le=60)
    carrier_stalled_days: int = Field(10, ge=1, le=60)

    # face: which verifiers serve which channel (2-domain section 6)
    face_enabled: bool = True
    wechat_verifiers: Annotated[tuple[Verifier, ...], NoDecode] = ("wechat_face",)
    alipay_verifiers: Annotated[tuple[Verifier, ...], NoDecode] = ("alipay_certify", "local_face")
    terminal_verifiers: Annotated[tuple[Verifier, ...], NoDecode] = ("local_face",)
    local_face_on_wechat_override: str = ""  # the operator's written reason; see SECURITY.md
    frames_ttl_s: int = Field(120, ge=5, le=120)

    # 类别映射 and 材料清单: a school's own files instead of the shipped ones
    class_map: Path | None = None
    checklist: Path | None = None

    # 转递方式规则: a school's own file instead of the shipped one
    channel_rules: Path | None = None

    # 工作日历: a school's own yearly notices beside the shipped ones
    working_days: Path | None = None

    # 在线咨询: when staff answer, on working days in Beijing time
    chat_opens: str = Field("09:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")
    chat_closes: str = Field("17:00", pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")

    # 群发通知: notices written in a second by all workers together; with more recipients another person starts one; the
    # places a notice may name, beside the archive office
    campaign_per_second: int = Field(20, ge=1, le=2000)
    campaign_two_above: int = Field(200, ge=0)
    campaign_places: Annotated[tuple[str, ...], NoDecode] = ()

    # statistics: groups of fewer persons are never shown as a number
    statistics_smallest: int = Field(5, ge=3, le=50)

    # whether "checked" in a transfer asks for a passed four-property check: off, advise (shown, not asked for), require
    transfer_check: Literal["off", "advise", "require"] = "advise"

    # operations: whoever scrapes /metrics shows this token, and without one there is no /metrics; after how many
    # seconds staff hear of a due job that nobody takes
    metrics_token: SecretStr = SecretStr("")
    queue_late_s: int = Field(300, ge=30, le=86400)

    # limits
    upload_max_bytes: int = 10 * 1024 * 1024
    scan_least_dpi: int = Field(200, ge=72, le=1200)  # DA/T 31-2017; a school may ask for more
    scan_ocr_dpi: int = Field(300, ge=72, le=1200)
    frame_max_bytes: int = 600 * 1024
    clip_max_frames: int = 40
    trusted_proxies: int = 0
    password_memory_kib: int = 64 * 1024  # argon2id, RFC 9106's second recommendation
    password_passes: int = 3

    @field_validator(
        "wechat_verifiers",
        "alipay_verifiers",
        "terminal_verifiers",
        "wechat_long_term",
        "campaign_places",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        """A comma-separated list in the environment."""
        return tuple(v.strip() for v in value.split(",") if v.strip()) if isinstance(value, str) else value

    @property
    def embedded_database(self) -> bool:
        return not self.database_url.get_secret_value()

    @property
    def embedded_redis(self) -> bool:
        return not self.redis_url.get_secret_value()

    @property
    def uses_sandbox(self) -> bool:
        hosts = (
            self.wechat_base_url,
            self.alipay_gateway_url,
            self.wecom_base_url,
            self.ems_base_url,
            self.sms_base_url,
        )
        return any(urlsplit(u).hostname in LOOPBACK or "sandbox" in u for u in hosts)

    @property
    def passkey_fault(self) -> str:
        """Why browsers offer no passkeys at public_url; empty where they do."""
        url = urlsplit(self.public_url)
        host = url.hostname or ""
        if _is_address(host):
            return (
                f"LANTAI_PUBLIC_URL names the bare IP address {host}, where browsers offer no passkeys: use a domain"
                " name (to try them, http://localhost with the port), or set LANTAI_PASSKEYS=off and have staff sign in"
                " with TOTP only"
            )
        if url.scheme != "https" and host != "localhost":
            return "LANTAI_PUBLIC_URL is not https, where browsers offer passkeys on http://localhost alone"
        domain = self.passkey_domain
        if domain and domain != host and not (host.endswith(f".{domain}") and "." in domain):
            return f"LANTAI_PASSKEY_DOMAIN is neither {host} nor a domain above it"
        return ""

    @property
    def passkey_origin(self) -> str:
        """The one address where staff's passkeys work; empty where there are none."""
        if self.passkeys == "off" or self.passkey_fault:
            return ""
        url = urlsplit(self.public_url)
        return f"{url.scheme}://{url.netloc}".lower()

    @property
    def passkey_domain_used(self) -> str:
        return self.passkey_domain or urlsplit(self.public_url).hostname or ""

    def faults(self) -> list[str]:
        """What is wrong, in words that say what to do. Empty when start-up may go on."""
        found = self._channel_faults() + self._store_faults() + self._carrier_faults() + self._seal_faults()
        found += self._letter_faults()
        if self.chat_opens >= self.chat_closes:
            found.append("LANTAI_CHAT_OPENS must be earlier than LANTAI_CHAT_CLOSES")
        if 0 < len(self.metrics_token.get_secret_value()) < METRICS_TOKEN_LEAST:
            found.append(f"LANTAI_METRICS_TOKEN is shorter than {METRICS_TOKEN_LEAST} characters")
        if self.passkeys == "on" and self.passkey_fault:
            found.append(self.passkey_fault)
        if self.environment == "production":
            found += self._production_faults()
        return found

    def _channel_faults(self) -> list[str]:
        if "local_face" in self.wechat_verifiers and len(self.local_face_on_wechat_override.strip()) < 20:
            return [
                "LANTAI_WECHAT_VERIFIERS names local_face, which WeChat's platform rules forbid in a mini-program:"
                " remove it, or write the approval you hold (20 characters or more) into"
                " LANTAI_LOCAL_FACE_ON_WECHAT_OVERRIDE"
            ]
        return []

    def _seal_faults(self) -> list[str]:
        names = ("key", "key_sn", "private_key_file", "platform_cert_file", "platform_sn")
        given = {name: getattr(self, f"wechat_seal_{name}") for name in names}
        missing = [n for n, v in given.items() if not (v.get_secret_value() if isinstance(v, SecretStr) else v)]
        if len(missing) in (0, len(names)):
            return []
        words = ", ".join(f"LANTAI_WECHAT_SEAL_{name.upper()}" for name in missing)
        return [f"{words} not set, though other settings of WeChat's sealed calls are: set all five or none"]

    def _letter_faults(self) -> list[str]:
        """E-mail and SMS are set whole or not at all."""
        found = []
        if self.mail_host and MAIL_ADDRESS.fullmatch(self.mail_from) is None:
            found.append("LANTAI_MAIL_FROM must be the address e-mails are sent from")
        if self.mail_user and not self.mail_password.get_secret_value():
            found.append("LANTAI_MAIL_PASSWORD is not set, though LANTAI_MAIL_USER is")
        if self.sms_base_url:
            wanted = ("sms_access_key", "sms_sign_name", "sms_template_notice", "sms_template_code")
            found += [f"LANTAI_{name.upper()} is not set" for name in wanted if not getattr(self, name)]
            if self.sms_secret.get_secret_value().lower() in DEFAULT_SECRETS:
                found.append("LANTAI_SMS_SECRET is missing or a default value")
        if self.environment == "production":
            if self.mail_host and self.mail_security == "none" and self.mail_host not in LOOPBACK:
                found.append("LANTAI_MAIL_SECURITY none sends letters in the clear: use tls or starttls")
            sandbox = urlsplit(self.sms_base_url).hostname in LOOPBACK or "sandbox" in self.sms_base_url
            if self.sms_base_url and (sandbox or not self.sms_base_url.startswith("https://")):
                found.append("LANTAI_SMS_BASE_URL points at a sandbox or is not https")
        return found

    def _store_faults(self) -> list[str]:
        found, wanted = [], ["s3"] if self.file_store == "s3" else []
        if self.replica_s3_endpoint:
            wanted.append("replica_s3")
            if self.replica_dir is not None:
                found.append("LANTAI_REPLICA_DIR and LANTAI_REPLICA_S3_ENDPOINT are both set: one replica is kept")
        for store in wanted:
            for name in ("endpoint", "bucket", "access_key", "secret_key"):
                value = getattr(self, f"{store}_{name}")
                if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                    found.append(f"LANTAI_{store.upper()}_{name.upper()} is not set")
            endpoint = str(getattr(self, f"{store}_endpoint"))
            if self.environment == "production" and endpoint and not endpoint.startswith("https://"):
                found.append(f"LANTAI_{store.upper()}_ENDPOINT must be https")
        if self.replica_dir is not None and self.replica_dir.absolute() == (self.data_dir / "files").absolute():
            found.append("LANTAI_REPLICA_DIR is the folder of the files themselves: a replica stands elsewhere")
        return found

    def _carrier_faults(self) -> list[str]:
        if not self.ems_app_id:
            return []
        found = []
        if self.ems_app_secret.get_secret_value().lower() in DEFAULT_SECRETS:
            found.append("LANTAI_EMS_APP_SECRET is missing or a default value")
        host = urlsplit(self.ems_base_url).hostname
        if not host:
            found.append("LANTAI_EMS_BASE_URL is not set")
        elif self.environment == "production" and (
            host in LOOPBACK or "sandbox" in self.ems_base_url or not self.ems_base_url.startswith("https://")
        ):
            found.append("LANTAI_EMS_BASE_URL points at a sandbox or is not https")
        return found

    def _production_faults(self) -> list[str]:
        found = []
        if self.embedded_database:
            found.append("DATABASE_URL is not set: the embedded PostgreSQL is not for production")
        if self.embedded_redis:
            found.append("REDIS_URL is not set: the embedded Redis is not for production")
        if not self.database_owner_url.get_secret_value():
            found.append("DATABASE_OWNER_URL is not set: migrations need a role of their own")
        for name in ("wechat_base_url", "alipay_gateway_url", "wecom_base_url"):
            url = str(getattr(self, name))
            if urlsplit(url).hostname in LOOPBACK or "sandbox" in url or not url.startswith("https://"):
                found.append(f"LANTAI_{name.upper()} points at a sandbox or is not https")
        if not self.public_url.startswith("https://"):
            found.append("LANTAI_PUBLIC_URL must be https")
        elif self.passkeys == "auto" and self.passkey_fault:
            found.append(self.passkey_fault)
        for name in ("wechat_app_id", "alipay_app_id"):
            if not getattr(self, name):
                found.append(f"LANTAI_{name.upper()} is not set")
        for name in ("wechat_app_secret", "wechat_push_token", "wechat_push_aes_key"):
            if getattr(self, name).get_secret_value().lower() in DEFAULT_SECRETS:
                found.append(f"LANTAI_{name.upper()} is missing or a default value")
        for name in ("alipay_private_key_file", "alipay_platform_public_key_file"):
            path = getattr(self, name)
            if path is None or not path.is_file():
                found.append(f"LANTAI_{name.upper()} does not name a key file")
        if self.password_memory_kib < 64 * 1024 or self.password_passes < 3:
            found.append("LANTAI_PASSWORD_MEMORY_KIB or LANTAI_PASSWORD_PASSES is too low: leave them unset")
        for platform in ("wechat", "alipay"):
            for name in ("ticket_decided", "transfer_step", "account_notice"):
                if not getattr(self, f"{platform}_template_{name}"):
                    found.append(f"LANTAI_{platform.upper()}_TEMPLATE_{name.upper()} is not set")
        if not any(self.key_dir.glob("kek-*.key")):
            found.append("LANTAI_KEY_DIR holds no kek-*.key: run 'lantai keys init' once; keep it apart from the data")
        return found


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def load_settings(env_file: Path | None = None, **overrides: object) -> Settings:
    """Read the environment (and ``env_file``, or the file LANTAI_ENV_FILE names) once.

    Raises SettingsError naming every fault.
    """
    named = os.environ.get("LANTAI_ENV_FILE")
    env_file = env_file or (Path(named) if named else None)
    try:
        settings = Settings(_env_file=env_file, **overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        words = [f"LANTAI_{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors()]
        raise SettingsError(words) from None
    faults = settings.faults()
    if faults:
        raise SettingsError(faults)
    return settings


__all__ = ["Settings", "SettingsError", "Verifier", "load_settings"]
