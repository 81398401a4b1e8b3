"""Access tokens: repetition, rotation with overlap, forcing, and what a bad token answers."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.providers.sandbox.conftest import Bench

IP_LIST = "/wechat/cgi-bin/getcallbackip"


def _stable(bench: Bench, **changed: Any) -> Any:
    body = {
        "grant_type": "client_credential",
        "appid": bench.environment["LANTAI_WECHAT_APP_ID"],
        "secret": bench.environment["LANTAI_WECHAT_APP_SECRET"],
    } | changed
    return bench.client.post("/wechat/cgi-bin/stable_token", json=body).get_json(force=True)


def _plain(bench: Bench) -> Any:
    query = {
        "grant_type": "client_credential",
        "appid": bench.environment["LANTAI_WECHAT_APP_ID"],
        "secret": bench.environment["LANTAI_WECHAT_APP_SECRET"],
    }
    return bench.client.get("/wechat/cgi-bin/token", query_string=query).get_json(force=True)


def _errcode(bench: Bench, token: str) -> int:
    return int(bench.client.get(IP_LIST, query_string={"access_token": token}).get_json(force=True).get("errcode", 0))


def test_stable_token_repeats_with_remaining_seconds(bench: Bench) -> None:
    first = _stable(bench)
    bench.world.clock.advance(3000)
    second = _stable(bench)
    assert second["access_token"] == first["access_token"]
    assert first["expires_in"] in (7199, 7200)
    assert 4190 <= second["expires_in"] <= 4200


def test_stable_token_rotates_in_its_last_five_minutes_and_both_work(bench: Bench) -> None:
    old = _stable(bench)["access_token"]
    bench.world.clock.advance(6950)
    new = _stable(bench)
    assert new["access_token"] != old
    assert new["expires_in"] >= 7199
    assert (_errcode(bench, old), _errcode(bench, new["access_token"])) == (0, 0)
    bench.world.clock.advance(300)
    assert (_errcode(bench, old), _errcode(bench, new["access_token"])) == (42001, 0)


def test_forcing_kills_at_once_and_only_every_half_minute(bench: Bench) -> None:
    old = _stable(bench)["access_token"]
    forced = _stable(bench, force_refresh=True)["access_token"]
    assert forced != old
    assert _errcode(bench, old) == 40001
    assert _stable(bench, force_refresh=True)["access_token"] == forced
    bench.world.clock.advance(31)
    assert _stable(bench, force_refresh=True)["access_token"] != forced


def test_twenty_forcings_a_day(bench: Bench) -> None:
    for _ in range(20):
        assert "access_token" in _stable(bench, force_refresh=True)
        bench.world.clock.advance(31)
    assert _stable(bench, force_refresh=True)["errcode"] == 45009


def test_plain_token_dies_five_minutes_after_the_next_fetch_and_is_apart_from_stable(bench: Bench) -> None:
    stable, first, second = _stable(bench)["access_token"], _plain(bench)["access_token"], _plain(bench)["access_token"]
    assert len({stable, first, second}) == 3
    assert _errcode(bench, first) == 0
    bench.world.clock.advance(301)
    assert [_errcode(bench, t) for t in (first, second, stable)] == [42001, 0, 0]


@pytest.mark.parametrize(
    ("changed", "errcode"),
    [
        ({"grant_type": "x"}, 40002),
        ({"appid": ""}, 41002),
        ({"appid": "wx0"}, 40013),
        ({"secret": ""}, 41004),
        ({"secret": "no"}, 40125),
    ],
)
def test_refused_credentials(bench: Bench, changed: dict[str, str], errcode: int) -> None:
    assert _stable(bench, **changed)["errcode"] == errcode


def test_wrong_verb(bench: Bench) -> None:
    assert bench.client.get("/wechat/cgi-bin/stable_token").get_json(force=True)["errcode"] == 43002
    assert bench.client.post("/wechat/cgi-bin/token").get_json(force=True)["errcode"] == 43001


def test_revoked_and_missing_tokens(bench: Bench) -> None:
    token = bench.token()
    assert bench.control("/tokens/revoke") == {"revoked": 1}
    assert [_errcode(bench, t) for t in (token, "", "nonsense")] == [40001, 41001, 40001]
    assert _errcode(bench, bench.token()) == 0


def test_errors_are_http_200_with_a_rid_that_resolves(bench: Bench) -> None:
    reply = bench.client.get(IP_LIST, query_string={"access_token": "nonsense"})
    assert reply.status_code == 200
    match = re.search(r" rid: ([0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8})$", reply.get_json(force=True)["errmsg"])
    assert match is not None
    found = bench.wechat("/cgi-bin/openapi/rid/get", {"rid": match[1]})
    assert found["errcode"] == 0
    assert "40001" in found["request"]["response_body"]
    assert bench.wechat("/cgi-bin/openapi/rid/get", {"rid": "0-0-0"})["errcode"] == 76001
    bench.world.clock.advance(8 * 86400)
    assert bench.wechat("/cgi-bin/openapi/rid/get", {"rid": match[1]})["errcode"] == 76004


def test_rid_of_a_login_cannot_be_resolved(bench: Bench) -> None:
    rid = bench.login("nonsense")["errmsg"].split("rid: ")[1]
    assert bench.wechat("/cgi-bin/openapi/rid/get", {"rid": rid})["errcode"] == 76022
