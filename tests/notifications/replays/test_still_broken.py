"""What is sent again into a channel that is still broken stops it, as what is sent for the first time does."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.job_worker import payload
from app.jobs import DeliverByContact, DeliverNotice
from app.ports import SendFault
from notifications.channel_rules import Way
from notifications.fault_actions import STRIKES
from notifications.undelivered import UndeliveredFilter
from parts import Lantai
from tests.conftest import World
from tests.moving import Pair
from tests.notifications.replays.outage import outage
from tests.notifications.test_two_ways import Both, both
from tests.notifications.ways import URGENT

__all__ = ["both"]
NEEDED = {SendFault.CONFIG: 1, SendFault.RETRY: STRIKES}


def stopped(lantai: Lantai) -> list[Way]:
    return [each.outlet.way for each in lantai.undelivered.stopped()]


@pytest.mark.parametrize("fault", NEEDED)
def test_pushes_that_are_sent_again(fault: SendFault, lantai: Lantai, pair: Pair, world: World) -> None:
    outage(lantai, STRIKES, kind=URGENT)
    lantai.replays.start(pair.first, UndeliveredFilter("retry"), double_known=False)
    lantai.replay_sending.tick()
    with lantai.db.transaction() as session:
        jobs = [payload(DeliverNotice, args) for args in session.scalars(text("select args from procrastinate_jobs"))]
    for number, job in enumerate(jobs, 1):
        world.wechat_sender.faults = [fault]
        lantai.delivery.deliver(job)
        assert stopped(lantai) == ([Way.WECHAT] if number >= NEEDED[fault] else [])


@pytest.mark.parametrize("fault", NEEDED)
def test_letters_that_are_sent_again(fault: SendFault, lantai: Lantai, both: Both, pair: Pair, world: World) -> None:
    for _ in range(STRIKES):
        both()
    lantai.replays.start(pair.first, UndeliveredFilter("content", Way.EMAIL), double_known=False)
    lantai.replay_sending.tick()
    query = "select args from procrastinate_jobs where task_name = 'notifications.deliver_by_contact'"
    with lantai.db.transaction() as session:
        jobs = [payload(DeliverByContact, args) for args in session.scalars(text(query))]
    for number, job in enumerate(jobs, 1):
        world.mailer.faults = [fault]
        lantai.contact_delivery.deliver(job)
        assert stopped(lantai) == ([Way.EMAIL] if number >= NEEDED[fault] else [])
