"""What tests of campaigns share: a cohort written straight into the tables, and campaigns led to a state."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, insert, select

from app.actors import Actor
from app.db import new_id
from app.people.models import Graduate, IdentityState, PlatformIdentity
from app.ports import Platform
from notifications.campaigns.desk import Wish
from notifications.campaigns.models import CampaignRecipient
from notifications.campaigns.rules import Segment, Told
from notifications.campaigns.texts import CampaignNotice, Field
from notifications.models import Notice
from parts import Lantai
from tests.moving import Pair

COHORT = 2031


def cohort(lantai: Lantai, many: int, *, college: str = "理学院", bound: int = 0, year: int = COHORT) -> list[UUID]:
    """So many graduates of whom nobody asks the name; ``bound`` of them have a WeChat account."""
    now, ids = lantai.clock.now(), sorted(new_id() for _ in range(many))
    people = [
        {
            "id": i,
            "sealed_card": b"-",
            "student_number_bidx": os.urandom(32),
            "id_number_bidx": os.urandom(32),
            "cohort_year": year,
            "college": college,
            "major": "数学",
            "degree_level": "本科",
            "created_at": now,
        }
        for i in ids
    ]
    accounts = [
        {
            "id": new_id(),
            "platform": Platform.WECHAT,
            "app_id": "app",
            "open_id": f"open-{i.hex}",
            "state": IdentityState.BOUND,
            "graduate_id": i,
            "bound_at": now,
            "created_at": now,
        }
        for i in ids[:bound]
    ]
    with lantai.db.transaction() as session:
        session.execute(insert(Graduate), people)
        if accounts:
            session.execute(insert(PlatformIdentity), accounts)
    return ids


def wish(lantai: Lantai, segment: Segment | None = None, notice: CampaignNotice = CampaignNotice.CHECK_DOSSIER) -> Wish:
    until = (lantai.clock.now() + timedelta(days=30)).date().isoformat()
    return Wish(notice, {Field.UNTIL: until}, segment or Segment(COHORT))


def ready(lantai: Lantai, actor: Actor, wanted: Wish | None = None) -> UUID:
    made = lantai.campaigns.create(actor, wanted or wish(lantai))
    lantai.campaigns.propose(actor, made, 1)
    return made


def running(lantai: Lantai, pair: Pair, wanted: Wish | None = None) -> UUID:
    made = ready(lantai, pair.first, wanted)
    lantai.campaigns.start(pair.second, made, 2)
    return made


def recipients(lantai: Lantai, campaign: UUID) -> dict[Told, int]:
    query = select(CampaignRecipient.state, func.count()).where(CampaignRecipient.campaign_id == campaign)
    with lantai.db.transaction() as session:
        return {row[0]: row[1] for row in session.execute(query.group_by(CampaignRecipient.state))}


def told(lantai: Lantai) -> Sequence[UUID]:
    """Who has a campaign's notice in the inbox, once for each."""
    query = select(Notice.graduate_id).where(Notice.event_type == "campaign.notice").order_by(Notice.graduate_id)
    with lantai.db.transaction() as session:
        return session.scalars(query).all()
