"""Between midnight and 08:00 at the school "today" is the school's day, not the server's or UTC's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest

from app.errors import Invalid
from app.materials.rules import Entry
from app.materials.scans import ScanFile
from app.materials.views import SupplementView
from app.office_time import office_date
from parts import Lantai
from tests import fakes
from tests.app.conftest import Clerk
from tests.conftest import Person

FORMED_ON = "/formed_on"


@pytest.fixture
def clock() -> fakes.FakeClock:
    early = fakes.FakeClock()
    early.advance(hours=16)
    assert office_date(early.now()) > early.now().date()
    return early


def test_a_scan_of_today_is_filed_and_one_of_tomorrow_is_not(
    lantai: Lantai, clock: fakes.FakeClock, graduate_factory: Callable[..., Person], clerk: Clerk
) -> None:
    person, actor, today = graduate_factory(), clerk(), office_date(clock.now())

    def scan(formed_on: str) -> None:
        entry = Entry("7", "", "获奖证书", formed_on)
        lantai.scans.upload(actor, person.id, uuid4(), entry, [ScanFile("a.jpg", fakes.jpeg(), "image/jpeg")])

    scan(today.isoformat())
    with pytest.raises(Invalid) as refused:
        scan((today + timedelta(days=1)).isoformat())
    assert [f.pointer for f in refused.value.faults] == [FORMED_ON]


def test_a_graduate_sends_in_what_was_made_today(
    lantai: Lantai,
    clock: fakes.FakeClock,
    graduate_factory: Callable[..., Person],
    send_in: Callable[..., SupplementView],
    clerk: Clerk,
) -> None:
    person, today = graduate_factory(), office_date(clock.now())
    view = send_in(person, formed_on=today.isoformat())
    entry = Entry("7", "", "获奖证书", today.isoformat())
    taken = lantai.supplement_desk.accept(clerk(), view.line.id, view.line.version, entry)
    assert taken.line.state == "accepted"
    with pytest.raises(Invalid):
        send_in(person, formed_on=(today + timedelta(days=1)).isoformat())
