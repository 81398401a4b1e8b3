"""A demo environment: random app ids, secrets and keys that both our application and the sandbox read."""

from __future__ import annotations

import base64
import secrets
import string
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from providers.sandbox.config import TEMPLATE_NAMES

ENV_NAME = "sandbox.env"
CARRIER_AUTO = "SANDBOX_CARRIER_AUTO"
_ALPHANUMERIC = string.ascii_letters + string.digits


def write_demo_environment(folder: Path, port: int, public_url: str, mail_port: int = 0) -> Path:
    """The env file (0600) of NAME=value lines; keys lie beside it as PEM (0400). ``mail_port`` 0: without e-mail.

    An existing file keeps its ids and secrets; only the addresses follow ``port`` and ``public_url``.
    """
    folder = folder.resolve()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / ENV_NAME
    known = read_environment_file(target) if target.is_file() else _secrets() | _keys(folder)
    phones = {"SANDBOX_PHONES_FILE": str(folder / "phones.json")}
    values = _carrier() | _sms() | known | phones | _addresses(port, public_url) | _mail(mail_port)
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    draft = target.with_suffix(".env.new")
    draft.touch(mode=0o600)
    draft.write_text(text, encoding="utf-8")
    draft.replace(target)
    return target


def read_environment_file(path: Path) -> dict[str, str]:
    """NAME=value lines; empty lines and lines beginning with # are skipped."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def _addresses(port: int, public_url: str) -> dict[str, str]:
    base = f"http://127.0.0.1:{port}"
    return {
        "LANTAI_PUBLIC_URL": public_url.rstrip("/"),
        "LANTAI_WECHAT_BASE_URL": f"{base}/wechat",
        "LANTAI_ALIPAY_GATEWAY_URL": f"{base}/alipay/gateway.do",
        "LANTAI_WECOM_BASE_URL": f"{base}/wecom",
        "LANTAI_EMS_BASE_URL": f"{base}/ems",
        "LANTAI_SMS_BASE_URL": f"{base}/sms",
    }


def _carrier() -> dict[str, str]:
    """Apart from the others: environments made before there was a carrier get them at the next start."""
    own = {"LANTAI_EMS_APP_ID": f"ems-{secrets.token_hex(6)}", "LANTAI_EMS_APP_SECRET": secrets.token_hex(32)}
    return {**own, CARRIER_AUTO: "1"}


def _sms() -> dict[str, str]:
    """Apart from the others, like the carrier. No quiet hours: who tries the demo at night wants to see messages."""
    return {
        "LANTAI_SMS_ACCESS_KEY": f"sms-{secrets.token_hex(6)}",
        "LANTAI_SMS_SECRET": secrets.token_hex(32),
        "LANTAI_SMS_SIGN_NAME": "兰台大学",
        "LANTAI_SMS_TEMPLATE_NOTICE": f"SMS_{secrets.randbelow(10**9):09d}",
        "LANTAI_SMS_TEMPLATE_CODE": f"SMS_{secrets.randbelow(10**9):09d}",
        "LANTAI_QUIET_BEGINS": "00:00",
        "LANTAI_QUIET_ENDS": "00:00",
    }


def _mail(port: int) -> dict[str, str]:
    """Named in full also without e-mail, so that an earlier file's server is not asked any more."""
    values = {"HOST": "127.0.0.1" if port else "", "PORT": str(port or 465), "SECURITY": "none" if port else "tls"}
    return {**{f"LANTAI_MAIL_{n}": v for n, v in values.items()}, "LANTAI_MAIL_FROM": "notice@lantai.example"}


def _secrets() -> dict[str, str]:
    values = {
        "LANTAI_WECHAT_APP_ID": f"wx{secrets.token_hex(8)}",
        "LANTAI_WECHAT_APP_SECRET": secrets.token_hex(16),
        "LANTAI_WECHAT_PUSH_TOKEN": _random_text(24),
        "LANTAI_WECHAT_PUSH_AES_KEY": base64.b64encode(secrets.token_bytes(32)).decode().rstrip("="),
        "LANTAI_ALIPAY_APP_ID": f"2021{secrets.randbelow(10**12):012d}",
        "LANTAI_ALIPAY_CONTENT_AES_KEY": base64.b64encode(secrets.token_bytes(16)).decode(),
        "LANTAI_WECOM_ROBOT_KEY": "-".join(secrets.token_hex(n) for n in (4, 2, 2, 2, 6)),
    }
    for name in TEMPLATE_NAMES:
        values[f"LANTAI_WECHAT_TEMPLATE_{name}"] = _random_text(43)
        values[f"LANTAI_ALIPAY_TEMPLATE_{name}"] = secrets.token_hex(16)
    return values


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHANUMERIC) for _ in range(length))


def _keys(folder: Path) -> dict[str, str]:
    app_private, app_public = _key_pair(folder, "alipay-app")
    platform_private, platform_public = _key_pair(folder, "alipay-platform")
    return {
        "LANTAI_ALIPAY_PRIVATE_KEY_FILE": str(app_private),
        "LANTAI_ALIPAY_PLATFORM_PUBLIC_KEY_FILE": str(platform_public),
        "SANDBOX_ALIPAY_PLATFORM_PRIVATE_KEY_FILE": str(platform_private),
        "SANDBOX_ALIPAY_APP_PUBLIC_KEY_FILE": str(app_public),
    }


def _key_pair(folder: Path, name: str) -> tuple[Path, Path]:
    key = rsa.generate_private_key(65537, 2048)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _write_key(folder / f"{name}-private.pem", private), _write_key(folder / f"{name}-public.pem", public)


def _write_key(path: Path, pem: bytes) -> Path:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(pem)
    path.chmod(0o400)
    return path
