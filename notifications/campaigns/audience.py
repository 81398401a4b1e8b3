"""Whom a segment means, in SQL: counted for a dry run, frozen at the start, asked again when a person's turn comes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, false, func, insert, literal, or_, select, text
from sqlalchemy.orm import Session

from app.completeness.models import CompletenessResult
from app.people.models import Graduate, IdentityState, PlatformIdentity
from app.ports import Platform
from app.transfers.models import Transfer
from notifications.campaigns.models import CampaignRecipient
from notifications.campaigns.rules import NO_TRANSFER, Account, Materials, Segment, Told
from notifications.catalogue.fields import PUSHED
from notifications.catalogue.text import NoticeText, Template
from notifications.channel_models import NoticeContact, NoticePreference
from notifications.channel_rules import KEPT_CREDITS, Channel, fixed, pair
from notifications.models import Subscription

WHOLE_COHORT_MS = 60_000
Counted = Callable[[Platform, Template], bool]
"""Whether one-shot credits of a template are counted on a platform; elsewhere the agreement alone says whether."""

BOUND = exists().where(
    PlatformIdentity.graduate_id == Graduate.id,
    PlatformIdentity.state == IdentityState.BOUND,
    PlatformIdentity.platform != Platform.CAMPUS_TERMINAL,
)
REACHED = or_(
    BOUND,
    exists().where(
        NoticeContact.graduate_id == Graduate.id,
        NoticeContact.verified_at.is_not(None),
        NoticeContact.unreachable_at.is_(None),
    ),
)
"""Whom more than the inbox may reach: an account is gone, the address that was verified with it may still stand."""
_LACKING = exists().where(CompletenessResult.graduate_id == Graduate.id, CompletenessResult.complete == false())
_COMPLETE = exists().where(CompletenessResult.graduate_id == Graduate.id, CompletenessResult.complete)
# of several transfers, one after the other, the last; what brings later papers after is another matter
_STANDS = (
    select(Transfer.state)
    .where(Transfer.graduate_id == Graduate.id, Transfer.supplements.is_(None))
    .order_by(Transfer.serial.desc())
    .limit(1)
    .scalar_subquery()
)


@dataclass(frozen=True, slots=True)
class Headcount:
    """A dry run. ``pushed``: to how many a push of the notice would be tried, an estimate as the ledger of credits is;
    None without a notice.
    """

    total: int
    bound: int
    pushed: int | None
    by_college: tuple[tuple[str, int], ...]

    @property
    def unbound(self) -> int:
        return self.total - self.bound


def meant(segment: Segment) -> ColumnElement[bool]:
    """The condition on a row of Graduate."""
    found: list[Any] = [Graduate.cohort_year == segment.cohort]
    if segment.colleges:
        found.append(Graduate.college.in_(segment.colleges))
    if segment.level:
        found.append(Graduate.degree_level == segment.level)
    if segment.transfer == NO_TRANSFER:
        found.append(_STANDS.is_(None))
    elif segment.transfer:
        found.append(segment.transfer == _STANDS)
    if segment.materials is not None:
        found.append(_LACKING if segment.materials is Materials.LACKING else _COMPLETE)
    if segment.account is not None:
        found.append(BOUND if segment.account is Account.BOUND else ~BOUND)
    return and_(*found)


def pushed(words: NoticeText, counted: Counted) -> ColumnElement[bool]:
    """The condition on a row of Graduate that a push is tried, as ``channel_rules.may_push`` and the choices say."""
    silent = exists().where(
        NoticePreference.graduate_id == Graduate.id,
        NoticePreference.off.contains([pair(words.topic, Channel.PUSH)]),
    )
    ways = [_pushed_by(platform, words, counted) for platform in PUSHED]
    return or_(*ways) if fixed(words.topic, Channel.PUSH) else and_(or_(*ways), ~silent)


def _pushed_by(platform: Platform, words: NoticeText, counted: Counted) -> ColumnElement[bool]:
    """Nothing known is no reason not to: only an account that is known to have no agreement or credit is left out."""
    account = and_(
        PlatformIdentity.graduate_id == Graduate.id,
        PlatformIdentity.state == IdentityState.BOUND,
        PlatformIdentity.platform == platform,
        PlatformIdentity.unreachable_at.is_(None),
    )
    keep = KEPT_CREDITS[words.importance]
    if keep is None:
        return exists().where(account)
    lacks = Subscription.accepted == false()
    if counted(platform, words.template):
        lacks = or_(lacks, Subscription.credits <= keep)
    known = exists().where(
        Subscription.identity_id == PlatformIdentity.id, Subscription.template == words.template, lacks
    )
    return exists().where(account, ~known)


def count(session: Session, segment: Segment, push: ColumnElement[bool] | None = None) -> Headcount:
    """``push``: the condition of ``pushed``."""
    rows = session.execute(
        select(
            Graduate.college,
            func.count(),
            func.count().filter(BOUND),
            func.count().filter(push) if push is not None else literal(0),
        )
        .where(meant(segment))
        .group_by(Graduate.college)
        .order_by(func.count().desc(), Graduate.college)
    ).all()
    return Headcount(
        sum(r[1] for r in rows),
        sum(r[2] for r in rows),
        sum(r[3] for r in rows) if push is not None else None,
        tuple((r[0], r[1]) for r in rows),
    )


def allow_time(session: Session) -> None:
    """For the statements of this transaction that touch every recipient at once."""
    session.execute(text("select set_config('statement_timeout', :ms, true)"), {"ms": str(WHOLE_COHORT_MS)})


def freeze(session: Session, campaign_id: UUID, segment: Segment) -> int:
    """Write the recipients from the segment inside the database, whatever their number; how many there are."""
    allow_time(session)
    chosen = select(literal(campaign_id), Graduate.id, BOUND, literal(Told.WAITING.value), literal("")).where(
        meant(segment)
    )
    columns = ["campaign_id", "graduate_id", "bound", "state", "reason"]
    session.execute(insert(CampaignRecipient).from_select(columns, chosen))
    total = session.scalar(
        select(func.count()).select_from(CampaignRecipient).where(CampaignRecipient.campaign_id == campaign_id)
    )
    return total or 0
