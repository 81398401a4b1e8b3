"""Alipay's asynchronous notifications, verified (V1 or V2 signing string, RSA2 only)."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping

from app.ports import CallbackRejected
from providers.alipay.signing import is_signed, public_key

MAX_FIELDS = 200
# the signed string does not tell where a value ends: "notify_id=a&notify_type=b" could be shown as one long id
NOTIFY_ID = re.compile(r"[0-9A-Za-z_-]{1,128}")


class AlipayNotifications:
    """app.ports.AlipayNotify. The caller drops repeats by ``notify_id`` and answers "success"."""

    def __init__(self, app_id: str, platform_public_key_pem: str) -> None:
        self._app_id, self._key = app_id, public_key(platform_public_key_pem)

    def decode(self, form: Mapping[str, str]) -> Mapping[str, str]:
        """Exactly the parameters the signature covers. Raises CallbackRejected."""
        if len(form) > MAX_FIELDS or form.get("sign_type") != "RSA2" or not form.get("sign"):
            raise CallbackRejected("callback_signature")
        for params in _candidates(form):
            if is_signed(self._key, _signed_bytes(params), form["sign"]):
                return self._ours(params)
        raise CallbackRejected("callback_signature")

    def _ours(self, params: Mapping[str, str]) -> Mapping[str, str]:
        if not hmac.compare_digest(params.get("app_id", "").encode(), self._app_id.encode()):
            raise CallbackRejected("callback_app")
        if not NOTIFY_ID.fullmatch(params.get("notify_id", "")) or any("\0" in value for value in params.values()):
            raise CallbackRejected("callback_unreadable")
        return params


def _signed_bytes(params: Mapping[str, str]) -> bytes:
    try:
        return "&".join(f"{key}={params[key]}" for key in sorted(params)).encode()
    except UnicodeEncodeError:  # a lone surrogate: nobody signed that
        raise CallbackRejected("callback_signature") from None


def _candidates(form: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """What may have been signed: V1 (without sign and sign_type), V2 (without sign); each with and without empties."""
    for unsigned in ({"sign", "sign_type"}, {"sign"}):
        params = {key: value for key, value in form.items() if key not in unsigned}
        yield params
        if "" in params.values():
            yield {key: value for key, value in params.items() if value}
