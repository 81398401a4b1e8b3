"""Campaigns carried out: everybody told once, in the pace of all workers, and what became of each."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta

import pytest
from sqlalchemy import select, text, update

from app.actors import SYSTEM
from app.errors import Conflict
from app.jobs import BULK, Announce, DeliverNotice
from app.people.models import IdentityState, PlatformIdentity
from app.ports import OutboundMessage, Platform, SendFault
from notifications.campaigns.desk import Wish
from notifications.campaigns.models import CampaignRecipient
from notifications.campaigns.pacing import SLICE
from notifications.campaigns.reading import RecipientLine
from notifications.campaigns.rules import Account, Result, Segment, State, Told
from notifications.campaigns.sending import CampaignSending
from notifications.campaigns.texts import CampaignNotice
from notifications.channel_rules import QuietHours
from notifications.check_codes import CheckCodes
from notifications.models import AttemptState, DeliveryAttempt, Notice
from parts import Lantai
from tests.conftest import ApiClient, Person, World
from tests.fakes import FakeClock
from tests.moving import Pair
from tests.notifications.campaigns.cohorts import COHORT, cohort, recipients, running, told, wish
from tests.notifications.ways import ADDRESSES, EMAIL
from tests.proof.house import at_once

CODES = CheckCodes(bytes(32))
NIGHT = QuietHours(True, time(22), time(8))
PER_SECOND = 20


def lines(lantai: Lantai, pair: Pair, campaign: uuid.UUID, result: Result | None = None) -> list[RecipientLine]:
    return lantai.campaign_reading.recipients(pair.first, campaign, result=result)


def waiting_jobs(lantai: Lantai) -> int:
    query = "select count(*) from procrastinate_jobs where task_name = 'notifications.deliver' and status = 'todo'"
    with lantai.db.transaction() as session:
        return int(session.scalar(text(query)) or 0)


def run_out(lantai: Lantai, clock: FakeClock, seconds: int) -> int:
    """What is dealt with in so many seconds of the clock."""
    done = lantai.campaign_sending.tick()
    for _ in range(seconds):
        clock.advance(seconds=1)
        done += lantai.campaign_sending.tick()
    return done


def test_everybody_is_told_once_and_pushes_are_for_who_has_an_account(
    lantai: Lantai, pair: Pair, clock: FakeClock
) -> None:
    people = cohort(lantai, 50, bound=30)
    campaign = running(lantai, pair)
    assert run_out(lantai, clock, 5) == 50
    assert told(lantai) == people
    assert waiting_jobs(lantai) == 30
    view, figures = lantai.campaign_reading.campaign(pair.first, campaign), None
    assert (view.state, view.told, view.skipped, view.dealt_with) == (State.DONE, 50, 0, 50)
    figures = lantai.campaign_reading.figures(pair.first, campaign)
    assert (figures.results[Result.INBOX], figures.unbound) == (50, 20)
    assert lantai.campaign_sending.tick() == 0


def test_the_pace_is_one_for_all_workers_and_all_campaigns(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    cohort(lantai, 100)
    cohort(lantai, 100, year=2032)
    first, second = running(lantai, pair), running(lantai, pair, wish(lantai, Segment(2032)))
    others = [
        CampaignSending(lantai.db, CODES, lantai.queue, lantai.log, clock, PER_SECOND, NIGHT),
        lantai.campaign_sending,
        CampaignSending(lantai.db, CODES, lantai.queue, lantai.log, clock, PER_SECOND, NIGHT),
    ]
    for second_no in range(4):
        at_once(3, lambda n: others[n].tick())
        assert len(told(lantai)) <= PER_SECOND * (second_no + 1), "more than the pace allows"
        for other in others:
            other.tick()
        assert len(told(lantai)) == PER_SECOND * (second_no + 1)
        clock.advance(seconds=1)
    shares = [lantai.campaign_reading.campaign(pair.first, c).told for c in (first, second)]
    assert min(shares) > 0, "one campaign waits for the other's end"


def test_a_rest_saves_no_more_than_a_second(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    cohort(lantai, 100)
    running(lantai, pair)
    lantai.campaign_sending.tick()
    clock.advance(hours=1)
    assert lantai.campaign_sending.tick() == PER_SECOND


def test_at_night_nobody_is_told_and_the_morning_begins_at_the_usual_pace(
    lantai: Lantai, pair: Pair, clock: FakeClock
) -> None:
    people = cohort(lantai, 50)
    clock.advance(hours=13)  # 22:00 in Beijing
    running(lantai, replace(pair, second=replace(pair.second, factor_at=clock.now())))
    assert run_out(lantai, clock, 3) == 0
    assert lantai.campaign_sending.rests_until() == clock.now().replace(hour=0, second=0) + timedelta(days=1)
    clock.advance(hours=10)
    assert lantai.campaign_sending.rests_until() is None
    assert lantai.campaign_sending.tick() == PER_SECOND
    run_out(lantai, clock, 3)
    assert told(lantai) == people


def test_pushes_stand_behind_whatever_else_is_due(
    lantai: Lantai, pair: Pair, clock: FakeClock, graduate_factory: Callable[..., Person]
) -> None:
    cohort(lantai, 20, bound=20)
    running(lantai, pair)
    lantai.campaign_sending.tick()
    with lantai.db.transaction() as session:
        later = lantai.log.record(session, SYSTEM, "account.totp_enrolled", graduate_id=graduate_factory().id)
        lantai.queue.enqueue(session, Announce(later))
    with lantai.db.transaction() as session:
        taken = session.execute(text("select task_name from procrastinate_fetch_job_v2(null, null)")).scalar()
    assert taken == Announce.name


def test_a_push_that_waits_for_its_own_night_comes_back_behind_the_others(
    lantai: Lantai, pair: Pair, clock: FakeClock, world: World
) -> None:
    (graduate,) = cohort(lantai, 1, bound=1)
    running(lantai, pair)
    lantai.campaign_sending.tick()
    with lantai.db.transaction() as session:
        session.execute(text("delete from procrastinate_jobs"))
        notice = session.scalars(select(Notice.id).where(Notice.graduate_id == graduate)).one()
    clock.advance(hours=14)
    lantai.delivery.deliver(DeliverNotice(notice, bulk=True))
    with lantai.db.transaction() as session:
        kept = session.execute(text("select priority, args -> 'bulk' from procrastinate_jobs")).one()
    assert tuple(kept) == (BULK, True)


def test_a_fast_pace_goes_on_by_whole_slices(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    cohort(lantai, 250)
    running(lantai, pair)
    fast = CampaignSending(lantai.db, CODES, lantai.queue, lantai.log, clock, 2000, NIGHT)
    assert fast.tick() == 250
    assert len(set(told(lantai))) == 250 > 2 * SLICE


def test_a_pause_holds_at_once_and_resuming_leaves_nobody_out(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    people = cohort(lantai, 50)
    campaign = running(lantai, pair)
    lantai.campaign_sending.tick()
    lantai.campaigns.pause(pair.first, campaign)
    before = told(lantai)
    assert len(before) == PER_SECOND
    assert run_out(lantai, clock, 3) == 0
    assert told(lantai) == before
    with pytest.raises(Conflict, match="campaign_state"):
        lantai.campaigns.pause(pair.first, campaign)
    lantai.campaigns.resume(pair.second, campaign)
    run_out(lantai, clock, 3)
    assert told(lantai) == people


def test_who_joins_the_cohort_after_the_start_is_not_told(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    people = cohort(lantai, 30)
    running(lantai, pair)
    cohort(lantai, 5)
    assert run_out(lantai, clock, 3) == 30
    assert told(lantai) == people


def test_whom_it_no_longer_concerns_is_left_alone(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    people = cohort(lantai, 30)
    campaign = running(lantai, pair, wish(lantai, Segment(COHORT, account=Account.UNBOUND)))
    lantai.campaign_sending.tick()
    late = people[-1]
    with lantai.db.transaction() as session:
        identity = PlatformIdentity(
            id=uuid.uuid4(),
            platform=Platform.WECHAT,
            app_id="app",
            open_id="late",
            state=IdentityState.BOUND,
            graduate_id=late,
            bound_at=clock.now(),
            created_at=clock.now(),
        )
        session.add(identity)
    run_out(lantai, clock, 3)
    assert told(lantai) == people[:-1]
    (left,) = lines(lantai, pair, campaign, Result.SKIPPED)
    assert (left.graduate_id, left.reason) == (late, "left_segment")
    assert lantai.campaign_reading.campaign(pair.first, campaign).state is State.DONE


def test_a_line_that_is_there_already_is_not_written_again(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    """As if a row's mark had been lost: the table of notices itself refuses a second line."""
    people = cohort(lantai, 10)
    campaign = running(lantai, pair)
    run_out(lantai, clock, 1)
    with lantai.db.transaction() as session:
        session.execute(update(CampaignRecipient).values(state=Told.WAITING, notice_id=None))
        session.execute(text("update notice_campaign set state = 'running', reached = null, told = 0"))
    run_out(lantai, clock, 1)
    assert told(lantai) == people
    assert recipients(lantai, campaign) == {Told.TOLD: 10}


def test_results_are_read_from_the_pushes(
    lantai: Lantai, pair: Pair, clock: FakeClock, world: World, run_jobs: Callable[[], None]
) -> None:
    cohort(lantai, 7, bound=5)
    campaign = running(lantai, pair)
    faults = [SendFault.NO_CREDIT, SendFault.RECIPIENT, SendFault.UNKNOWN]
    send = world.wechat_sender.send

    def scripted(message: OutboundMessage) -> str:
        world.wechat_sender.faults = [faults.pop()] if faults else []
        return send(message)

    world.wechat_sender.send = scripted  # type: ignore[method-assign]
    before = lantai.campaign_reading.figures(pair.first, campaign).results
    assert before[Result.WAITING] == 7
    run_out(lantai, clock, 1)
    run_jobs()
    figures = lantai.campaign_reading.figures(pair.first, campaign)
    wanted = {Result.SENT: 2, Result.UNKNOWN: 1, Result.FAILED: 1, Result.INBOX: 3}
    assert {r: n for r, n in figures.results.items() if n} == wanted
    assert figures.unbound == 2
    for result, many in wanted.items():
        found = lines(lantai, pair, campaign, result)
        assert len(found) == many, "the list and the figures differ"
        assert {line.result for line in found} == {result}
    assert {line.reason for line in lines(lantai, pair, campaign, Result.FAILED)} == {"recipient:scripted"}
    assert len(world.wechat_sender.sent) == 2


def important(lantai: Lantai) -> Wish:
    """To the year of ``person``."""
    return wish(lantai, Segment(2026), CampaignNotice.REGISTER_DESTINATION)


def test_who_lost_the_account_is_written_to_at_the_address_that_was_verified(
    lantai: Lantai, pair: Pair, person: Person, reach: Callable[..., None], world: World, run_jobs: Callable[[], None]
) -> None:
    reach(EMAIL)
    with lantai.db.transaction() as session:
        session.execute(update(PlatformIdentity).values(state=IdentityState.UNBOUND, graduate_id=None))
    campaign = running(lantai, pair, important(lantai))
    lantai.campaign_sending.tick()
    run_jobs()
    ((to, subject, _, _),) = world.mailer.sent
    assert to == ADDRESSES[EMAIL]
    assert "毕业去向登记提醒" in subject
    (line,) = lines(lantai, pair, campaign, Result.WRITTEN)
    assert (line.graduate_id, line.bound) == (person.id, False)


@pytest.mark.parametrize(
    ("letter", "result", "reason"),
    [
        ([], Result.WRITTEN, ""),
        ([SendFault.RECIPIENT], Result.FAILED, "recipient:scripted"),
        ([SendFault.UNKNOWN], Result.UNKNOWN, "unknown:scripted"),
    ],
)
def test_a_letter_in_place_of_a_push_counts(
    letter: list[SendFault],
    result: Result,
    reason: str,
    lantai: Lantai,
    pair: Pair,
    person: Person,
    reach: Callable[..., None],
    world: World,
    run_jobs: Callable[[], None],
) -> None:
    reach(EMAIL)
    world.wechat_sender.faults, world.mailer.faults = [SendFault.NO_CREDIT], letter
    campaign = running(lantai, pair, important(lantai))
    lantai.campaign_sending.tick()
    run_jobs()
    (line,) = lines(lantai, pair, campaign)
    assert (line.result, line.reason) == (result, reason)
    assert lantai.campaign_reading.figures(pair.first, campaign).results[result] == 1


def test_a_page_of_recipients_goes_on_after_the_last(lantai: Lantai, pair: Pair) -> None:
    people = cohort(lantai, 5)
    campaign = running(lantai, pair)
    first = lantai.campaign_reading.recipients(pair.first, campaign, limit=3)
    rest = lantai.campaign_reading.recipients(pair.first, campaign, after=first[-1].graduate_id, limit=3)
    assert [line.graduate_id for line in (*first, *rest)] == people


def test_a_graduate_reads_it_in_the_inbox_and_on_the_phone(
    lantai: Lantai,
    pair: Pair,
    world: World,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
) -> None:
    person = graduate_factory(cohort_year=COHORT)
    app = signed_in(person, 2)
    run_jobs()
    world.wechat_sender.sent.clear()
    running(lantai, pair)
    lantai.campaign_sending.tick()
    run_jobs()
    latest = app.get("/notices").json["items"][0]
    assert latest["title"] == "请核对档案信息"
    assert "咨询：" in latest["body"]
    (message,) = world.wechat_sender.sent
    assert message.fields["thing1"] == "毕业生档案信息"
    assert message.fields["phrase2"] == "待核对"


def test_an_unbound_graduate_finds_it_after_binding(
    lantai: Lantai,
    pair: Pair,
    graduate_factory: Callable[..., Person],
    signed_in: Callable[..., ApiClient],
    run_jobs: Callable[[], None],
) -> None:
    person = graduate_factory(cohort_year=COHORT)
    running(lantai, pair)
    lantai.campaign_sending.tick()
    app = signed_in(person, 2)
    run_jobs()
    assert "请核对档案信息" in [n["title"] for n in app.get("/notices").json["items"]]
    with lantai.db.transaction() as session:
        notice = session.scalars(select(Notice.id).where(Notice.event_type == "campaign.notice")).one()
        attempts = session.scalars(select(DeliveryAttempt.state).where(DeliveryAttempt.notice_id == notice)).all()
    assert AttemptState.SENT not in attempts
