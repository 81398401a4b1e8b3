"""Token behaviour over real HTTP and a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from wechatpy.exceptions import WeChatClientException

from providers.outbound import PlatformUnavailable
from providers.wechat.client import WeChatClient
from providers.wechat.tokens import BREAK_S, AccessTokens, RedisTokenStore, Token
from tests.providers.fake_server import HTML, RESET, SILENT, Answer, FakeClock, FakeServer, Seen, as_json
from tests.providers.wechat.fake_wechat import APP_ID, FakeWeChat, refusal


def at_once(*acts: Callable[[], object]) -> list[BaseException]:
    """Runs all acts in threads released together; returns what they raised."""
    start, raised = threading.Barrier(len(acts)), []

    def run(act: Callable[[], object]) -> None:
        start.wait()
        try:
            act()
        except BaseException as error:
            raised.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def call(client: WeChatClient) -> Callable[[], object]:
    return lambda: client.post_json("/wxa/thing", {"a": 1})


def away_store(tmp_path: Path) -> RedisTokenStore:
    once = Retry(NoBackoff(), 0)
    return RedisTokenStore(redis.Redis(unix_socket_path=str(tmp_path / "nobody.sock"), retry=once))


def test_twenty_cold_threads_make_one_fetch(wechat: FakeWeChat, real_redis: redis.Redis) -> None:
    client = wechat.client(store=RedisTokenStore(real_redis))
    assert at_once(*[call(client)] * 20) == []
    assert wechat.fetches == 1
    assert {seen.query["access_token"] for seen in wechat.calls()} == {"token-1"}
    assert len(wechat.calls()) == 20


def test_eight_cold_processes_make_one_fetch(wechat: FakeWeChat, real_redis: redis.Redis) -> None:
    clients = [wechat.client(store=RedisTokenStore(real_redis)) for _ in range(8)]
    assert [getattr(e, "reason", e) for e in at_once(*[call(client) for client in clients for _ in range(3)])] == []
    assert wechat.fetches == 1


def test_twenty_threads_without_redis_make_one_fetch(wechat: FakeWeChat, tmp_path: Path) -> None:
    client = wechat.client(store=away_store(tmp_path))
    assert at_once(*[call(client)] * 20) == []
    assert wechat.fetches == 1


def test_the_request_is_stable_mode_and_never_forced(wechat: FakeWeChat, client: WeChatClient) -> None:
    call(client)()
    asked = wechat.server.seen[0]
    assert (asked.method, asked.path) == ("POST", "/wechat/cgi-bin/stable_token")
    assert asked.json["force_refresh"] is False
    assert asked.json["appid"] == APP_ID


def test_a_token_always_refused_costs_two_fetches_then_the_breaker(wechat: FakeWeChat, fake_clock: FakeClock) -> None:
    wechat.api = lambda seen: refusal(40001)
    client = wechat.client(fake_clock)
    for _ in range(10):
        with pytest.raises(PlatformUnavailable) as caught:
            call(client)()
        assert caught.value.sent is False
    assert wechat.fetches == 2
    assert len(wechat.calls()) == 2  # nothing knocks while the breaker is open

    wechat.api = lambda seen: as_json({"errcode": 0})
    fake_clock.forward(BREAK_S - 1)
    with pytest.raises(PlatformUnavailable):
        call(client)()
    fake_clock.forward(2)
    assert call(client)() == {"errcode": 0}


def test_a_storm_of_refusals_stays_at_two_fetches(wechat: FakeWeChat, real_redis: redis.Redis) -> None:
    wechat.api = lambda seen: refusal(42001)
    clients = [wechat.client(store=RedisTokenStore(real_redis)) for _ in range(4)]
    raised = at_once(*[call(client) for client in clients for _ in range(5)])
    assert len(raised) == 20
    assert {type(error) for error in raised} == {PlatformUnavailable}
    assert wechat.fetches <= 2


def test_stable_mode_repeating_the_refused_token_is_not_retried(platform_server: FakeServer) -> None:
    wechat = FakeWeChat(platform_server, rotate=False)
    wechat.api = lambda seen: refusal(40014)
    with pytest.raises(PlatformUnavailable):
        call(wechat.client())()
    assert (wechat.fetches, len(wechat.calls())) == (2, 1)


def test_one_refusal_is_repaired_by_one_retry(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: refusal(40001) if seen.query["access_token"] == "token-1" else as_json({"errcode": 0})
    assert call(client)() == {"errcode": 0}
    assert [seen.query["access_token"] for seen in wechat.calls()] == ["token-1", "token-2"]


def test_a_newer_token_in_redis_is_used_without_a_fetch(
    wechat: FakeWeChat, real_redis: redis.Redis, fake_clock: FakeClock
) -> None:
    store, now = RedisTokenStore(real_redis), fake_clock.now().timestamp()
    client = wechat.client(fake_clock, store)
    call(client)()
    store.write(APP_ID, Token("from-a-neighbour", now + 5000, now), 5000)
    wechat.api = lambda seen: refusal(40001) if seen.query["access_token"] == "token-1" else as_json({"errcode": 0})
    call(client)()
    assert wechat.calls()[-1].query["access_token"] == "from-a-neighbour"
    assert wechat.fetches == 1


def test_a_neighbours_token_is_seen_within_a_minute(
    wechat: FakeWeChat, real_redis: redis.Redis, fake_clock: FakeClock
) -> None:
    store, now = RedisTokenStore(real_redis), fake_clock.now().timestamp()
    client = wechat.client(fake_clock, store)
    assert client.access_token == "token-1"
    store.write(APP_ID, Token("newer", now + 5000, now), 5000)
    assert client.access_token == "token-1"
    fake_clock.forward(61)
    assert client.access_token == "newer"


def test_a_token_is_left_a_minute_before_its_end(wechat: FakeWeChat, fake_clock: FakeClock, tmp_path: Path) -> None:
    wechat.expires_in = 345
    client = wechat.client(fake_clock, away_store(tmp_path))
    assert client.access_token == "token-1"
    fake_clock.forward(284)
    assert client.access_token == "token-1"
    fake_clock.forward(2)
    assert client.access_token == "token-2"


def test_redis_keeps_the_token_no_longer_than_its_margin(wechat: FakeWeChat, real_redis: redis.Redis) -> None:
    wechat.expires_in = "400"  # numbers have been seen as text
    assert wechat.client(store=RedisTokenStore(real_redis)).access_token == "token-1"
    assert 330 < real_redis.ttl(f"lantai:wechat:{APP_ID}:token") <= 340
    assert real_redis.exists(f"lantai:wechat:{APP_ID}:token-lock") == 0


def test_rubbish_in_redis_is_fetched_over(wechat: FakeWeChat, real_redis: redis.Redis) -> None:
    real_redis.set(f"lantai:wechat:{APP_ID}:token", b"\xff not ours")
    assert wechat.client(store=RedisTokenStore(real_redis)).access_token == "token-1"


def test_a_dead_neighbours_lock_frees_itself(real_redis: redis.Redis) -> None:
    store, clock = RedisTokenStore(real_redis), FakeClock()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            real_redis.delete(f"lantai:wechat:{APP_ID}:token-lock")  # what its PX does in the end

    assert store.lock(APP_ID, 60) is not None
    tokens = AccessTokens(APP_ID, lambda: ("fresh", 7200), store, clock, sleep=wait)
    assert tokens.current() == "fresh"
    assert len(waits) == 3


def test_only_the_holder_frees_the_lock(real_redis: redis.Redis) -> None:
    store = RedisTokenStore(real_redis)
    handle = store.lock(APP_ID, 60)
    assert handle is not None
    store.unlock(APP_ID, "somebody else")
    assert store.lock(APP_ID, 60) is None
    store.unlock(APP_ID, handle)
    assert store.lock(APP_ID, 60) is not None


@pytest.mark.parametrize("code", [40001, 40013, 40125, 40164, 40243, 89503, 45009])
def test_a_refused_fetch_stops_all_calls_for_half_a_minute(
    wechat: FakeWeChat, client: WeChatClient, fake_clock: FakeClock, code: int
) -> None:
    wechat.token_answer = refusal(code)
    for _ in range(3):
        with pytest.raises(PlatformUnavailable):
            call(client)()
    assert (wechat.fetches, wechat.calls()) == (1, [])
    wechat.token_answer = None
    fake_clock.forward(BREAK_S + 1)
    assert call(client)()


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        RESET,
        SILENT,
        Answer(b"\xff\xfe"),
        Answer(b"[" * 100_000),
        as_json({"access_token": 7, "expires_in": 7200}),
        as_json({"access_token": "x", "expires_in": -1}),
        as_json({"access_token": "x"}),
        as_json({"errcode": -1, "errmsg": "system busy"}),
        as_json({"errcode": "what"}),
    ],
)
def test_garbage_for_a_token_is_unavailable_and_pauses(wechat: FakeWeChat, answer: Answer) -> None:
    wechat.token_answer = answer
    client = wechat.client(timeout_s=0.3)
    for _ in range(2):
        with pytest.raises(PlatformUnavailable) as caught:
            call(client)()
        assert caught.value.sent is False
    assert wechat.fetches == 1


def test_login_does_not_need_a_token(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.token_answer = refusal(40164)
    wechat.api = lambda seen: as_json({"openid": "o1", "session_key": "k"})
    assert client.code_to_session("code")["openid"] == "o1"
    assert wechat.fetches == 0


def test_other_refusals_are_not_retried(wechat: FakeWeChat, client: WeChatClient) -> None:
    wechat.api = lambda seen: refusal(43101)
    with pytest.raises(WeChatClientException):
        call(client)()
    assert (wechat.fetches, len(wechat.calls())) == (1, 1)


def test_the_token_prints_without_its_value() -> None:
    assert "hidden-value" not in repr(Token("hidden-value", 1.0, 0.0))


def test_wechatpys_own_methods_share_the_token(wechat: FakeWeChat, client: WeChatClient) -> None:
    seen_paths: list[str] = []

    def api(seen: Seen) -> Answer:
        seen_paths.append(seen.path)
        return as_json({"errcode": 0, "errmsg": "ok"})

    wechat.api = api
    client.message.send_text("o1", "你好")
    client.wxa.check_text_security("好")
    assert seen_paths == ["/wechat/cgi-bin/message/custom/send", "/wechat/wxa/msg_sec_check"]
    assert "你好" in wechat.calls()[0].body.decode()
    assert wechat.fetches == 1
