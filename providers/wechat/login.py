"""WeChat: who is calling (login code, phone code, fingerprint) and what the session key is good for."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import logging
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from wechatpy.exceptions import WeChatClientException

from app.errors import DomainError
from app.ports import (
    Clock,
    LoginCodeRejected,
    LoginRefusedByPlatform,
    PhoneProofRejected,
    Platform,
    PlatformAccount,
)
from providers.outbound import PlatformUnavailable
from providers.wechat.client import BUSY, DAY_LIMIT, MINUTE_LIMIT, WeChatClient, refusal_code, unavailable
from providers.wechat.tokens import PROVIDER

log = logging.getLogger(__name__)

BAD_CODE = frozenset({40029, 40163})
HIGH_RISK = 40226
BAD_APP, BAD_OPEN_ID = 40013, 40003
SESSION_GONE = frozenset({87007, 87008, 87009})
MAINLAND = "86"
WATERMARK_AGE_S = 600


class WeChatLogin:
    """app.ports.PlatformLogin."""

    platform = Platform.WECHAT

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def exchange_code(self, code: str) -> PlatformAccount:
        """One try only: after a timeout the code may be spent, so the answer to Unavailable is a new code."""
        try:
            found = self._client.code_to_session(code)
        except WeChatClientException as error:
            refused = refusal_code(error)
            if refused in BAD_CODE:
                raise LoginCodeRejected from None
            if refused == HIGH_RISK:
                raise LoginRefusedByPlatform from None
            raise unavailable(error) from None
        return PlatformAccount(
            Platform.WECHAT,
            self._client.appid,
            _text(found, "openid"),
            found.get("unionid") or None,
            _text(found, "session_key"),
        )


class WeChatPhone:
    """app.ports.PlatformPhone by the phone-number component."""

    platform = Platform.WECHAT

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def phone_number(self, open_id: str, proof: str) -> str:
        """``proof`` is the component's own code (not the login code), bound to ``open_id`` by WeChat."""
        try:
            found = self._client.post_json("/wxa/business/getuserphonenumber", {"code": proof, "openid": open_id})
        except WeChatClientException as error:
            if refusal_code(error) in BAD_CODE | {BAD_APP, BAD_OPEN_ID}:
                raise PhoneProofRejected from None
            raise unavailable(error) from None
        return self._vouched(found.get("phone_info"))

    def _vouched(self, info: object) -> str:
        if not isinstance(info, dict):
            raise PlatformUnavailable(PROVIDER, "no_phone_info", sent=True)
        watermark = info.get("watermark")
        if not isinstance(watermark, dict) or watermark.get("appid") != self._client.appid:
            raise PhoneProofRejected
        country = str(info.get("countryCode", "")).lstrip("+")  # seen as text and as number
        number = str(info.get("purePhoneNumber", ""))
        if not (country.isascii() and country.isdecimal() and number.isascii() and number.isdecimal()):
            raise PlatformUnavailable(PROVIDER, "phone_garbage", sent=True)
        return number if country == MAINLAND else country + number


class SoterCheck:
    """app.ports.FingerprintCheck at WeChat's server."""

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def verify(self, open_id: str, json_string: str, json_signature: str) -> bool:
        """True only if WeChat says ``is_ok``: true. A refusal of the input itself is False."""
        body = {"openid": open_id, "json_string": json_string, "json_signature": json_signature}
        try:
            found = self._client.post_json("/cgi-bin/soter/verify_signature", body)
        except WeChatClientException as error:
            if refusal_code(error) in (BUSY, MINUTE_LIMIT, DAY_LIMIT):
                raise unavailable(error) from None
            log.warning("soter check refused: errcode %s", refusal_code(error))
            return False
        return found.get("is_ok") is True


class WeChatSessions:
    """What can be asked about, or signed with, a session key."""

    def __init__(self, client: WeChatClient) -> None:
        self._client = client

    def check(self, open_id: str, session_key: str) -> bool:
        """Whether WeChat still honours this session key."""
        return self._ask("/wxa/checksession", open_id, session_key) is not None

    def reset(self, open_id: str, session_key: str) -> str:
        """A new session key; the old one dies. Raises LoginCodeRejected when it was already gone: log in again."""
        found = self._ask("/wxa/resetusersessionkey", open_id, session_key)
        if found is None:
            raise LoginCodeRejected
        return _text(found, "session_key")

    def _ask(self, path: str, open_id: str, session_key: str) -> dict[str, Any] | None:
        """None when the session is gone."""
        query = {"openid": open_id, "signature": session_signature(session_key), "sig_method": "hmac_sha256"}
        try:
            return self._client.get_json(path, query)
        except WeChatClientException as error:
            if refusal_code(error) in SESSION_GONE:
                return None
            raise unavailable(error) from None


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not value:
        raise PlatformUnavailable(PROVIDER, f"no_{name}", sent=True)
    return value


def session_signature(session_key: str, message: str = "") -> str:
    """Hex HMAC-SHA256 keyed by the session key's text as it is, not base64-decoded (vector wx.session_hmac)."""
    return hmac.new(session_key.encode(), message.encode(), hashlib.sha256).hexdigest()


def raw_data_signature(raw_data: str, session_key: str) -> str:
    # SHA-1 is the platform's choice
    return hashlib.sha1((raw_data + session_key).encode(errors="surrogatepass"), usedforsecurity=False).hexdigest()


def raw_data_is_genuine(raw_data: str, signature: str, session_key: str) -> bool:
    return hmac.compare_digest(raw_data_signature(raw_data, session_key).encode(), signature.encode())


class UserDataRejected(DomainError):
    """Encrypted user data does not open with this session key, or is of another app or time: log in again.

    The usual cause is a session key replaced by a later wx.login.
    """

    default_code = "user_data_rejected"


def open_user_data(
    session_key: str, encrypted_data: str, iv: str, *, app_id: str, clock: Clock, max_age_s: int = WATERMARK_AGE_S
) -> dict[str, Any]:
    """Decrypt wx.getUserProfile-style data and check its watermark. Raises UserDataRejected."""
    try:
        found = json.loads(_decrypted(session_key, encrypted_data, iv))
    except (ValueError, binascii.Error, RecursionError):
        raise UserDataRejected from None
    watermark = found.get("watermark") if isinstance(found, dict) else None
    if not isinstance(watermark, dict) or watermark.get("appid") != app_id:
        raise UserDataRejected
    made_at = watermark.get("timestamp")
    if not isinstance(made_at, int) or abs(clock.now().timestamp() - made_at) > max_age_s:
        raise UserDataRejected
    return dict(found)


def _decrypted(session_key: str, encrypted_data: str, iv: str) -> bytes:
    key, start = base64.b64decode(session_key, validate=True), base64.b64decode(iv, validate=True)
    if len(key) != 16 or len(start) != 16:
        raise ValueError
    opener = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
    padded = opener.update(base64.b64decode(encrypted_data, validate=True)) + opener.finalize()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
