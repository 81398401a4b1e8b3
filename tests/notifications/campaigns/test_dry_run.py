"""To how many a notice would be pushed, counted before anybody is told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from app.people.models import PlatformIdentity
from app.ports import Platform
from notifications.campaigns import texts
from notifications.campaigns.desk import CampaignDesk
from notifications.campaigns.rules import Segment
from notifications.campaigns.texts import CampaignNotice
from notifications.catalogue.editions import words_of
from notifications.channel_models import NoticePreference
from notifications.channel_rules import Channel, Standing, may_push
from notifications.channel_rules import pair as pair_of
from notifications.models import Subscription
from parts import Lantai
from tests.moving import Pair
from tests.notifications.campaigns.cohorts import COHORT, cohort

STANDINGS = (
    None,
    Standing(False, 3),
    Standing(True, 0),
    Standing(True, 1),
    Standing(True, 2),
)
"""Of the first five with an account; the sixth cannot be reached, and the seventh switched the topic off."""


@pytest.mark.parametrize("long_term", [False, True])
@pytest.mark.parametrize("notice", [CampaignNotice.CHECK_DOSSIER, CampaignNotice.REGISTER_DESTINATION])
def test_the_dry_run_counts_whom_delivery_would_push_to(
    notice: CampaignNotice, long_term: bool, lantai: Lantai, pair: Pair
) -> None:
    people, now = cohort(lantai, 8, bound=7), lantai.clock.now()
    words = words_of(texts.key(notice))
    assert words is not None
    with lantai.db.transaction() as session:
        accounts = {i.graduate_id: i for i in session.scalars(select(PlatformIdentity))}
        for person, known in zip(people, STANDINGS, strict=False):
            if known is not None:
                agreed, credits = known.accepted, known.credits
                row = Subscription(template=words.template, accepted=agreed, credits=credits, updated_at=now)
                row.identity_id = accounts[person].id
                session.add(row)
        accounts[people[5]].unreachable_at = now
        off = [pair_of(words.topic, Channel.PUSH)]
        hours = {"quiet": True, "quiet_begins": "22:00", "quiet_ends": "08:00"}
        session.add(NoticePreference(graduate_id=people[6], version=1, off=off, updated_at=now, **hours))
    policy = replace(lantai.campaigns.policy, counted=lambda platform, template: not long_term)
    desk = CampaignDesk(lantai.db, lantai.log, lantai.clock, policy, lantai.announcing.tell_of_faults)
    standings = [s if s is None else replace(s, long_term=long_term) for s in STANDINGS]
    tried = sum(may_push(words.importance, s) for s in standings)
    assert tried > 0
    assert desk.dry_run(pair.first, Segment(COHORT), notice).pushed == tried


def test_an_account_by_which_nobody_counts_credits_needs_the_agreement_alone(lantai: Lantai, pair: Pair) -> None:
    cohort(lantai, 2, bound=2)
    words = words_of(texts.key(CampaignNotice.CHECK_DOSSIER))
    assert words is not None
    with lantai.db.transaction() as session:
        for identity, agreed in zip(session.scalars(select(PlatformIdentity)).all(), (True, False), strict=True):
            identity.platform = Platform.ALIPAY
            row = Subscription(template=words.template, accepted=agreed, credits=0, updated_at=lantai.clock.now())
            row.identity_id = identity.id
            session.add(row)
    assert lantai.campaigns.dry_run(pair.first, Segment(COHORT), CampaignNotice.CHECK_DOSSIER).pushed == 1
