"""WeChat access tokens: the plain kind that a new fetch kills, and the stable kind that repeats itself."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from providers.sandbox.clock import SandboxClock
from providers.sandbox.refusals import WeChatRefusal

LIFETIME_S = 7200
OVERLAP_S = 300
FORCE_PAUSE_S = 30
FORCE_PER_DAY = 20
DAY_S = 86400


@dataclass(slots=True)
class _Token:
    text: str
    expires: float
    revoked: bool = False


class TokenDesk:
    """The caller holds the world's lock. The two kinds do not touch each other."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._tokens: dict[str, _Token] = {}
        self._plain: _Token | None = None
        self._stable: _Token | None = None
        self._forced: list[float] = []

    def fetch(self) -> tuple[str, int]:
        """/cgi-bin/token: always a new one; the one before lives five minutes more at most."""
        now = self._clock.age()
        if self._plain is not None:
            self._plain.expires = min(self._plain.expires, now + OVERLAP_S)
        self._plain = self._issue(now)
        return self._plain.text, LIFETIME_S

    def stable(self, force: bool) -> tuple[str, int]:
        """/cgi-bin/stable_token: the same token with its remaining seconds, a new one in its last five minutes.

        Forcing revokes the old token at once; within 30 s of the last forcing it changes nothing, and the 21st in a
        day is refused with 45009.
        """
        now = self._clock.age()
        if force:
            self._force(now)
        held = self._stable
        if held is None or held.revoked or held.expires - now <= OVERLAP_S:
            held = self._stable = self._issue(now)
        return held.text, int(held.expires - now)

    def check(self, text: str) -> None:
        """Raises WeChatRefusal 41001, 40001 or 42001."""
        if not text:
            raise WeChatRefusal(41001, "access_token missing")
        held = self._tokens.get(text)
        if held is None or held.revoked:
            raise WeChatRefusal(40001, "invalid credential, access_token is invalid or not latest")
        if self._clock.age() >= held.expires:
            raise WeChatRefusal(42001, "access_token expired")

    def revoke_all(self) -> int:
        """What a leak elsewhere or a console click does: every token in use answers 40001 from now on."""
        living = [token for token in self._tokens.values() if not token.revoked]
        for token in living:
            token.revoked = True
        return len(living)

    def _force(self, now: float) -> None:
        self._forced = [at for at in self._forced if now - at < DAY_S]
        if self._forced and now - self._forced[-1] < FORCE_PAUSE_S:
            return
        if len(self._forced) >= FORCE_PER_DAY:
            raise WeChatRefusal(45009, "reach max api daily quota limit")
        self._forced.append(now)
        if self._stable is not None:
            self._stable.revoked = True

    def _issue(self, now: float) -> _Token:
        token = _Token(f"{secrets.randbelow(90) + 10}_{secrets.token_urlsafe(96)}", now + LIFETIME_S)
        self._tokens[token.text] = token
        return token
