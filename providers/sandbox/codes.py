"""One-time codes: what wx.login, getPhoneNumber and my.getAuthCode hand to a mini-program."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum

from providers.sandbox.clock import SandboxClock

LIFETIME_S = 300


class CodeKind(StrEnum):
    """A log-in code is not a phone code."""

    LOGIN = "login"
    PHONE = "phone"


class CodeUnknown(LookupError):
    """Never issued, expired, or of another kind or platform."""


class CodeUsed(LookupError):
    """Issued and already redeemed."""


@dataclass(slots=True)
class _Code:
    kind: CodeKind
    phone_id: str
    platform: str
    expires: float
    used: bool = False


class OneTimeCodes:
    """Single use, five minutes. The caller holds the world's lock."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._codes: dict[str, _Code] = {}

    def issue(self, kind: CodeKind, platform: str, phone_id: str) -> str:
        code = "0" + secrets.token_hex(15) + ("1" if kind is CodeKind.LOGIN else "2")
        self._codes[code] = _Code(kind, phone_id, platform, self._clock.age() + LIFETIME_S)
        return code

    def redeem(self, kind: CodeKind, platform: str, code: str) -> str:
        """The phone's id. Raises CodeUnknown, CodeUsed."""
        held = self._codes.get(code)
        if held is None or held.kind is not kind or held.platform != platform:
            raise CodeUnknown
        if held.used:
            raise CodeUsed
        if self._clock.age() > held.expires:
            raise CodeUnknown
        held.used = True
        return held.phone_id
