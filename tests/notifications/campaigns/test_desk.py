"""Campaigns at the desk: what a notice may say, whom a segment means, and who starts one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from app.actors import SYSTEM, Actor, ActorKind, Role
from app.completeness.models import CompletenessResult
from app.corrections.queue_models import CollegeDuty
from app.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, StepUpRequired, VersionMismatch
from app.events import Event
from app.people.models import StaffMember
from app.ports import Platform
from app.transfers.states import State as TransferState
from notifications.announcing import Announcer
from notifications.campaigns import texts
from notifications.campaigns.desk import CampaignDesk
from notifications.campaigns.models import CampaignRecipient
from notifications.campaigns.rules import NO_TRANSFER, Account, Materials, Segment, State, Told, within
from notifications.campaigns.texts import FIELDS, CampaignNotice, Field
from notifications.catalogue.fields import PUSHED, faults_of, platform_fields
from notifications.catalogue.text import NoticeText
from notifications.catalogue.words import notice_for
from notifications.channels import Channels
from notifications.check_codes import CheckCodes, MessageWriter
from parts import Lantai
from tests.conftest import Person, World
from tests.fakes import FakeClock
from tests.moving import Pair, opened
from tests.notifications.campaigns.cohorts import COHORT, cohort, ready, recipients, running, wish
from tests.proof.house import at_once

People = Callable[..., Person]


def codes(failure: pytest.ExceptionInfo[Invalid]) -> dict[str, str]:
    return {f.pointer: f.code for f in failure.value.faults}


@pytest.mark.parametrize("notice", CampaignNotice)
def test_every_notice_keeps_the_platforms_value_rules_and_holds_no_link(notice: CampaignNotice) -> None:
    fields = {Field.UNTIL.value: "2026-12-31", Field.ON.value: "2026-12-31", Field.PLACE.value: "图" * 20}
    text = notice_for(texts.EVENT_TYPE, {texts.KEY: notice.value, **{f.value: fields[f] for f in FIELDS[notice]}})
    assert text is not None
    assert text.title == texts.NOTICE_LABELS[notice]
    assert "2026年12月31日" in text.body
    assert texts.place_fault(text.body[:20]) == ""
    for platform in PUSHED:
        assert faults_of(platform, platform_fields(platform, text, "兰台大学", datetime(2026, 12, 1, tzinfo=UTC))) == []


def test_a_notice_of_another_release_has_no_words() -> None:
    assert notice_for(texts.EVENT_TYPE, {texts.KEY: "of_tomorrow"}) is None
    assert notice_for(texts.EVENT_TYPE, {texts.KEY: "leaving"}) is None


@pytest.mark.parametrize(
    ("place", "taken"),
    [
        ("大学生活动中心一层", True),
        ("", False),
        ("图" * 21, False),
        ("加微信 13800138000", False),
        ("加１３８００１", False),
        ("www.lantai.cn", False),
        ("见 http://x", False),
    ],
)
def test_a_place_holds_neither_link_nor_number(place: str, taken: bool) -> None:
    assert (texts.place_fault(place) == "") is taken


@pytest.mark.parametrize(
    ("notice", "given", "wrong"),
    [
        (CampaignNotice.CHECK_DOSSIER, {}, {"/until": "campaign_day"}),
        (CampaignNotice.CHECK_DOSSIER, {"until": "请点击链接"}, {"/until": "campaign_day"}),
        (CampaignNotice.CHECK_DOSSIER, {"until": "2020-01-01"}, {"/until": "campaign_day_far"}),
        (CampaignNotice.CHECK_DOSSIER, {"until": "2999-01-01"}, {"/until": "campaign_day_far"}),
        (CampaignNotice.LEAVING, {"on": "", "place": "校外某处"}, {"/on": "campaign_day", "/place": "campaign_place"}),
        (CampaignNotice.HAND_IN, {}, {"/materials": "campaign_needs_lacking"}),
    ],
)
def test_what_no_notice_may_say_is_refused_by_field(
    lantai: Lantai, pair: Pair, notice: CampaignNotice, given: dict[str, str], wrong: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as failure:
        lantai.campaigns.create(pair.first, replace(wish(lantai), notice=notice, given=given))
    assert codes(failure) == wrong


def test_a_place_is_one_of_the_schools(lantai: Lantai, pair: Pair) -> None:
    day = (lantai.clock.now() + timedelta(days=3)).date().isoformat()
    given = {Field.ON.value: day, Field.PLACE.value: lantai.settings.archive_office}
    made = lantai.campaigns.create(pair.first, replace(wish(lantai), notice=CampaignNotice.LEAVING, given=given))
    shown = lantai.campaign_reading.campaign(pair.first, made)
    assert lantai.settings.archive_office in shown.words.body


def test_segments_narrow_a_cohort(lantai: Lantai, pair: Pair, graduate_factory: People) -> None:
    cohort(lantai, 6, bound=2)
    cohort(lantai, 3, college="工学院", bound=3)
    lacking, moving = graduate_factory(cohort_year=COHORT, college="文学院"), graduate_factory(cohort_year=COHORT)
    opened(lantai, pair.first, moving.id)
    lantai.completeness.of(pair.first, lacking.id)  # which keeps what it finds: hardly anything is there

    def count(**narrower: object) -> int:
        return lantai.campaigns.dry_run(pair.first, replace(Segment(COHORT), **narrower)).total  # type: ignore[arg-type]

    assert count() == 11
    assert count(colleges=("工学院", "理学院")) == 9
    assert count(level="硕士") == 0
    assert (count(account=Account.BOUND), count(account=Account.UNBOUND)) == (5, 6)
    assert count(transfer=NO_TRANSFER) == 10
    assert count(transfer=TransferState.DRAFT.value) + count(transfer="destination_registered") == 1
    assert (count(materials=Materials.LACKING), count(materials=Materials.COMPLETE)) == (1, 0)
    with lantai.db.transaction() as session:
        session.execute(update(CompletenessResult).values(complete=True))
    assert (count(materials=Materials.LACKING), count(materials=Materials.COMPLETE)) == (0, 1)
    whole = lantai.campaigns.dry_run(pair.first, Segment(COHORT))
    assert (whole.bound, whole.unbound, whole.pushed) == (5, 6, None)
    assert whole.by_college[0] == ("理学院", 6)
    assert lantai.campaigns.dry_run(pair.first, Segment(1999)).total == 0


def test_many_recipients_take_two_persons(lantai: Lantai, pair: Pair) -> None:
    most = lantai.campaigns.policy.two_above
    cohort(lantai, most + 1)
    made = ready(lantai, pair.first)
    with pytest.raises(Conflict) as failure:
        lantai.campaigns.start(pair.first, made, 2)
    assert failure.value.code == "campaign_same_person"
    assert recipients(lantai, made) == {}
    with lantai.db.transaction() as session:  # the same person by another account
        person = session.scalar(select(StaffMember.person_key).where(StaffMember.id == pair.first.id))
        before = session.scalar(select(StaffMember.person_key).where(StaffMember.id == pair.second.id))
        session.execute(update(StaffMember).where(StaffMember.id == pair.second.id).values(person_key=person))
    with pytest.raises(Conflict, match="campaign_same_person"):
        lantai.campaigns.start(pair.second, made, 2)
    with lantai.db.transaction() as session:
        session.execute(update(StaffMember).where(StaffMember.id == pair.second.id).values(person_key=before))
    assert lantai.campaigns.start(pair.second, made, 2) == most + 1
    assert recipients(lantai, made) == {Told.WAITING: most + 1}


def test_few_recipients_take_one_person_and_growing_meanwhile_takes_two(lantai: Lantai, pair: Pair) -> None:
    most = lantai.campaigns.policy.two_above
    cohort(lantai, most)
    made = ready(lantai, pair.first)
    cohort(lantai, 1)
    with pytest.raises(Conflict, match="campaign_same_person"):
        lantai.campaigns.start(pair.first, made, 2)
    other = ready(lantai, pair.first, wish(lantai, Segment(COHORT, transfer=NO_TRANSFER, colleges=("理学院",))))
    with pytest.raises(Conflict, match="campaign_same_person"):
        lantai.campaigns.start(pair.first, other, 2)
    few = cohort(lantai, 2, year=2032)
    made = ready(lantai, pair.first, wish(lantai, Segment(2032)))
    assert lantai.campaigns.start(pair.first, made, 2) == len(few)


def test_a_start_asks_for_a_fresh_factor(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    cohort(lantai, 1)
    made = ready(lantai, pair.first)
    clock.advance(seconds=301)
    with pytest.raises(StepUpRequired):
        lantai.campaigns.start(pair.second, made, 2)


class Refused(MessageWriter):
    """One platform takes no words."""

    def faults(self, platform: Platform, text: NoticeText, notice_id: UUID, at: datetime) -> list[str]:
        return ["thing4:bad_thing"] if platform is Platform.WECHAT else []


def test_staff_hear_at_the_start_that_a_platform_would_refuse_the_words(
    lantai: Lantai, pair: Pair, world: World
) -> None:
    cohort(lantai, 1)
    channels = Channels(lantai.outside.senders, {}, Refused("兰台大学", CheckCodes(bytes(32))))
    announcer = Announcer(lantai.db, channels, lantai.staff_lines, lantai.delivery.deliver, lantai.clock)
    desk = CampaignDesk(lantai.db, lantai.log, lantai.clock, lantai.campaigns.policy, announcer.tell_of_faults)
    made = ready(lantai, pair.first)
    assert world.alerts.lines == []
    desk.start(pair.second, made, 2)
    (line,) = world.alerts.lines
    assert "campaign.notice.check_dossier" in line
    assert "thing4:bad_thing" in line
    other = ready(lantai, pair.first)
    lantai.campaigns.start(pair.second, other, 2)
    assert len(world.alerts.lines) == 1, "the shipped words are fit"


def test_of_two_that_start_at_once_one_does(lantai: Lantai, pair: Pair) -> None:
    people = cohort(lantai, 40)
    made = ready(lantai, pair.first)
    found = at_once(4, lambda n: lantai.campaigns.start((pair.first, pair.second)[n % 2], made, 2))
    assert [f for f in found if not isinstance(f, Exception)] == [40]
    assert {f.code for f in found if isinstance(f, DomainError)} <= {"campaign_changed", "campaign_state", "busy"}
    assert recipients(lantai, made) == {Told.WAITING: len(people)}
    with pytest.raises(VersionMismatch):
        lantai.campaigns.start(pair.second, made, 2)
    with pytest.raises(Conflict, match="campaign_state"):
        lantai.campaigns.start(pair.second, made, 3)


def test_a_stale_form_changes_nothing(lantai: Lantai, pair: Pair) -> None:
    cohort(lantai, 1)
    made = lantai.campaigns.create(pair.first, wish(lantai))
    other = wish(lantai, Segment(COHORT, level="本科"))
    lantai.campaigns.change(pair.second, made, 1, other)
    deeds: tuple[Callable[[], None], ...] = (
        lambda: lantai.campaigns.change(pair.first, made, 1, wish(lantai)),
        lambda: lantai.campaigns.propose(pair.first, made, 1),
        lambda: lantai.campaigns.cancel(pair.first, made, 1),
    )
    for deed in deeds:
        with pytest.raises(VersionMismatch) as failure:
            deed()
        assert failure.value.code == "campaign_changed"
    assert lantai.campaign_reading.campaign(pair.first, made).segment == other.segment


def test_what_is_recalled_has_to_be_made_ready_again(lantai: Lantai, pair: Pair) -> None:
    cohort(lantai, 1)
    made = ready(lantai, pair.first)
    with pytest.raises(Conflict, match="campaign_state"):
        lantai.campaigns.change(pair.first, made, 2, wish(lantai))
    lantai.campaigns.recall(pair.second, made, 2)
    view = lantai.campaign_reading.campaign(pair.first, made)
    assert (view.state, view.counted, view.proposed_by) == (State.DRAFT, None, None)
    with pytest.raises(Conflict, match="campaign_state"):
        lantai.campaigns.start(pair.second, made, 3)


def test_a_draft_that_lay_past_its_day_does_not_go_out(lantai: Lantai, pair: Pair, clock: FakeClock) -> None:
    cohort(lantai, 1)
    drafted = lantai.campaigns.create(pair.first, wish(lantai))
    made = ready(lantai, pair.first)
    clock.advance(days=40)
    late = replace(pair.second, factor_at=clock.now())
    for deed in (lambda: lantai.campaigns.propose(late, drafted, 1), lambda: lantai.campaigns.start(late, made, 2)):
        with pytest.raises(Invalid) as failure:
            deed()
        assert codes(failure) == {"/until": "campaign_day_far"}
    assert recipients(lantai, made) == {}


def test_nobody_meant_is_no_campaign(lantai: Lantai, pair: Pair) -> None:
    made = lantai.campaigns.create(pair.first, wish(lantai))
    with pytest.raises(Conflict, match="campaign_empty"):
        lantai.campaigns.propose(pair.first, made, 1)


def answers_for(lantai: Lantai, actor: Actor, college: str) -> None:
    with lantai.db.transaction() as session:
        session.add(CollegeDuty(college=college, staff_id=actor.id, set_by=actor.id, created_at=lantai.clock.now()))


def test_a_colleges_staff_reach_their_own_college_alone(lantai: Lantai, pair: Pair) -> None:
    cohort(lantai, 3)
    cohort(lantai, 2, college="工学院")
    whole = ready(lantai, pair.second)
    other = ready(lantai, pair.second, wish(lantai, Segment(COHORT, ("工学院",))))
    answers_for(lantai, pair.first, "理学院")
    assert lantai.campaigns.colleges(pair.first) == ["理学院"]
    assert lantai.campaigns.dry_run(pair.first, Segment(COHORT)).total == 3
    own = ready(lantai, pair.first)
    assert lantai.campaign_reading.campaign(pair.first, own).segment.colleges == ("理学院",)
    with pytest.raises(Invalid) as failure:
        lantai.campaigns.create(pair.first, wish(lantai, Segment(COHORT, ("理学院", "工学院"))))
    assert codes(failure) == {"/colleges": "campaign_college"}
    listed, total = lantai.campaign_reading.campaigns(pair.first)
    assert ([c.id for c in listed], total) == ([own], 1)
    assert lantai.campaign_reading.campaigns(pair.second)[1] == 3
    for foreign in (whole, other):
        for deed in (
            lambda c: lantai.campaigns.start(pair.first, c, 2),
            lambda c: lantai.campaigns.cancel(pair.first, c, 2),
            lambda c: lantai.campaigns.recall(pair.first, c, 2),
            lambda c: lantai.campaign_reading.campaign(pair.first, c),
            lambda c: lantai.campaign_reading.figures(pair.first, c),
            lambda c: lantai.campaign_reading.recipients(pair.first, c),
        ):
            with pytest.raises(NotFound):
                deed(foreign)


def test_reach_is_the_same_in_both_words(lantai: Lantai) -> None:
    assert within((), ())
    assert within(("理学院",), ())
    assert within(("理学院",), ("理学院", "工学院"))
    assert not within((), ("理学院",))
    assert not within(("理学院", "工学院"), ("理学院",))


@pytest.mark.parametrize("role", [Role.DISPATCHER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_other_roles_do_nothing_here(lantai: Lantai, pair: Pair, role: Role) -> None:
    cohort(lantai, 1)
    made = ready(lantai, pair.first)
    other = replace(pair.second, roles=frozenset({role}))
    for deed in (
        lambda: lantai.campaigns.create(other, wish(lantai)),
        lambda: lantai.campaigns.dry_run(other, Segment(COHORT)),
        lambda: lantai.campaigns.start(other, made, 2),
        lambda: lantai.campaigns.pause(other, made),
        lambda: lantai.campaign_reading.campaigns(other),
        lambda: lantai.campaign_reading.recipients(other, made),
    ):
        with pytest.raises(Forbidden):
            deed()


def test_the_command_line_stops_and_goes_on_and_starts_nothing(lantai: Lantai, pair: Pair) -> None:
    cohort(lantai, 1)
    made = running(lantai, pair)
    lantai.campaigns.pause(SYSTEM, made)
    lantai.campaigns.resume(SYSTEM, made)
    with pytest.raises(Forbidden):
        lantai.campaigns.create(SYSTEM, wish(lantai))
    with pytest.raises(Forbidden):
        lantai.campaigns.cancel(SYSTEM, made, 5)
    assert pair.first.kind is ActorKind.STAFF


def test_the_log_holds_counts_and_no_recipient(lantai: Lantai, pair: Pair) -> None:
    people = cohort(lantai, 3)
    made = running(lantai, pair)
    lantai.campaigns.pause(pair.first, made)
    lantai.campaigns.resume(pair.second, made)
    lantai.campaign_sending.tick()
    with lantai.db.transaction() as session:
        events = session.scalars(select(Event).where(Event.object_id == made).order_by(Event.id)).all()
    assert [(e.type, e.data.get("total")) for e in events] == [
        ("campaign.drafted", None),
        ("campaign.proposed", None),
        ("campaign.started", 3),
        ("campaign.paused", 3),
        ("campaign.resumed", 3),
        ("campaign.done", None),
    ]
    assert all(e.graduate_id is None for e in events)
    assert not [p for p in people if str(p) in str([e.data for e in events])]


def test_a_cancelled_campaign_tells_nobody_more(lantai: Lantai, pair: Pair) -> None:
    cohort(lantai, 5)
    made = running(lantai, pair)
    version = lantai.campaign_reading.campaign(pair.first, made).version
    lantai.campaigns.cancel(pair.first, made, version)
    assert lantai.campaign_sending.tick() == 0
    view = lantai.campaign_reading.campaign(pair.first, made)
    assert (view.state, view.told, view.skipped) == (State.CANCELLED, 0, 5)
    with lantai.db.transaction() as session:
        reasons = set(session.scalars(select(CampaignRecipient.reason)))
    assert reasons == {"cancelled"}
    with pytest.raises(Conflict, match="campaign_state"):
        lantai.campaigns.resume(pair.first, made)
