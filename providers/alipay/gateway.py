"""Alipay's open gateway: one signed form out, one verified node back.

Why no SDK: docs/decisions/0004-platform-clients.md.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from datetime import timedelta, timezone
from typing import Any
from urllib.parse import urlencode

from app.ports import Clock
from providers.alipay.envelope import SignedNode, signed_node
from providers.alipay.signing import (
    AlipayKeyError,
    ContentCipher,
    is_signed,
    private_key,
    public_key,
    sign,
    signing_string,
)
from providers.outbound import Outbound, PlatformUnavailable

log = logging.getLogger(__name__)

PROVIDER = "alipay"
BEIJING = timezone(timedelta(hours=8))  # the gateway compares with Beijing time whatever the server's zone is
SUCCESS, BUSY = "10000", "20000"
WORD = re.compile(r"[A-Za-z0-9._-]{1,80}")
FORM = "application/x-www-form-urlencoded;charset=utf-8"


class AlipayRefused(Exception):
    """The gateway understood and said no. ``code`` and ``sub_code`` are Alipay's; no other text of theirs is kept."""

    def __init__(self, method: str, code: str, sub_code: str) -> None:
        super().__init__(f"{method}: {code} {sub_code}")
        self.method, self.code, self.sub_code = method, code, sub_code


def unavailable(error: AlipayRefused) -> PlatformUnavailable:
    """For refusals that are nobody's fault in front of us: our set-up (logged as an error) or the platform's."""
    log.log(logging.WARNING if error.code == BUSY else logging.ERROR, "alipay refused a call: %s", error)
    return PlatformUnavailable(PROVIDER, error.sub_code or error.code, sent=True)


class AlipayGateway:
    """Signs calls of one app and trusts only what Alipay's key has signed. Thread-safe."""

    def __init__(
        self,
        app_id: str,
        private_key_pem: str,
        platform_public_key_pem: str,
        *,
        gateway_url: str,
        clock: Clock,
        content_aes_key: str | None = None,
        timeout_s: float = 3.0,
        app_cert_sn: str | None = None,
        root_cert_sn: str | None = None,
    ) -> None:
        """Keys as PEM or bare base64; ``*_cert_sn`` (providers.alipay.certificates) for certificate mode.

        Raises AlipayKeyError, also when our own public key was given in place of Alipay's.
        """
        self.app_id = app_id
        self._private, self.platform_key = private_key(private_key_pem), public_key(platform_public_key_pem)
        if self._private.public_key().public_numbers() == self.platform_key.public_numbers():
            raise AlipayKeyError("this is the app's own public key; Alipay's (支付宝公钥) is needed")
        self.cipher = ContentCipher(content_aes_key) if content_aes_key else None
        self._url, self._clock = gateway_url, clock
        self._certificates = {"app_cert_sn": app_cert_sn or "", "alipay_root_cert_sn": root_cert_sn or ""}
        self._outbound = Outbound(PROVIDER, timeout_s)

    def call(
        self,
        method: str,
        biz_content: Mapping[str, object] | None = None,
        *,
        top: Mapping[str, str] | None = None,
        idempotent: bool = False,
    ) -> dict[str, Any]:
        """The verified response node. ``top`` are parameters beside biz_content (oauth.token needs them there).

        An ``idempotent`` call is tried once more after 20000. Raises AlipayRefused, PlatformUnavailable.
        """
        try:
            return self._call_once(method, biz_content, top)
        except AlipayRefused as error:
            if error.code != BUSY or not idempotent:
                raise
        return self._call_once(method, biz_content, top)

    def signed_url(self, method: str, biz_content: Mapping[str, object]) -> str:
        """The address a client opens itself ("page execute"): nothing is called here."""
        return f"{self._url}?{urlencode(self._signed(method, biz_content, None))}"

    def _call_once(
        self, method: str, biz_content: Mapping[str, object] | None, top: Mapping[str, str] | None
    ) -> dict[str, Any]:
        form = urlencode(self._signed(method, biz_content, top)).encode()
        reply = self._outbound.send("post", self._url, body=form, headers={"Content-Type": FORM})
        node = self._verified(reply.content, method)
        if "code" in node and str(node["code"]) != SUCCESS:
            raise AlipayRefused(method, _word(node["code"]), _word(node.get("sub_code", "")))
        return node

    def _signed(
        self, method: str, biz_content: Mapping[str, object] | None, top: Mapping[str, str] | None
    ) -> dict[str, str]:
        """All parameters, signed. Empty ones are left out: the gateway would count them, we would not."""
        params = {
            "app_id": self.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": self._clock.now().astimezone(BEIJING).strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            **self._certificates,
            **(top or {}),
        }
        if biz_content is not None:
            text = json.dumps(biz_content, ensure_ascii=False, separators=(",", ":"))
            params["biz_content"] = self.cipher.encrypt(text) if self.cipher else text
            params["encrypt_type"] = "AES" if self.cipher else ""
        params = {key: value.encode(errors="replace").decode() for key, value in params.items() if value}
        return {**params, "sign": sign(self._private, signing_string(params))}

    def _verified(self, body: bytes, method: str) -> dict[str, Any]:
        """The node as a dict. Without a signature only a refusal is believed."""
        fault = ""
        try:
            found = signed_node(body, method)
            if found.sign and not is_signed(self.platform_key, found.raw, found.sign):
                fault = "bad_signature"
            node = {} if fault else self._node(found)
            if not fault and not found.sign and str(node.get("code", SUCCESS)) == SUCCESS:
                fault = "unsigned"
        except (ValueError, RecursionError):
            fault, node = "unreadable", {}
        if fault:  # raised out here so that no context holds the body
            log.error("alipay reply to %s not believed: %s", method, fault)
            raise PlatformUnavailable(PROVIDER, fault, sent=True)
        return node

    def _node(self, found: SignedNode) -> dict[str, Any]:
        node = json.loads(found.raw.decode(), strict=False)
        if isinstance(node, str) and found.sign and self.cipher is not None:
            node = json.loads(self.cipher.decrypt(node), strict=False)
        if not isinstance(node, dict):
            raise ValueError("the node is not an object")
        return node


def _word(value: object) -> str:
    """A code of theirs, harmless in logs."""
    text = str(value)
    return text if WORD.fullmatch(text) else ""
