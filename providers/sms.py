"""SMS through a vendor's HTTP interface: an approved signature and template with values, no free text, requests signed.

It is what Chinese vendors want, in one dialect for all: a school's vendor is met by a gateway of its own that speaks
it, or by a second class beside this one. A request is a POST of JSON to ``{base}/v1/messages``;
its signature is HMAC-SHA256, in lower-case hex, over

    POST \\n path \\n access key \\n Unix time in seconds \\n nonce \\n lower-case hex SHA-256 of the body

with the headers X-Access-Key, X-Timestamp, X-Nonce and X-Signature. The answer is ``{"code", "message_id"}``.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from app.letter_ports import SmsKind
from app.ports import Clock, SendFailed, SendFault
from providers.outbound import Outbound, PlatformUnavailable

PROVIDER = "sms"
PATH = "/v1/messages"
MAX_VALUE = 35  # the vendors' usual limit for one variable
OK = "OK"
FAULT_OF: Mapping[str, SendFault] = {
    "BUSY": SendFault.RETRY,
    "PHONE_LIMIT": SendFault.FULL,
    "DAILY_LIMIT": SendFault.LATER,
    "PHONE_INVALID": SendFault.RECIPIENT,
    "PHONE_REFUSES": SendFault.RECIPIENT,
    "VALUE_REFUSED": SendFault.CONTENT,
    "SIGNATURE_WRONG": SendFault.CONFIG,
    "SIGN_NAME_UNKNOWN": SendFault.CONFIG,
    "TEMPLATE_UNKNOWN": SendFault.CONFIG,
    "NO_BALANCE": SendFault.CONFIG,
}


@dataclass(frozen=True, slots=True)
class SmsAccount:
    """``templates``: the vendor's codes of the templates it approved."""

    access_key: str
    secret: str = field(repr=False)
    sign_name: str
    templates: Mapping[SmsKind, str]


class SmsGateway:
    """app.letter_ports.SmsSender."""

    def __init__(self, base_url: str, account: SmsAccount, *, clock: Clock, timeout_s: float = 5.0) -> None:
        self._url = base_url.rstrip("/") + PATH
        self._account, self._clock = account, clock
        self._outbound = Outbound(PROVIDER, timeout_s)

    def send(self, to: str, kind: SmsKind, values: Mapping[str, str], *, request_id: str) -> str:
        for value in values.values():
            if not value.isprintable() or len(value) > MAX_VALUE:
                raise SendFailed(SendFault.CONTENT, "value_rule")
        message = {
            "phone": to,
            "sign_name": self._account.sign_name,
            "template_code": self._account.templates[kind],
            "params": dict(values),
            "request_id": request_id,
        }
        body = json.dumps(message, ensure_ascii=False).encode()
        try:
            reply = self._outbound.send("post", self._url, body=body, headers=self._headers(body))
        except PlatformUnavailable as error:
            fault, reason = SendFault.UNKNOWN if error.sent else SendFault.RETRY, error.reason
        else:
            return _message_id(reply.content)
        raise SendFailed(fault, reason)

    def _headers(self, body: bytes) -> dict[str, str]:
        at, nonce = str(int(self._clock.now().timestamp())), secrets.token_hex(16)
        path = urlsplit(self._url).path
        text = "\n".join(("POST", path, self._account.access_key, at, nonce, hashlib.sha256(body).hexdigest()))
        return {
            "Content-Type": "application/json; charset=utf-8",
            "X-Access-Key": self._account.access_key,
            "X-Timestamp": at,
            "X-Nonce": nonce,
            "X-Signature": hmac.new(self._account.secret.encode(), text.encode(), hashlib.sha256).hexdigest(),
        }


def _message_id(content: bytes) -> str:
    """Raises SendFailed unless the vendor said OK; an unreadable answer leaves open whether it was sent."""
    try:
        answer = json.loads(content)
        code, message_id = answer["code"], str(answer.get("message_id", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        code, message_id = None, ""
    if not isinstance(code, str):
        raise SendFailed(SendFault.UNKNOWN, "not_json")
    if code != OK:
        raise SendFailed(FAULT_OF.get(code, SendFault.CONFIG), code[:40] if code.isascii() else "unknown_code")
    return message_id[:80]
