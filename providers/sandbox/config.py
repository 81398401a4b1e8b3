"""What the sandbox is told: the same names our own application reads, plus the platforms' private side."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

TEMPLATE_NAMES = ("TICKET_DECIDED", "TRANSFER_STEP", "ACCOUNT_NOTICE")
TITLES = {"TICKET_DECIDED": "工单处理结果通知", "TRANSFER_STEP": "档案转递进度通知", "ACCOUNT_NOTICE": "账号安全提醒"}
FIELDS: Mapping[str, Mapping[str, str]] = {
    "WECHAT": {"thing1": "业务类型", "phrase2": "办理状态", "date3": "更新日期", "thing4": "温馨提示"},
    "ALIPAY": {"keyword1": "业务类型", "keyword2": "办理状态", "keyword3": "更新日期"},
}
"""What the school's templates have when SANDBOX_TEMPLATES_FILE says nothing else."""
REQUIRED = (
    "LANTAI_WECHAT_APP_ID",
    "LANTAI_WECHAT_APP_SECRET",
    "LANTAI_WECHAT_PUSH_TOKEN",
    "LANTAI_WECHAT_PUSH_AES_KEY",
    "LANTAI_ALIPAY_APP_ID",
    "LANTAI_WECOM_ROBOT_KEY",
    "SANDBOX_ALIPAY_PLATFORM_PRIVATE_KEY_FILE",
    "SANDBOX_ALIPAY_APP_PUBLIC_KEY_FILE",
)
WECHAT_CALLBACK = "/partner/callbacks/wechat"
ALIPAY_CALLBACK = "/partner/callbacks/alipay"
NOTIFY_SPACING_S = (1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 5.0)


class ConfigFault(ValueError):
    """A setting is missing or unusable; the text names it and holds no value."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message template as the platform's console holds it.

    ``fields`` maps the data keys (``thing1``, ``keyword1``) to their labels; empty means the definition is not known
    here, and every well-formed key is taken. A long-term template is accepted once and may be used for ever.
    """

    template_id: str
    title: str
    fields: Mapping[str, str] = field(default_factory=dict)
    long_term: bool = False


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """Everything the three platforms and the carrier know about our app. Without an EMS app id nobody may ask it.

    Without an SMS access key nobody may send a text; ``mail_port`` 0 means that there is no e-mail server.
    """

    wechat_app_id: str
    wechat_app_secret: str = field(repr=False)
    wechat_push_token: str = field(repr=False)
    wechat_push_aes_key: str = field(repr=False)
    alipay_app_id: str
    wecom_robot_key: str = field(repr=False)
    alipay_platform_key: RSAPrivateKey = field(repr=False)
    alipay_app_key: RSAPublicKey = field(repr=False)
    alipay_content_aes_key: str = field(default="", repr=False)
    public_url: str = ""
    wechat_templates: tuple[Template, ...] = ()
    alipay_templates: tuple[Template, ...] = ()
    push_retry_s: float = 5.0
    push_timeout_s: float = 5.0
    notify_spacing_s: tuple[float, ...] = NOTIFY_SPACING_S
    phones_file: Path | None = None
    ems_app_id: str = ""
    ems_app_secret: str = field(default="", repr=False)
    carrier_auto: bool = False
    sms_access_key: str = ""
    sms_secret: str = field(default="", repr=False)
    sms_sign_name: str = ""
    sms_templates: Mapping[str, str] = field(default_factory=dict)
    mail_port: int = 0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SandboxConfig:
        """Raises ConfigFault naming every missing setting."""
        missing = [name for name in REQUIRED if not environment.get(name)]
        if missing:
            raise ConfigFault("the sandbox needs " + ", ".join(missing))
        definitions = _definitions(environment.get("SANDBOX_TEMPLATES_FILE", ""))
        spacing = environment.get("SANDBOX_NOTIFY_SPACING_SECONDS", "")
        phones_file = environment.get("SANDBOX_PHONES_FILE", "")
        return cls(
            wechat_app_id=environment["LANTAI_WECHAT_APP_ID"],
            wechat_app_secret=environment["LANTAI_WECHAT_APP_SECRET"],
            wechat_push_token=environment["LANTAI_WECHAT_PUSH_TOKEN"],
            wechat_push_aes_key=environment["LANTAI_WECHAT_PUSH_AES_KEY"],
            alipay_app_id=environment["LANTAI_ALIPAY_APP_ID"],
            wecom_robot_key=environment["LANTAI_WECOM_ROBOT_KEY"],
            alipay_platform_key=_private_key(environment["SANDBOX_ALIPAY_PLATFORM_PRIVATE_KEY_FILE"]),
            alipay_app_key=_public_key(environment["SANDBOX_ALIPAY_APP_PUBLIC_KEY_FILE"]),
            alipay_content_aes_key=_content_key(environment.get("LANTAI_ALIPAY_CONTENT_AES_KEY", "")),
            public_url=environment.get("LANTAI_PUBLIC_URL", "").rstrip("/"),
            wechat_templates=_templates(environment, "WECHAT", definitions.get("wechat", {})),
            alipay_templates=_templates(environment, "ALIPAY", definitions.get("alipay", {})),
            push_retry_s=float(environment.get("SANDBOX_PUSH_RETRY_SECONDS") or 5.0),
            push_timeout_s=float(environment.get("SANDBOX_PUSH_TIMEOUT_SECONDS") or 5.0),
            notify_spacing_s=tuple(float(part) for part in spacing.split(",")) if spacing else NOTIFY_SPACING_S,
            phones_file=Path(phones_file) if phones_file else None,
            ems_app_id=environment.get("LANTAI_EMS_APP_ID", ""),
            ems_app_secret=environment.get("LANTAI_EMS_APP_SECRET", ""),
            carrier_auto=environment.get("SANDBOX_CARRIER_AUTO", "") == "1",
            sms_access_key=environment.get("LANTAI_SMS_ACCESS_KEY", ""),
            sms_secret=environment.get("LANTAI_SMS_SECRET", ""),
            sms_sign_name=environment.get("LANTAI_SMS_SIGN_NAME", ""),
            sms_templates={
                name: environment.get(f"LANTAI_SMS_TEMPLATE_{name.upper()}", "") for name in ("notice", "code")
            },
            mail_port=int(environment.get("LANTAI_MAIL_PORT") or 0) if environment.get("LANTAI_MAIL_HOST") else 0,
        )


def _definitions(path: str) -> Mapping[str, Mapping[str, Any]]:
    if not path:
        return {}
    loaded: Mapping[str, Mapping[str, Any]] = json.loads(Path(path).read_text(encoding="utf-8"))
    return loaded


def _templates(environment: Mapping[str, str], platform: str, definitions: Mapping[str, Any]) -> tuple[Template, ...]:
    found = []
    for name in TEMPLATE_NAMES:
        template_id = environment.get(f"LANTAI_{platform}_TEMPLATE_{name}", "")
        known = definitions.get(name, {})
        if template_id:
            fields, long_term = known.get("fields", FIELDS[platform]), bool(known.get("long_term", False))
            found.append(Template(template_id, known.get("title", TITLES[name]), fields, long_term))
    return tuple(found)


def _private_key(path: str) -> RSAPrivateKey:
    key = load_pem_private_key(Path(path).read_bytes(), password=None)
    if not isinstance(key, RSAPrivateKey):
        raise ConfigFault("SANDBOX_ALIPAY_PLATFORM_PRIVATE_KEY_FILE holds no RSA private key")
    return key


def _public_key(path: str) -> RSAPublicKey:
    key = load_pem_public_key(Path(path).read_bytes())
    if not isinstance(key, RSAPublicKey):
        raise ConfigFault("SANDBOX_ALIPAY_APP_PUBLIC_KEY_FILE holds no RSA public key")
    return key


def _content_key(text: str) -> str:
    if text and len(base64.b64decode(text)) != 16:
        raise ConfigFault("LANTAI_ALIPAY_CONTENT_AES_KEY must be the base64 text of 16 bytes")
    return text
