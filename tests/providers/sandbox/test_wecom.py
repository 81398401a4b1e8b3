"""The group robot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.providers.sandbox.conftest import Bench


def _say(bench: Bench, body: Any, key: str | None = None) -> int:
    key = bench.environment["LANTAI_WECOM_ROBOT_KEY"] if key is None else key
    reply = bench.client.post(f"/wecom/cgi-bin/webhook/send?key={key}", json=body)
    assert reply.status_code == 200
    return int(reply.get_json(force=True)["errcode"])


def _text(content: str) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": content, "mentioned_list": ["@all"]}}


def test_messages_reach_the_group(bench: Bench) -> None:
    assert _say(bench, _text("待办工单 3 件")) == 0
    assert _say(bench, {"msgtype": "markdown", "markdown": {"content": "**3**"}}) == 0
    shown = bench.client.get("/control/group/messages").get_json()["messages"]
    assert [(m["kind"], m["content"]) for m in shown] == [("text", "待办工单 3 件"), ("markdown", "**3**")]
    assert "待办工单 3 件" in bench.client.get("/group").text


def test_the_21st_in_a_minute(bench: Bench) -> None:
    assert [_say(bench, _text("x")) for _ in range(21)] == [0] * 20 + [45009]
    bench.world.clock.advance(61)
    assert _say(bench, _text("x")) == 0


@pytest.mark.parametrize(("content", "errcode"), [("汉" * 682, 0), ("汉" * 683, 40058), ("", 44004)])
def test_limits_are_bytes(bench: Bench, content: str, errcode: int) -> None:
    assert _say(bench, _text(content)) == errcode


def test_wrong_key_and_type(bench: Bench) -> None:
    assert _say(bench, _text("x"), key="nope") == 93000
    assert _say(bench, {"msgtype": "carrier_pigeon"}) == 40008
    assert _say(bench, []) == 40058


def test_scripted_limit(bench: Bench) -> None:
    bench.control("/faults", {"target": "wecom", "kind": "errcode", "value": 45009, "times": 2}, status=201)
    assert [_say(bench, _text("x")) for _ in range(3)] == [45009, 45009, 0]
