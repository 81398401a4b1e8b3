"""Campaigns as staff read them: the list, one with its figures, and what became of each recipient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.orm import Session

from app.actors import Actor
from app.db import Database
from app.events import EventLog
from app.people.models import Graduate
from app.ports import SendFault
from notifications.campaigns import book, halting, rules
from notifications.campaigns.halting import Halt
from notifications.campaigns.models import CampaignRecipient, NoticeCampaign
from notifications.campaigns.rules import Deed, Result, Segment, State, Told
from notifications.campaigns.texts import CampaignNotice
from notifications.catalogue.text import NoticeText
from notifications.channel_models import ContactAttempt
from notifications.models import AttemptState, DeliveryAttempt
from notifications.routing import NOT_WANTED

EXPORT_MOST = 5000
HARMLESS = (NOT_WANTED, Halt.CANCELLED.value)


@dataclass(frozen=True, slots=True)
class CampaignView:
    id: UUID
    number: str
    notice: CampaignNotice
    fields: Mapping[str, str]
    words: NoticeText
    segment: Segment
    state: State
    version: int
    counted: int | None
    total: int | None
    told: int
    skipped: int
    created_by: UUID
    created_at: datetime
    proposed_by: UUID | None
    proposed_at: datetime | None
    started_by: UUID | None
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def dealt_with(self) -> int:
        return self.told + self.skipped

    @property
    def possible(self) -> frozenset[Deed]:
        return rules.possible(self.state)


@dataclass(frozen=True, slots=True)
class Figures:
    """``unbound``: of those told, who had no account, and finds the notice once they bind one. ``held``: of those told,
    whose push or letter waits for the campaign to go on. ``queued``: of a campaign that is done, for whom a push or a
    letter is still to be tried; else 0.
    """

    results: Mapping[Result, int]
    unbound: int
    held: int
    queued: int


@dataclass(frozen=True, slots=True)
class RecipientLine:
    """``reason``: the code of why somebody was not told, or of why neither push nor letter went out."""

    graduate_id: UUID
    college: str
    major: str
    bound: bool
    result: Result
    reason: str
    at: datetime | None


_HARMLESS = or_(DeliveryAttempt.reason.like(f"{SendFault.NO_CREDIT.value}%"), DeliveryAttempt.reason.in_(HARMLESS))
# who has several accounts was reached when one of them was; that no credit was left or that the person wants no such
# message is no fault: the inbox has the notice
_PUSHED = (
    select(
        func.max(
            case(
                (DeliveryAttempt.state == AttemptState.SENT, 5),
                (DeliveryAttempt.state == AttemptState.UNKNOWN, 3),
                (and_(DeliveryAttempt.state == AttemptState.FAILED, ~_HARMLESS), 2),
                else_=1,
            )
        )
    )
    .where(DeliveryAttempt.notice_id == CampaignRecipient.notice_id)
    .correlate(CampaignRecipient)
    .scalar_subquery()
)
# by e-mail or SMS, where no push arrived
_WRITTEN = (
    select(
        func.max(
            case(
                (ContactAttempt.state == AttemptState.SENT, 4),
                (ContactAttempt.state == AttemptState.UNKNOWN, 3),
                (and_(ContactAttempt.state == AttemptState.FAILED, ContactAttempt.reason.not_in(HARMLESS)), 2),
                else_=1,
            )
        )
    )
    .where(ContactAttempt.notice_id == CampaignRecipient.notice_id)
    .correlate(CampaignRecipient)
    .scalar_subquery()
)
_BEST = func.greatest(_PUSHED, _WRITTEN)  # of one that is none PostgreSQL takes the other
_PUSH_WHY = (
    select(DeliveryAttempt.reason)
    .where(DeliveryAttempt.notice_id == CampaignRecipient.notice_id, DeliveryAttempt.reason != "")
    .order_by(DeliveryAttempt.number.desc())
    .limit(1)
    .correlate(CampaignRecipient)
    .scalar_subquery()
)
_LETTER_WHY = (
    select(ContactAttempt.reason)
    .where(ContactAttempt.notice_id == CampaignRecipient.notice_id, ContactAttempt.reason != "")
    .order_by(ContactAttempt.created_at.desc())
    .limit(1)
    .correlate(CampaignRecipient)
    .scalar_subquery()
)
_RESULT: ColumnElement[str] = case(
    (CampaignRecipient.state == Told.WAITING, literal(Result.WAITING.value)),
    (CampaignRecipient.state == Told.SKIPPED, literal(Result.SKIPPED.value)),
    (_BEST == 5, literal(Result.SENT.value)),
    (_BEST == 4, literal(Result.WRITTEN.value)),
    (_BEST == 3, literal(Result.UNKNOWN.value)),
    (_BEST == 2, literal(Result.FAILED.value)),
    else_=literal(Result.INBOX.value),
)
# a letter follows a push, so its reason is the later one
_WHY = case((_BEST.in_((4, 5)), literal("")), else_=func.coalesce(_LETTER_WHY, _PUSH_WHY))


class CampaignReading:
    def __init__(self, db: Database, log: EventLog) -> None:
        self._db, self._log = db, log

    def campaigns(
        self,
        actor: Actor,
        *,
        state: State | None = None,
        notice: CampaignNotice | None = None,
        offset: int = 0,
        limit: int = 20,
    ) -> tuple[list[CampaignView], int]:
        """(newest first, total) of those within the actor's colleges. Raises Forbidden."""
        book.require_desk(actor)
        with self._db.transaction() as session:
            met: list[ColumnElement[bool]] = [book.reached_by(book.own_colleges(session, actor))]
            if state is not None:
                met.append(NoticeCampaign.state == state)
            if notice is not None:
                met.append(NoticeCampaign.notice == notice)
            total = session.scalar(select(func.count()).select_from(NoticeCampaign).where(*met)) or 0
            query = select(NoticeCampaign).where(*met).order_by(NoticeCampaign.serial.desc())
            return [_view(r) for r in session.scalars(query.offset(offset).limit(limit))], total

    def campaign(self, actor: Actor, campaign_id: UUID) -> CampaignView:
        """Raises NotFound, Forbidden."""
        book.require_desk(actor)
        with self._db.transaction() as session:
            return _view(book.found(session, actor, campaign_id))

    def figures(self, actor: Actor, campaign_id: UUID) -> Figures:
        """How the recipients fared as of now. Raises NotFound, Forbidden."""
        book.require_desk(actor)
        counts = dict.fromkeys(Result, 0)
        unbound = 0
        with self._db.transaction() as session:
            done = book.found(session, actor, campaign_id).state is State.DONE
            waiting = (CampaignRecipient.campaign_id == campaign_id, CampaignRecipient.held)
            held = session.scalar(select(func.count()).select_from(CampaignRecipient).where(*waiting)) or 0
            queued = halting.queued(session, campaign_id) if done else 0
            result = _RESULT.label("result")
            rows = session.execute(
                select(result, CampaignRecipient.bound, func.count())
                .where(CampaignRecipient.campaign_id == campaign_id)
                .group_by(result, CampaignRecipient.bound)
            )
            for name, bound, count in rows:
                counts[Result(name)] += count
                if not bound and name not in (Result.WAITING, Result.SKIPPED):
                    unbound += count
        return Figures(counts, unbound, held, queued)

    def recipients(
        self,
        actor: Actor,
        campaign_id: UUID,
        *,
        result: Result | None = None,
        after: UUID | None = None,
        limit: int = 50,
    ) -> list[RecipientLine]:
        """In the order they are told, from after the last one of the page before. Raises NotFound, Forbidden."""
        book.require_desk(actor)
        with self._db.transaction() as session:
            book.found(session, actor, campaign_id)
            return self._lines(session, campaign_id, result, after, limit)

    def export(
        self, actor: Actor, campaign_id: UUID, *, result: Result | None = None, after: UUID | None = None
    ) -> list[RecipientLine]:
        """The same for a file, EXPORT_MOST at once, with a line in the log. Raises NotFound, Forbidden."""
        book.require_desk(actor)
        with self._db.transaction() as session:
            row = book.found(session, actor, campaign_id)
            lines = self._lines(session, campaign_id, result, after, EXPORT_MOST)
            book.record(session, self._log, actor, "exported", row, lines=len(lines))
        return lines

    def files(self, actor: Actor, campaign_id: UUID, *, result: Result | None = None) -> list[UUID | None]:
        """After whom each of the files begins that ``export`` makes of all recipients; None for the first. Raises
        NotFound, Forbidden.
        """
        book.require_desk(actor)
        number = func.row_number().over(order_by=CampaignRecipient.graduate_id).label("number")
        query: Any = select(CampaignRecipient.graduate_id, number)
        query = query.where(CampaignRecipient.campaign_id == campaign_id)
        if result is not None:
            query = query.where(result.value == _RESULT)
        numbered = query.subquery()
        total = select(func.count()).select_from(numbered).scalar_subquery()
        ends = [numbered.c.number % EXPORT_MOST == 0, numbered.c.number < total]
        begun_after = select(numbered.c.graduate_id).where(*ends).order_by(numbered.c.number)
        with self._db.transaction() as session:
            book.found(session, actor, campaign_id)
            return [None, *session.scalars(begun_after)]

    @staticmethod
    def _lines(
        session: Session, campaign_id: UUID, result: Result | None, after: UUID | None, limit: int
    ) -> list[RecipientLine]:
        query: Any = (
            select(CampaignRecipient, Graduate.college, Graduate.major, _RESULT, _WHY)
            .join(Graduate, Graduate.id == CampaignRecipient.graduate_id)
            .where(CampaignRecipient.campaign_id == campaign_id)
            .order_by(CampaignRecipient.graduate_id)
            .limit(limit)
        )
        if result is not None:
            query = query.where(result.value == _RESULT)
        if after is not None:
            query = query.where(CampaignRecipient.graduate_id > after)
        return [
            RecipientLine(r.graduate_id, college, major, r.bound, Result(name), r.reason or why or "", r.at)
            for r, college, major, name, why in session.execute(query)
        ]


def _view(row: NoticeCampaign) -> CampaignView:
    return CampaignView(
        row.id,
        f"TZ{row.created_at.year}{row.serial:05d}",
        row.notice,
        row.fields,
        book.words(row),
        rules.segment_of(row.segment),
        row.state,
        row.version,
        row.counted,
        row.total,
        row.told,
        row.skipped,
        row.created_by,
        row.created_at,
        row.proposed_by,
        row.proposed_at,
        row.started_by,
        row.started_at,
        row.ended_at,
    )
