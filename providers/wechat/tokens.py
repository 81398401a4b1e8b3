"""WeChat access tokens: fetched once for all threads and processes, never in a loop."""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Protocol

import redis

from app.ports import Clock
from providers.outbound import PlatformUnavailable

log = logging.getLogger(__name__)

PROVIDER = "wechat"
MARGIN_S = 60  # the platform keeps the old token alive for five minutes, so this only has to cover a slow call
LOCAL_S = 60  # the official scheme: other readers cache for at most a minute
BREAK_S = 30
PAUSE_S = 2
POLL_S = 0.05
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


@dataclass(frozen=True, slots=True)
class Token:
    """``good_until`` and ``fetched_at`` are Unix seconds; ``good_until`` already has the margin taken off.
    ``after_rejection`` marks one fetched because WeChat had refused its predecessor.
    """

    value: str = field(repr=False)
    good_until: float
    fetched_at: float
    after_rejection: bool = False


class StoreAway(Exception):
    """The shared store does not answer; the token of this process has to do."""


class TokenStore(Protocol):
    """Shared by all processes. Every method may raise StoreAway."""

    def read(self, app_id: str) -> Token | None: ...

    def write(self, app_id: str, token: Token, ttl_s: float) -> None: ...

    def lock(self, app_id: str, ttl_s: float) -> str | None:
        """A handle to release with, None while somebody else is fetching. Frees itself after ``ttl_s``."""
        ...

    def unlock(self, app_id: str, handle: str) -> None: ...


class RedisTokenStore:
    """TokenStore on Redis. Keys: <prefix>:<app id>:token and <prefix>:<app id>:token-lock.

    Give it a client with short time-outs and no retries: while Redis is away, the first call waits for them all.
    """

    def __init__(self, client: redis.Redis, prefix: str = "lantai:wechat") -> None:
        self._redis = client
        self._prefix = prefix

    def _key(self, app_id: str, name: str) -> str:
        return f"{self._prefix}:{app_id}:{name}"

    def read(self, app_id: str) -> Token | None:
        try:
            raw = self._redis.get(self._key(app_id, "token"))
        except redis.RedisError:
            raise StoreAway from None
        return _parsed(raw) if raw else None

    def write(self, app_id: str, token: Token, ttl_s: float) -> None:
        try:
            self._redis.set(self._key(app_id, "token"), json.dumps(asdict(token)), px=max(1, int(ttl_s * 1000)))
        except redis.RedisError:
            raise StoreAway from None

    def lock(self, app_id: str, ttl_s: float) -> str | None:
        handle = secrets.token_hex(8)
        try:
            won = self._redis.set(self._key(app_id, "token-lock"), handle, nx=True, px=max(1, int(ttl_s * 1000)))
        except redis.RedisError:
            raise StoreAway from None
        return handle if won else None

    def unlock(self, app_id: str, handle: str) -> None:
        try:
            self._redis.eval(UNLOCK, 1, self._key(app_id, "token-lock"), handle)
        except redis.RedisError:
            raise StoreAway from None


def _parsed(raw: bytes | str) -> Token | None:
    """None for anything we did not write: it is simply fetched anew."""
    try:
        found = json.loads(raw)
        return Token(
            str(found["value"]),
            float(found["good_until"]),
            float(found["fetched_at"]),
            bool(found["after_rejection"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


class Breaker:
    """While open, calls are refused at once. Closes by itself."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until = 0.0
        self._reason = ""

    def open(self, seconds: float, reason: str) -> None:
        self._until, self._reason = self._clock.now().timestamp() + seconds, reason

    def check(self) -> None:
        if self._clock.now().timestamp() < self._until:
            raise PlatformUnavailable(PROVIDER, self._reason, sent=False)


Fetch = Callable[[], tuple[str, int]]
"""Asks WeChat for (token, seconds left). Raises PlatformUnavailable; TokenRefused when our set-up is at fault."""


class TokenRefused(PlatformUnavailable):
    """WeChat will not give us a token (secret, IP white list, quota): trying again at once is useless."""


class AccessTokens:
    """The current token of one app, for all threads of this process and, by the store, for all processes."""

    def __init__(
        self,
        app_id: str,
        fetch: Fetch,
        store: TokenStore | None,
        clock: Clock,
        *,
        fetch_timeout_s: float = 3.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """``fetch_timeout_s`` is what one fetch may take for each of connecting and reading."""
        self._app_id, self._fetch, self._store, self._clock, self._sleep = app_id, fetch, store, clock, sleep
        self._lock_s = 4 * fetch_timeout_s + 1
        self._wait_s = 2 * fetch_timeout_s + 1
        self._gate = threading.Lock()
        self._held: tuple[Token, float] | None = None  # with the time to look at the store again; replaced as one
        self._breaker = Breaker(clock)

    def current(self) -> str:
        """A token believed good. Raises PlatformUnavailable (never sent)."""
        self._breaker.check()
        held = self._held
        if held is not None and self._now() < held[1]:
            return held[0].value
        return self._renewed(None).value

    def replacement(self, rejected: str) -> str:
        """Another token than ``rejected``, which WeChat has just refused. Raises PlatformUnavailable (never sent)."""
        self._breaker.check()
        return self._renewed(rejected).value

    def give_up(self) -> PlatformUnavailable:
        """The replacement was refused too: open the breaker. Returns the error to raise."""
        log.error("wechat refuses fresh access tokens; calls stop for %d s", BREAK_S)
        self._breaker.open(BREAK_S, "token_refused")
        return PlatformUnavailable(PROVIDER, "token_refused", sent=False)

    def _now(self) -> float:
        return self._clock.now().timestamp()

    def _renewed(self, rejected: str | None) -> Token:
        if not self._gate.acquire(timeout=self._wait_s):
            raise PlatformUnavailable(PROVIDER, "token_wait", sent=False)
        try:
            self._breaker.check()  # another thread may have failed while this one waited
            if self._held is not None and self._usable(self._held[0], rejected) and self._now() < self._held[1]:
                return self._held[0]
            return self._shared(rejected)
        finally:
            self._gate.release()

    def _shared(self, rejected: str | None) -> Token:
        if self._store is not None:
            try:
                return self._by_store(self._store, rejected)
            except StoreAway:
                log.warning("token store is away; using a token of this process alone")
        return self._alone(rejected)

    def _alone(self, rejected: str | None) -> Token:
        held = self._held[0] if self._held is not None else None
        if held is not None and self._usable(held, rejected):
            return self._hold(held, held.good_until)
        return self._fetched(held, rejected)

    def _by_store(self, store: TokenStore, rejected: str | None) -> Token:
        for _ in range(max(1, int(self._wait_s / POLL_S))):
            known = store.read(self._app_id)
            if known is not None and self._usable(known, rejected):
                return self._hold(known)
            handle = store.lock(self._app_id, self._lock_s)
            if handle is not None:
                return self._fetch_locked(store, handle, rejected)
            self._sleep(POLL_S)
        raise PlatformUnavailable(PROVIDER, "token_wait", sent=False)

    def _fetch_locked(self, store: TokenStore, handle: str, rejected: str | None) -> Token:
        try:
            known = store.read(self._app_id)  # again: the winner before us may have written since our first look
            if known is not None and self._usable(known, rejected):
                return self._hold(known)
            return self._fetched(known, rejected, store)
        finally:
            self._quietly(lambda: store.unlock(self._app_id, handle))

    def _usable(self, token: Token, rejected: str | None) -> bool:
        return token.value != rejected and self._now() < token.good_until

    def _fetched(self, known: Token | None, rejected: str | None, store: TokenStore | None = None) -> Token:
        """One fetch. A token that was itself a replacement and is refused again at once is not worth another."""
        now = self._now()
        hopeless = known is not None and known.after_rejection and now - known.fetched_at < BREAK_S
        if rejected is not None and known is not None and known.value == rejected and hopeless:
            raise self.give_up()
        try:
            value, seconds = self._fetch()
        except PlatformUnavailable as error:
            self._breaker.open(BREAK_S if isinstance(error, TokenRefused) else PAUSE_S, error.reason)
            error.sent = False  # the call the token was for never left
            raise
        life = seconds - min(MARGIN_S, seconds / 2)
        fresh = Token(value, now + life, now, after_rejection=rejected is not None)
        if store is not None:
            self._quietly(lambda: store.write(self._app_id, fresh, life))
        if value == rejected:
            raise self.give_up()
        return self._hold(fresh, fresh.good_until if store is None else None)

    def _hold(self, token: Token, until: float | None = None) -> Token:
        self._held = (token, until if until is not None else min(token.good_until, self._now() + LOCAL_S))
        return token

    def _quietly(self, act: Callable[[], None]) -> None:
        try:
            act()
        except StoreAway:
            log.warning("token store is away")
