"""Of a notice that must not arrive twice one letter goes, however its e-mail and its SMS wait for one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from app.job_worker import payload
from app.jobs import DeliverByContact, DeliverNotice
from app.ports import SendFault
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.channel_rules import ContactKind
from notifications.contact_delivery import LEASE
from notifications.models import AttemptState, DeliveryAttempt
from parts import Lantai
from tests.conftest import World
from tests.fakes import FakeClock
from tests.notifications.ways import EMAIL, IMPORTANT, PHONE, URGENT, Tell, letters, queued, work_off

Letters = Mapping[ContactKind, DeliverByContact]


@pytest.fixture
def both(lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World) -> Letters:
    """An e-mail and an SMS of one notice that both wait for tomorrow, for their own sake; no job is queued."""
    reach(EMAIL, PHONE)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    world.mailer.faults, world.sms.faults = [SendFault.FULL], [SendFault.FULL]
    notice = tell(IMPORTANT).notice_id
    lantai.delivery.deliver(DeliverNotice(notice))
    work_off_today(lantai)
    with lantai.db.transaction() as session:
        contacts = {c.kind: c.id for c in session.scalars(select(NoticeContact))}
    assert dict(letters(lantai)) == {EMAIL: AttemptState.RETRY, PHONE: AttemptState.RETRY}
    return {kind: DeliverByContact(notice, contact, 2) for kind, contact in contacts.items()}


def work_off_today(lantai: Lantai) -> None:
    """The letters of today; the jobs for tomorrow are dropped."""
    first = (
        "delete from procrastinate_jobs where id = (select min(id) from procrastinate_jobs"
        " where task_name = 'notifications.deliver_by_contact' and args->>'attempt' = '1') returning args"
    )
    while True:
        with lantai.db.transaction() as session:
            found = session.scalar(text(first))
            if found is None:
                session.execute(text("delete from procrastinate_jobs"))
                return
        lantai.contact_delivery.deliver(payload(DeliverByContact, found))


def set_latest(lantai: Lantai, kind: ContactKind, state: AttemptState, reason: str = "") -> ContactAttempt:
    with lantai.db.transaction() as session:
        row = session.scalars(select(ContactAttempt).where(ContactAttempt.kind == kind)).one()
        row.state, row.reason = state, reason or row.reason
        return row


@pytest.mark.parametrize("kind", [EMAIL, PHONE])
def test_while_one_is_being_sent_the_other_waits_for_its_end(
    kind: ContactKind, lantai: Lantai, both: Letters, world: World, clock: FakeClock
) -> None:
    other = PHONE if kind is EMAIL else EMAIL
    clock.advance(hours=24)
    with lantai.db.transaction() as session:
        row = session.scalars(select(ContactAttempt).where(ContactAttempt.kind == other)).one()
        row.state, row.created_at = AttemptState.SENDING, clock.now()
    lantai.contact_delivery.deliver(both[kind])
    assert (world.mailer.sent, world.sms.sent) == ([], [])
    assert queued(lantai) == [("notifications.deliver_by_contact", clock.now() + LEASE)]
    set_latest(lantai, other, AttemptState.SENT)
    lantai.contact_delivery.deliver(both[kind])
    assert (world.mailer.sent, world.sms.sent) == ([], [])
    assert dict(letters(lantai)) == {kind: AttemptState.FAILED, other: AttemptState.SENT}


@pytest.mark.parametrize("state", [AttemptState.UNKNOWN, AttemptState.SENDING, AttemptState.RETRY])
@pytest.mark.parametrize("kind", [EMAIL, PHONE])
def test_what_may_have_arrived_by_one_is_not_told_by_the_other(
    kind: ContactKind, state: AttemptState, lantai: Lantai, both: Letters, world: World, clock: FakeClock
) -> None:
    """Its end is not known, its worker died over it, or it is tried again after nobody answered."""
    other = PHONE if kind is EMAIL else EMAIL
    set_latest(lantai, other, state, "unknown:timeout")
    clock.advance(hours=24)
    lantai.contact_delivery.deliver(both[kind])
    assert (world.mailer.sent, world.sms.sent) == ([], [])
    assert dict(letters(lantai)) == {kind: AttemptState.FAILED, other: state}


def test_what_was_tried_again_after_no_answer_and_failed_lets_the_other_go(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    reach(EMAIL, PHONE)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    world.sms.faults = [SendFault.UNKNOWN, SendFault.RECIPIENT]
    lantai.delivery.deliver(tell(URGENT))
    work_off(lantai)
    assert sorted(letters(lantai)) == [
        (EMAIL, AttemptState.SENT),
        (PHONE, AttemptState.FAILED),
        (PHONE, AttemptState.RETRY),
    ]


def test_what_may_have_arrived_as_a_push_is_not_told_by_a_letter(
    lantai: Lantai, both: Letters, world: World, clock: FakeClock
) -> None:
    with lantai.db.transaction() as session:
        mine = select(DeliveryAttempt).where(DeliveryAttempt.notice_id == both[EMAIL].notice_id)
        session.scalars(mine).one().state = AttemptState.UNKNOWN
    clock.advance(hours=24)
    for job in both.values():
        lantai.contact_delivery.deliver(job)
    assert (world.mailer.sent, world.sms.sent) == ([], [])


def test_what_staff_asked_for_goes_though_another_may_have_arrived(
    lantai: Lantai, both: Letters, world: World, clock: FakeClock
) -> None:
    set_latest(lantai, PHONE, AttemptState.UNKNOWN)
    failed = set_latest(lantai, EMAIL, AttemptState.FAILED)
    with lantai.db.transaction() as session:
        session.add(asked_again(failed, clock))
    lantai.contact_delivery.deliver(both[EMAIL])
    assert len(world.mailer.sent) == 1


def asked_again(row: ContactAttempt, clock: FakeClock) -> ContactAttempt:
    return ContactAttempt(
        notice_id=row.notice_id,
        contact_id=row.contact_id,
        kind=row.kind,
        number=row.number + 1,
        state=AttemptState.RETRY,
        reason="later:scripted",
        created_at=clock.now() + timedelta(seconds=1),
    )


def test_what_staff_asked_for_waits_and_no_other_way_begins_meanwhile(
    lantai: Lantai, tell: Tell, reach: Callable[..., None], world: World, clock: FakeClock
) -> None:
    """Though it failed, the time before, by a limit of the day."""
    reach(EMAIL)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [SendFault.LATER]
    job = tell(IMPORTANT)
    lantai.delivery.deliver(job)
    work_off_today(lantai)
    failed = set_latest(lantai, EMAIL, AttemptState.FAILED)
    reach(PHONE)
    with lantai.db.transaction() as session:
        session.add(asked_again(failed, clock))
    lantai.delivery.deliver(job)
    assert letters(lantai) == [(EMAIL, AttemptState.FAILED), (EMAIL, AttemptState.RETRY)]
