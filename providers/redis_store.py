"""Redis as shared, forgetful memory. Nothing durable lives here, and an absent Redis slows nobody down for long."""

from __future__ import annotations

import hashlib
import math
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisSlow
from redis.retry import Retry

from app.errors import RateLimited, Unavailable
from app.ports import Clock

_HOLD_S = 1.0
_LOG_EVERY_S = 60.0
_LOCAL_SLOTS = 8192
_LOG = structlog.get_logger(__name__)


class GuardedRedis(Redis):
    """A Redis client that, after a failed command, fails at once for one second instead of waiting again.

    So a dead Redis costs one socket timeout per second and process, not one per request; a single caller at a time
    probes whether it is back. Covers every command but pipelines and subscriptions, which open their own connections.
    """

    monotonic: Callable[[], float] = staticmethod(time.monotonic)
    _down_until: float = 0.0

    def execute_command(self, *args: Any, **options: Any) -> Any:
        if self._down_until:
            now = self.monotonic()
            if now < self._down_until:
                raise RedisAway("Redis was away a moment ago")
            self._down_until = now + _HOLD_S  # this call probes; the others go on failing fast meanwhile
        try:
            answer = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        except (RedisAway, RedisSlow):
            self._down_until = self.monotonic() + _HOLD_S
            raise
        self._down_until = 0.0
        return answer


def connect(url: str, timeout_s: float = 0.25) -> GuardedRedis:
    """A thread-safe client answering bytes; every wait for the network is at most ``timeout_s`` seconds.

    A broken pooled connection (Redis restarted) is replaced and the command sent once more; a slow answer is not
    asked for again. Connects on first use.
    """
    pool = ConnectionPool.from_url(
        url,
        decode_responses=False,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisAway,)),
        health_check_interval=30,
        protocol=2,
    )
    return GuardedRedis(connection_pool=pool)


class _OutageLog:
    """One line a minute, so that an outage does not fill the disk."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._quiet_until = 0.0

    def note(self, error: RedisError) -> None:
        now = time.monotonic()
        if now >= self._quiet_until:
            self._quiet_until = now + _LOG_EVERY_S
            _LOG.warning("redis_away", part=self._part, error=type(error).__name__)


# The log of admitted tries is exact (no burst at a window's edge) and holds at most `limit` entries per key.
# Refused tries are not counted: hammering does not prolong a lock, so nobody can lock another person out for good.
_SLIDING_WINDOW = """
local now, window, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])
if used >= limit then
  local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
  return tonumber(oldest[2]) + window - now
end
redis.call('ZADD', KEYS[1], now, ARGV[4])
redis.call('PEXPIRE', KEYS[1], window)
return used + 1 - limit
"""


class RedisRateLimiter:
    """app.ports.RateLimiter: at most ``limit`` admitted tries in any ``window_s`` seconds, over all processes.

    With Redis away each process allows a quarter of the limit (at least one) on its own count. ``pepper`` keys the
    hash under which callers' keys (addresses, open ids) are stored, so a dump of Redis does not list them.
    """

    def __init__(self, redis: Redis, clock: Clock, pepper: bytes = b"") -> None:
        self._redis = redis
        self._clock = clock
        self._pepper = pepper
        self._local = _LocalWindows()
        self._outage = _OutageLog("rate_limits")

    def hit(self, bucket: str, key: str, *, limit: int, window_s: int) -> int:
        now_ms, window_ms = int(self._clock.now().timestamp() * 1000), window_s * 1000
        digest = hashlib.blake2b(f"{bucket}\0{key}".encode(), key=self._pepper, digest_size=16).hexdigest()
        try:
            name, member = f"rl:{bucket}:{digest}", f"{now_ms}-{secrets.token_hex(6)}"
            # positive: milliseconds to wait; else the tries that are left, below zero
            answer = self._redis.eval(_SLIDING_WINDOW, 1, name, now_ms, window_ms, limit, member)
            wait_ms = window_ms if limit < 1 else int(answer)
        except RedisError as error:
            self._outage.note(error)
            wait_ms = self._local.hit(bucket, digest, now_ms, window_ms, max(1, limit // 4) if limit > 0 else 0)
        if wait_ms > 0:
            raise RateLimited(params={"bucket": bucket}, extra={"retry_after": max(1, math.ceil(wait_ms / 1000))})
        return -wait_ms


class _LocalWindows:
    """The same window in one process, in a fixed number of slots: two keys in one slot only make it stricter."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[tuple[str, int], deque[int]] = {}

    def hit(self, bucket: str, digest: str, now_ms: int, window_ms: int, limit: int) -> int:
        """Milliseconds to wait; when admitted how many tries are left, below zero."""
        with self._lock:
            tries = self._slots.setdefault((bucket, int(digest, 16) % _LOCAL_SLOTS), deque())
            while tries and tries[0] <= now_ms - window_ms:
                tries.popleft()
            if len(tries) >= limit:
                return tries[0] + window_ms - now_ms if tries else window_ms
            tries.append(now_ms)
            return len(tries) - limit


class RedisCache:
    """app.ports.Cache. Any failure of Redis is a miss; keys are never logged."""

    def __init__(self, redis: Redis, prefix: str = "cache:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._outage = _OutageLog("cache")

    def get(self, key: str) -> bytes | None:
        try:
            found = self._redis.get(self._prefix + key)
        except RedisError as error:
            self._outage.note(error)
            return None
        return found if isinstance(found, bytes) else None

    def put(self, key: str, value: bytes, ttl_s: int) -> None:
        """A ``ttl_s`` below one second forgets the key."""
        if ttl_s < 1:
            return self.forget(key)
        try:
            self._redis.set(self._prefix + key, value, ex=ttl_s)
        except RedisError as error:
            self._outage.note(error)

    def add(self, key: str, value: bytes, ttl_s: int) -> bool:
        try:
            return bool(self._redis.set(self._prefix + key, value, ex=max(1, ttl_s), nx=True))
        except RedisError as error:
            self._outage.note(error)
            return True

    def forget(self, key: str) -> None:
        """With Redis away the old value may outlive this by its own lifetime: never cache a permission for long."""
        try:
            self._redis.delete(self._prefix + key)
        except RedisError as error:
            self._outage.note(error)


class RedisNonces:
    """app.machine_ports.NonceStore: unlike the cache it never answers for a Redis that is away."""

    def __init__(self, redis: Redis, prefix: str = "nonce:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._outage = _OutageLog("nonces")

    def spent(self, key: str) -> bool:
        try:
            return bool(self._redis.exists(self._prefix + key))
        except RedisError as error:
            self._outage.note(error)
            raise Unavailable("nonces_unavailable") from None

    def spend(self, key: str, ttl_s: int) -> bool:
        try:
            return bool(self._redis.set(self._prefix + key, b"1", ex=max(1, ttl_s), nx=True))
        except RedisError as error:
            self._outage.note(error)
            raise Unavailable("nonces_unavailable") from None


_COUNT = """
redis.call('HINCRBY', KEYS[1], ARGV[1], 1)
redis.call('EXPIRE', KEYS[1], ARGV[2])
"""


class RedisTally:
    """app.machine_ports.Tally: a hash for each bucket."""

    def __init__(self, redis: Redis, prefix: str = "tally:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._outage = _OutageLog("tally")

    def count(self, bucket: str, name: str, ttl_s: int) -> None:
        try:
            self._redis.eval(_COUNT, 1, self._prefix + bucket, name, ttl_s)
        except RedisError as error:
            self._outage.note(error)

    def counted(self, bucket: str) -> Mapping[str, int]:
        try:
            found = self._redis.hgetall(self._prefix + bucket)
        except RedisError as error:
            self._outage.note(error)
            return {}
        return {name.decode(): int(number) for name, number in found.items() if isinstance(name, bytes)}
