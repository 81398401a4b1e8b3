"""Every call the platforms received, with secrets and personal values masked."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

MASK = "***"
SECRET = frozenset(
    {"secret", "appsecret", "access_token", "refresh_token", "auth_token", "app_auth_token", "session_key", "key"}
    | {"js_code", "code", "sign", "signature", "msg_signature", "json_signature", "json_string", "encrypt"}
    | {"cert_no", "cert_name", "cert_hash", "identity_param", "mobile", "waybillno", "phone", "params"}
)


def masked(value: Any) -> Any:
    """The same shape with the values of secret and personal names replaced."""
    if isinstance(value, Mapping):
        return {k: MASK if str(k).lower() in SECRET and v not in ("", None) else masked(v) for k, v in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


@dataclass(frozen=True, slots=True)
class Call:
    """``api`` is the path, or Alipay's method; ``outcome`` errcode, code + sub_code, or fault."""

    seq: int
    at: float
    platform: str
    verb: str
    path: str
    api: str
    parameters: Mapping[str, Any]
    outcome: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class CallLog:
    """Thread-safe on its own; keeps the last 5,000."""

    LIMIT = 5000

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._seq = 0
        self._lock = threading.Lock()

    def add(self, at: float, platform: str, verb: str, path: str, api: str, parameters: Any, outcome: str) -> None:
        with self._lock:
            self._seq += 1
            self._calls.append(Call(self._seq, at, platform, verb, path, api, masked(parameters), outcome))
            del self._calls[: -self.LIMIT]

    def since(self, seq: int = 0, api: str = "") -> list[Call]:
        with self._lock:
            return [call for call in self._calls if call.seq > seq and (not api or call.api == api)]

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
