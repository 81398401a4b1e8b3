"""Alipay calling us: signed notices (V1 or V2 string) sent again until we say success, and the phone-number text."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from providers.sandbox.alipay_crypto import aes_encrypt, rsa2_sign, signing_text
from providers.sandbox.config import ALIPAY_CALLBACK
from providers.sandbox.deliveries import Delivery, Parcel
from providers.sandbox.phones import Phone
from providers.sandbox.world import World

DROPPED = {"v1": ("sign", "sign_type"), "v2": ("sign",)}
NOTIFY_TAMPERS = ("", "parameter", "stranger", "other_app")
PHONE_FAULTS = ("", "unsigned", "wrong_key", "no_relation")


def notify(
    world: World, parameters: Mapping[str, str], version: str = "v1", tamper: str = "", *, wait: bool = False
) -> Delivery:
    """Post ``parameters`` with the public ones filled in. ``tamper`` makes it a notice that must be refused."""
    if version not in DROPPED or tamper not in NOTIFY_TAMPERS:
        raise ValueError("version must be v1 or v2; tamper parameter, stranger or other_app")
    form = {
        "notify_id": secrets.token_hex(17),
        "notify_time": world.clock.beijing().strftime("%Y-%m-%d %H:%M:%S"),
        "notify_type": "open_app_auth_notify",
        "app_id": "2099000000000000" if tamper == "other_app" else world.config.alipay_app_id,
        "charset": "utf-8",
        "version": "1.0",
        **parameters,
        "sign_type": "RSA2",
    }
    key = world.key("stranger") if tamper == "stranger" else world.config.alipay_platform_key
    form["sign"] = rsa2_sign(key, signing_text(form, DROPPED[version]))
    if tamper == "parameter":
        form["notify_type"] += "_altered"
    base = world.config.public_url
    parcel = Parcel(
        kind=f"alipay:{form['notify_type']}",
        url=f"{base}{ALIPAY_CALLBACK}" if base else "",
        body=urlencode(form).encode(),
        content_type="application/x-www-form-urlencoded; charset=utf-8",
        accept=lambda status, body: status == 200 and body.strip() == b"success",
        pauses_s=world.config.notify_spacing_s,
        timeout_s=world.config.push_timeout_s,
    )
    return world.courier.send(parcel, wait=wait)


def phone_text(world: World, phone: Phone, fault: str = "") -> str:
    """What my.getPhoneNumber gives as ``response``. Without an AES key on file it is Alipay's unsigned complaint."""
    if fault not in PHONE_FAULTS:
        raise ValueError(f"fault must be one of {', '.join(f for f in PHONE_FAULTS if f)}")
    key = world.config.alipay_content_aes_key
    if not key:
        return _complaint("40001", "Missing Required Arguments", "isv.missing-encrypt-key", "缺少加密配置")
    if fault == "no_relation":
        return _complaint("40003", "Insufficient Conditions", "isv.invalid-auth-relations", "无效的授权关系")
    plain = {"code": "10000", "msg": "Success", "mobile": phone.phone_number}
    sealed = aes_encrypt(key, json.dumps(plain, separators=(",", ":")))
    answer = {"response": sealed, "sign_type": "RSA2", "encrypt_type": "AES", "charset": "UTF-8"}
    if fault != "unsigned":
        signer = world.key("stranger") if fault == "wrong_key" else world.config.alipay_platform_key
        answer["sign"] = rsa2_sign(signer, f'"{sealed}"')
    return json.dumps(answer)


def _complaint(code: str, msg: str, sub_code: str, sub_msg: str) -> str:
    node = {"code": code, "msg": msg, "subCode": sub_code, "subMsg": sub_msg}
    return json.dumps({"response": json.dumps(node, ensure_ascii=False)}, ensure_ascii=False)
