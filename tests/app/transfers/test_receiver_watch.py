"""Receivers that change or expire while dossiers go to them are told to the desk, and only those."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from app.actors import Role
from app.errors import Forbidden
from app.transfers.service import UnderWay
from app.transfers.states import State
from parts import Lantai
from tests.app.conftest import Clerk
from tests.conftest import Person
from tests.moving import CODE, Pair, lead, opened, receiver_code


def recorded(lantai: Lantai, pair: Pair, version: int, **changes: Any) -> None:
    with lantai.db.transaction() as session:
        known = lantai.receivers.frozen(session, receiver_code(lantai), lantai.receivers.today).facts
    lantai.receivers.record(pair.first, CODE, replace(known, **changes), version)


def said(lantai: Lantai, pair: Pair) -> list[tuple[str, str, bool, int]]:
    return [(c.name, c.words, c.late, c.transfers) for c in lantai.receiver_watch.concerns(pair.first)]


def test_only_what_matters_to_open_transfers_is_told(
    lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]
) -> None:
    going = opened(lantai, pair.first, graduate_factory().id)
    lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.IN_TRANSIT)
    lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.CLOSED)
    assert said(lantai, pair) == []
    recorded(lantai, pair, 1, source="新名录")
    assert said(lantai, pair) == []
    recorded(lantai, pair, 2, address="某市新路 9 号")
    assert said(lantai, pair) == [("某市人才服务中心", "办公地址有变动", False, 2)]
    # a transfer of today takes the new version
    later = opened(lantai, pair.first, graduate_factory().id)
    assert later.receiver_address == "某市新路 9 号"
    assert said(lantai, pair) == [("某市人才服务中心", "办公地址有变动", False, 2)]
    lead(lantai, pair, going, State.WITHDRAWN)
    [concern] = lantai.receiver_watch.concerns(pair.first)
    lines, total = lantai.transfers.under_way(pair.first, UnderWay(to=[(concern.receiver_id, concern.version)]))
    assert total == concern.transfers == 1
    assert [line.state for line in lines] == [State.IN_TRANSIT]
    assert lantai.transfers.under_way(pair.first, UnderWay(to=[])) == ([], 0)


@pytest.mark.parametrize(
    ("days", "words", "late"),
    [(61, [], False), (60, ["即将到期"], False), (1, ["即将到期"], False), (0, ["授权已经到期"], True)],
)
def test_expiring_is_told_sixty_days_before_and_expired_first(
    days: int, words: list[str], late: bool, lantai: Lantai, pair: Pair, graduate_factory: Callable[..., Person]
) -> None:
    opened(lantai, pair.first, graduate_factory().id)
    ends: date = lantai.receivers.today + timedelta(days=days)
    recorded(lantai, pair, 1, valid_to=ends)
    assert [(w, late_) for _, w, late_, _ in said(lantai, pair)] == [(w, late) for w in words]


def test_it_is_the_movers_business(lantai: Lantai, clerk: Clerk) -> None:
    for role in (Role.REVIEWER, Role.AUDITOR, Role.ADMINISTRATOR):
        with pytest.raises(Forbidden):
            lantai.receiver_watch.concerns(clerk(role))
