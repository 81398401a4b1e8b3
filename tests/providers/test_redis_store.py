"""Rate limits and cache on a real Redis, and without one."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from redis.exceptions import ConnectionError as RedisAway
from redis.exceptions import TimeoutError as RedisSlow
from structlog.testing import capture_logs

from app.errors import RateLimited
from providers.redis_store import GuardedRedis, RedisCache, RedisRateLimiter, connect
from tests.providers.redis_process import RedisProcess


class HandClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.time = datetime(2026, 6, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisProcess]:
    with tempfile.TemporaryDirectory() as folder:
        process = RedisProcess(Path(folder))
        process.start()
        yield process
        process.kill()


@pytest.fixture
def redis(server: RedisProcess) -> Iterator[GuardedRedis]:
    client = connect(server.url, timeout_s=2)
    client.flushall()
    yield client
    client.close()


@pytest.fixture
def dead() -> GuardedRedis:
    return connect("redis://127.0.0.1:1/0", timeout_s=0.2)


def admitted(limiter: RedisRateLimiter, times: int, *, limit: int, key: str = "k", bucket: str = "login") -> int:
    done = 0
    for _ in range(times):
        try:
            limiter.hit(bucket, key, limit=limit, window_s=60)
            done += 1
        except RateLimited:
            pass
    return done


def test_exactly_the_limit_passes_in_a_window_and_again_in_the_next(redis: GuardedRedis) -> None:
    clock = HandClock()
    limiter = RedisRateLimiter(redis, clock)
    assert admitted(limiter, 9, limit=5) == 5
    clock.advance(59)
    assert admitted(limiter, 3, limit=5) == 0
    clock.advance(1.001)
    assert admitted(limiter, 9, limit=5) == 5


def test_no_double_burst_around_an_edge(redis: GuardedRedis) -> None:
    clock = HandClock()
    clock.advance(55)
    limiter = RedisRateLimiter(redis, clock)
    first = admitted(limiter, 5, limit=5)
    clock.advance(10)
    assert (first, admitted(limiter, 5, limit=5)) == (5, 0)


def test_retry_after_is_the_time_until_a_try_would_pass(redis: GuardedRedis) -> None:
    clock = HandClock()
    limiter = RedisRateLimiter(redis, clock)
    admitted(limiter, 1, limit=1)
    clock.advance(20.5)
    with pytest.raises(RateLimited) as caught:
        limiter.hit("login", "k", limit=1, window_s=60)
    assert caught.value.extra == {"retry_after": 40}
    clock.advance(40)
    assert admitted(limiter, 1, limit=1) == 1


def test_refused_tries_do_not_prolong_the_lock(redis: GuardedRedis) -> None:
    clock = HandClock()
    limiter = RedisRateLimiter(redis, clock)
    admitted(limiter, 2, limit=2)
    for _ in range(59):
        clock.advance(1)
        admitted(limiter, 3, limit=2)
    clock.advance(1.001)
    assert admitted(limiter, 3, limit=2) == 2


def test_keys_and_buckets_are_counted_apart(redis: GuardedRedis) -> None:
    limiter = RedisRateLimiter(redis, HandClock())
    assert [admitted(limiter, 4, limit=2, key=k, bucket=b) for k, b in (("1", "a"), ("2", "a"), ("1", "b"))] == [
        2,
        2,
        2,
    ]


def test_a_limit_of_nothing_lets_nothing_pass(redis: GuardedRedis, dead: GuardedRedis) -> None:
    for client in (redis, dead):
        assert admitted(RedisRateLimiter(client, HandClock()), 3, limit=0) == 0


def test_the_limit_holds_over_threads_and_clients(server: RedisProcess, redis: GuardedRedis) -> None:
    clock = HandClock()
    limiters = [RedisRateLimiter(connect(server.url, timeout_s=5), clock) for _ in range(4)]
    passed: list[int] = []
    threads = [Thread(target=lambda one=one: passed.append(admitted(one, 20, limit=30))) for one in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(passed) == 30


def test_callers_keys_are_not_readable_in_redis(redis: GuardedRedis) -> None:
    RedisRateLimiter(redis, HandClock(), pepper=b"p" * 32).hit("login", "13800138000", limit=5, window_s=60)
    RedisRateLimiter(redis, HandClock(), pepper=b"q" * 32).hit("login", "13800138000", limit=5, window_s=60)
    names = redis.keys()
    assert len(names) == 2
    assert "13800138000" not in repr(names)
    assert all(0 < redis.pttl(name) <= 60_000 for name in names)


def test_without_redis_a_quarter_passes_never_all_never_none(dead: GuardedRedis) -> None:
    clock = HandClock()
    assert admitted(RedisRateLimiter(dead, clock), 100, limit=20) == 5
    limiter = RedisRateLimiter(dead, clock)
    assert admitted(limiter, 10, limit=2) == 1
    clock.advance(60.001)
    assert admitted(limiter, 10, limit=2) == 1


def test_without_redis_retry_after_is_still_told(dead: GuardedRedis) -> None:
    clock = HandClock()
    limiter = RedisRateLimiter(dead, clock)
    limiter.hit("b", "k", limit=1, window_s=60)
    clock.advance(15)
    with pytest.raises(RateLimited) as caught:
        limiter.hit("b", "k", limit=1, window_s=60)
    assert caught.value.extra == {"retry_after": 45}


def test_cache_round_trip(redis: GuardedRedis) -> None:
    cache = RedisCache(redis)
    assert cache.get("k") is None
    cache.put("k", b"\x00v", 30)
    assert cache.get("k") == b"\x00v"
    assert 0 < redis.ttl("cache:k") <= 30
    cache.forget("k")
    assert cache.get("k") is None
    cache.put("k", b"v", 30)
    cache.put("k", b"w", 0)
    assert cache.get("k") is None


def test_add_is_true_once(redis: GuardedRedis) -> None:
    cache = RedisCache(redis)
    assert [cache.add("once", b"1", 30), cache.add("once", b"2", 30)] == [True, False]
    assert cache.get("once") == b"1"


def test_cache_without_redis_misses_and_logs_one_line_without_the_key(dead: GuardedRedis) -> None:
    cache = RedisCache(dead)
    with capture_logs() as lines:
        cache.put("person-13800138000", b"v", 30)
        cache.forget("person-13800138000")
        assert cache.get("person-13800138000") is None
        assert cache.add("person-13800138000", b"v", 30) is True
    assert len(lines) == 1
    assert lines[0]["event"] == "redis_away"
    assert "13800138000" not in repr(lines)


class Ticks:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.value = 100.0

    def __call__(self) -> float:
        return self.value


def test_after_one_failure_redis_is_left_alone_for_a_second(tmp_path: Path) -> None:
    server, ticks = RedisProcess(tmp_path), Ticks()
    client = connect(server.url, timeout_s=2)
    client.monotonic = ticks
    with pytest.raises(RedisAway):
        client.get("k")
    server.start()
    try:
        with pytest.raises(RedisAway, match="a moment ago"):
            client.get("k")
        ticks.value += 1.0
        assert client.get("k") is None
    finally:
        server.kill()


def test_a_frozen_redis_costs_one_timeout_and_one_prober(tmp_path: Path) -> None:
    server, ticks = RedisProcess(tmp_path), Ticks()
    server.start()
    client = connect(server.url, timeout_s=0.1)
    client.monotonic = ticks
    try:
        client.set("k", b"v")
        server.freeze()
        with pytest.raises(RedisSlow):
            client.get("k")
        for _ in range(50):
            with pytest.raises(RedisAway, match="a moment ago"):
                client.get("k")
        server.thaw()
        ticks.value += 1.0
        assert client.get("k") == b"v"
    finally:
        server.thaw()
        server.kill()


def test_a_restarted_redis_is_met_again_without_an_error(tmp_path: Path) -> None:
    server = RedisProcess(tmp_path)
    server.start()
    client = connect(server.url, timeout_s=2)
    try:
        client.set("k", b"v")
        server.kill()
        server.start()
        assert client.get("k") is None, "nothing durable lives in Redis"
    finally:
        server.kill()
