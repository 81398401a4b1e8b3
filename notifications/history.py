"""What one graduate was told: every notice, the ways it took, and what became of each, for staff to look up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from app.actors import Actor, ActorKind, Role
from app.db import Database
from app.errors import Forbidden
from app.events import EventLog
from app.people.models import PlatformIdentity
from app.people.service import PeopleService
from app.ports import Clock, Platform
from notifications.catalogue.text import Template
from notifications.catalogue.words import notice_for
from notifications.channel_models import ContactAttempt
from notifications.channel_rules import (
    CHANNEL_LABELS,
    KIND_OF,
    PLATFORM_OF,
    PUSHED_BY,
    TOPIC_LABELS,
    WRITTEN_BY,
    Channel,
    Way,
    credit_words,
)
from notifications.fault_actions import action_of, letter_action_of
from notifications.inbox import SubscriptionService
from notifications.models import AttemptState, DeliveryAttempt, Notice

ROLES = (Role.ARCHIVIST, Role.REVIEWER, Role.DISPATCHER)
"""Whoever may look a graduate up: they answer when somebody says that nobody told them."""


class Outcome(StrEnum):
    SENT = "sent"
    OPEN = "open"
    FAILED = "failed"


WAY_LABELS: Mapping[Way, str] = {
    Way.WECHAT: "微信提醒",
    Way.ALIPAY: "支付宝提醒",
    Way.EMAIL: CHANNEL_LABELS[Channel.EMAIL],
    Way.SMS: CHANNEL_LABELS[Channel.SMS],
    Way.INBOX: "只有站内通知",
}
OUTCOME_LABELS: Mapping[Outcome, str] = {
    Outcome.SENT: "已发出",
    Outcome.OPEN: "正在发送或未得到确认",
    Outcome.FAILED: "未发出",
}
TEMPLATE_LABELS: Mapping[Template, str] = {
    Template.TICKET_DECIDED: "更正申请和材料",
    Template.TRANSFER_STEP: "档案转递",
    Template.ACCOUNT_NOTICE: "账号安全",
}
STATES: Mapping[Outcome, Sequence[AttemptState]] = {
    Outcome.SENT: (AttemptState.SENT,),
    Outcome.OPEN: (AttemptState.SENDING, AttemptState.RETRY, AttemptState.UNKNOWN),
    Outcome.FAILED: (AttemptState.FAILED,),
}
_TAKEN: Mapping[Way, str] = {
    Way.WECHAT: "微信已接收",
    Way.ALIPAY: "支付宝已接收",
    Way.EMAIL: "收件方邮件服务器已接收",
    Way.SMS: "短信平台已接收",
}


@dataclass(frozen=True, slots=True)
class WayView:
    """``words`` say in plain Chinese what became of it; ``reason`` is the platform's code, for whoever asks there."""

    way: Way
    label: str
    words: str
    attempts: int
    last_at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """``held_until``: in the graduate's quiet hours until then."""

    id: UUID
    title: str
    topic: str
    at: datetime
    read_at: datetime | None
    held_until: datetime | None
    ways: Sequence[WayView]


@dataclass(frozen=True, slots=True)
class CreditLine:
    platform: Platform
    template: str
    words: str


@dataclass(frozen=True, slots=True)
class HistoryView:
    lines: Sequence[HistoryLine]
    total: int
    credits: Sequence[CreditLine]


@dataclass(frozen=True, slots=True)
class _Try:
    """``held``: it waits for its channel."""

    way: Way
    state: AttemptState
    reason: str
    at: datetime
    held: bool = False


class NoticeHistory:
    def __init__(
        self, db: Database, people: PeopleService, subscriptions: SubscriptionService, log: EventLog, clock: Clock
    ) -> None:
        self._db, self._people, self._subscriptions = db, people, subscriptions
        self._log, self._clock = log, clock

    def of(
        self,
        actor: Actor,
        graduate_id: UUID,
        *,
        way: Way | None = None,
        outcome: Outcome | None = None,
        offset: int,
        limit: int,
    ) -> HistoryView:
        """Newest first; with ``way`` and ``outcome`` those of which one attempt fits both. The reading is recorded.

        Raises Forbidden without a reading role.
        """
        if actor.kind is not ActorKind.STAFF or not actor.has_role(*ROLES):
            raise Forbidden("role_required")
        query = select(Notice).where(Notice.graduate_id == graduate_id, *_fits(way, outcome))
        with self._db.transaction() as session:
            total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
            rows = session.scalars(query.order_by(Notice.serial.desc()).offset(offset).limit(limit)).all()
            tries = _tries(session, [r.id for r in rows])
            credits = self._credits(session, graduate_id)
            self._log.record(session, actor, "notices.read", graduate_id=graduate_id)
        return HistoryView([self._line(r, tries[r.id]) for r in rows], total, credits)

    def _credits(self, session: Session, graduate_id: UUID) -> list[CreditLine]:
        bound = self._people.identities_of(graduate_id)
        known = self._subscriptions.standings(session, [i.id for i in bound])
        return [
            CreditLine(i.platform, TEMPLATE_LABELS[template], credit_words(known[i.id, template]))
            for i in bound
            for template in Template
            if (i.id, template) in known
        ]

    def _line(self, row: Notice, tries: Sequence[_Try]) -> HistoryLine:
        text = notice_for(row.event_type, row.data, row.catalogue_version)
        by_way: dict[Way, list[_Try]] = defaultdict(list)
        for each in tries:
            by_way[each.way].append(each)
        held = row.held_until if row.held_until is not None and row.held_until > self._clock.now() else None
        return HistoryLine(
            row.id,
            text.title if text is not None else "通知",
            TOPIC_LABELS[text.topic] if text is not None else "",
            row.created_at,
            row.read_at,
            held,
            [_way_view(way, found) for way, found in by_way.items()],
        )


def _way_view(way: Way, tries: Sequence[_Try]) -> WayView:
    last = tries[-1]
    words = words_of(way, last.state, last.reason, held=last.held)
    return WayView(way, WAY_LABELS[way], words, len(tries), last.at, last.reason)


def words_of(way: Way, state: AttemptState, reason: str, *, held: bool = False) -> str:
    """What became of the last try at a way; why, as the page of what was not delivered says it."""
    action = letter_action_of if way in KIND_OF else action_of
    why = action(reason).words if reason else ""
    if state is AttemptState.SENT:
        return _TAKEN[way]
    if held:
        return "等待通道恢复，恢复后自动发送"
    if state is AttemptState.SENDING:
        return "正在发送"
    if state is AttemptState.UNKNOWN:
        return f"未得到确认：{why}" if why else "已发出，未得到确认"
    if state is AttemptState.RETRY:
        # the second half of the words is about the last of all tries
        return f"将再试（{why.partition('，')[0]}）" if why else "将再试"
    return f"未发出：{why}" if why else "未发出"


def _fits(way: Way | None, outcome: Outcome | None) -> list[ColumnElement[bool]]:
    pushed = select(DeliveryAttempt.id).where(DeliveryAttempt.notice_id == Notice.id)
    written = select(ContactAttempt.id).where(ContactAttempt.notice_id == Notice.id)
    if way is Way.INBOX:
        return [~exists(pushed), ~exists(written)] if outcome is None else [Notice.id.is_(None)]
    if outcome is not None:
        pushed = pushed.where(DeliveryAttempt.state.in_(STATES[outcome]))
        written = written.where(ContactAttempt.state.in_(STATES[outcome]))
    if way is not None:
        kind, platform = KIND_OF.get(way), PLATFORM_OF.get(way)
        of_platform = select(PlatformIdentity.id).where(PlatformIdentity.platform == platform)
        sent_to = pushed.where(DeliveryAttempt.identity_id.in_(of_platform))
        return [exists(sent_to) if kind is None else exists(written.where(ContactAttempt.kind == kind))]
    return [exists(pushed) | exists(written)] if outcome is not None else []


def _tries(session: Session, notice_ids: Sequence[UUID]) -> Mapping[UUID, list[_Try]]:
    """By notice, in order of time."""
    found: dict[UUID, list[_Try]] = defaultdict(list)
    pushes = session.execute(
        select(DeliveryAttempt, PlatformIdentity.platform)
        .join(PlatformIdentity, PlatformIdentity.id == DeliveryAttempt.identity_id)
        .where(DeliveryAttempt.notice_id.in_(notice_ids))
    )
    for row, platform in pushes:
        way, at = PUSHED_BY[platform], row.settled_at or row.created_at
        found[row.notice_id].append(_Try(way, row.state, row.reason, at))
    letters = session.scalars(select(ContactAttempt).where(ContactAttempt.notice_id.in_(notice_ids)))
    for letter in letters:
        way, at = WRITTEN_BY[letter.kind], letter.settled_at or letter.created_at
        held = letter.held_until is not None and letter.state in (AttemptState.RETRY, AttemptState.SENDING)
        found[letter.notice_id].append(_Try(way, letter.state, letter.reason, at, held=held))
    for tries in found.values():
        tries.sort(key=lambda t: t.at)
    return found
