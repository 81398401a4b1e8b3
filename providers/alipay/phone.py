"""Alipay's my.getPhoneNumber: the client hands over a signed, encrypted text; only a signed one is believed."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from typing import Any

from app.ports import Cache, PhoneProofRejected, Platform
from providers.alipay.gateway import PROVIDER, SUCCESS, AlipayGateway
from providers.alipay.signing import is_signed
from providers.outbound import PlatformUnavailable

log = logging.getLogger(__name__)

MAX_PROOF = 8 * 1024
SEEN_S = 30 * 24 * 3600
NUMBER = re.compile(r"(?:\+?([0-9]{1,4})-)?([0-9]{5,15})")
MAINLAND = "86"
OUR_FAULT = frozenset({"20000", "40006"})
MISSING_KEY = "isv.missing-encrypt-key"


class AlipayPhone:
    """app.ports.PlatformPhone.

    The text carries no nonce, time or user: it can be replayed. The caller takes it only inside the person's own
    session and limits tries; with ``seen`` each text is good once.
    """

    platform = Platform.ALIPAY

    def __init__(self, gateway: AlipayGateway, *, seen: Cache | None = None) -> None:
        """``gateway`` must have its content key, otherwise every proof is refused."""
        self._gateway, self._seen = gateway, seen

    def phone_number(self, open_id: str, proof: str) -> str:  # noqa: ARG002 - Alipay's text names no user
        response = self._signed_response(proof)
        found = self._decrypted(response)
        code, sub_code = str(found.get("code", "")), str(found.get("subCode", ""))
        if code != SUCCESS:
            if code in OUR_FAULT or sub_code == MISSING_KEY:
                log.error("alipay phone component at fault: %s", code)
                raise PlatformUnavailable(PROVIDER, f"phone_{code}", sent=True)
            raise PhoneProofRejected
        number = _number(found.get("mobile"))
        self._use_up(response)
        return number

    def _signed_response(self, proof: str) -> str:
        """The base64 text Alipay has signed, quotes included in what it signed."""
        try:
            found = json.loads(proof) if len(proof) <= MAX_PROOF else None
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise PhoneProofRejected
        response, signature = found.get("response"), found.get("sign")
        if not isinstance(response, str) or not isinstance(signature, str) or not signature:
            raise PhoneProofRejected
        plain = response.lstrip().startswith("{")
        if plain or found.get("sign_type", "RSA2") != "RSA2" or found.get("encrypt_type", "AES") != "AES":
            raise PhoneProofRejected
        if not is_signed(self._gateway.platform_key, f'"{response}"'.encode(errors="replace"), signature):
            raise PhoneProofRejected
        return response

    def _decrypted(self, response: str) -> dict[str, Any]:
        if self._gateway.cipher is None:
            raise PhoneProofRejected
        try:
            found = json.loads(self._gateway.cipher.decrypt(response))
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise PhoneProofRejected
        return found

    def _use_up(self, response: str) -> None:
        key = "alipay-phone:" + hashlib.sha256(response.encode()).hexdigest()
        if self._seen is not None and not self._seen.add(key, b"1", SEEN_S):
            raise PhoneProofRejected


def _number(mobile: object) -> str:
    """Digits only; mainland numbers come bare, others as "1-1234432112"."""
    found = NUMBER.fullmatch(mobile) if isinstance(mobile, str) else None
    if found is None:
        raise PhoneProofRejected
    country, number = found[1] or MAINLAND, found[2]
    return number if country == MAINLAND else country + number
