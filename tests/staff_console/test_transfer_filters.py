"""The list of transfers under way: filters that find, empty answers that say so, pages that keep the filter."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qsl

from werkzeug.datastructures import MultiDict

from app.actors import Role
from app.transfers.states import Channel, State
from parts import Lantai
from staff_console.transfer_filters import TransferFilter
from tests.conftest import Person
from tests.fakes import FakeClock
from tests.moving import desk_pair, lead, opened
from tests.staff_console.conftest import Desk

Desks = Callable[..., Desk]
People = Callable[..., Person]


def test_by_state_channel_and_what_is_late(
    desk: Desks, graduate_factory: People, lantai: Lantai, clock: FakeClock
) -> None:
    pair, clerk = desk_pair(lantai), desk(Role.DISPATCHER)
    late = lead(lantai, pair, opened(lantai, pair.first, graduate_factory().id), State.SEALED)
    clock.advance(days=40)
    post = opened(lantai, pair.first, graduate_factory().id, channel=Channel.CONFIDENTIAL_POST)
    shown = {
        "": (late, post),
        "?state=sealed": (late,),
        "?channel=confidential_post": (post,),
        "?overdue=yes": (late,),
        "?state=sealed&channel=ems&overdue=yes": (late,),
        "?state=closed&channel=by_hand": (late, post),  # no filters: neither is one
    }
    clerk = desk(Role.DISPATCHER)
    for query, views in shown.items():
        page = clerk.read(f"/transfers{query}").text
        assert [view.number in page for view in (late, post)] == [view in views for view in (late, post)], query
    nothing = clerk.read("/transfers?state=sealed&channel=confidential_post").text
    assert "没有符合条件的转递" in nothing
    assert "清除筛选" in nothing
    assert "清除筛选" not in clerk.read("/transfers").text


def test_pages_keep_the_filter() -> None:
    given = "state=in_transit&channel=ems&overdue=yes&electronic=late&receivers=doubtful"
    shown = TransferFilter.read(MultiDict(parse_qsl(given)))
    assert shown.url(3) == f"/console/transfers?{given}&page=3"
    assert TransferFilter().url(1) == "/console/transfers"
