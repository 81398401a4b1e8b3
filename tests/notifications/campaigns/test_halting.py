"""Pushes and letters of a campaign that is paused or cancelled meanwhile: held until it goes on, or not sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from app.job_worker import payload
from app.jobs import BULK, DeliverByContact, DeliverNotice
from app.ports import SendFault
from notifications.campaigns.halting import Halt, halted
from notifications.campaigns.models import CampaignRecipient, NoticeCampaign
from notifications.campaigns.rules import Result, State
from notifications.channel_models import ContactAttempt, NoticeContact
from notifications.models import AttemptState, DeliveryAttempt, Notice
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock
from tests.moving import Pair
from tests.notifications.campaigns.cohorts import cohort, running, told
from tests.notifications.campaigns.test_sending import PER_SECOND, important, lines
from tests.notifications.ways import EMAIL, ORDINARY, Tell, letters, queued


@pytest.fixture
def queued_push(lantai: Lantai, pair: Pair, person: Person) -> tuple[UUID, DeliverNotice]:
    """A running campaign, as if others were still to be told, and the push of its notice, taken out of the queue."""
    campaign = running(lantai, pair, important(lantai))
    lantai.campaign_sending.tick()
    with lantai.db.transaction() as session:
        session.get_one(NoticeCampaign, campaign).state = State.RUNNING
    return campaign, DeliverNotice(taken(lantai, person), bulk=True)


def taken(lantai: Lantai, person: Person) -> UUID:
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        mine = select(Notice.id).where(Notice.graduate_id == person.id, Notice.event_type == "campaign.notice")
        return session.scalars(mine).one()


def names(lantai: Lantai) -> list[str]:
    return sorted(name for name, _ in queued(lantai))


def priorities(lantai: Lantai) -> set[int]:
    with lantai.db.transaction() as session:
        return set(session.scalars(text("select priority from procrastinate_jobs where status = 'todo'")))


def go_on(lantai: Lantai, pair: Pair, campaign: UUID) -> None:
    """Resume it, and let go what was held."""
    lantai.campaigns.resume(pair.second, campaign)
    lantai.campaign_sending.tick()


def test_a_push_asks_once_more_and_is_held_until_its_campaign_goes_on(
    lantai: Lantai, pair: Pair, queued_push: tuple[UUID, DeliverNotice], world: World
) -> None:
    campaign, job = queued_push
    lantai.campaigns.pause(pair.first, campaign)
    for _ in range(2):
        lantai.delivery.deliver(job)
    assert (world.wechat_sender.sent, names(lantai)) == ([], [])
    assert lantai.campaign_reading.figures(pair.first, campaign).held == 1
    go_on(lantai, pair, campaign)
    assert lantai.campaign_reading.figures(pair.first, campaign).held == 0
    assert names(lantai) == ["notifications.deliver"]
    lantai.delivery.deliver(job)
    assert len(world.wechat_sender.sent) == 1
    lantai.campaigns.pause(pair.first, campaign)
    go_on(lantai, pair, campaign)
    assert names(lantai) == ["notifications.deliver"]  # what was let go is held no more


def test_a_push_of_anything_else_is_nobodys_to_hold(
    lantai: Lantai, pair: Pair, queued_push: tuple[UUID, DeliverNotice], tell: Tell, world: World
) -> None:
    lantai.campaigns.pause(pair.first, queued_push[0])
    lantai.delivery.deliver(tell(ORDINARY))
    assert len(world.wechat_sender.sent) == 1


def test_a_push_that_is_tried_again_is_held_too_and_goes_on_where_it_was(
    lantai: Lantai, pair: Pair, queued_push: tuple[UUID, DeliverNotice], world: World, clock: FakeClock
) -> None:
    campaign, job = queued_push
    world.wechat_sender.faults = [SendFault.RETRY]
    lantai.delivery.deliver(job)
    lantai.campaigns.pause(pair.first, campaign)
    clock.advance(minutes=10)
    lantai.delivery.deliver(job)
    assert world.wechat_sender.sent == []
    go_on(lantai, pair, campaign)
    lantai.delivery.deliver(job)
    assert len(world.wechat_sender.sent) == 1


def test_a_letter_is_held_and_let_go_as_well(
    lantai: Lantai, pair: Pair, reach: Callable[..., None], queued_push: tuple[UUID, DeliverNotice], world: World
) -> None:
    campaign, job = queued_push
    reach(EMAIL)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    lantai.delivery.deliver(job)
    assert names(lantai) == ["notifications.deliver_by_contact"]
    assert priorities(lantai) == {BULK}
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        contact = session.scalars(select(NoticeContact.id)).one()
    lantai.campaigns.pause(pair.first, campaign)
    letter = DeliverByContact(job.notice_id, contact)
    lantai.contact_delivery.deliver(letter)
    assert (world.mailer.sent, names(lantai)) == ([], [])
    go_on(lantai, pair, campaign)
    assert names(lantai) == ["notifications.deliver", "notifications.deliver_by_contact"]
    assert priorities(lantai) == {BULK}
    lantai.contact_delivery.deliver(letter)
    assert letters(lantai) == [(EMAIL, AttemptState.SENT)]


def test_a_push_that_ends_while_its_campaign_is_paused_begins_no_letter_before_it_goes_on(
    lantai: Lantai, pair: Pair, reach: Callable[..., None], queued_push: tuple[UUID, DeliverNotice], world: World
) -> None:
    campaign, job = queued_push
    reach(EMAIL)
    send = world.wechat_sender.send

    def paused_meanwhile(message: object) -> str:
        lantai.campaigns.pause(pair.first, campaign)
        return send(message)  # type: ignore[arg-type]

    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    world.wechat_sender.send = paused_meanwhile  # type: ignore[method-assign]
    lantai.delivery.deliver(job)
    assert letters(lantai) == []
    go_on(lantai, pair, campaign)
    lantai.delivery.deliver(job)
    assert letters(lantai) == [(EMAIL, AttemptState.RETRY)]


def test_what_a_cancelled_campaign_had_not_sent_stays_in_the_inbox(
    lantai: Lantai, pair: Pair, reach: Callable[..., None], queued_push: tuple[UUID, DeliverNotice], world: World
) -> None:
    campaign, job = queued_push
    reach(EMAIL)
    world.wechat_sender.faults = [SendFault.RETRY]
    lantai.delivery.deliver(job)
    lantai.campaigns.pause(pair.first, campaign)
    lantai.delivery.deliver(job)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
    version = lantai.campaign_reading.campaign(pair.first, campaign).version
    lantai.campaigns.cancel(pair.first, campaign, version)
    lantai.campaign_sending.tick()
    assert names(lantai) == ["notifications.deliver"]  # so that nothing is left as if it were still tried
    lantai.delivery.deliver(job)
    assert (world.wechat_sender.sent, letters(lantai)) == ([], [])
    with lantai.db.transaction() as session:
        mine = select(DeliveryAttempt).where(DeliveryAttempt.notice_id == job.notice_id)
        push = session.scalars(mine).one()
        assert (push.state, push.reason) == (AttemptState.FAILED, "cancelled")
    assert [line.result for line in lines(lantai, pair, campaign)] == [Result.INBOX]


def test_a_letter_of_a_cancelled_campaign_is_not_sent(
    lantai: Lantai, pair: Pair, reach: Callable[..., None], queued_push: tuple[UUID, DeliverNotice], world: World
) -> None:
    campaign, job = queued_push
    reach(EMAIL)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], [SendFault.RETRY]
    lantai.delivery.deliver(job)
    with lantai.db.transaction() as session:
        letter = DeliverByContact(job.notice_id, session.scalars(select(NoticeContact.id)).one())
    lantai.contact_delivery.deliver(letter)
    version = lantai.campaign_reading.campaign(pair.first, campaign).version
    lantai.campaigns.cancel(pair.first, campaign, version)
    lantai.contact_delivery.deliver(letter)
    assert world.mailer.sent == []
    with lantai.db.transaction() as session:
        row = session.scalars(select(ContactAttempt)).one()
        assert (row.state, row.reason) == (AttemptState.FAILED, "cancelled")


def test_a_push_that_asks_while_its_campaign_is_being_resumed_is_not_forgotten(
    lantai: Lantai, pair: Pair, queued_push: tuple[UUID, DeliverNotice], world: World
) -> None:
    campaign, job = queued_push
    lantai.campaigns.pause(pair.first, campaign)
    asking = threading.Thread(target=lantai.delivery.deliver, args=(job,))
    with lantai.db.transaction() as session:
        row = session.get_one(NoticeCampaign, campaign, with_for_update=True)
        row.state = State.RUNNING
        session.flush()
        asking.start()
        assert awaited(session)
    asking.join()
    assert len(world.wechat_sender.sent) == 1


def push_and_letter(
    lantai: Lantai, reach: Callable[..., None], job: DeliverNotice, world: World
) -> tuple[DeliverNotice, DeliverByContact]:
    """A push that is tried again, and the letter that was asked for in the place of an earlier one."""
    reach(EMAIL)
    world.wechat_sender.faults = [SendFault.NO_CREDIT]
    lantai.delivery.deliver(job)
    with lantai.db.transaction() as session:
        contact = session.scalars(select(NoticeContact.id)).one()
        session.execute(text("delete from procrastinate_jobs"))
        session.execute(update(DeliveryAttempt).values(state=AttemptState.RETRY, settled_at=None))
    return job, DeliverByContact(job.notice_id, contact)


@pytest.mark.parametrize("deed", ["pause", "cancel"])
@pytest.mark.parametrize("way", ["push", "letter"])
def test_what_asked_before_its_campaign_was_stopped_is_not_begun_after(
    way: str,
    deed: str,
    lantai: Lantai,
    pair: Pair,
    reach: Callable[..., None],
    queued_push: tuple[UUID, DeliverNotice],
    world: World,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    campaign = queued_push[0]
    push, letter = push_and_letter(lantai, reach, queued_push[1], world)
    version = lantai.campaign_reading.campaign(pair.first, campaign).version
    asked: list[Callable[..., object]] = []

    def stopped_meanwhile(whole: Callable[..., object]) -> Callable[..., object]:
        def stop_and(*args: object, **named: object) -> object:
            asked.append(whole)
            if deed == "pause":
                lantai.campaigns.pause(pair.first, campaign)
            else:
                lantai.campaigns.cancel(pair.first, campaign, version)
            return whole(*args, **named)

        return stop_and

    if way == "push":
        monkeypatch.setattr(lantai.delivery, "_begin", stopped_meanwhile(lantai.delivery._begin))
        lantai.delivery.deliver(push)
    else:
        monkeypatch.setattr(lantai.contact_delivery, "_begin", stopped_meanwhile(lantai.contact_delivery._begin))
        lantai.contact_delivery.deliver(letter)
    assert (len(asked), world.wechat_sender.sent, world.mailer.sent) == (1, [], [])
    assert lantai.campaign_reading.figures(pair.first, campaign).held == int(deed == "pause")
    monkeypatch.undo()
    if deed == "pause":
        go_on(lantai, pair, campaign)
        assert names(lantai) == ["notifications.deliver", "notifications.deliver_by_contact"]
    lantai.delivery.deliver(push)
    lantai.contact_delivery.deliver(letter)
    assert (len(world.wechat_sender.sent), len(world.mailer.sent)) == (int(deed == "pause"), 0)


def awaited(session: Session) -> bool:
    """Whether somebody comes to wait for this transaction within ten seconds."""
    waiting = text("select exists (select from pg_locks where not granted and :mine = any(pg_blocking_pids(pid)))")
    mine, until = session.scalar(text("select pg_backend_pid()")), time.monotonic() + 10
    while time.monotonic() < until:
        if session.scalar(waiting, {"mine": mine}):
            return True
        time.sleep(0.01)
    return False


def test_a_pause_waits_for_what_is_just_being_begun(
    lantai: Lantai, pair: Pair, queued_push: tuple[UUID, DeliverNotice]
) -> None:
    campaign, job = queued_push
    returned: list[float] = []

    def pause() -> None:
        lantai.campaigns.pause(pair.first, campaign)
        returned.append(time.monotonic())

    pausing = threading.Thread(target=pause)
    with lantai.db.transaction() as session:
        assert halted(session, session.get_one(Notice, job.notice_id), begins=True) is None
        pausing.start()
        assert awaited(session)
        assert returned == []
    pausing.join()
    assert len(returned) == 1
    with lantai.db.transaction() as session:
        assert halted(session, session.get_one(Notice, job.notice_id), begins=True) is Halt.HELD


def test_a_large_campaign_lets_go_in_its_pace_and_is_paused_again_meanwhile(
    lantai: Lantai, pair: Pair, clock: FakeClock
) -> None:
    people, campaign = cohort(lantai, 30, bound=30), running(lantai, pair)
    lantai.campaign_sending.tick()
    clock.advance(seconds=1)
    lantai.campaign_sending.tick()
    assert len(told(lantai)) == len(people)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        session.execute(update(CampaignRecipient).values(held=True))
        session.execute(update(NoticeCampaign).values(state=State.PAUSED))
    for waits, expected in ((30, []), (10, PER_SECOND * ["notifications.deliver"])):
        assert names(lantai) == expected
        assert lantai.campaign_reading.figures(pair.first, campaign).held == waits
        clock.advance(seconds=1)
        lantai.campaigns.resume(pair.second, campaign)
        assert names(lantai) == expected
        lantai.campaign_sending.tick()
        if waits == 30:
            lantai.campaigns.pause(pair.first, campaign)
            clock.advance(seconds=1)
            assert lantai.campaign_sending.tick() == 0
    assert names(lantai) == 30 * ["notifications.deliver"]
    assert lantai.campaign_reading.figures(pair.first, campaign).held == 0
    assert lantai.campaign_reading.campaign(pair.first, campaign).state is State.DONE


def test_one_that_is_done_is_stopped_while_its_pushes_wait(
    lantai: Lantai, pair: Pair, world: World, clock: FakeClock
) -> None:
    cohort(lantai, 3, bound=3)
    campaign = running(lantai, pair)
    lantai.campaign_sending.tick()
    done = lantai.campaign_reading.campaign(pair.first, campaign)
    assert (done.state, done.told) == (State.DONE, 3)
    assert lantai.campaign_reading.figures(pair.first, campaign).queued == 3
    lantai.campaigns.pause(pair.first, campaign)
    assert lantai.campaign_reading.campaign(pair.first, campaign).ended_at is None
    with lantai.db.transaction() as session:
        args = session.scalars(text("delete from procrastinate_jobs returning args")).all()
    for job in args:
        lantai.delivery.deliver(payload(DeliverNotice, job))
    assert world.wechat_sender.sent == []
    clock.advance(hours=1)
    go_on(lantai, pair, campaign)
    again = lantai.campaign_reading.campaign(pair.first, campaign)
    assert (again.state, again.ended_at, again.told) == (State.DONE, clock.now(), 3)
    lantai.campaigns.cancel(pair.first, campaign, again.version)
    for job in args:
        lantai.delivery.deliver(payload(DeliverNotice, job))
    assert world.wechat_sender.sent == []
    ended = lantai.campaign_reading.campaign(pair.first, campaign)
    assert (ended.state, ended.told, ended.skipped) == (State.CANCELLED, 3, 0)


def test_what_was_held_goes_first_and_then_the_others(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    people = cohort(lantai, 50, bound=50)
    campaign = running(lantai, pair)
    lantai.campaign_sending.tick()
    lantai.campaigns.pause(pair.first, campaign)
    assert len(told(lantai)) < len(people)
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        first, second = session.scalars(
            select(CampaignRecipient.notice_id).where(CampaignRecipient.notice_id.is_not(None)).limit(2)
        )
    for notice in (first, second):
        assert notice is not None
        lantai.delivery.deliver(DeliverNotice(notice, bulk=True))
    clock.advance(seconds=timedelta(days=1).total_seconds())
    go_on(lantai, pair, campaign)
    with lantai.db.transaction() as session:
        jobs = session.scalars(text("select args->>'notice_id' from procrastinate_jobs order by id")).all()
    assert set(jobs[:2]) == {str(first), str(second)}
    assert len(jobs) == len(set(jobs)) == PER_SECOND
