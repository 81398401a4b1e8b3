"""The graduate follows the carrier's trace: where and when, never who signed."""

from __future__ import annotations

import json
from collections.abc import Callable

from app.transfers.states import Channel
from parts import Lantai
from tests.app.transfers.carried import ALL_THE_WAY, NUMBER, Carried
from tests.conftest import ApiClient, Person, World


def test_a_graduate_reads_their_own_trace_without_names(
    lantai: Lantai, world: World, graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    person, other = graduate_factory(), graduate_factory()
    each = Carried(lantai, world, person, NUMBER, Channel.EMS)
    each.world.clock.advance(hours=10)
    each.tell(*ALL_THE_WAY)
    each.poll()
    answer = signed_in(person, level=2).get("/transfers")
    [item] = answer.json["items"]
    [trace] = item["tracking"]
    assert item["state"] == "delivered_unconfirmed"
    assert item["received"] is False
    assert trace["standing_label"] == "承运方称已投递"
    assert [line["label"] for line in trace["lines"]] == ["已收寄", "运送中", "派送中", "已投递"]
    assert set(trace["lines"][0]) == {"at", "label", "place", "words"}
    assert "李收发" not in json.dumps(answer.json, ensure_ascii=False)
    assert signed_in(other, level=2).get("/transfers").json == {
        "items": [],
        "paper": "纸质档案在学校档案馆保管",
    }


def test_a_channel_without_queries_has_an_empty_list(
    lantai: Lantai, world: World, graduate_factory: Callable[..., Person], signed_in: Callable[..., ApiClient]
) -> None:
    person = graduate_factory()
    Carried(lantai, world, person, "JY-7", Channel.CONFIDENTIAL_POST).poll()
    [item] = signed_in(person, level=2).get("/transfers").json["items"]
    assert item["tracking"] == []
