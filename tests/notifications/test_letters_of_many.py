"""Letters of very many keep nobody else waiting, wherever they come from and as often as they come again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, text

from app.job_worker import payload
from app.jobs import BULK, DeliverByContact
from app.ports import SendFault
from notifications.breaker import Breakers, Outlet
from notifications.channel_models import NoticeContact
from parts import Lantai
from tests.conftest import World
from tests.notifications.ways import EMAIL, PHONE, URGENT, Tell


def taken(lantai: Lantai) -> list[tuple[DeliverByContact, int]]:
    """The letters that are queued with their priorities, taken out."""
    with lantai.db.transaction() as session:
        found: Any = session.execute(text("delete from procrastinate_jobs returning args, priority"))
        return [(payload(DeliverByContact, args), priority) for args, priority in found]


@pytest.mark.parametrize(("bulk", "priority"), [(True, BULK), (False, 0)])
def test_a_letter_is_one_of_many_for_as_long_as_it_is_tried_and_by_either_kind(
    bulk: bool, priority: int, lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World
) -> None:
    reach(EMAIL)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    lantai.delivery.deliver(replace(tell(URGENT), bulk=bulk))
    [(letter, first)] = taken(lantai)
    world.mailer.faults = [SendFault.RETRY]
    lantai.contact_delivery.deliver(letter)
    [(letter, tried_again)] = taken(lantai)
    with lantai.db.transaction() as session:
        Breakers(lantai.clock).failed(session, Outlet.of_letter(EMAIL), SendFault.CONFIG, "scripted", tried=False)
    reach(PHONE)
    lantai.contact_delivery.deliver(letter)
    with lantai.db.transaction() as session:
        kinds = dict(session.execute(select(NoticeContact.id, NoticeContact.kind)).all())
    came = {kinds[job.contact_id]: each for job, each in taken(lantai)}
    assert (first, tried_again, came) == (priority, priority, {EMAIL: priority, PHONE: priority})
