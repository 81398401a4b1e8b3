"""Rows of campaigns as the desk and the reader share them: who reaches one, locking, and the line in the log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, and_, bindparam, func, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind
from app.corrections.queues import colleges_of
from app.errors import Conflict, Forbidden, NotFound, VersionMismatch
from app.events import EventLog
from notifications.campaigns import rules
from notifications.campaigns.models import NoticeCampaign
from notifications.campaigns.rules import Deed, State
from notifications.campaigns.texts import EVENT_TYPE, KEY
from notifications.catalogue.text import NoticeText
from notifications.catalogue.words import notice_for

OBJECT = "notice_campaign"


def require_desk(actor: Actor) -> None:
    """Raises Forbidden. The operators' command line may look, pause and resume."""
    if actor.kind is ActorKind.SYSTEM:
        return
    if actor.kind is not ActorKind.STAFF or not actor.has_role(*rules.DESK):
        raise Forbidden("role_required")


def own_colleges(session: Session, actor: Actor) -> Sequence[str]:
    """The colleges somebody answers for; empty for who works for the whole school."""
    return [] if actor.kind is ActorKind.SYSTEM else colleges_of(session, actor.id)


def reached_by(own: Sequence[str]) -> ColumnElement[bool]:
    """The condition on a campaign's row that ``rules.within`` states."""
    if not own:
        return true()
    listed = bindparam("own_colleges", list(own), ARRAY(String(60)))
    return and_(
        NoticeCampaign.colleges.op("<@", is_comparison=True)(listed), func.cardinality(NoticeCampaign.colleges) > 0
    )


def found(session: Session, actor: Actor, campaign_id: UUID, *, lock: bool = False) -> NoticeCampaign:
    """Raises NotFound, also for one beyond the actor's colleges."""
    row = session.get(NoticeCampaign, campaign_id, with_for_update=lock)
    if row is None or not rules.within(row.colleges, own_colleges(session, actor)):
        raise NotFound("campaign_not_found")
    return row


def step(session: Session, actor: Actor, campaign_id: UUID, deed: Deed, version: int | None) -> NoticeCampaign:
    """Lock the campaign, check that the deed is possible, and take it there with a new version. ``version`` is what
    the form was shown with; None for who saw no form.

    Raises NotFound, VersionMismatch('campaign_changed'), Conflict('campaign_state').
    """
    row = found(session, actor, campaign_id, lock=True)
    if version is not None and row.version != version:
        raise VersionMismatch("campaign_changed", extra={"current_version": row.version})
    before, after = rules.MOVES[deed]
    if row.state not in before:
        raise Conflict("campaign_state", params={"state": rules.STATE_LABELS[row.state]})
    row.state, row.version = after, row.version + 1
    return row


def end(row: NoticeCampaign, state: State, at: datetime) -> None:
    row.state, row.ended_at, row.version = state, at, row.version + 1


def record(session: Session, log: EventLog, actor: Actor, kind: str, row: NoticeCampaign, **counts: int) -> None:
    """Counts only: who was told stands with the campaign, and in nobody's timeline but their own inbox."""
    data: dict[str, Any] = {"notice": row.notice.value, **counts}
    log.record(session, actor, f"campaign.{kind}", object_kind=OBJECT, object_id=row.id, data=data)


def words(row: NoticeCampaign) -> NoticeText:
    """As who is told now will read them."""
    words = notice_for(EVENT_TYPE, {KEY: row.notice.value, **row.fields})
    if words is None:
        raise LookupError(f"the catalogue has no words for {row.notice.value}")
    return words
